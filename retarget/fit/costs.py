"""The mathematics of the costs: pure functions of tensors to a number a frame, (T,).

Names follow SMPLify-X (Pavlakos et al. 2019). The objective is the mean over frames, so weights do
not depend on the clip's length; what each frame costs tells the solver where a step fails. Pixels
are measured in thousandths of the picture's longer side.
"""

from __future__ import annotations

import torch

from ..body.skeleton import INDEX
from .limits import Limits, over_limits


def geman_mcclure(square: torch.Tensor, scale: float | torch.Tensor) -> torch.Tensor:
    """Robust loss of a squared residual: quadratic near 0, flat beyond scale (Geman, McClure)."""
    return square / (1 + square / scale**2)


def reprojection(
    pixels: torch.Tensor, target: torch.Tensor, weight: torch.Tensor, scale: float
) -> torch.Tensor:
    """Robust distance of projected points (T, N, 2) to detected ones, by confidence (T, N)."""
    square = ((pixels - target) ** 2).sum(-1) * 1e6
    return (geman_mcclure(square, scale) * weight).sum(-1)


def direction(
    points: torch.Tensor, pairs: torch.Tensor, target: torch.Tensor, weight: torch.Tensor
) -> torch.Tensor:
    """1 - cosine between bones (pairs (P, 2) of points) and the detector's 3-D directions."""
    bones = points[:, pairs[:, 1]] - points[:, pairs[:, 0]]
    bones = bones / (bones.norm(dim=-1, keepdim=True) + 1e-6)
    return ((1 - (bones * target).sum(-1)) * weight).sum(-1)


def limits(local: torch.Tensor, ranges: Limits) -> torch.Tensor:
    """Squared radians by which local rotations (T, 55, 3, 3) leave their joints' ranges."""
    return (over_limits(local, ranges) ** 2).sum((1, 2))


def rest(vectors: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Squared radians away from the rest pose, weighted per joint (J,)."""
    return ((vectors**2).sum(-1) * weight).sum(-1)


def acceleration(
    values: torch.Tensor, scale: float | torch.Tensor, weight: float | torch.Tensor = 1.0
) -> torch.Tensor:
    """Robust second difference over time of values (T, J, D): quick signing stays quick.

    Args:
        scale: from where it lets go. weight: how much it counts. Each one number, or (T - 2, J).
    """
    cost = values.new_zeros(len(values))
    if len(values) < 3:
        return cost
    second = values[2:] - 2 * values[1:-1] + values[:-2]
    inner = (geman_mcclure((second**2).sum(-1), scale) * weight).sum(-1)
    return torch.cat([cost[:1], inner, cost[:1]])


QUICK_METRES = 0.01
"""Acceleration per frame squared beyond which a joint's place is let go: it is meant."""

QUICK_RADIANS = 0.5
"""The same of an angle: a handshape that changes within two frames."""

REST_WEIGHTS: dict[str, float] = {
    "spine1": 40.0,
    "spine2": 40.0,
    "spine3": 40.0,
    "left_collar": 50.0,
    "right_collar": 50.0,
    "neck": 30.0,
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
