"""What a picture says of a signer's looks, measured through landmarks, masks and colours.

Nothing here knows who a person is: only colours and shapes are measured. Apparent gender is a
guess with a confidence (see `apparent`), age is read from grey hair alone, and origin is not
guessed. What text and picture do not state comes from the base record.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import UserError
from .albedo import SEEN, albedo_of
from .apparent import WOMEN_SHARE, apparent_age, apparent_gender, together
from .body_regions import BodyRegions, body_regions, like_skin
from .colour_names import HAIR, SKIN
from .face_looks import (
    beard,
    brow_colour,
    eye_colour,
    glasses,
    lip_colour,
    skin_lab,
)
from .face_regions import FaceRegions, face_regions
from .face_shape import face_shape
from .garments import garments
from .hair import HairExtent, as_reaching, hair_extent, hair_lab, hair_style
from .hair_shape import hair_shape
from .image_file import load_appearance
from .lab import hex_to_lab, lab_to_hex, srgb_to_lab
from .measured import Measured
from .person import Person, find_person, grown
from .samples import dominant
from .softmax import calibrated

if TYPE_CHECKING:
    from PIL import Image

SURE_ENOUGH = 0.35
"""Confidence below which a measurement is left out of `read_image`."""
COLOURLESS = 6.0
"""Chroma that a black-and-white picture stays under."""


def read_image(image: str | Path | Image.Image | np.ndarray) -> dict[str, Any]:
    """The fields of a `Signer` that a picture shows with enough confidence.

    `image` is a path, a PIL picture or an (H, W, 3) uint8 sRGB array. Raises UserError for a bad
    file, and for a picture in which neither a face nor a body is found.
    """
    return {
        name: each.value
        for name, each in measure_image(image).items()
        if each.confidence >= SURE_ENOUGH
    }


def measure_image(image: str | Path | Image.Image | np.ndarray) -> dict[str, Measured]:
    """Every measurement with its confidence; fields that cannot be measured are absent.

    Colours are those of the record: what, rendered, looks like the picture (see `albedo`).
    """
    name = "the appearance picture"
    if isinstance(image, (str, Path)):
        name = f"the appearance {image}"
        image = load_appearance(image)
    person = find_person(np.asarray(image))
    if person.face is None and not _body_seen(person):
        raise UserError(
            f"no person is found in {name}; "
            "give a picture that shows a face from the front, or describe the signer by text"
        )
    return measure_person(person)


def measure_person(person: Person) -> dict[str, Measured]:
    """The measurements of a picture in which a face, a body or both were found."""
    lab = srgb_to_lab(person.image)
    face = face_regions(person)
    body = body_regions(person, face)
    skin = skin_lab(face, lab) if face is not None else None
    measured: dict[str, Measured] = {}
    if face is not None and skin is not None:
        measured["skin"] = Measured(lab_to_hex(skin), 0.8 if face.height > 60 else 0.5)
        found = {
            "lip_colour": lip_colour(face, lab),
            "brow_colour": brow_colour(face, lab, skin),
            "eye_colour": eye_colour(face, lab),
        }
        measured |= {name: each for name, each in found.items() if each is not None}
        measured |= beard(face, lab, skin)
        extent = hair_extent(face, body, lab)
        styles, woman = _style_and_gender(person, face, body, lab, extent, measured)
        measured["phenotype"] = apparent_gender(woman)
        if extent is not None:
            style, confidence = hair_style(extent, styles)
            measured["hair_style"] = Measured(style, confidence)
            if style != "bald" and body.hair.sum() >= 100:
                colour = hair_lab(lab[body.hair], style)
                like = float(like_skin(colour, skin)) < 8 and colour[0] > 0.8 * skin[0]
                sure = 0.3 if like or extent.area < 0.12 else 0.7
                measured["hair_colour"] = Measured(lab_to_hex(colour), sure)
        measured |= glasses(person, face, skin)
    measured |= garments(person, body, lab, skin)
    ground = _background(person, lab)
    if ground is not None:
        measured["background"] = ground
    if np.quantile(np.hypot(lab[..., 1], lab[..., 2]), 0.98) < COLOURLESS:
        return _tinted(measured)
    measured |= {
        name: Measured(albedo_of(name, each.value), each.confidence)
        for name, each in measured.items()
        if name in SEEN
    }
    if "phenotype" in measured and "hair_colour" in measured:
        guess, hair = measured["phenotype"], measured["hair_colour"]
        old = apparent_age(hair.value) if hair.confidence >= SURE_ENOUGH else None
        if old is not None:
            measured["phenotype"] = Measured(guess.value | {"age": old}, guess.confidence)
    return measured


def _style_and_gender(
    person: Person,
    face: FaceRegions,
    body: BodyRegions,
    lab: np.ndarray,
    extent: HairExtent | None,
    measured: dict[str, Measured],
) -> tuple[dict[str, float], float]:
    """Likely hairstyles, and how likely a woman is seen, from hair, face and beard together."""
    woman = calibrated("gender").probabilities(face_shape(person, face))["woman"]
    styles = dict.fromkeys(WOMEN_SHARE, 1 / len(WOMEN_SHARE))
    if extent is not None:
        shape = hair_shape(person, face, body, lab, extent)
        styles = as_reaching(extent, calibrated("hair_style").probabilities(shape))
    return together(styles, woman, measured["beard"].value if "beard" in measured else "none")


def _tinted(measured: dict[str, Measured]) -> dict[str, Measured]:
    """The measurements of a picture without colour: skin and hair by their lightness alone.

    Skin and hair get the colour of that lightness that people have; what could have any hue
    (lips, eyes) is left out; cloth and ground stay grey, as the picture shows them.
    """
    tinted = {
        name: each for name, each in measured.items() if name not in ("lip_colour", "eye_colour")
    }
    for name, table in (("skin", SKIN), ("hair_colour", HAIR), ("brow_colour", HAIR)):
        if name in measured:
            natural = list(table.values())
            lights = np.array([hex_to_lab(colour)[0] for colour in natural])
            nearest = int(np.abs(lights - hex_to_lab(measured[name].value)[0]).argmin())
            tinted[name] = Measured(natural[nearest], 0.4)
    return tinted


def _body_seen(person: Person) -> bool:
    """Whether a body is really there: both shoulders seen, inside the picture and the mask.

    The pose model answers for anything that resembles a body; the mask is the second witness.
    """
    if person.body is None or (person.body[11:13, 2] < 0.6).any():
        return False
    height, width = person.mask.shape
    inside = [0 <= x < width and 0 <= y < height for x, y, _ in person.body[11:13]]
    return all(inside) and bool(person.mask.mean() > 0.03)


def _background(person: Person, lab: np.ndarray) -> Measured | None:
    """The commonest colour outside the person; the more even it is, the surer."""
    outside = ~grown(person.mask, 4)
    if outside.mean() < 0.03:
        return None
    found = dominant(lab[outside])
    if found is None:
        return None
    colour, share = found
    return Measured(lab_to_hex(colour), 0.2 + 0.7 * share)
