"""DTWp and nDTWp: distances of re-detected hands that agree with people's judgement.

Jiang et al. 2025, "Meaningful Pose-Based Sign Language Evaluation" (arXiv 2510.07453), as the
toolkit sign-language-processing/pose-evaluation builds DTWp: frames before the first and after the
last hand are cut off, the hands alone are taken, missing points are put at 10, every one of the 42
points' trajectories is warped on its own, and the distances are averaged. nDTWp first centres and
scales both clips by their shoulders.
"""

import numpy as np

from ...retarget.keypoints.record import Keypoints
from .case import Case
from .dtw import dtw_distances
from .metric import Measured, Metric, Value
from .normalise import by_shoulders
from .unavailable import Unavailable

MISSING_AT = 10.0
_HANDS = ("left_hand", "right_hand")


def hand_tracks(keypoints: Keypoints, normalised: bool) -> np.ndarray:
    """(T', 42, 3) of left and right hand, trimmed to the frames with hands and filled.

    Pixels (z too), or shoulder widths. Raises Unavailable where no hand is ever found.
    """
    seen = np.logical_or(*(keypoints.seen(hand) for hand in _HANDS))
    if not seen.any():
        raise Unavailable("no hand is found")
    first, last = int(np.argmax(seen)), len(seen) - int(np.argmax(seen[::-1]))
    points = by_shoulders(keypoints, depth=True) if normalised else keypoints.parts()
    hands = np.concatenate([points[hand] for hand in _HANDS], axis=1)[first:last]
    return np.where(hands[..., 3:] > 0, hands[..., :3], MISSING_AT).astype(float)


def pose_distance(source: Keypoints, output: Keypoints, normalised: bool = True) -> float:
    """nDTWp (or DTWp): 0 for identical clips, lower is better. Raises as `hand_tracks`."""
    tracks = (hand_tracks(keypoints, normalised) for keypoints in (source, output))
    return float(dtw_distances(*tracks).mean())


def _measure(case: Case) -> Measured:
    source, output = case.source_keypoints, case.output_keypoints
    normalised = pose_distance(source, output)
    frames = max(source.frame_count, output.frame_count)
    return Measured(
        {
            "ndtwp": normalised,
            "dtwp": pose_distance(source, output, normalised=False),
            "ndtwp_per_frame": normalised / np.sqrt(frames),
        }
    )


METRIC = Metric(
    name="pose_distance",
    title="Distance of re-detected hands",
    unit="shoulder widths, summed along the clip",
    low=0,
    high=np.inf,
    better="lower",
    source="Jiang et al. 2025, arXiv 2510.07453; pose-evaluation",
    needs="points of source and output",
    values=(
        Value("ndtwp", "nDTWp", "{:.2f}"),
        Value("dtwp", "DTWp (pixels)", "{:.1f}"),
        Value("ndtwp_per_frame", "nDTWp over √frames", "{:.3f}"),
    ),
    measure=_measure,
    caveat="A hand missing in one clip alone costs ten shoulder widths a frame, as published.",
)
