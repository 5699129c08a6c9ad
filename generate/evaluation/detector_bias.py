"""How much of the body's reprojection error is the detector's own constant mistake.

MediaPipe Pose puts each of its points beside where it belongs, by an offset that is the same for
one person all through a clip (an ear 2 cm to the side, say), whatever the offsets that hold for
people on average. Such an offset is no error of the fit. The figure without it informs beside the
plain one and never takes its place.
"""

from __future__ import annotations

import numpy as np

from ...render.calibration.offsets import Views, solve_offset
from ...retarget.body.landmarks import global_rotations, landmarks
from ...retarget.body.load import load_body
from ...retarget.keypoints.record import Keypoints
from ...retarget.motion import Motion
from .reprojection import fitted_points, reprojection_error, visible_points

PRIOR_METRES = 0.015
"""How long such an offset is expected to be, each way: the scatter of signers on the renders."""

FEWEST_FRAMES = 5


def body_error_without_bias(motion: Motion, keypoints: Keypoints) -> float | None:
    """Median distance of the body's points, pixels at 512, less one offset a point and clip.

    Each offset rides on the point's joint, is found from the clip itself by least squares, and is
    held short by a Gaussian prior. None where no point of the body is visible.
    """
    points = landmarks(load_body(motion.body)).body
    places = fitted_points(motion)
    rotations = global_rotations(motion.poses)[:, points.carrier]
    visible = visible_points(keypoints, "body")
    camera = motion.camera
    scale = np.array([1.0, camera.fx / camera.fy])
    for row in range(visible.shape[1]):
        frames = visible[:, row]
        if frames.sum() < FEWEST_FRAMES:
            continue
        views = Views(
            places["body"][frames, row],
            rotations[frames, row],
            (keypoints.body[frames, row, :2] - [camera.cx, camera.cy]) * scale,
            np.full(frames.sum(), camera.fx),
            np.zeros(frames.sum(), bool),
        )
        offset = solve_offset(views, PRIOR_METRES)
        places["body"][:, row] += rotations[:, row] @ offset
    projected = {part: camera.project(spots) for part, spots in places.items()}
    return reprojection_error(projected, keypoints)["body"]
