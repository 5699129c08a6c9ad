"""What a picture says of a signer's looks, measured through landmarks, masks and colours.

Nothing here knows who a person is: only colours and shapes are measured. Gender, age and origin
are not guessed from a face; hair length is not gender. A full beard alone speaks for an adult
man. What the text does not state of these comes from the base record.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import UserError
from .albedo import SEEN, albedo_of
from .body_regions import body_regions, like_skin
from .colour_names import HAIR, SKIN
from .face_looks import (
    beard,
    brow_colour,
    eye_colour,
    glasses,
    lip_colour,
    skin_lab,
)
from .face_regions import face_regions
from .garments import garments
from .hair import hair_extent, hair_style
from .image_file import load_appearance
from .lab import hex_to_lab, lab_to_hex, srgb_to_lab
from .measured import Measured
from .person import Person, find_person, grown
from .samples import dominant, trimmed_mean

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
        extent = hair_extent(face, body, lab)
        if extent is not None:
            style, confidence = hair_style(extent)
            measured["hair_style"] = Measured(style, confidence)
            if style != "bald" and body.hair.sum() >= 100:
                colour = trimmed_mean(lab[body.hair], 0.15)
                like = float(like_skin(colour, skin)) < 8 and colour[0] > 0.8 * skin[0]
                sure = 0.3 if like or extent.area < 0.12 else 0.7
                measured["hair_colour"] = Measured(lab_to_hex(colour), sure)
        measured |= beard(face, lab, skin)
        measured |= glasses(person, face, skin)
        if measured.get("beard") == Measured("full", 0.6):
            measured["phenotype"] = Measured({"gender": 0.05}, 0.5)
    measured |= garments(person, body, lab, skin)
    ground = _background(person, lab)
    if ground is not None:
        measured["background"] = ground
    if np.quantile(np.hypot(lab[..., 1], lab[..., 2]), 0.98) < COLOURLESS:
        return _tinted(measured)
    return {
        name: Measured(albedo_of(name, each.value), each.confidence) if name in SEEN else each
        for name, each in measured.items()
    }


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
