"""How far the fitted body lies from the keypoints it was fitted to."""

from collections.abc import Mapping

import numpy as np

from ...retarget.keypoints.record import Keypoints
from ...retarget.motion import Motion
from .case import Case
from .metric import Measured, Metric, Value
from .unavailable import Unavailable

PARTS = ("body", "left_hand", "right_hand", "face")
ROUGH_POINTS = {
    "face": list(range(11)),
    "left_hand": [17, 19, 21],
    "right_hand": [18, 20, 22],
}
"""Points of MediaPipe Pose that Face Mesh and Hands see better."""
SURE = 0.5  # confidence from which a point counts as visible
REFERENCE_SIDE = 512


def projected_points(motion: Motion) -> dict[str, np.ndarray]:
    """Pixels (T, N, 2) of the fitted body's points, by part, in the order of the keypoints.

    Raises Unavailable for a body without calibrated points.
    """
    return {part: motion.camera.project(places) for part, places in fitted_points(motion).items()}


def fitted_points(motion: Motion) -> dict[str, np.ndarray]:
    """The same points' places (T, N, 3) in the camera's frame, metres."""
    from ...retarget.body.load import load_body
    from ...retarget.motion_files.fitted_pose import body_points

    try:
        points = body_points(motion, load_body(motion.body))
    except ValueError as error:
        raise Unavailable(str(error)) from None
    return {part: points[part] for part in PARTS}


def reprojection_error(
    projected: Mapping[str, np.ndarray], keypoints: Keypoints
) -> dict[str, float | None]:
    """Median distance by part, in pixels of a picture whose longer side has 512.

    Over all frames and visible points: confidence at least 0.5 and inside the picture. Lower is
    better; the measure of SMPLify (Bogo et al. 2016). None where no point of a part is visible.
    ``body`` counts all 33 points. ``body_alone`` informs beside it: it leaves out the pose net's
    rough points of a face or hand in the frames in which that part has its own, finer points, which
    contradict them by 6 to 20 pixels.

    projected: (T, N, 2) pixels of the keypoints' picture, by part.
    """
    scale = REFERENCE_SIDE / max(keypoints.width, keypoints.height)
    errors: dict[str, float | None] = {}
    for part in PARTS:
        seen = getattr(keypoints, part)
        visible = visible_points(keypoints, part)
        apart = np.linalg.norm(projected[part] - seen[..., :2], axis=-1)
        errors[part] = _median(apart[visible], scale)
        if part == "body":
            errors["body_alone"] = _median(apart[visible & ~_seen_finer(keypoints)], scale)
    return errors


def visible_points(keypoints: Keypoints, part: str) -> np.ndarray:
    """(T, N) bool: the points that count, surely seen and inside the picture."""
    seen = getattr(keypoints, part)
    size = [keypoints.width, keypoints.height]
    inside = (seen[..., :2] >= 0).all(-1) & (seen[..., :2] < size).all(-1)
    return (seen[..., 3] >= SURE) & inside


def _median(values: np.ndarray, scale: float) -> float | None:
    return float(np.median(values)) * scale if len(values) else None


def _seen_finer(keypoints: Keypoints) -> np.ndarray:
    """(T, 33) bool: rough points of the body whose face or hand has points of its own."""
    finer = np.zeros(keypoints.body.shape[:2], bool)
    for part, rows in ROUGH_POINTS.items():
        finer[:, rows] |= keypoints.seen(part)[:, None]
    return finer


def reprojection_curves(
    projected: Mapping[str, np.ndarray], keypoints: Keypoints
) -> dict[str, np.ndarray]:
    """By part each frame's median distance (T,), as `reprojection_error`; NaN without points."""
    scale = REFERENCE_SIDE / max(keypoints.width, keypoints.height)
    curves = {}
    for part in PARTS:
        apart = np.linalg.norm(projected[part] - getattr(keypoints, part)[..., :2], axis=-1)
        visible = visible_points(keypoints, part)
        curves[part] = np.full(len(apart), np.nan)
        for frame in np.flatnonzero(visible.any(1)):
            curves[part][frame] = np.median(apart[frame, visible[frame]]) * scale
    return curves


def _measure(case: Case) -> Measured:
    from .detector_bias import body_error_without_bias

    keypoints, motion = case.source_keypoints, case.motion
    if motion.frame_count != keypoints.frame_count:
        raise Unavailable("the motion and the keypoints have different numbers of frames")
    projected = projected_points(motion)
    figures = reprojection_error(projected, keypoints)
    figures["body_less_detector_bias"] = body_error_without_bias(motion, keypoints)
    curves = reprojection_curves(projected, keypoints)
    titles = {part: f"Reprojection error, {part.replace('_', ' ')}" for part in PARTS}
    return Measured(figures, {titles[part]: curve for part, curve in curves.items()})


METRIC = Metric(
    name="reprojection",
    title="The fitted body lies on the points it was fitted to",
    unit="pixels of a picture whose longer side has 512, median",
    low=0,
    high=float("inf"),
    better="lower",
    source="SMPLify (Bogo et al. 2016)",
    needs="motion.npz and keypoints.pose of a run",
    values=(
        Value("body", "Reprojection error, body (median at 512 px)", "{:.1f} px", 6),
        Value("left_hand", "Reprojection error, left hand", "{:.1f} px", 4),
        Value("right_hand", "Reprojection error, right hand", "{:.1f} px", 4),
        Value("face", "Reprojection error, face", "{:.1f} px", 4),
    ),
    measure=_measure,
)
