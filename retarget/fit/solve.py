"""SMPLify-X over a whole clip at once: all frames in one batch, one shape, one camera.

The objective is SMPLify-X's (Pavlakos et al. 2019) as a table of costs (:mod:`.objective`); the
stages and their weights are data (:mod:`.options`); one solver (:mod:`.newton`) runs them all, over
the whole clip or, where it is long, over windows of it (:mod:`.windows`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from ...errors import UserError
from ..body.landmarks import landmarks
from ..body.load import load_body
from ..body.model import joint_transforms
from ..body.skeleton import JOINT_NAMES
from ..keypoints.record import Keypoints
from ..keypoints.repair import repaired
from ..motion import Camera, Motion
from .camera import camera_for
from .face import solve_face
from .focal import estimated_camera
from .initial import FACING_CAMERA
from .objective import build_problem
from .options import BETAS_USED, FitOptions
from .points import RiggedPoints, rigged_points
from .priors import priors_of
from .sign_spans import sign_priors_of
from .state import Parameters, local_rotations, start
from .targets import body_seen, targets_of, without_body_gaps
from .windows import Progress, solve

_MIN_FRAMES_WITH_BODY = 0.1


def fit_clip(
    keypoints: Keypoints, options: FitOptions | None = None, progress: Progress | None = None
) -> Motion:
    """Fit the body to a whole clip.

    Returns:
        The motion in the camera's frame; its ``source`` tells the options and the final cost.

    Raises:
        UserError: no person in the clip, or unusable options.
    """
    options = options or FitOptions()
    keypoints = repaired(keypoints)
    seen = body_seen(keypoints)
    if seen.mean() < _MIN_FRAMES_WITH_BODY:
        raise UserError(
            f"No signer found: a body is seen in {int(seen.sum())} of {len(seen)} frames; "
            "use a clip in which head, shoulders and hands are in the picture."
        )
    body = load_body(options.body, options.body_path)
    points = rigged_points(body, landmarks(body), BETAS_USED)
    camera = camera_for(keypoints, options.fov)
    filled = without_body_gaps(keypoints, seen)
    parameters = start(filled, camera, points)
    priors = priors_of(body, points, sign_priors_of(keypoints, options), keypoints, options.vposer)
    problem = build_problem(targets_of(filled), points, camera, priors)
    with _one_thread():
        if options.fov is None:
            camera = estimated_camera(problem, parameters)
            problem, parameters = replace(problem, camera=camera), start(filled, camera, points)
        parameters = solve(problem, parameters, options, progress)
        return _motion(parameters, points, camera, keypoints, options)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Tensors and matrices are small: a second thread only waits, up to ten times longer under
    load."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)


def _motion(
    parameters: Parameters,
    points: RiggedPoints,
    camera: Camera,
    keypoints: Keypoints,
    options: FitOptions,
) -> Motion:
    from scipy.spatial.transform import Rotation

    body = load_body(options.body, options.body_path)
    local = local_rotations(parameters.vectors, points).numpy().astype(np.float64)
    local[:, 0] = FACING_CAMERA @ local[:, 0]
    rotvecs = Rotation.from_matrix(local.reshape(-1, 3, 3)).as_rotvec()
    frames = len(local)
    betas = np.zeros(body.beta_count, np.float32)
    betas[:BETAS_USED] = parameters.betas.numpy()
    poses = rotvecs.reshape(frames, -1)
    trans = parameters.trans.numpy()
    rest = points.joint_rest + points.joint_shapedirs @ betas[:BETAS_USED]
    rotations, positions = joint_transforms(rest, poses, trans)
    names = body.action_names or load_body("open").action_names
    if body.action_names:
        actions = solve_face(body, betas, rotations, positions, camera, keypoints)
    else:  # SMPL-X's expressions are no facial actions, and its face points are not calibrated
        actions = np.zeros((frames, len(names)), np.float32)
    return Motion(
        trans=trans,
        poses=poses.astype(np.float32),
        betas=betas,
        expression=actions,
        facial_actions=actions,
        facial_action_names=names,
        joints=positions.astype(np.float32),
        joint_names=JOINT_NAMES,
        camera=camera,
        confidence=_confidence(keypoints),
        fps=keypoints.fps,
        body=options.body,
        source={"fitter": "diffsign", "fov": options.fov, "frames": frames},
    )


def _confidence(keypoints: Keypoints) -> dict[str, np.ndarray]:
    """Per part and frame, how well it was seen."""
    upper = keypoints.body[:, 11:17, 3].mean(1)
    return {
        "body": upper.astype(np.float32),
        **{
            part: getattr(keypoints, part)[..., 3].mean(1).astype(np.float32)
            for part in ("left_hand", "right_hand", "face")
        },
    }
