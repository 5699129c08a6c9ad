"""Forward kinematics of the 55 joints for a batch of frames, in torch, one level at a time."""

from __future__ import annotations

import numpy as np
import torch

from ..body.skeleton import PARENTS


def rotation_matrices(rotvecs: torch.Tensor) -> torch.Tensor:
    """Rotation matrices (..., 3, 3) of axis-angle vectors (..., 3), smooth at 0 (Rodrigues)."""
    square = (rotvecs * rotvecs).sum(-1)[..., None, None]
    angle = torch.sqrt(square + 1e-12)
    x, y, z = rotvecs.unbind(-1)
    zero = torch.zeros_like(x)
    skew = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*x.shape, 3, 3)
    first = torch.sin(angle) / angle
    second = (1 - torch.cos(angle)) / (square + 1e-12)
    return torch.eye(3, dtype=rotvecs.dtype) + first * skew + second * (skew @ skew)


def angle_matrices(angles: torch.Tensor) -> torch.Tensor:
    """Rotation matrices (..., 3, 3) of twist, abduction and flexion (..., 3) in their own axes: the
    flexion carries the abduction, which carries the twist."""
    (a, b, c), (x, y, z) = torch.cos(angles).unbind(-1), torch.sin(angles).unbind(-1)
    rows = [
        c * b, c * y * x - z * a, c * y * a + z * x,
        z * b, z * y * x + c * a, z * y * a - c * x,
        -y, b * x, b * a,
    ]  # fmt: skip
    return torch.stack(rows, -1).reshape(*a.shape, 3, 3)


def _levels() -> list[tuple[list[int], list[int]]]:
    """Joints by depth, each level with its parents' positions in the concatenated order."""
    depth = [0] * len(PARENTS)
    for joint, parent in enumerate(PARENTS):
        depth[joint] = 0 if parent < 0 else depth[parent] + 1
    levels = [[j for j, d in enumerate(depth) if d == k] for k in range(max(depth) + 1)]
    return [(joints, [PARENTS[j] for j in joints]) for joints in levels[1:]]


_LEVELS = _levels()
_ORDER = [0] + [joint for joints, _ in _LEVELS for joint in joints]
_INVERSE = np.argsort(_ORDER).tolist()


def forward(
    local: torch.Tensor, joints: torch.Tensor, trans: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Global rotations (T, 55, 3, 3) and positions (T, 55, 3).

    Args:
        local: (T, 55, 3, 3) local rotations. joints: (55, 3) rest joints. trans: (T, 3).
    """
    where = {0: (0, 0)}
    rotations = [local[:, :1]]
    positions = [(joints[0] + trans)[:, None]]
    for level, (children, parents) in enumerate(_LEVELS, start=1):
        rows = [where[parent][1] for parent in parents]
        parent_rotation = rotations[-1][:, rows]
        offset = (joints[children] - joints[parents])[None, :, :, None]
        rotations.append(parent_rotation @ local[:, children])
        positions.append(positions[-1][:, rows] + (parent_rotation @ offset)[..., 0])
        where |= {joint: (level, row) for row, joint in enumerate(children)}
    return torch.cat(rotations, 1)[:, _INVERSE], torch.cat(positions, 1)[:, _INVERSE]
