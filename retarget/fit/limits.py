"""How far joints turn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..body.skeleton import INDEX


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
