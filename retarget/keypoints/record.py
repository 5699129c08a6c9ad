"""Keypoints of one signer over a clip: the contract between detection and fitting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import UserError

BODY_COUNT = 33
FACE_COUNT = 478  # MediaPipe's 468 of the mesh, then 5 of the right and 5 of the left iris
HAND_COUNT = 21
_COUNTS = {
    "body": BODY_COUNT,
    "body_world": BODY_COUNT,
    "face": FACE_COUNT,
    "left_hand": HAND_COUNT,
    "right_hand": HAND_COUNT,
}
_FEWEST_FRAMES = 0.1  # share of frames in which a body must be seen for a clip to hold a signer


@dataclass(frozen=True)
class Keypoints:
    """Points of MediaPipe Holistic for T frames; left and right are the signer's own.

    Every row is (x, y, z, confidence); a missing point is all zeros, and confidence is in 0..1.
    Pixels: x right, y down, the centre of the top-left pixel is (0.5, 0.5), points may lie outside
    the image. z is in pixels too, smaller is nearer to the camera: it is MediaPipe's weak guess,
    relative to the hips (body), to the wrist (hands) or to the middle of the head (face).

    Attributes:
        fps: frames per second.
        width, height: of the image in pixels.
        body: (T, 33, 4) in the order of MediaPipe Pose.
        body_world: (T, 33, 4) metres about the middle of the hips, x right, y down, z away from the
            camera; confidence 0 throughout where the source does not give it.
        face: (T, 478, 4) MediaPipe Face Mesh with irises.
        left_hand, right_hand: (T, 21, 4).
    """

    fps: float
    width: int
    height: int
    body: np.ndarray
    body_world: np.ndarray
    face: np.ndarray
    left_hand: np.ndarray
    right_hand: np.ndarray

    def __post_init__(self) -> None:
        """Bring every part to clean float32; ValueError where shapes do not agree."""
        for name, count in _COUNTS.items():
            part = tidy(getattr(self, name))
            if part.shape != (self.frame_count, count, 4):
                raise ValueError(f"{name} is {part.shape}, not {(self.frame_count, count, 4)}")
            object.__setattr__(self, name, part)

    @property
    def frame_count(self) -> int:
        """T."""
        return len(self.body)

    def parts(self) -> dict[str, np.ndarray]:
        """The arrays by name: body, body_world, face, left_hand, right_hand."""
        return {name: getattr(self, name) for name in _COUNTS}

    def seen(self, part: str) -> np.ndarray:
        """(T,) bool: the frames in which a part has any point."""
        return (getattr(self, part)[..., 3] > 0).any(axis=1)


def missing(frame_count: int) -> dict[str, np.ndarray]:
    """All parts of `frame_count` frames with nothing found: where readers start."""
    return {name: np.zeros((frame_count, n, 4), np.float32) for name, n in _COUNTS.items()}


def tidy(points: Any) -> np.ndarray:
    """Clean points (..., 4): float32, confidence in 0..1, and zeros for whatever is missing.

    Missing is what is masked, not finite, or of no confidence.
    """
    array = np.ma.filled(np.ma.asarray(points, dtype=np.float32), np.nan)
    known = np.isfinite(array).all(axis=-1) & (array[..., 3] > 0)
    array = np.where(known[..., None], array, np.float32(0))
    array[..., 3] = np.minimum(array[..., 3], 1)
    return array


def require_signer(keypoints: Keypoints, name: str) -> Keypoints:
    """Give the keypoints back if they show somebody.

    Raises:
        UserError: a body is seen in (nearly) no frame.
    """
    count, found = keypoints.frame_count, int(keypoints.seen("body").sum())
    if not count or found < _FEWEST_FRAMES * count:
        raise UserError(
            f"No person is found in {name} ({found} of {count} frames): give a clip in which one "
            "signer is seen from the front, from the waist up."
        )
    return keypoints
