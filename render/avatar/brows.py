"""Eyebrows: short hairs on the brow that move with the skin under them."""

from __future__ import annotations

import numpy as np

from .avatar import Material
from .colours import hex_to_linear
from .draft import Draft, plain
from .facemap import FaceMap
from .record import Signer
from .shape import Shape
from .sheet import Sheet

_COUNT = 110
_STEPS = 3

# The brow's middle line from the nose outwards: distance from the face's middle and height above
# the eye, metres on the mean face; and how tall and how turned out the hairs are there.
_X = np.array([0.0105, 0.018, 0.028, 0.038, 0.046, 0.0525])
_Y = np.array([0.0185, 0.0205, 0.0232, 0.0248, 0.0228, 0.0188])
_TALL = np.array([0.0030, 0.0062, 0.0062, 0.0052, 0.0036, 0.0016])
_LEAN = np.radians([20, 42, 60, 76, 96, 112])  # from straight up towards the ear


def brows_draft(signer: Signer, shape: Shape) -> Draft:
    """Both brows as one piece of tapered hairs, each lying close above the skin."""
    random = np.random.default_rng(11)
    manly = 1 - shape_gender(signer)
    fullness = 0.8 + 0.4 * manly
    eye_height = shape.joint("left_eye_smplhf", mean=True)[1]
    along = np.sort(random.uniform(0, 1, _COUNT)) ** 0.92
    x = _X[0] + (_X[-1] - _X[0]) * along
    across = random.uniform(-0.5, 0.5, _COUNT)
    tall = np.interp(x, _X, _TALL) * fullness
    y = np.interp(x, _X, _Y) + across * tall - 0.0012 * manly
    lean = np.interp(x, _X, _LEAN) + random.normal(0, 0.16, _COUNT) + 0.5 * across
    length = random.uniform(0.0058, 0.0086, _COUNT) * np.interp(
        x, _X[[0, 1, 4, 5]], [0.75, 1, 1, 0.7]
    )
    width = 0.00046 * fullness * random.uniform(0.8, 1.25, _COUNT)

    step = np.linspace(0, 1, _STEPS)[None]
    turn = lean[:, None] + 0.45 * step  # hairs curve outwards
    centre_x = x[:, None] + length[:, None] * step * np.sin(turn)
    centre_y = y[:, None] + length[:, None] * step * np.cos(turn) - 0.3 * tall[:, None] * 0
    half = width[:, None] * (1.0 - 0.85 * step**2)
    side_x, side_y = half * np.cos(turn), -half * np.sin(turn)
    height = np.broadcast_to(0.0005 + 0.0009 * np.sin(step * 2.2), centre_x.shape)
    places, heights = [], []
    for mirror in (1, -1):
        for edge in (-1, 1):
            px = mirror * (centre_x + edge * side_x)
            py = eye_height + centre_y + edge * side_y
            places.append(np.stack([px, py], -1))
            heights.append(height)
    left_a, left_b, right_a, right_b = (p.reshape(-1, 2) for p in places)
    face = FaceMap.of(shape)
    anchor = face.anchor(np.concatenate([left_a, left_b, right_a, right_b]))
    points = face.lifted(anchor, np.concatenate([h.ravel() for h in heights]))

    size = _COUNT * _STEPS
    cell = (np.arange(_COUNT)[:, None] * _STEPS + np.arange(_STEPS - 1)[None]).ravel()
    quad = np.stack([cell, cell + size, cell + size + 1, cell + 1], 1)
    faces = []
    for start, flip in ((0, False), (2 * size, True)):
        order = quad[:, ::-1] if flip else quad
        faces += [order[:, [0, 1, 2]] + start, order[:, [0, 2, 3]] + start]
    shade = np.repeat(random.uniform(0.7, 1.25, _COUNT), _STEPS)
    colour = hex_to_linear(signer.brow_colour)
    colours = np.tile(shade, 4)[:, None] * colour
    material = Material("brows", "brows", "hair", tuple(colour), 0.65, 0.2)
    sheet = Sheet(points, np.concatenate(faces), anchor)
    return plain("brows", sheet, colours, material, two_sided=True)


def shape_gender(signer: Signer) -> float:
    """The signer's gender phenotype, 0 male .. 1 female."""
    return signer.phenotype["gender"]
