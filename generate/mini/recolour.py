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


def change_field(part: np.ndarray, changes: np.ndarray) -> np.ndarray | None:
    """(H,W,3,3) the change of every pixel, or None where nothing changes.

    `part` is (H,W) uint8, `changes` as `part_changes` gives them. Changes are averaged over 3x3
    pixels, because at a part's border a pixel shows both sides.
    """
    present = np.unique(part)
    if np.allclose(changes[present], np.eye(3)):
        return None
    field = changes.reshape(-1, 9)[part]
    rows = np.pad(field, ((1, 1), (0, 0), (0, 0)), mode="edge")
    field = rows[:-2] + rows[1:-1] + rows[2:]
    columns = np.pad(field, ((0, 0), (1, 1), (0, 0)), mode="edge")
    field = columns[:, :-2] + columns[:, 1:-1] + columns[:, 2:]
    return (field / 9.0).reshape(*part.shape, 3, 3)


def recolour(image: np.ndarray, field: np.ndarray | None) -> np.ndarray:
    """The sRGB picture (H,W,3 uint8) after the change that `change_field` gave."""
    if field is None:
        return image
    light = np.einsum("hwij,hwj->hwi", field, _to_linear()[image])
    np.clip(light, 0.0, 1.0, out=light)
    return _to_srgb()[(light * (_STEPS - 1)).astype(np.uint16)]


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
