"""Mean colours of shirt, skin and hair, for telling how near a generated signer is to a picture."""

from __future__ import annotations

import numpy as np

from ...errors import UserError
from ..avatar.parts import PART_INDEX
from .body_regions import body_regions
from .face_regions import face_regions
from .lab import delta_e, srgb_to_lab
from .person import find_person, grown
from .samples import dominant

REGIONS: dict[str, tuple[str, ...]] = {
    "shirt": ("top",),
    "skin": ("skin", "face", "left_hand", "right_hand"),
    "hair": ("hair",),
}
"""Regions whose colours are compared, and the parts of a render that make them up."""
LEAST_PIXELS = 40
SAME_CLOTH = 30.0
"""Lab distance within which folds and shading of one cloth lie."""


def region_colours(image: np.ndarray, part_mask: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """(3,) mean Lab of "shirt", "skin" and "hair" in an (H, W, 3) uint8 sRGB picture.

    With a part mask (H, W) of indices into `PARTS` (a generated frame, whose parts the render
    knows) the regions are its parts, a pixel's margin left out. Without one (a reference
    picture) they are found by landmarks and colours. A region of fewer than `LEAST_PIXELS`
    pixels is absent. Raises UserError where the mask and the picture differ in size.
    """
    image = np.asarray(image)
    if part_mask is None:
        image, masks = _found(image)
    else:
        if part_mask.shape != image.shape[:2]:
            raise UserError(
                f"the part mask measures {part_mask.shape} and the picture {image.shape[:2]}; "
                "give both in one size"
            )
        masks = {
            name: grown(np.isin(part_mask, [PART_INDEX[part] for part in parts]), -1)
            for name, parts in REGIONS.items()
        }
    return {
        name: srgb_to_lab(image[mask]).mean(axis=0)
        for name, mask in masks.items()
        if mask.sum() >= LEAST_PIXELS
    }


def colour_distances(
    first: dict[str, np.ndarray], second: dict[str, np.ndarray]
) -> dict[str, float]:
    """Lab distance of each region that both have."""
    return {
        name: float(np.linalg.norm(first[name] - second[name])) for name in first if name in second
    }


def _found(image: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The picture at its working size, and the masks found in it.

    The shirt is the part of the torso in its commonest colour: prints, necklaces and skin in
    the neckline do not count.
    """
    person = find_person(image)
    face = face_regions(person)
    body = body_regions(person, face)
    skin = np.zeros(person.mask.shape, bool) if face is None else face.skin
    lab = srgb_to_lab(person.image)
    shirt = body.top
    cloth = dominant(lab[shirt])
    if cloth is not None:
        shirt = shirt & (delta_e(lab, cloth[0]) < SAME_CLOTH)
    return person.image, {"shirt": shirt, "skin": skin, "hair": body.hair}
