"""The open body laid beside a character, so that each of its points finds the character's skin."""

from __future__ import annotations

import numpy as np

from ..body.model import Body, shape_body
from ..body.skeleton import INDEX, JOINT_NAMES, LEFT_HAND, PARENTS, RIGHT_HAND
from .regions import HEAD, REGIONS, Skin
from .surface import Surface, shaped

_LOOSE = 0.02
"""Metres by which a bone may be off for one deviation of shape."""
_LIMBS = tuple(
    INDEX[f"{side}_{part}"]
    for part in ("knee", "ankle", "elbow", "wrist")
    for side in ("left", "right")
)
_SIZES = (0.5, 2.0)
"""How much smaller or larger than the body's a head may be taken to be."""


def laid_beside(
    body: Body, surface: Surface, rest: np.ndarray, skin: Skin
) -> tuple[np.ndarray, np.ndarray]:
    """Points and normals (N, 3) of the body in the proportions of joints (55, 3) at rest.

    Rigs agree about hips, shoulders, limbs and fingers, but not about where pelvis, vertebrae,
    neck and head have their joints: the trunk follows hips and shoulders, the head the skin.
    """
    betas = _nearest_betas(body, rest)
    shape = shaped(body, surface, betas)
    joints = shape_body(body, betas)[1]
    moves = rest - joints
    low, high = _middle(joints, "hip"), _middle(joints, "shoulder")
    way = high - low
    ends = _middle(moves, "hip"), _middle(moves, "shoulder")
    for joint, name in enumerate(JOINT_NAMES):
        if not name.endswith(_AGREED) and joint not in (*LEFT_HAND, *RIGHT_HAND):
            share = np.clip((joints[joint] - low) @ way / (way @ way), 0, 1)
            moves[joint] = (1 - share) * ends[0] + share * ends[1]
    points = shape.points + shape.weights @ moves
    head, own = np.isin(surface.bone, HEAD), skin.points[skin.region == REGIONS[HEAD[0]]]
    if head.any() and len(own) > 50:
        points[head] = _into_box(points[head], own)
    return points, shape.normals


_AGREED = ("hip", "knee", "ankle", "foot", "shoulder", "elbow", "wrist")


def _middle(joints: np.ndarray, part: str) -> np.ndarray:
    return (joints[INDEX[f"left_{part}"]] + joints[INDEX[f"right_{part}"]]) / 2


def _nearest_betas(body: Body, rest: np.ndarray) -> np.ndarray:
    """Betas (B,) of the body whose limbs and trunk are nearest to those of joints (55, 3)."""

    def measures(joints: np.ndarray) -> np.ndarray:
        chosen = [*_LIMBS, *LEFT_HAND, *RIGHT_HAND]
        bones = joints[chosen] - joints[[PARENTS[joint] for joint in chosen]]
        hips = [INDEX["left_hip"], INDEX["right_hip"]]
        shoulders = [INDEX["left_shoulder"], INDEX["right_shoulder"]]
        trunk = joints[shoulders] - joints[hips].mean(0)
        return np.concatenate([bones, trunk, joints[hips[:1]] - joints[hips[1:]]])

    count = body.beta_count
    dirs = np.einsum("jv,vdb->jdb", body.J_regressor, body.shapedirs)
    mean = measures(body.J_regressor @ body.v_template)
    changes = np.stack([measures(dirs[..., k]) for k in range(count)], -1)
    matrix = np.concatenate(
        [changes.reshape(-1, body.beta_count) / _LOOSE, np.eye(body.beta_count)]
    )
    target = np.append((measures(rest) - mean).reshape(-1) / _LOOSE, np.zeros(count))
    return np.linalg.lstsq(matrix, target, rcond=None)[0]


def _into_box(points: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """The head's points, scaled and moved along each axis to fill a character's head."""
    (low, high), (own_low, own_high) = _box(skin), _box(points)
    scale = np.clip((high - low) / (own_high - own_low), *_SIZES)
    return (low + high) / 2 + (points - (own_low + own_high) / 2) * scale


def _box(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest coordinates of a head's skin; downwards the chin counts, not where the
    neck's skinning happens to begin."""
    low, high = np.percentile(points, [1, 99], axis=0)
    front = points[points[:, 2] > low[2] + 0.7 * (high[2] - low[2])]
    low[1] = np.percentile(front[:, 1], 1)
    return low, high
