"""A camera for motions that come without one: level, before the signer, framing the upper body."""

from __future__ import annotations

import numpy as np

from ..body.skeleton import INDEX, LEFT_HAND, RIGHT_HAND
from ..motion import Camera

_SIDE_PX = 512
_FOV_DEGREES = 35.0
_MARGIN = 0.12  # metres around the joints; the head's joint lies below its top by twice that
_UPPER = (
    *(INDEX[name] for name in ("pelvis", "head", "left_shoulder", "right_shoulder")),
    *(INDEX[name] for name in ("left_elbow", "right_elbow", "left_wrist", "right_wrist")),
    *LEFT_HAND,
    *RIGHT_HAND,
)


def facing_view(root_rotations: np.ndarray) -> np.ndarray:
    """(3, 3) from the world's axes to a level camera's before the signer.

    The world's vertical is the axis along which the body mostly stands, so worlds with z up
    (AMASS), y up and y down are all read; the camera looks against where the body mostly faces.

    Args:
        root_rotations: (T, 3, 3) of the pelvis in the world; the body's own y is up, z is forward.
    """
    standing = root_rotations[:, :, 1].mean(axis=0)
    up = np.zeros(3)
    axis = int(np.abs(standing).argmax())
    up[axis] = np.sign(standing[axis]) or 1.0
    facing = root_rotations[:, :, 2].mean(axis=0)
    facing = facing - (facing @ up) * up
    if np.linalg.norm(facing) < 1e-3:  # turns all the way round: any side is as good
        facing = np.roll(up, 1)
    facing /= np.linalg.norm(facing)
    return np.stack([np.cross(up, facing), -up, -facing])


def upper_body_camera(joints: np.ndarray) -> tuple[Camera, np.ndarray]:
    """A camera that sees the upper body in every frame, and where to move the joints for it.

    Args:
        joints: (T, 55, 3) metres along the camera's axes, about any origin.

    Returns:
        The camera, and (3,) metres to add to the joints.
    """
    points = joints[:, list(_UPPER)].reshape(-1, 3)
    top = joints[:, INDEX["head"]] - [0, 2 * _MARGIN, 0]
    low, high = _extent(np.concatenate([points, top]))
    middle = (low + high) / 2
    focal = _SIDE_PX / 2 / np.tan(np.radians(_FOV_DEGREES) / 2)
    half = float((high - low)[:2].max()) / 2 + _MARGIN
    distance = half * focal / (_SIDE_PX / 2) + (middle[2] - low[2])
    camera = Camera(focal, focal, _SIDE_PX / 2, _SIDE_PX / 2, _SIDE_PX, _SIDE_PX)
    return camera, np.array([0.0, 0.0, distance]) - middle


def cropped_camera(joints: np.ndarray, focal: float) -> Camera:
    """A window about the upper body for joints (T, 55, 3) of a camera whose image is not known."""
    points = joints[:, list(_UPPER)]
    top = joints[:, INDEX["head"], None] - [0, 2 * _MARGIN, 0]
    points = np.concatenate([points, top], axis=1).reshape(-1, 3)
    pixels = points[:, :2] / points[:, 2:] * focal
    low, high = _extent(pixels)
    margin = _MARGIN * focal / float(np.median(points[:, 2]))
    side = float((high - low).max()) + 2 * margin
    scale = _SIDE_PX / side
    centre = _SIDE_PX / 2 - (low + high) / 2 * scale
    return Camera(
        focal * scale, focal * scale, float(centre[0]), float(centre[1]), _SIDE_PX, _SIDE_PX
    )


def _extent(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return points.min(axis=0), points.max(axis=0)
