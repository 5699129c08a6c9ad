"""New colours for a finished render: many identities from one picture.

A render's pixel is, nearly, the surface's colour times the light that falls on it. A small change
of a part's colour therefore multiplies its linear channels by the ratios of new to old colour,
which keeps what is not uniform (lips in a face, strands in hair). A large one, say from red to
blue, would blow up a channel in which there is nothing but noise: it measures the light along the
old colour and gives it the new one. The part picture is the mask. The quick render, the target and
the appearance picture of a sample are changed alike, and so is the signer's record from which the
caption is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from ...render.avatar.parts import PARTS
from ...render.avatar.record import Signer

COLOUR_FIELDS = ("skin", "hair_colour", "top_colour", "bottom_colour", "background")
"""Fields of a record whose colours are changed, and which the encoders learn to tell."""

_PARTS_OF = {
    "skin": ("skin", "face", "left_hand", "right_hand", "lips"),
    "hair_colour": ("hair", "brows", "beard"),
    "top_colour": ("top",),
    "bottom_colour": ("bottom",),
    "background": ("background",),
}
_FOLLOWERS = {"skin": ("lip_colour",), "hair_colour": ("brow_colour", "beard_colour")}
_LARGEST_RATIO = 6.0
"""Change of a single channel up to which channels are multiplied one by one."""

_LARGEST_GAIN = 8.0
"""Change of lightness above which a colour is kept: too little light was recorded, or too much."""

_STEPS = 1 << 14
_REACH = 2
_DOUBT = 1e-3
"""Squared difference of two colours below which a mixture of them says little of its shares."""


def parts_of(field: str) -> tuple[int, ...]:
    """Part indices that show the colour of one of COLOUR_FIELDS."""
    return tuple(PARTS.index(name) for name in _PARTS_OF[field])


def new_looks(signer: Signer, colours: dict[str, str]) -> Signer:
    """`signer` with `colours` ("#rrggbb" by field), but for changes too large to show.

    A very dark surface holds too little light to be made bright (and the reverse loses it): a
    field whose lightness would change by more than a factor of 8 keeps its colour. Lips follow
    the skin; brows and beard follow the hair.
    """
    changes: dict[str, str] = {}
    for field, colour in colours.items():
        old, new = linear_colour(getattr(signer, field)), linear_colour(colour)
        gain = float(np.linalg.norm(new) / np.linalg.norm(old))
        if not 1 / _LARGEST_GAIN <= gain <= _LARGEST_GAIN:
            continue
        changes[field] = colour
        change = _change(old, new)
        for follower in _FOLLOWERS.get(field, ()):
            changes[follower] = _hex(change @ linear_colour(getattr(signer, follower)))
    return signer.with_changes(**changes)


def part_changes(old: Signer, new: Signer) -> np.ndarray:
    """(parts,3,3) float32: the matrix on each part's linear colours that leads from old to new."""
    changes = np.tile(np.eye(3, dtype=np.float32), (len(PARTS), 1, 1))
    for field in COLOUR_FIELDS:
        if getattr(old, field) == getattr(new, field):
            continue
        change = _change(linear_colour(getattr(old, field)), linear_colour(getattr(new, field)))
        changes[list(parts_of(field))] = change
    return changes


@dataclass(frozen=True)
class Recolouring:
    """What to do with every picture of one part picture (H,W).

    `field` (H,W,3,3) changes linear colours. The E pixels `edges` (flat indices) show two surfaces
    that change differently: `near` (E,25) are the flat indices of their 5x5 neighbourhoods, `own`
    and `other` (E,25) the weights, summing to 1, of neighbours that show one surface purely.
    """

    field: np.ndarray
    edges: np.ndarray
    near: np.ndarray
    own: np.ndarray
    other: np.ndarray


def plan_recolouring(part: np.ndarray, changes: np.ndarray) -> Recolouring | None:
    """How to recolour what `part` (H,W uint8) names by `part_changes`; None if nothing changes."""
    if np.allclose(changes[np.unique(part)], np.eye(3)):
        return None
    height, width = part.shape
    alike = np.unique(changes.reshape(len(changes), 9), axis=0, return_inverse=True)[1].ravel()
    group = np.pad(alike[part], _REACH, mode="edge")
    mixed = np.zeros(group.shape, bool)
    for step in ((0, 1), (1, 0), (1, 1), (1, -1)):
        differs = group != np.roll(group, step, (0, 1))
        mixed |= differs | np.roll(differs, (-step[0], -step[1]), (0, 1))
    rows, columns = np.nonzero(mixed[_REACH:-_REACH, _REACH:-_REACH])
    offsets = np.arange(-_REACH, _REACH + 1)
    around_rows = rows[:, None, None] + offsets[None, :, None]
    around_columns = columns[:, None, None] + offsets[None, None, :]
    padded = (around_rows + _REACH) * group.shape[1] + around_columns + _REACH
    padded = padded.reshape(len(rows), len(offsets) ** 2)
    pure = ~mixed.ravel()[padded]
    same = group.ravel()[padded] == group[rows + _REACH, columns + _REACH][:, None]
    own, other = (pure & same).astype(np.float32), (pure & ~same).astype(np.float32)
    kept = (own.sum(1) > 0) & (other.sum(1) > 0)
    own, other = own[kept], other[kept]
    inside = np.clip(around_rows, 0, height - 1) * width + np.clip(around_columns, 0, width - 1)
    return Recolouring(
        field=changes[part],
        edges=(rows * width + columns)[kept],
        near=inside.reshape(padded.shape)[kept],
        own=own / own.sum(1, keepdims=True),
        other=other / other.sum(1, keepdims=True),
    )


def recolour(image: np.ndarray, plan: Recolouring | None) -> np.ndarray:
    """The sRGB picture (H,W,3 uint8) in the colours of the plan.

    A pixel on an edge is taken apart: its share of either surface is measured between their old
    colours nearby, and it is put together again from the new ones.
    """
    if plan is None:
        return image
    old = _to_linear()[image]
    new = np.clip(np.einsum("hwij,hwj->hwi", plan.field, old), 0.0, 1.0)
    if len(plan.edges):
        before, after = old.reshape(-1, 3), new.reshape(-1, 3)
        near_before, near_after = before[plan.near], after[plan.near]
        a, b = (np.einsum("en,enc->ec", w, near_before) for w in (plan.own, plan.other))
        along = a - b
        share = (((before[plan.edges] - b) * along).sum(1) + 0.6 * _DOUBT) / (
            (along * along).sum(1) + _DOUBT
        )
        share = np.clip(share, 0.0, 1.0)[:, None]
        a, b = (np.einsum("en,enc->ec", w, near_after) for w in (plan.own, plan.other))
        after[plan.edges] = share * a + (1.0 - share) * b
    return _to_srgb()[(new * (_STEPS - 1)).astype(np.uint16)]


def srgb_colour(colour: str) -> np.ndarray:
    """(3,) float32 sRGB values 0..1 of "#rrggbb"."""
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], np.float32) / 255.0


def linear_colour(colour: str) -> np.ndarray:
    """(3,) float32 linear values of "#rrggbb", at least 0.002 so that ratios stay finite."""
    return np.maximum(_decode(srgb_colour(colour)), 0.002)


def _change(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """(3,3) the matrix that leads from one linear colour to another under any light."""
    ratio = new / old
    if ratio.max() <= _LARGEST_RATIO and ratio.min() >= 1 / _LARGEST_RATIO:
        return np.diag(ratio)
    return np.outer(new, old) / float(old @ old)


def _hex(linear: np.ndarray) -> str:
    values = np.rint(_encode(np.clip(linear, 0.0, 1.0)) * 255).astype(int)
    return "#" + "".join(f"{value:02x}" for value in values)


def _decode(srgb: np.ndarray) -> np.ndarray:
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4).astype(
        np.float32
    )


def _encode(linear: np.ndarray) -> np.ndarray:
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


@cache
def _to_linear() -> np.ndarray:
    return _decode(np.arange(256, dtype=np.float32) / 255.0)


@cache
def _to_srgb() -> np.ndarray:
    return np.rint(_encode(np.arange(_STEPS) / (_STEPS - 1)) * 255.0).astype(np.uint8)
