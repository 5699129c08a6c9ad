"""Where a body's capsules lie: laid along its bones, then fitted to its skin by least squares."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from ...repeatable import arctan2
from .skeleton import INDEX

_KNUCKLES = ("index", "middle", "ring", "pinky")
_ITERATIONS = 20
_HOLD = 0.05
"""How firmly a capsule is held to where it was laid, against the mean over its vertices."""
_STRAY = 0.01
"""Metres beyond which a vertex (an ear, an armpit) says little about a capsule."""


@dataclass(frozen=True)
class LaidCapsule:
    """A capsule before the fit: the joint it rides on, its axis as joints plus offsets, a radius.

    Attributes:
        ends: names of the joints where the axis starts and ends.
        offsets: (2, 3) metres added to those joints.
    """

    name: str
    joint: str
    ends: tuple[str, str]
    radius: float
    offsets: np.ndarray = field(default_factory=lambda: np.zeros((2, 3)))


def parts_of(
    joints: np.ndarray, vertices: np.ndarray, weights: np.ndarray
) -> list[tuple[list[LaidCapsule], np.ndarray]]:
    """The capsules of every part of the body, and the skin vertices (row numbers) each one fits.

    Args:
        joints: (55, 3) rest joints. vertices: (V, 3) rest skin. weights: (V, 55) skinning.
    """
    owner = weights.argmax(1)

    def owned(*names: str) -> np.ndarray:
        return np.flatnonzero(np.isin(owner, [INDEX[name] for name in names]))

    parts: list[tuple[list[LaidCapsule], np.ndarray]] = []
    for side in ("left", "right"):
        for finger in ("thumb", *_KNUCKLES):
            names = [f"{side}_{finger}{k}" for k in (1, 2, 3)]
            for name, following in pairwise(names):
                parts.append(([LaidCapsule(name, name, (name, following), 0.009)], owned(name)))
            parts.append(_fingertip(names, joints, vertices[owned(names[2])], owned(names[2])))
        parts.append((_palm(side, joints), owned(f"{side}_wrist")))
    for side in ("left", "right"):
        for name, start, end in (("forearm", "elbow", "wrist"), ("arm", "shoulder", "elbow")):
            ends = (f"{side}_{start}", f"{side}_{end}")
            parts.append(([LaidCapsule(f"{side}_{name}", ends[0], ends, 0.04)], owned(ends[0])))
    parts.append(([LaidCapsule("neck", "neck", ("neck", "head"), 0.05)], owned("neck")))
    trunk = owned("pelvis", "spine1", "spine2", "spine3", "left_collar", "right_collar")
    parts.append(_trunk(joints, vertices, trunk))
    parts.append(_head(joints, vertices, owned("head", "jaw")))
    return parts


def _fingertip(
    names: list[str], joints: np.ndarray, vertices: np.ndarray, rows: np.ndarray
) -> tuple[list[LaidCapsule], np.ndarray]:
    """The last phalanx: from its joint to a radius before the end of the finger."""
    last = joints[INDEX[names[2]]]
    along = last - joints[INDEX[names[1]]]
    along /= np.linalg.norm(along)
    reach = ((vertices - last) @ along).max()
    offsets = np.array([np.zeros(3), along * max(reach - 0.007, 0.004)])
    return [LaidCapsule(names[2], names[2], (names[2], names[2]), 0.007, offsets)], rows


def _palm(side: str, joints: np.ndarray) -> list[LaidCapsule]:
    """A capsule along each metacarpal, from a quarter of the way, where the wrist ends."""
    wrist = f"{side}_wrist"
    laid = []
    for finger in _KNUCKLES:
        knuckle = f"{side}_{finger}1"
        offsets = np.zeros((2, 3))
        offsets[0] = 0.25 * (joints[INDEX[knuckle]] - joints[INDEX[wrist]])
        laid.append(LaidCapsule(f"{side}_palm_{finger}", wrist, (wrist, knuckle), 0.012, offsets))
    return laid


_TRUNK_LEVELS = (
    ("pelvis", 0.0),
    ("spine1", 0.15),
    ("spine1", 0.33),
    ("spine2", 0.5),
    ("spine3", 0.7),
    ("spine3", 0.86),
)
"""The trunk's capsules lie across it: the joint that carries each, and how high between hips (0)
and neck (1)."""


def _trunk(
    joints: np.ndarray, vertices: np.ndarray, rows: np.ndarray
) -> tuple[list[LaidCapsule], np.ndarray]:
    low, high = joints[INDEX["pelvis"], 1], joints[INDEX["neck"], 1]
    laid = []
    for k, (name, share) in enumerate(_TRUNK_LEVELS):
        height = low + share * (high - low)
        near = vertices[rows][np.abs(vertices[rows, 1] - height) < 0.03]
        back, front = near[:, 2].min(), near[:, 2].max()
        radius = (front - back) / 2
        side = max(np.abs(near[:, 0]).max() - radius, 0.02)
        joint = joints[INDEX[name]]
        ends = np.array([[x, height, (back + front) / 2] for x in (-side, side)])
        laid.append(LaidCapsule(f"trunk_{k}", name, (name, name), radius, ends - joint))
    return laid, rows


_HEAD = (
    # Ends of the axis in the head's box (side -1..1, height 0..1, depth 0..1), radius in heights.
    ("cranium", (0.0, 0.68, 0.38), (0.0, 0.66, 0.55), 0.33),
    ("brow", (-0.35, 0.62, 0.62), (0.35, 0.62, 0.62), 0.25),
    ("cheeks", (-0.35, 0.42, 0.55), (0.35, 0.42, 0.55), 0.25),
    ("mouth", (-0.1, 0.25, 0.75), (0.1, 0.25, 0.75), 0.17),
    ("chin", (-0.1, 0.12, 0.75), (0.1, 0.12, 0.75), 0.1),
    ("left_jaw", (0.5, 0.3, 0.4), (0.2, 0.14, 0.7), 0.1),
    ("right_jaw", (-0.5, 0.3, 0.4), (-0.2, 0.14, 0.7), 0.1),
    ("nose", (0.0, 0.4, 0.92), (0.0, 0.52, 0.85), 0.05),
    ("nape", (-0.25, 0.35, 0.3), (0.25, 0.35, 0.3), 0.25),
)


def _head(
    joints: np.ndarray, vertices: np.ndarray, rows: np.ndarray
) -> tuple[list[LaidCapsule], np.ndarray]:
    rows = rows[_outermost(vertices[rows])]
    low, high = vertices[rows].min(0), vertices[rows].max(0)
    middle = np.array([(low[0] + high[0]) / 2, low[1], low[2]])
    size = np.array([(high[0] - low[0]) / 2, high[1] - low[1], high[2] - low[2]])
    joint = joints[INDEX["head"]]
    laid = [
        LaidCapsule(
            f"head_{name}",
            "head",
            ("head", "head"),
            radius * size[1],
            middle + np.array([start, end]) * size - joint,
        )
        for name, start, end, radius in _HEAD
    ]
    return laid, rows


def _outermost(vertices: np.ndarray) -> np.ndarray:
    """Whether each vertex is seen from outside, not in the mouth, the nostrils or the sockets.

    A depth buffer over directions from the middle, some 4 degrees wide.
    """
    away = vertices - (vertices.min(0) + vertices.max(0)) / 2
    distance = np.linalg.norm(away, axis=1)
    tall = np.floor(np.arccos(np.clip(away[:, 1] / distance, -1, 1)) / 0.07).astype(int)
    round_ = np.floor(arctan2(away[:, 0], away[:, 2]) / 0.07).astype(int) + 64
    furthest = np.zeros((64, 2 * 64))
    np.maximum.at(furthest, (tall, round_), distance)
    for axis in (0, 1):
        furthest = np.max([np.roll(furthest, step, axis) for step in (-1, 0, 1)], axis=0)
    return distance > furthest[tall, round_] - 0.01


def fit_capsules(
    laid: list[LaidCapsule],
    vertices: np.ndarray,
    shapedirs: np.ndarray,
    joints: np.ndarray,
    joint_dirs: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Capsules whose union lies nearest to the skin, and how they follow the betas.

    Gauss-Newton on the signed distance of each vertex from the nearest capsule, robust to strays;
    how the optimum moves with the betas follows from its own linear system (implicit
    differentiation).

    Args:
        vertices: (V, 3) skin of the part. shapedirs: (V, 3, B). joints: (55, 3) rest joints.
        joint_dirs: (55, 3, B).

    Returns:
        (C, 8) start, end and two radii; (C, 8, B) what the betas add.
    """
    ends = np.array([[INDEX[name] for name in capsule.ends] for capsule in laid])
    start = np.stack([joints[rows] + one.offsets for rows, one in zip(ends, laid, strict=True)])
    first = np.concatenate([start.reshape(-1, 6), [[one.radius] * 2 for one in laid]], axis=1)
    moved = np.zeros((*first.shape, shapedirs.shape[-1]))
    moved[:, :6] = joint_dirs[ends].reshape(len(laid), 6, -1)
    hold = _HOLD**2 * len(vertices) / len(laid)
    values = first.copy()
    for _ in range(_ITERATIONS):
        residual, jacobian, _, trust = _linearised(values, vertices)
        left = (jacobian * trust[:, None]).T @ jacobian + hold * np.eye(values.size)
        right = jacobian.T @ (trust * residual) + hold * (values - first).ravel()
        values -= np.linalg.solve(left, right).reshape(values.shape)
        values[:, 6:] = np.maximum(values[:, 6:], 0.003)
    _, jacobian, outward, trust = _linearised(values, vertices)
    left = (jacobian * trust[:, None]).T @ jacobian + hold * np.eye(values.size)
    grown = np.einsum("vd,vdb->vb", outward, shapedirs)
    right = hold * moved.reshape(values.size, -1) - jacobian.T @ (trust[:, None] * grown)
    return values, np.linalg.solve(left, right).reshape(moved.shape)


def _linearised(
    values: np.ndarray, vertices: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Each vertex's signed distance (V,), its derivatives (V, 8 C), its outward unit vector (V, 3),
    and its weight (V,)."""
    start, end, radius = values[:, :3], values[:, 3:6], values[:, 6:]
    axis = end - start
    square = np.maximum((axis**2).sum(-1), 1e-9)
    share = np.clip(((vertices[:, None] - start) * axis).sum(-1) / square, 0, 1)
    away = vertices[:, None] - start - share[..., None] * axis
    length = np.maximum(np.linalg.norm(away, axis=-1), 1e-9)
    gaps = length - radius[:, 0] - share * (radius[:, 1] - radius[:, 0])
    each = np.arange(len(vertices))
    nearest = gaps.argmin(1)
    residual, share = gaps[each, nearest], share[each, nearest][:, None]
    outward = away[each, nearest] / length[each, nearest][:, None]
    derivative = np.concatenate(
        [-(1 - share) * outward, -share * outward, share - 1, -share], axis=1
    )
    jacobian = np.zeros((len(vertices), *values.shape))
    jacobian[each, nearest] = derivative
    trust = 1 / (1 + (residual / _STRAY) ** 2) ** 2
    return residual, jacobian.reshape(len(vertices), -1), outward, trust
