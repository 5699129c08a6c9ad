"""The places of a signer's points in every frame, found on the posed avatar."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..retarget.body.landmarks import PointSet, landmarks
from ..retarget.body.load import load_body
from ..retarget.motion import Motion
from .avatar.avatar import Avatar
from .points import openpose_body, openpose_face
from .posed import pose_avatar, pose_joints


def signer_points(avatar: Avatar, motion: Motion) -> dict[str, np.ndarray]:
    """Camera-frame places (T, N, 3) in metres of every set in `points.POINT_SETS`.

    A point on skin that the avatar does not have (under a shoe, say) is NaN. An avatar that was
    not made from the open body has no calibrated points: the answer is then empty.
    """
    body = load_body("open")
    if len(avatar.body_vertices) != len(body.v_template):
        return {}
    joints = pose_joints(avatar, motion.poses, motion.trans)
    found = {
        name: _places(points, avatar, motion, joints) for name, points in landmarks(body).items()
    }
    return {
        "body18": openpose_body(found["body"]),
        "body33": found["body"],
        "left_hand": found["left_hand"],
        "right_hand": found["right_hand"],
        "face70": openpose_face(found["face"]),
        "face478": found["face"],
    }


def _places(points: PointSet, avatar: Avatar, motion: Motion, joints: np.ndarray) -> np.ndarray:
    used = points.vertex_weights > 0
    ids = np.where(used, avatar.body_vertices[points.vertex_ids], 0)
    needed, order = np.unique(np.maximum(ids, 0), return_inverse=True)
    vertices = pose_avatar(avatar, motion.poses, motion.trans, motion.facial_actions, needed)
    moved = replace(points, vertex_ids=order.reshape(ids.shape))
    places = moved.base(vertices, joints)
    places[:, (ids < 0).any(axis=1)] = np.nan
    return places
