"""Anatomical limits in plain numpy, for use beside Blender, where torch may not be loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..files import atomic_path
from ..repeatable import arctan2
from ..retarget.body.model import rotation_matrices


@dataclass(frozen=True)
class JointLimits:
    """The ranges of `retarget.fit.limits` as arrays: joints (J,), axes (J, 3, 3), low and high
    (J, 3) radians of twist, abduction and flexion."""

    joints: np.ndarray
    axes: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def over(self, poses: np.ndarray) -> np.ndarray:
        """Radians (T, J) by which the joints of poses (T, 165) leave their ranges, 0 inside."""
        local = rotation_matrices(np.asarray(poses, np.float64).reshape(len(poses), -1, 3))
        own = np.swapaxes(self.axes, -1, -2) @ local[:, self.joints] @ self.axes
        flexion = arctan2(own[..., 1, 0], own[..., 0, 0])
        abduction = np.arcsin(-np.clip(own[..., 2, 0], -0.999, 0.999))
        twist = arctan2(own[..., 2, 1], own[..., 2, 2])
        angles = np.stack([twist, abduction, flexion], -1)
        return np.maximum(np.maximum(angles - self.high, self.low - angles), 0).max(axis=-1)


def write_limits(path: Path) -> None:
    """Write the limits of the open body's skeleton. Needs torch."""
    from ..retarget.body.load import load_body
    from ..retarget.fit.limits import joint_limits

    body = load_body("open")
    found = joint_limits(body.J_regressor @ body.v_template)
    with atomic_path(path) as partial, open(partial, "wb") as file:
        np.savez(
            file,
            joints=np.array(found.joints),
            axes=found.axes.numpy(),
            low=found.low.numpy(),
            high=found.high.numpy(),
        )


def read_limits(path: Path) -> JointLimits:
    with np.load(path, allow_pickle=False) as data:
        return JointLimits(**{name: data[name] for name in ("joints", "axes", "low", "high")})
