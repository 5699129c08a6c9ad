"""Whether the generated face says over time what the source's face says."""

from collections.abc import Callable

import numpy as np

from ...retarget.keypoints.record import Keypoints
from ..expression.face_points import brow_height, eye_opening, mouth_opening

SIGNALS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "mouth_opening": mouth_opening,
    "brow_height_left": lambda points: brow_height(points, "left"),
    "brow_height_right": lambda points: brow_height(points, "right"),
    "eye_opening_left": lambda points: eye_opening(points, "left"),
    "eye_opening_right": lambda points: eye_opening(points, "right"),
}
# A spread over time below the detector's own noise is no movement to follow.
STILL = {"mouth_opening": 0.006, "brow_height_left": 0.004, "brow_height_right": 0.004}
_FEWEST = 8


def pearson(first: np.ndarray, second: np.ndarray) -> float | None:
    """Pearson's r of two series (N,): -1..1, 1 is best; None where one does not vary."""
    first, second = first - first.mean(), second - second.mean()
    size = np.sqrt((first**2).sum() * (second**2).sum())
    return float((first * second).sum() / size) if size > 1e-12 else None


def face_correlation(source: Keypoints, generated: Keypoints) -> dict[str, float | None]:
    """Pearson's r over time of five signals of the face, detected alike in both clips.

    mouth_opening, brow_height_* and eye_opening_* of `expression.face_points`, from points in 3-D
    (so that a turned head does not read as an expression), over the frames in which both faces
    are found. None where there are fewer than 8 such frames or the source's signal is still.
    """
    count = min(source.frame_count, generated.frame_count)
    both = source.seen("face")[:count] & generated.seen("face")[:count]
    result: dict[str, float | None] = dict.fromkeys(SIGNALS)
    if both.sum() < _FEWEST:
        return result
    for name, signal in SIGNALS.items():
        before = signal(source.face[:count][both][..., :3])
        after = signal(generated.face[:count][both][..., :3])
        if before.std() >= STILL.get(name, 0.01):
            result[name] = pearson(before, after)
    return result
