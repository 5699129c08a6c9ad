"""The signer's points projected into the pictures, with whether each is seen.

Nothing is detected: landmarks are places on the posed avatar. A point is seen where it lies inside
the picture and no rendered surface is nearer than it by more than its slack; joints lie inside
the flesh and under cloth, so theirs is larger.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..retarget.motion import Camera

SEEN, HIDDEN, ABSENT = 1.0, 0.5, 0.0


@dataclass(frozen=True)
class PointSet:
    """count of points; slack: metres behind the rendered surface where one still counts as seen."""

    count: int
    slack: float


POINT_SETS = {
    "body18": PointSet(18, 0.16),
    "body33": PointSet(33, 0.16),
    "left_hand": PointSet(21, 0.03),
    "right_hand": PointSet(21, 0.03),
    "face70": PointSet(70, 0.02),
    "face478": PointSet(478, 0.02),
}

_NOSE, _LEFT_SHOULDER, _RIGHT_SHOULDER = 0, 11, 12
_BODY18_FROM_33 = (0, -1, 12, 14, 16, 11, 13, 15, 24, 26, 28, 23, 25, 27, 5, 2, 8, 7)
"""MediaPipe's number of each OpenPose joint; -1 is the neck, between the shoulders."""

_FACE70_FROM_478 = (
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389,
    71, 63, 105, 66, 107, 336, 296, 334, 293, 301,
    168, 197, 5, 4, 75, 97, 2, 326, 305,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181,
    78, 82, 13, 312, 308, 317, 14, 87,
    468, 473,
)  # fmt: skip
"""MediaPipe's number of each OpenPose face point: 68 of iBUG's, then the right and left pupil."""


def openpose_body(body33: np.ndarray) -> np.ndarray:
    """OpenPose's 18 body joints (..., 18, C) from MediaPipe's 33 (..., 33, C)."""
    joints = body33[..., list(_BODY18_FROM_33), :]
    joints[..., 1, :] = (body33[..., _LEFT_SHOULDER, :] + body33[..., _RIGHT_SHOULDER, :]) / 2
    return joints


def openpose_face(face478: np.ndarray) -> np.ndarray:
    """OpenPose's 70 face points (..., 70, C) from MediaPipe's 478 (..., 478, C)."""
    return face478[..., list(_FACE70_FROM_478), :]


def project_points(
    points: np.ndarray, camera: Camera, depth: np.ndarray, slack: float
) -> np.ndarray:
    """One frame's points (N, 3: x, y in pixels, visibility) from camera-frame places.

    Args:
        points: (N, 3) metres in the camera's frame.
        depth: (H, W) metres along z as rendered, infinite on the background.
        slack: metres that a seen point may lie behind the surface.

    Returns:
        visibility 1 seen, 0.5 hidden behind a surface, 0 outside the picture or behind the
        camera (its x and y are then 0).
    """
    before = points[:, 2] > 1e-3
    pixels = camera.project(np.where(before[:, None], points, [0.0, 0.0, 1.0]))
    column, row = np.floor(pixels[:, 0]), np.floor(pixels[:, 1])
    inside = before & (column >= 0) & (row >= 0)
    inside &= (column < camera.width) & (row < camera.height)
    columns = np.where(inside, column, 0).astype(int)
    rows = np.where(inside, row, 0).astype(int)
    clear = points[:, 2] <= depth[rows, columns] + slack
    visibility = np.where(inside, np.where(clear, SEEN, HIDDEN), ABSENT)
    return np.concatenate([np.where(inside[:, None], pixels, 0.0), visibility[:, None]], axis=1)
