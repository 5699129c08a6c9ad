"""How far joints turn: anatomical ranges of neck, arms, wrists and every finger joint.

A joint's rotation is read in the joint's own axes as flexion, then abduction, then twist about the
bone: the joint coordinate system of Grood & Suntay (1983) that the ISB recommends (Wu et al. 2005).
Ranges are those of active motion in Norkin & White (Measurement of Joint Motion, 2016) and of the
AAOS, with a margin for skinned skeletons whose joints are not quite where anatomy has them. The
shoulder is missing: a ball joint has no such angles that are everywhere defined.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..body.model import Body, rotation_matrices
from ..body.skeleton import INDEX, JOINT_NAMES, LEFT_HAND, RIGHT_HAND

Range = tuple[float, float]

# Degrees (twist about the bone, abduction, flexion), for the left side; the right is its mirror.
# Flexion is towards the palm, at the elbow forwards, at neck and head a nod; abduction of fingers
# and wrist is towards the thumb; twist 0 is the T-pose: at the elbow half way between pronation and
# supination (80 each), of which the wrist takes a part in a skinned skeleton.
_FINGERS = ("index", "middle", "ring", "pinky")
_TABLE: dict[str, tuple[Range, Range, Range]] = {
    "neck": ((-35, 35), (-29, 29), (-29, 34)),
    "head": ((-46, 46), (-29, 29), (-34, 34)),
    "collar": ((-11, 11), (-15, 40), (-20, 20)),
    "elbow": ((-85, 85), (-12, 12), (-8, 150)),
    "wrist": ((-50, 50), (-40, 25), (-75, 85)),
    "thumb1": (
        (-50, 50),
        (-45, 45),
        (-45, 50),
    ),  # saddle joint: 70 of abduction, 15 + 20 of flexion
    "thumb2": ((-15, 15), (-20, 20), (-15, 65)),
    "thumb3": ((-8, 8), (-8, 8), (-25, 90)),
    **{f"{finger}1": ((-15, 15), (-25, 25), (-30, 95)) for finger in _FINGERS},
    **{f"{finger}2": ((-4, 4), (-4, 4), (-6, 112)) for finger in _FINGERS},
    **{f"{finger}3": ((-4, 4), (-4, 4), (-10, 86)) for finger in _FINGERS},
}

_MIDLINE = ("neck", "head")
_MIRROR = np.diag([1.0, -1.0, -1.0])
"""What reflection left for right does to a rotation vector."""


@dataclass(frozen=True)
class Limits:
    """Ranges of J joints.

    Attributes:
        joints: their numbers. axes: (J, 3, 3) own axes as columns: bone, abduction, flexion.
        low, high: (J, 3) radians of twist, abduction and flexion.
    """

    joints: list[int]
    axes: torch.Tensor
    low: torch.Tensor
    high: torch.Tensor


def joint_limits(rest_joints: np.ndarray) -> Limits:
    """The limits on a skeleton of rest joints (55, 3) in metres."""
    joints, axes, bounds = [], [], []
    for name, ranges in _TABLE.items():
        for side in ("",) if name in _MIDLINE else ("left_", "right_"):
            joints.append(INDEX[side + name])
            axes.append(_axes(name, side, rest_joints))
            bounds.append(np.radians(ranges))
    low, high = np.moveaxis(np.array(bounds, np.float32), -1, 0)
    return Limits(
        joints,
        torch.from_numpy(np.array(axes, np.float32)),
        torch.from_numpy(low.copy()),
        torch.from_numpy(high.copy()),
    )


def _axes(name: str, side: str, rest: np.ndarray) -> np.ndarray:
    """Own axes (3, 3) of a joint: fingers flex square to how they lie in the flat hand, the thumb
    square to its own bone and the palm's width."""
    if name in _MIDLINE:
        return np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    mirror = np.eye(3) if side == "left_" else np.diag([-1.0, 1.0, 1.0])

    def place(joint: str) -> np.ndarray:
        return mirror @ rest[INDEX[side + joint]]

    if name in ("elbow", "collar"):
        along, flexion = np.array([1.0, 0.0, 0.0]), np.array([0.0, -1.0, 0.0])
    elif name == "wrist":
        along, flexion = np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, -1.0])
    elif name.startswith("thumb"):
        along = place("thumb3") - place("thumb1")
        flexion = np.cross(along, place("pinky1") - place("index1"))
    else:
        along = (place(f"{name[:-1]}2") - place(f"{name[:-1]}1")) * [1.0, 0.0, 1.0]
        flexion = np.cross(along, [0.0, -1.0, 0.0])
    along, flexion = along / np.linalg.norm(along), flexion / np.linalg.norm(flexion)
    axes = np.stack([along, np.cross(flexion, along), flexion], axis=1)
    return axes if side == "left_" else _MIRROR @ axes


def finger_axes(limits: Limits, joint: int) -> np.ndarray:
    """The axes (3, d) that a finger joint turns about: three at the root, abduction and flexion at
    the thumb's second joint, flexion at the others."""
    _, name = JOINT_NAMES[joint].split("_")
    first = {"1": 0, "2": 1 if name == "thumb2" else 2, "3": 2}[name[-1]]
    return limits.axes[limits.joints.index(joint)].numpy()[:, first:]


FINGERS = (*LEFT_HAND, *RIGHT_HAND)


@dataclass(frozen=True)
class FingerRanges:
    """The 30 joints of :data:`FINGERS`, whose rotations a fit writes as angle vectors.

    Attributes:
        axes: (30, 3, 3) as columns; along them an angle vector has the angles of
            :func:`own_angles`. low, high: (30, 3) radians.
    """

    axes: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def vectors(self, rotvecs: np.ndarray) -> np.ndarray:
        """Angle vectors (T, 30, 3) of rotation vectors, brought into the ranges."""
        local = self.axes.transpose(0, 2, 1) @ rotation_matrices(rotvecs) @ self.axes
        angles = np.clip(_angles(torch.from_numpy(local)).numpy(), self.low, self.high)
        return (self.axes @ angles[..., None])[..., 0]


def finger_ranges(rest_joints: np.ndarray) -> FingerRanges:
    """Axes and ranges of the fingers on a skeleton of rest joints (55, 3) in metres."""
    limits = joint_limits(rest_joints)
    rows = [limits.joints.index(joint) for joint in FINGERS]
    parts = (limits.axes[rows], limits.low[rows], limits.high[rows])
    return FingerRanges(*(part.numpy() for part in parts))


def own_angles(local: torch.Tensor, limits: Limits) -> torch.Tensor:
    """Twist, abduction and flexion (T, J, 3) in radians of local rotations (T, 55, 3, 3)."""
    return _angles(limits.axes.transpose(-1, -2) @ local[:, limits.joints] @ limits.axes)


def _angles(own: torch.Tensor) -> torch.Tensor:
    flexion = torch.atan2(own[..., 1, 0], own[..., 0, 0])
    abduction = torch.asin(-own[..., 2, 0].clamp(-0.999, 0.999))
    twist = torch.atan2(own[..., 2, 1], own[..., 2, 2])
    return torch.stack([twist, abduction, flexion], -1)


def over_limits(local: torch.Tensor, limits: Limits) -> torch.Tensor:
    """Radians (T, J, 3) by which twist, abduction and flexion leave their ranges, 0 inside."""
    own = own_angles(local, limits)
    return torch.relu(own - limits.high) + torch.relu(limits.low - own)


def beyond_limits(poses: np.ndarray, body: Body) -> dict[str, np.ndarray]:
    """How far joints leave their anatomical range: (T,) degrees by the joint's name.

    Args:
        poses: (T, 165) axis-angle.
    """
    limits = joint_limits(body.J_regressor @ body.v_template)
    local = rotation_matrices(np.asarray(poses, np.float32).reshape(len(poses), -1, 3))
    over = np.degrees(over_limits(torch.from_numpy(local), limits).amax(-1).numpy())
    return {JOINT_NAMES[joint]: over[:, row] for row, joint in enumerate(limits.joints)}
