"""Hair: the signer's hairstyle in the signer's colour."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from .avatar import Material
from .colours import hex_to_linear
from .draft import Draft
from .hairparts import Head
from .hairstyles import STYLES
from .noise import smoothstep
from .record import Signer
from .shape import Shape, Surface
from .sheet import Sheet


def hair_drafts(signer: Signer, shape: Shape, obstacle: Surface) -> tuple[Draft, ...]:
    """The pieces of the signer's hairstyle; it lies on the obstacle, skin and cloth."""
    if signer.hair_style == "bald":
        return ()
    head = Head(shape, obstacle)
    parts = STYLES[signer.hair_style](head)
    colour, skin = hex_to_linear(signer.hair_colour), hex_to_linear(signer.skin)
    colours = []
    for part in parts:
        skin_share = np.reshape(part.skin, (-1, 1))
        colours.append((1 - skin_share) * _coloured(colour, part.shade) + skin_share * skin)
    sheet = _joined([part.sheet for part in parts])
    base = smoothstep(sheet.vertices[:, 1], head.chin - 0.01, head.shoulder - 0.07)
    material = Material("hair", "hair", "hair", tuple(colour), 0.5, 0.35, bump=0.0)
    draft = Draft(
        "hair", sheet, np.concatenate(colours), (material,), np.zeros(len(sheet.faces), int),
        weights=_weights(shape, 0.85 * base), two_sided=True,
    )  # fmt: skip
    return (draft,)


def _weights(shape: Shape, low: np.ndarray) -> np.ndarray:
    """(n,55): hair turns with the head; what hangs low lies on the chest and back."""
    names = shape.body.joint_names
    weights = np.zeros((len(low), len(names)))
    weights[:, names.index("head")] = 1 - low
    weights[:, names.index("neck")] = 0.25 * low
    weights[:, names.index("spine3")] = 0.75 * low
    return weights


def _coloured(colour: np.ndarray, shade: np.ndarray) -> np.ndarray:
    """(n,3) the hair colour at brightness `shade` (n,); bright hair is a little yellower."""
    warm = np.array([1.0, 0.96, 0.88])
    bright = np.clip(shade - 1, 0, 1)[:, None]
    return np.clip(colour * shade[:, None] * (1 + bright * (warm - 1)), 0, 1)


def _joined(sheets: list[Sheet]) -> Sheet:
    starts = np.cumsum([0, *(len(sheet.vertices) for sheet in sheets)])
    return Sheet(
        np.concatenate([sheet.vertices for sheet in sheets]),
        np.concatenate([s.faces + start for s, start in zip(sheets, starts, strict=False)]),
        sparse.vstack([sheet.anchor for sheet in sheets]).tocsr(),
    )
