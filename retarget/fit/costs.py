"""The costs of a fit: each a pure function from a state to one number.

Names follow SMPLify-X (Pavlakos et al. 2019). Every cost is a mean over frames, so weights do not
depend on the clip's length. Pixels are measured in thousandths of the picture's longer side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..body.skeleton import INDEX


@dataclass(frozen=True)
class State:
    """What a set of parameters looks like.

    Attributes:
        rotvecs: (T, 55, 3) local rotations; the root is relative to facing the camera.
        rotations, positions: (T, 55, 3, 3) and (T, 55, 3) of the posed joints.
        points: (T, N, 3) camera-frame points. pixels: (T, N, 2) in units of the longer side.
        betas: (B,).
    """

    rotvecs: torch.Tensor
    rotations: torch.Tensor
    positions: torch.Tensor
    points: torch.Tensor
    pixels: torch.Tensor
    betas: torch.Tensor


def geman_mcclure(square: torch.Tensor, scale: float) -> torch.Tensor:
    """Robust loss of a squared residual: quadratic near 0, flat beyond scale (Geman, McClure)."""
    return square / (1 + square / scale**2)


def reprojection(
    pixels: torch.Tensor, target: torch.Tensor, weight: torch.Tensor, scale: float
) -> torch.Tensor:
    """Robust distance of projected points (T, N, 2) to detected ones, by confidence (T, N)."""
    square = ((pixels - target) ** 2).sum(-1) * 1e6
    return (geman_mcclure(square, scale) * weight).sum() / len(pixels)


def direction(
    points: torch.Tensor, pairs: torch.Tensor, target: torch.Tensor, weight: torch.Tensor
) -> torch.Tensor:
    """1 - cosine between bones (pairs (P, 2) of points) and the detector's 3-D directions."""
    bones = points[:, pairs[:, 1]] - points[:, pairs[:, 0]]
    bones = bones / (bones.norm(dim=-1, keepdim=True) + 1e-6)
    return ((1 - (bones * target).sum(-1)) * weight).sum() / len(points)


def beyond_limits(rotvecs: torch.Tensor, limits: Limits) -> torch.Tensor:
    """Squared radians by which rotations (T, 55, 3) leave the box of their joint."""
    own = torch.einsum("tjd,jdc->tjc", rotvecs[:, limits.joints], limits.axes)
    over = torch.relu(own - limits.high) + torch.relu(limits.low - own)
    return (over**2).sum() / len(rotvecs)


def rest(rotvecs: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Squared radians away from the rest pose, weighted per joint (J,)."""
    return ((rotvecs**2).sum(-1) * weight).sum() / len(rotvecs)


def acceleration(values: torch.Tensor, scale: float) -> torch.Tensor:
    """Robust second difference over time of values (T, ..., D): quick signing stays quick."""
    if len(values) < 3:
        return values.new_zeros(())
    second = values[2:] - 2 * values[1:-1] + values[:-2]
    return geman_mcclure((second**2).sum(-1), scale).sum() / len(values)


def _limit_table() -> dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]]:
    """Joint -> (low, high) of its axis-angle components in radians.

    In a finger's own axes x is twist, y abduction and z flexion; a left finger flexes towards
    negative z, a right one towards positive. Ranges follow the anatomical ones (Norkin & White)
    with a margin.
    """
    table: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
        "neck": ((-0.5, -0.6, -0.5), (0.6, 0.6, 0.5)),
        "head": ((-0.6, -0.8, -0.5), (0.6, 0.8, 0.5)),
    }
    flexion = {1: (-0.45, 1.65), 2: (-0.1, 1.95), 3: (-0.15, 1.5)}
    twist = {1: 0.2, 2: 0.05, 3: 0.05}
    spread = {1: 0.45, 2: 0.05, 3: 0.05}
    for side, sign in (("left", -1), ("right", 1)):
        for finger in ("index", "middle", "ring", "pinky"):
            for k in (1, 2, 3):
                bounds = sorted(sign * value for value in flexion[k])
                table[f"{side}_{finger}{k}"] = (
                    (-twist[k], -spread[k], bounds[0]),
                    (twist[k], spread[k], bounds[1]),
                )
        for k, size in ((1, 0.9), (2, 0.7), (3, 1.2)):
            table[f"{side}_thumb{k}"] = ((-size,) * 3, (size,) * 3)
        table[f"{side}_wrist"] = ((-1.4, -0.6, -1.4), (1.4, 0.6, 1.4))
        table[f"{side}_collar"] = ((-0.2, -0.35, -0.35), (0.2, 0.35, 0.35))
    return table


@dataclass(frozen=True)
class Limits:
    """Joint limits: the joints (J,), their own axes as columns (J, 3, 3), low and high (J, 3)."""

    joints: list[int]
    axes: torch.Tensor
    low: torch.Tensor
    high: torch.Tensor


def joint_limits(rest_joints: np.ndarray) -> Limits:
    """The limits on a skeleton (55, 3): fingers flex square to how they lie in the flat hand."""
    table = _limit_table()
    joints = [INDEX[name] for name in table]
    axes = np.tile(np.eye(3, dtype=np.float32), (len(joints), 1, 1))
    for row, name in enumerate(table):
        side, _, finger = name.partition("_")
        if finger[:-1] not in ("index", "middle", "ring", "pinky"):
            continue
        start, end = (INDEX[f"{side}_{finger[:-1]}{k}"] for k in (1, 2))
        along = (rest_joints[end] - rest_joints[start]) * [1.0, 0.0, 1.0]
        along = along / np.linalg.norm(along) * (1 if side == "left" else -1)
        up = np.array([0.0, 1.0, 0.0])
        axes[row] = np.stack([along, up, np.cross(along, up)], axis=1)
    bounds = torch.tensor(list(table.values()))
    return Limits(joints, torch.from_numpy(axes), bounds[:, 0], bounds[:, 1])


REST_WEIGHTS: dict[str, float] = {
    "spine1": 40.0,
    "spine2": 40.0,
    "spine3": 40.0,
    "left_collar": 10.0,
    "right_collar": 10.0,
    "neck": 3.0,
    "head": 1.0,
    "left_hip": 20.0,
    "right_hip": 20.0,
    "left_knee": 20.0,
    "right_knee": 20.0,
    "left_ankle": 50.0,
    "right_ankle": 50.0,
    "left_foot": 50.0,
    "right_foot": 50.0,
    "left_shoulder": 0.1,
    "right_shoulder": 0.1,
    "left_elbow": 0.3,
    "right_elbow": 0.3,
    "left_wrist": 0.3,
    "right_wrist": 0.3,
}
"""How strongly each joint is held to the rest pose; fingers, which are not named, by 0.2."""


def rest_weights() -> torch.Tensor:
    """(55,) weights of :func:`rest`."""
    weights = torch.full((55,), 0.2)
    weights[0] = 0.0
    for name, value in REST_WEIGHTS.items():
        weights[INDEX[name]] = value
    return weights
