"""Hair: the signer's hairstyle in the signer's colour."""

from __future__ import annotations

import numpy as np

from .avatar import Material
from .colours import hex_to_linear
from .draft import Draft
from .hairparts import Head, coloured, hair_uv, joined
from .hairstyles import STYLES
from .noise import smoothstep
from .record import Signer
from .shape import Shape, Surface


def hair_drafts(signer: Signer, shape: Shape, obstacle: Surface) -> tuple[Draft, ...]:
    """The pieces of the signer's hairstyle; it lies on the obstacle, skin and cloth.

    A hijab covers all of it.
    """
    if signer.hair_style == "bald" or signer.headwear == "hijab":
        return ()
    head = Head(shape, obstacle)
    parts = STYLES[signer.hair_style](head)
    colour, skin = hex_to_linear(signer.hair_colour), hex_to_linear(signer.skin)
    colours = [coloured(colour, skin, part) for part in parts]
    sheet = joined([part.sheet for part in parts])
    fuzzy = signer.hair_style in ("crop", "afro")
    material = Material(
        "hair",
        "hair",
        "hair",
        tuple(colour),
        0.8 if fuzzy else 0.5,
        0.15 if fuzzy else 0.35,
        bump=0.0008 if fuzzy else 0.0,
    )
    draft = Draft(
        "hair", sheet, np.concatenate(colours), (material,), np.zeros(len(sheet.faces), int),
        weights=_weights(shape, sheet.vertices, head), two_sided=True,
        uv=hair_uv(parts, shape.joints),
    )  # fmt: skip
    return (draft,)


def _weights(shape: Shape, points: np.ndarray, head: Head) -> np.ndarray:
    """(n,55): hair turns with the head; what hangs low moves with the chest or back under it."""
    low = 0.92 * smoothstep(points[:, 1], head.chin - 0.01, head.shoulder - 0.05)
    weights = np.zeros((len(points), len(shape.body.joint_names)))
    weights[:, shape.body.joint_names.index("head")] = 1 - low
    hangs = low > 0
    if hangs.any():
        weights[hangs] += low[hangs, None] * head.obstacle.nearest_weights(points[hangs])
    return weights
