"""SMPLify-X over a whole clip at once: all frames in one batch, one shape, one camera.

The objective is SMPLify-X's (Pavlakos et al. 2019) with the costs of :mod:`.costs`; the stages and
their weights are data (:mod:`.options`); one solver (Adam) runs them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from ...errors import UserError
from ..body.landmarks import landmarks
from ..body.load import load_body
from ..body.model import joint_transforms
from ..body.skeleton import JOINT_NAMES
from ..keypoints.record import Keypoints
from ..motion import Camera, Motion
from . import costs
from .face import solve_face
from .initial import FACING_CAMERA, fill_gaps, initial_rotations, initial_translation
from .kinematics import forward, rotation_matrices
from .options import BETAS_USED, DEFAULT_FOV, STAGES, FitOptions, Stage
from .points import BODY, FACE, HANDS, RIGID_FACE, RiggedPoints, rigged_points

Progress = Callable[[int, int], None]

_LIMB_PAIRS = ((11, 13), (13, 15), (12, 14), (14, 16), (12, 11))
_HAND_PAIRS = tuple((0 if k % 4 == 1 else k - 1, k) for k in range(1, 21))
_SEEN = 0.3
_MIN_FRAMES_WITH_BODY = 0.1


@dataclass(frozen=True)
class _Targets:
    """What the points should look like: pixels (T, N, 2) in units of the longer side, weights
    (T, N), and directions (T, P, 3) with weights (T, P) of the pairs of points (P, 2)."""

    pixels: torch.Tensor
    weights: torch.Tensor
    limbs: torch.Tensor
    limb_weights: torch.Tensor
    phalanges: torch.Tensor
    phalanx_weights: torch.Tensor


def camera_for(keypoints: Keypoints, fov: float | None) -> Camera:
    """The camera of a clip: square pixels, principal point in the middle.

    Raises:
        UserError: a field of view outside 5 to 120 degrees.
    """
    fov = DEFAULT_FOV if fov is None else fov
    if not 5 <= fov <= 120:
        raise UserError(f"--fov {fov:g} is no usable field of view: give 5 to 120 degrees.")
    focal = keypoints.height / 2 / np.tan(np.radians(fov) / 2)
    return Camera(
        focal, focal, keypoints.width / 2, keypoints.height / 2, keypoints.width, keypoints.height
    )


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
    seen = (keypoints.body[..., 3] > _SEEN).sum(1) >= 3
    if seen.mean() < _MIN_FRAMES_WITH_BODY:
        raise UserError(
            f"No signer found: a body is seen in {int(seen.sum())} of {len(seen)} frames; "
            "use a clip in which head, shoulders and hands are in the picture."
        )
    body = load_body(options.body, options.body_path)
    marks = landmarks(body)
    points = rigged_points(body, marks, BETAS_USED)
    camera = camera_for(keypoints, options.fov)
    keypoints = _without_body_gaps(keypoints, seen)
    parameters = _start(keypoints, camera, points)
    targets = _targets(keypoints)
    total = sum(stage.steps for stage in STAGES)
    done = 0
    with _one_thread():
        for stage in STAGES:
            done = _run_stage(stage, parameters, targets, points, camera, progress, done, total)
    return _motion(parameters, points, camera, keypoints, options)


@contextmanager
def _one_thread() -> Iterator[None]:
    """The tensors are small: a second thread only waits, up to ten times longer under load."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _without_body_gaps(keypoints: Keypoints, seen: np.ndarray) -> Keypoints:
    """The keypoints with unseen bodies interpolated, so that every frame has a start."""
    if seen.all():
        return keypoints
    body = fill_gaps(keypoints.body, seen)
    body[~seen, :, 3] = 0
    parts = keypoints.parts() | {"body": body}
    return Keypoints(fps=keypoints.fps, width=keypoints.width, height=keypoints.height, **parts)


@dataclass(frozen=True)
class _Parameters:
    """The unknowns: rotvecs (T, 55, 3), trans (T, 3), betas (B,); the root faces the camera."""

    rotvecs: torch.Tensor
    trans: torch.Tensor
    betas: torch.Tensor

    def all(self) -> list[torch.Tensor]:
        return [self.rotvecs, self.trans, self.betas]


def _start(keypoints: Keypoints, camera: Camera, points: RiggedPoints) -> _Parameters:
    from scipy.spatial.transform import Rotation

    local = initial_rotations(keypoints, points.joint_rest)
    local[:, 0] = np.swapaxes(local[:, 0], -1, -2) @ FACING_CAMERA
    local[:, 0] = np.swapaxes(local[:, 0], -1, -2)
    rotvecs = Rotation.from_matrix(local.reshape(-1, 3, 3)).as_rotvec()
    rotvecs = rotvecs.reshape(len(local), 55, 3).astype(np.float32)
    trans = initial_translation(keypoints, camera, points.joint_rest).astype(np.float32)
    return _Parameters(
        torch.from_numpy(rotvecs).requires_grad_(),
        torch.from_numpy(trans).requires_grad_(),
        torch.zeros(BETAS_USED, requires_grad=True),
    )


def _targets(keypoints: Keypoints) -> _Targets:
    longer = max(keypoints.width, keypoints.height)
    face = keypoints.face[:, list(RIGID_FACE)]
    stacked = np.concatenate(
        [keypoints.body, keypoints.left_hand, keypoints.right_hand, face], axis=1
    )
    inside = (
        (stacked[..., 0] > -0.02 * longer)
        & (stacked[..., 0] < keypoints.width + 0.02 * longer)
        & (stacked[..., 1] > -0.02 * longer)
        & (stacked[..., 1] < keypoints.height + 0.02 * longer)
    )
    weights = np.where(inside & (stacked[..., 3] > _SEEN), stacked[..., 3], 0.0)
    # The detector's own hand and face points say more than the body's rough ones.
    for side, rows in (("left", (17, 19, 21)), ("right", (18, 20, 22))):
        there = weights[:, HANDS[side]].any(1)
        weights[np.ix_(there, rows)] = 0
    face_there = weights[:, FACE].any(1)
    weights[np.ix_(face_there, range(11))] *= 0.1
    limbs, limb_weights = _directions(keypoints.body_world, _LIMB_PAIRS)
    limb_weights[:, 4] *= 0.2  # across the shoulders the detector's depth is poor
    hands = [_directions(part, _HAND_PAIRS) for part in (keypoints.left_hand, keypoints.right_hand)]
    return _Targets(
        torch.from_numpy((stacked[..., :2] / longer).astype(np.float32)),
        torch.from_numpy(weights.astype(np.float32)),
        torch.from_numpy(limbs),
        torch.from_numpy(limb_weights),
        torch.from_numpy(np.concatenate([hands[0][0], hands[1][0]], 1)),
        torch.from_numpy(np.concatenate([hands[0][1], hands[1][1]], 1)),
    )


def _directions(
    points: np.ndarray, pairs: tuple[tuple[int, int], ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Unit directions (T, P, 3) of pairs of points (T, N, 4), and whether both ends are seen."""
    start, end = (points[:, [pair[k] for pair in pairs]] for k in (0, 1))
    vectors = end[..., :3] - start[..., :3]
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    weights = np.minimum(start[..., 3], end[..., 3]) * (length[..., 0] > 1e-6)
    return (vectors / np.maximum(length, 1e-6)).astype(np.float32), weights.astype(np.float32)


def _state(parameters: _Parameters, points: RiggedPoints, camera: Camera) -> costs.State:
    joint_rest = torch.from_numpy(points.joint_rest)
    joint_rest = joint_rest + torch.from_numpy(points.joint_shapedirs) @ parameters.betas
    rest = torch.from_numpy(points.rest) + torch.from_numpy(points.shapedirs) @ parameters.betas
    local = rotation_matrices(parameters.rotvecs)
    facing = torch.from_numpy(FACING_CAMERA.astype(np.float32))
    local = torch.cat([(facing @ local[:, 0])[:, None], local[:, 1:]], 1)
    rotations, positions = forward(local, joint_rest, parameters.trans)
    carried = rotations[:, points.joint] @ (rest - joint_rest[points.joint])[None, :, :, None]
    world = carried[..., 0] + positions[:, points.joint]
    longer = max(camera.width, camera.height)
    depth = world[..., 2:].clamp_min(0.1)
    focal = torch.tensor([camera.fx, camera.fy]) / longer
    centre = torch.tensor([camera.cx, camera.cy]) / longer
    pixels = world[..., :2] / depth * focal + centre
    return costs.State(parameters.rotvecs, rotations, positions, world, pixels, parameters.betas)


def _run_stage(
    stage: Stage,
    parameters: _Parameters,
    targets: _Targets,
    points: RiggedPoints,
    camera: Camera,
    progress: Progress | None,
    done: int,
    total: int,
) -> int:
    optimiser = torch.optim.Adam(
        [
            {"params": [parameters.rotvecs], "lr": stage.rate},
            {"params": [parameters.trans], "lr": stage.rate * 0.5},
            {"params": [parameters.betas], "lr": stage.rate * 2},
        ],
        betas=(0.9, 0.95),
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, stage.steps, stage.rate * 0.1)
    objective = _Objective(stage, targets, points.joint_rest)
    for step in range(stage.steps):
        optimiser.zero_grad()
        loss = objective(_state(parameters, points, camera))
        loss.backward()
        optimiser.step()
        schedule.step()
        if progress and (step % 5 == 4 or step + 1 == stage.steps):
            frames = len(parameters.trans)
            progress(frames * (done + step + 1) // total, frames)
    return done + stage.steps


class _Objective:
    """The weighted sum of a stage's costs."""

    def __init__(self, stage: Stage, targets: _Targets, joint_rest: np.ndarray) -> None:
        self.stage = stage
        self.targets = targets
        self.limits = costs.joint_limits(joint_rest)
        self.rest_weights = costs.rest_weights()
        self.limb_pairs = torch.tensor(_LIMB_PAIRS)
        self.hand_pairs = torch.cat(
            [torch.tensor(_HAND_PAIRS) + HANDS[side].start for side in ("left", "right")]
        )

    def terms(self, state: costs.State) -> dict[str, torch.Tensor]:
        stage, targets = self.stage, self.targets

        def pixels(part: slice, scale: float) -> torch.Tensor:
            return costs.reprojection(
                state.pixels[:, part],
                targets.pixels[:, part],
                targets.weights[:, part],
                scale * stage.tolerance,
            )

        hands = pixels(HANDS["left"], 30.0) + pixels(HANDS["right"], 30.0)
        return {
            "body": 0.02 * stage.body * pixels(BODY, 60.0),
            "hands": 0.02 * stage.hands * hands,
            "face": 0.01 * stage.face * pixels(FACE, 30.0),
            "depth": stage.depth
            * costs.direction(state.points, self.limb_pairs, targets.limbs, targets.limb_weights),
            "hand_depth": stage.hand_depth
            * costs.direction(
                state.points, self.hand_pairs, targets.phalanges, targets.phalanx_weights
            ),
            "limits": 10 * stage.limits * costs.beyond_limits(state.rotvecs, self.limits),
            "rest": stage.rest * costs.rest(state.rotvecs, self.rest_weights),
            "shape": stage.shape * (state.betas**2).sum(),
            "smooth": stage.smooth * 100 * costs.acceleration(state.positions[:, :40:3], 0.05),
            "turn": stage.turn * costs.acceleration(state.rotvecs, 0.5),
        }

    def __call__(self, state: costs.State) -> torch.Tensor:
        return torch.stack(list(self.terms(state).values())).sum()


def _motion(
    parameters: _Parameters,
    points: RiggedPoints,
    camera: Camera,
    keypoints: Keypoints,
    options: FitOptions,
) -> Motion:
    from scipy.spatial.transform import Rotation

    body = load_body(options.body, options.body_path)
    rotvecs = parameters.rotvecs.detach().numpy().astype(np.float64)
    root = FACING_CAMERA @ Rotation.from_rotvec(rotvecs[:, 0]).as_matrix()
    rotvecs[:, 0] = Rotation.from_matrix(root).as_rotvec()
    frames = len(rotvecs)
    betas = np.zeros(body.beta_count, np.float32)
    betas[:BETAS_USED] = parameters.betas.detach().numpy()
    poses = rotvecs.reshape(frames, -1)
    trans = parameters.trans.detach().numpy()
    rest = points.joint_rest + points.joint_shapedirs @ betas[:BETAS_USED]
    rotations, positions = joint_transforms(rest, poses, trans)
    actions = solve_face(body, betas, rotations, positions, camera, keypoints)
    return Motion(
        trans=trans,
        poses=poses.astype(np.float32),
        betas=betas,
        expression=actions,
        facial_actions=actions,
        facial_action_names=body.action_names,
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
