"""Skin of one character found for points of another: of the same part, facing the same way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..body.skeleton import INDEX, JOINT_NAMES
from .surface import HANDS

_SPACING, _FINE = 0.012, 0.005
"""Metres between samples of the skin: of the body, and of hands and head."""
_FACING = 0.3
"""Cosine of the angle between normals up to which skin faces the same way."""
_TURNED = 0.05
"""Metres by which skin that is turned away by a right angle counts as further."""
_COVER = 0.012
"""Metres aside within which a garment covers the skin under it."""
_DEEP = 0.05
"""Metres under which what is covered is no garment's."""


def _regions() -> np.ndarray:
    """(55,) a number for each joint; joints whose skin runs into each other share one."""
    joined = {
        "trunk": ("pelvis", "spine1", "spine2", "spine3", "neck", "left_collar", "right_collar"),
        "head": ("head", "jaw", "left_eye_smplhf", "right_eye_smplhf"),
    }
    for side in ("left", "right"):
        joined[f"{side} arm"] = (f"{side}_shoulder", f"{side}_elbow")
        joined[f"{side} leg"] = tuple(f"{side}_{part}" for part in ("hip", "knee", "ankle", "foot"))
    numbers = np.arange(len(JOINT_NAMES))
    for names in joined.values():
        numbers[[INDEX[name] for name in names]] = INDEX[names[0]]
    return numbers


REGIONS = _regions()
HEAD = (INDEX["head"], INDEX["jaw"])
_WORN = [INDEX[name] for name in ("pelvis", "left_shoulder", "right_shoulder")]
_WORN += [INDEX["left_hip"], INDEX["right_hip"]]


@dataclass(frozen=True)
class Skin:
    """S samples of a mesh: points, normals (S, 3), weights (S, 55), region (S,)."""

    points: np.ndarray
    normals: np.ndarray
    weights: np.ndarray
    region: np.ndarray


def sampled(
    vertices: np.ndarray, normals: np.ndarray, weights: np.ndarray, faces: np.ndarray
) -> Skin:
    """The mesh's vertices, and points within faces (F, 3) that are larger than the spacing."""
    fine = np.isin(weights.argmax(1), [*HANDS["left"], *HANDS["right"], *HEAD])
    corners = vertices[faces]
    edges = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(1)
    steps = np.ceil(edges / np.where(fine[faces].any(1), _FINE, _SPACING)).astype(int)
    steps = np.clip(steps, 1, 24)
    tables, used = (vertices, normals, weights), np.unique(faces)
    parts = [[table[used] for table in tables]]
    for count in np.unique(steps[steps > 1]):
        grid = [
            (a / count, b / count, (count - a - b) / count)
            for a in range(count + 1)
            for b in range(count + 1 - a)
            if max(a, b, count - a - b) < count
        ]
        mix, own = np.array(grid), faces[steps == count]
        parts.append([(mix @ table[own]).reshape(-1, table.shape[1]) for table in tables])
    at, normal, weight = (np.concatenate([part[k] for part in parts]) for k in range(3))
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    return Skin(at, normal, weight, REGIONS[weight.argmax(1)])


def match(points: np.ndarray, normals: np.ndarray, region: np.ndarray, skin: Skin) -> np.ndarray:
    """The sample (N,) for each point (N, 3): the nearest of its region that faces its way, and of
    trunk and limbs what covers it, since a jacket is what a hand touches.

    Regions of which the mesh has nothing take the nearest of all.
    """
    found = np.zeros(len(points), int)
    for number in np.unique(region):
        own = np.flatnonzero(region == number)
        among = np.flatnonzero(skin.region == number)
        if not len(among):
            among = np.arange(len(skin.points))
        for some in np.array_split(own, max(len(own) * len(among) // 4_000_000, 1)):
            offset = skin.points[among] - points[some, None]
            square = (offset**2).sum(-1)
            facing = normals[some] @ skin.normals[among].T
            cost = square + (_TURNED * np.clip(_FACING - facing, 0, None)) ** 2 * 10
            best = cost.argmin(1)
            if number in _WORN:
                best = _outermost(offset, square, facing, normals[some], best)
            found[some] = among[best]
    return found


def _outermost(
    offset: np.ndarray,
    square: np.ndarray,
    facing: np.ndarray,
    normals: np.ndarray,
    best: np.ndarray,
) -> np.ndarray:
    """Of the samples (P, S) about each point's normal the one furthest out, near the best one."""
    along = (offset * normals[:, None]).sum(-1)
    aside = square - along**2
    start = along[np.arange(len(best)), best][:, None]
    ok = (aside < _COVER**2) & (facing > _FACING) & (along > start) & (along < start + _DEEP)
    out = np.where(ok, along, -np.inf)
    return np.where(ok.any(1), out.argmax(1), best)
