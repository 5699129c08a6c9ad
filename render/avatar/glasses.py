"""Glasses: two rims, a bridge and temples, fitted to the nose and the ears."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.ndimage import gaussian_filter1d

from .avatar import Material
from .colours import hex_to_linear
from .draft import Draft
from .masks import vertex_mask
from .record import Signer
from .shape import SKIN, Shape
from .sheet import Sheet

_WIDTH, _HEIGHT = 0.0262, 0.0205  # half axes of a rim, metres, at an eye distance of 61 mm
_RIM, _TEMPLE = 0.0021, 0.0017
"""Radii, metres: thinner rims are narrower than a pixel of a whole signer, and come out broken."""
_SIDES = 8


def glasses_drafts(signer: Signer, shape: Shape) -> tuple[Draft, ...]:
    """The signer's glasses as one rigid piece on the head; without lenses, so eyes stay clear."""
    if not signer.glasses:
        return ()
    left, right = shape.joint("left_eye_smplhf"), shape.joint("right_eye_smplhf")
    scale = float(left[0] - right[0]) / 0.0614
    eye = (left + right) / 2
    ears = vertex_mask(shape.body, "ears")
    head = shape.vertices[SKIN][(shape.head_weight() > 0.9)[SKIN] & (ears < 0.05)[SKIN]]
    brow = head[(np.abs(head[:, 0]) < 0.05 * scale) & (np.abs(head[:, 1] - eye[1] - 0.016) < 0.008)]
    plane = brow[:, 2].max() + 0.0015

    paths, radii, closed = [], [], []
    for sign in (1, -1):
        turn = np.linspace(0, 2 * np.pi, 56, endpoint=False)
        centre_x = sign * (left[0] + 0.0012 * scale)
        # A rounded square is a superellipse.
        c, s = np.cos(turn), np.sin(turn)
        x = np.sign(c) * np.abs(c) ** 0.72 * _WIDTH * scale
        y = np.sign(s) * np.abs(s) ** 0.72 * _HEIGHT * scale
        bend = -0.09 * np.abs(centre_x + x) ** 2 / 0.05
        rim = np.stack([centre_x + x, eye[1] - 0.0025 + y, plane + bend], 1)
        paths.append(gaussian_filter1d(rim, 1.1, axis=0, mode="wrap"))
        radii.append(_RIM)
        closed.append(True)
        hinge = np.array([sign * (abs(centre_x) + _WIDTH * scale), eye[1] + 0.006, 0.0])
        hinge[2] = plane - 0.09 * hinge[0] ** 2 / 0.05
        ear = shape.vertices[(ears > 0.5) & (sign * shape.vertices[:, 0] > 0)]
        crest = ear[ear[:, 1] > ear[:, 1].max() - 0.006]
        root = np.abs(crest[:, 0]).min()
        rest = np.array([sign * (root + 0.001), crest[:, 1].max() + 0.001, crest[:, 2].mean()])
        # Straight to the ear, but round the head where it is wider: a bow would stand out beside a
        # turned face.
        side = hinge + np.linspace(0.1, 0.9, 9)[:, None] * (rest - hinge)
        side[:, 0] = sign * np.maximum(np.abs(side[:, 0]), _half_widths(head, side) + 0.0025)
        # Down between head and ear, no farther back than the ear reaches.
        tip = rest + np.array([-0.003 * sign, -0.018, -0.006]) * scale
        bends = np.array([hinge, *side, rest, tip])
        paths.append(_curve(bends, 22))
        radii.append(_TEMPLE)
        closed.append(False)
    inner = left[0] + 0.0012 * scale - _WIDTH * scale
    bridge = np.array(
        [[-inner, eye[1] + 0.004, plane - 0.0003], [0, eye[1] + 0.0078, plane + 0.0022],
         [inner, eye[1] + 0.004, plane - 0.0003]]
    )  # fmt: skip
    paths.append(_curve(bridge, 10))
    radii.append(_TEMPLE)
    closed.append(False)

    tubes = [tube(p, r, c) for p, r, c in zip(paths, radii, closed, strict=True)]
    starts = np.cumsum([0, *(len(points) for points, _ in tubes)])
    vertices = np.concatenate([points for points, _ in tubes])
    faces = np.concatenate([f + start for (_, f), start in zip(tubes, starts, strict=False)])
    count = len(vertices)
    anchor = sparse.csr_matrix((count, len(shape.vertices)))
    weights = np.zeros((count, len(shape.body.joint_names)))
    weights[:, shape.body.joint_names.index("head")] = 1
    colour = hex_to_linear(signer.glasses_colour)
    material = Material("glasses", "glasses", "frame", tuple(colour), 0.35, 0.45)
    draft = Draft(
        "glasses", Sheet(vertices, faces, anchor), np.tile(colour, (count, 1)), (material,),
        np.zeros(len(faces), int), weights=weights, still=True,
    )  # fmt: skip
    return (draft,)


def _half_widths(head: np.ndarray, places: np.ndarray) -> np.ndarray:
    """(n,) metres from the head's middle to its side at heights and depths of places (n,3)."""
    away = np.abs(head[None, :, 1:] - places[:, None, 1:])
    near = (away < [0.008, 0.01]).all(-1)
    return np.where(near, np.abs(head[None, :, 0]), 0).max(1)


def _curve(bends: np.ndarray, count: int) -> np.ndarray:
    """(count,3) a smooth path through a polyline's bends."""
    run = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(bends, axis=0), axis=1))])
    wanted = np.linspace(0, run[-1], count)
    path = np.stack([np.interp(wanted, run, bends[:, axis]) for axis in range(3)], 1)
    return gaussian_filter1d(path, 0.9, axis=0, mode="nearest")


def tube(path: np.ndarray, radius: float, closed: bool) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (n*8,3) and faces of a round tube along a path (n,3)."""
    along = (
        np.roll(path, -1, axis=0) - np.roll(path, 1, axis=0)
        if closed
        else np.gradient(path, axis=0)
    )
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    aside = np.cross(along, [0.15, 0.25, 0.96])
    thin = np.linalg.norm(aside, axis=1) < 0.2
    aside[thin] = np.cross(along[thin], [0.0, 1.0, 0.0])
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    other = np.cross(along, aside)
    turn = np.linspace(0, 2 * np.pi, _SIDES, endpoint=False)
    ring = (
        np.cos(turn)[None, :, None] * aside[:, None] + np.sin(turn)[None, :, None] * other[:, None]
    )
    vertices = (path[:, None] + radius * ring).reshape(-1, 3)
    ids = np.arange(len(vertices)).reshape(len(path), _SIDES)
    end = len(path) if closed else len(path) - 1
    nxt = np.roll(ids, -1, axis=0)
    a, b = ids[:end], np.roll(ids, -1, axis=1)[:end]
    c, d = np.roll(nxt, -1, axis=1)[:end], nxt[:end]
    faces = np.concatenate(
        [np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)]
    )
    return vertices, faces
