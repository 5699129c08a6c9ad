"""Whether the generated face says over time what the source's face says."""

from collections.abc import Callable

import numpy as np

from ...retarget.keypoints.record import Keypoints
from ..expression.face_points import brow_height, eye_opening, mouth_opening
from .case import Case
from .metric import Measured, Metric, Value

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


def face_correlation(
    source: Keypoints, generated: Keypoints, frames: np.ndarray | None = None
) -> dict[str, float | None]:
    """Pearson's r over time of five signals of the face, detected alike in both clips.

    mouth_opening, brow_height_* and eye_opening_* of `expression.face_points`, from points in 3-D
    (so that a turned head does not read as an expression), over the frames in which both faces
    are found. None where there are fewer than 8 such frames or the source's signal is still.

    frames: (T,) the source's frame for each of the generated ones; frame by frame if not given.
    """
    if frames is None:
        frames = np.arange(min(source.frame_count, generated.frame_count))
    count = len(frames)
    both = source.seen("face")[frames] & generated.seen("face")[:count]
    result: dict[str, float | None] = dict.fromkeys(SIGNALS)
    if both.sum() < _FEWEST:
        return result
    for name, signal in SIGNALS.items():
        before = signal(source.face[frames][both][..., :3])
        after = signal(generated.face[:count][both][..., :3])
        if before.std() >= STILL.get(name, 0.01):
            result[name] = pearson(before, after)
    return result


def _measure(case: Case) -> Measured:
    source, output, frames = case.source_keypoints, case.output_keypoints, case.alignment.source
    curves = {}
    for title, signal in (("Mouth opening", SIGNALS["mouth_opening"]), ("Brow height", _brows)):
        for name, points in (("source", source.face[frames]), ("output", output.face)):
            seen = (points[..., 3] > 0).any(1)
            curves[f"{title}, {name}"] = np.where(seen, signal(points[..., :3]), np.nan)
    return Measured(face_correlation(source, output, frames), curves)


def _brows(points: np.ndarray) -> np.ndarray:
    return (brow_height(points, "left") + brow_height(points, "right")) / 2


METRIC = Metric(
    name="face_correlation",
    title="The face moves as the source's does",
    unit="Pearson's r",
    low=-1,
    high=1,
    better="higher",
    source="this project; eye opening as Soukupova and Cech 2016",
    needs="points of source and output",
    values=(
        Value("mouth_opening", "Mouth opening, correlation"),
        Value("brow_height_left", "Left brow, correlation"),
        Value("brow_height_right", "Right brow, correlation"),
        Value("eye_opening_left", "Left eye, correlation"),
        Value("eye_opening_right", "Right eye, correlation"),
    ),
    measure=_measure,
    caveat="None where the source's own signal is still: there is nothing to follow.",
)
