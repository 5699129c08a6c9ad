"""The costs of a fit: each a pure function from a state to one number.

Names follow SMPLify-X (Pavlakos et al. 2019). Every cost is a mean over frames, so weights do not
depend on the clip's length. Pixels are measured in thousandths of the picture's longer side.
"""

from __future__ import annotations

from dataclasses import dataclass

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


def beyond_limits(rotvecs: torch.Tensor, low: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
    """Squared radians by which rotations (T, J, 3) leave the box [low, high] of their joint."""
    over = torch.relu(rotvecs - high) + torch.relu(low - rotvecs)
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

    Fingers rest along x, so x is twist, y abduction and z flexion; a left finger flexes towards
    negative z, a right one towards positive. Ranges follow the anatomical ones (Norkin & White)
    with a margin for where a hand's own axes lie.
    """
    table: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
        "neck": ((-0.5, -0.6, -0.5), (0.6, 0.6, 0.5)),
        "head": ((-0.6, -0.8, -0.5), (0.6, 0.8, 0.5)),
    }
    flexion = {1: (-0.45, 1.65), 2: (-0.1, 1.95), 3: (-0.15, 1.5)}
    twist = {1: 0.2, 2: 0.06, 3: 0.06}
    spread = {1: 0.4, 2: 0.06, 3: 0.06}
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
        table[f"{side}_wrist"] = ((-0.5, -0.6, -1.4), (0.5, 0.6, 1.4))
        table[f"{side}_collar"] = ((-0.2, -0.35, -0.35), (0.2, 0.35, 0.35))
    return table


def limit_tensors() -> tuple[list[int], torch.Tensor, torch.Tensor]:
    """Limited joints with their low and high (J, 3)."""
    table = _limit_table()
    joints = [INDEX[name] for name in table]
    low = torch.tensor([bounds[0] for bounds in table.values()])
    high = torch.tensor([bounds[1] for bounds in table.values()])
    return joints, low, high


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
    "left_elbow": 0.1,
    "right_elbow": 0.1,
    "left_wrist": 1.5,
    "right_wrist": 1.5,
}
"""How strongly each joint is held to the rest pose; fingers, which are not named, by 0.2."""


def rest_weights() -> torch.Tensor:
    """(55,) weights of :func:`rest`."""
    weights = torch.full((55,), 0.2)
    weights[0] = 0.0
    for name, value in REST_WEIGHTS.items():
        weights[INDEX[name]] = value
    return weights
