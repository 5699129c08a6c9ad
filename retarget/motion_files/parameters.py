"""SMPL-X parameters as other tools write them, and how they become a `Motion`."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..body.model import Body, joint_transforms, rotation_matrices, shape_body
from ..body.skeleton import JOINT_NAMES
from ..keypoints.people import Note
from ..motion import ACTION_COUNT, CONFIDENCE_PARTS, Camera, Motion
from .framing import cropped_camera, facing_view, upper_body_camera

SMPLX_PELVIS = np.array([0.003, -0.351, 0.012])
"""Metres: where the neutral mean SMPL-X has its pelvis at rest, for files read without the model.

Its root turns about this point, so it says where a camera's translation puts the body.
"""


@dataclass(frozen=True)
class View:
    """The camera of a file: points of its world go to rotation @ point + translation.

    Attributes:
        rotation: (3, 3). translation: (3,) or (T, 3) metres.
        focal: pixels. centre: (x, y) pixels and size: (width, height), None where not known.
    """

    rotation: np.ndarray
    translation: np.ndarray
    focal: float
    centre: tuple[float, float] | None = None
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class Parameters:
    """SMPL-X parameters of T frames in the file's own world.

    Attributes:
        poses: (T, 165) in the layout of `Motion`, hands relative to the flat hand.
        transl: (T, 3) metres. betas: (B,). expression: (T, E), SMPL-X's.
        fps: frames per second. gender: as the file says.
        view: its camera, None where it has none.
        confidence: by part (T,), where the file tells; else 1.
        kind: what wrote it, for the record.
    """

    poses: np.ndarray
    transl: np.ndarray
    betas: np.ndarray
    expression: np.ndarray
    fps: float
    kind: str
    gender: str = "neutral"
    view: View | None = None
    confidence: dict[str, np.ndarray] = field(default_factory=dict)


def to_motion(parameters: Parameters, body: Body, name: str, note: Note) -> Motion:
    """The motion in the camera's frame, on a body.

    On the open body the angles are kept and the shape is neutral, because SMPL-X's betas and
    expressions mean nothing to it; the user's SMPL-X body takes them all. `name` is the file's.
    """
    frames = len(parameters.poses)
    own = body.name == "smplx"
    betas = np.zeros(body.beta_count, np.float32)
    if own:
        used = min(len(parameters.betas), body.beta_count)
        betas[:used] = parameters.betas[:used]
    elif np.abs(parameters.betas).max(initial=0) > 0:
        note(
            f"{name}: betas are SMPL-X's, which the open body does not have; the angles are kept, "
            "the shape is neutral."
        )
    if np.abs(parameters.expression).max(initial=0) > 0 and not own:
        note(f"{name}: expressions are SMPL-X's and are left out; jaw and eyes are kept.")
    joints = shape_body(body, betas)[1]
    pelvis = (joints[0] if own else SMPLX_PELVIS) + parameters.transl
    root = rotation_matrices(parameters.poses[:, :3].astype(np.float64))
    poses = parameters.poses.astype(np.float64).copy()
    view = parameters.view
    turn = facing_view(root) if view is None else view.rotation
    poses[:, :3] = _rotvecs(turn @ root)
    place = pelvis @ turn.T
    if view is not None:
        place = place + view.translation
    posed = joint_transforms(joints, poses, place - joints[0])[1]
    if view is None:
        camera, shift = upper_body_camera(posed)
        place, posed = place + shift, posed + shift
    else:
        camera = _camera(view, posed, name, note)
    actions = np.zeros((frames, ACTION_COUNT), np.float32)
    ones = np.ones(frames, np.float32)
    return Motion(
        trans=(place - joints[0]).astype(np.float32),
        poses=poses.astype(np.float32),
        betas=betas,
        expression=parameters.expression if own else actions,
        facial_actions=actions,
        facial_action_names=body.action_names,
        joints=posed.astype(np.float32),
        joint_names=JOINT_NAMES,
        camera=camera,
        confidence={part: parameters.confidence.get(part, ones) for part in CONFIDENCE_PARTS},
        fps=parameters.fps,
        gender=parameters.gender,
        body=body.name,
        source={"reader": parameters.kind, "file": name},
    )


def _camera(view: View, joints: np.ndarray, name: str, note: Note) -> Camera:
    if view.size is None:
        note(f"{name} names no image size: the picture is a window about the upper body.")
        return cropped_camera(joints, view.focal)
    width, height = view.size
    x, y = view.centre or (width / 2, height / 2)
    return Camera(view.focal, view.focal, x, y, width, height)


def _rotvecs(rotations: np.ndarray) -> np.ndarray:
    from scipy.spatial.transform import Rotation

    return Rotation.from_matrix(rotations).as_rotvec()
