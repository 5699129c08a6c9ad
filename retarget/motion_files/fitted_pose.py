"""The points of a fitted body as keypoints, and so as a `.pose` file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..body.landmarks import landmark_points, landmarks
from ..body.model import Body, pose_vertices, shape_body
from ..keypoints.pose_file import write_pose
from ..keypoints.record import Keypoints
from ..motion import Motion

_CHUNK = 32  # frames posed at once: 32 x 19,158 vertices are 7 MB
_HIPS = [23, 24]
_BEHIND = 0.05  # metres; nearer than this to the camera nothing can be seen


def write_fitted_pose(motion: Motion, body: Body, path: str | Path) -> None:
    """Write where the detector's 586 points lie on the fitted body, as a `.pose` file.

    Raises:
        UserError: the disk is full or the folder cannot be written.
        ValueError: a body without calibrated points (see `body.landmarks`).
    """
    write_pose(path, fitted_keypoints(motion, body))


def fitted_keypoints(motion: Motion, body: Body) -> Keypoints:
    """The keypoints that a perfect detector would find of the motion.

    Pixels are projected through the motion's camera; z is the depth relative to the hips (body),
    the wrist (hands) or the middle of the face, in pixels at that depth; confidence is the
    motion's per part, and 0 behind the camera.
    """
    points = body_points(motion, body)
    parts: dict[str, np.ndarray] = {}
    origins = {
        "body": points["body"][:, _HIPS, 2].mean(axis=1),
        "left_hand": points["left_hand"][:, 0, 2],
        "right_hand": points["right_hand"][:, 0, 2],
        "face": points["face"][..., 2].mean(axis=1),
    }
    for name, origin in origins.items():
        places = points[name]
        scale = motion.camera.fx / np.maximum(origin, _BEHIND)
        depth = (places[..., 2] - origin[:, None]) * scale[:, None]
        confidence = motion.confidence[name][:, None] * (places[..., 2] > _BEHIND)
        visible = np.maximum(places, [-np.inf, -np.inf, _BEHIND])
        pixels = motion.camera.project(visible)
        parts[name] = np.concatenate([pixels, depth[..., None], confidence[..., None]], axis=-1)
    world = points["body"] - points["body"][:, _HIPS].mean(axis=1, keepdims=True)
    parts["body_world"] = np.concatenate([world, parts["body"][..., 3:]], axis=-1)
    return Keypoints(motion.fps, motion.camera.width, motion.camera.height, **parts)


def body_points(motion: Motion, body: Body) -> dict[str, np.ndarray]:
    """Metres (T, N, 3) in the camera's frame of body (33), hands (21) and face (478)."""
    marks = landmarks(body)
    rest, joints = shape_body(body, motion.betas)
    chunks = []
    for start in range(0, motion.frame_count, _CHUNK):
        piece = motion.part(start, min(start + _CHUNK, motion.frame_count))
        actions = piece.facial_actions if body.actiondirs.shape[2] == 52 else None
        vertices = pose_vertices(body, rest, joints, piece.poses, piece.trans, actions)
        chunks.append(landmark_points(marks, vertices, piece.joints, piece.poses))
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}
