"""Eyebrows: short hairs on the brow that move with the skin under them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .avatar import Material
from .colours import hex_to_linear
from .draft import Draft, plain
from .facemap import FaceMap
from .record import Signer
from .shape import Shape
from .sheet import Sheet

_COUNT = 130
_STEPS = 3
_COLUMNS = 26

# The brow's middle line from the nose outwards: distance from the face's middle and height above
# the eye, metres on the mean face; and how tall and how turned out the hairs are there.
_X = np.array([0.0105, 0.018, 0.028, 0.038, 0.046, 0.0525])
_Y = np.array([0.0185, 0.0205, 0.0232, 0.0248, 0.0228, 0.0188])
_TALL = np.array([0.0030, 0.0062, 0.0062, 0.0052, 0.0036, 0.0016])
_SHADE = np.array([0.0, 0.5, 0.8, 0.8, 0.5, 0.0])  # of the band's rows, from below
_LEAN = np.radians([20, 42, 60, 76, 96, 112])  # from straight up towards the ear


def brows_draft(signer: Signer, shape: Shape) -> Draft:
    """Both brows as one piece: a soft band of shade, and tapered hairs on it close to the skin.

    Few hairs are wider than a pixel; the band is what keeps a brow whole from afar.
    """
    manly = 1 - shape_gender(signer)
    fullness = 0.8 + 0.4 * manly
    colour = hex_to_linear(signer.brow_colour)
    parts = [_band(fullness, colour, hex_to_linear(signer.skin)), _hairs(fullness, colour)]
    eye_height = shape.joint("left_eye_smplhf", mean=True)[1] - 0.0012 * manly
    places, heights, colours, faces = [], [], [], []
    count = 0
    for mirror in (1, -1):
        for part in parts:
            places.append(part.places * [mirror, 1.0] + [0.0, eye_height])
            heights.append(part.heights)
            colours.append(part.colours)
            faces.append((part.faces if mirror == 1 else part.faces[:, ::-1]) + count)
            count += len(part.places)
    face = FaceMap.of(shape)
    anchor = face.anchor(np.concatenate(places))
    points = face.lifted(anchor, np.concatenate(heights))
    material = Material("brows", "brows", "hair", tuple(colour), 0.65, 0.2)
    sheet = Sheet(points, np.concatenate(faces), anchor)
    return plain("brows", sheet, np.concatenate(colours), material, two_sided=True)


@dataclass(frozen=True)
class _Part:
    """Of the left brow: places (n,2) on the mean face over the eye's height, heights (n,) over
    the skin, metres; colours (n,3); faces (F,3)."""

    places: np.ndarray
    heights: np.ndarray
    colours: np.ndarray
    faces: np.ndarray


def _band(fullness: float, colour: np.ndarray, skin: np.ndarray) -> _Part:
    """A band along the brow, of its colour in the middle, of the skin's at its edges."""
    x = np.linspace(_X[0] - 0.001, _X[-1] + 0.003, _COLUMNS)
    middle = np.interp(x, _X, _Y) + 0.0022
    tall = np.interp(x, _X, _TALL) * fullness + 0.003
    across = np.linspace(-0.5, 0.5, len(_SHADE))
    end = np.clip(np.minimum(x - x[0], x[-1] - x) / 0.006, 0, 1)
    share = (end[:, None] * _SHADE).reshape(-1, 1)
    y = middle[:, None] + across * tall[:, None]
    places = np.stack([np.repeat(x, len(_SHADE)), y.ravel()], axis=1)
    cell = np.arange(len(places)).reshape(_COLUMNS, -1)
    quads = (cell[:-1, :-1], cell[1:, :-1], cell[1:, 1:], cell[:-1, 1:])
    a, b, c, d = (corner.ravel() for corner in quads)
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    return _Part(places, np.full(len(places), 0.0004), skin + share * (colour - skin), faces)


def _hairs(fullness: float, colour: np.ndarray) -> _Part:
    random = np.random.default_rng(11)
    along = np.sort(random.uniform(0, 1, _COUNT)) ** 0.92
    x = _X[0] + (_X[-1] - _X[0]) * along
    across = random.uniform(-0.5, 0.5, _COUNT)
    y = np.interp(x, _X, _Y) + across * np.interp(x, _X, _TALL) * fullness
    lean = np.interp(x, _X, _LEAN) + random.normal(0, 0.16, _COUNT) + 0.5 * across
    length = random.uniform(0.0058, 0.0086, _COUNT) * np.interp(
        x, _X[[0, 1, 4, 5]], [0.75, 1, 1, 0.7]
    )
    width = 0.00046 * fullness * random.uniform(0.8, 1.25, _COUNT)

    step = np.linspace(0, 1, _STEPS)[None]
    turn = lean[:, None] + 0.45 * step  # hairs curve outwards
    centre_x = x[:, None] + length[:, None] * step * np.sin(turn)
    centre_y = y[:, None] + length[:, None] * step * np.cos(turn)
    half = width[:, None] * (1.0 - 0.85 * step**2)
    side = np.stack([half * np.cos(turn), -half * np.sin(turn)], axis=-1)
    centre = np.stack([centre_x, centre_y], axis=-1)
    places = np.concatenate([(centre + edge * side).reshape(-1, 2) for edge in (-1, 1)])
    # No two hairs at one height: where surfaces coincide, which is seen is chance.
    own = 0.0005 + 0.0007 * random.permutation(_COUNT) / _COUNT
    heights = own[:, None] + 0.0004 * np.sin(step * 2.2)

    size = _COUNT * _STEPS
    cell = (np.arange(_COUNT)[:, None] * _STEPS + np.arange(_STEPS - 1)[None]).ravel()
    quad = np.stack([cell, cell + size, cell + size + 1, cell + 1], 1)
    faces = np.concatenate([quad[:, [0, 1, 2]], quad[:, [0, 2, 3]]])
    shade = np.repeat(random.uniform(0.7, 1.25, _COUNT), _STEPS)
    return _Part(places, np.tile(heights.ravel(), 2), np.tile(shade, 2)[:, None] * colour, faces)


def shape_gender(signer: Signer) -> float:
    """The signer's gender phenotype, 0 male .. 1 female."""
    return signer.phenotype["gender"]
