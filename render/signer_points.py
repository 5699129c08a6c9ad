"""The places of a signer's points in every frame, found on the posed avatar."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..retarget.body.landmarks import PointSet, global_rotations, landmarks
from ..retarget.body.load import load_body
from ..retarget.motion import Motion
from .avatar.avatar import Avatar
from .points import openpose_body, openpose_face
from .posed import pose_avatar, pose_joints

BODY_SKIN = 13380
"""Vertices of the open body before this one are skin, teeth, eyes and helpers follow."""

STAND_INS = 8
STAND_IN_METRES = 0.02


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
    stand_ins, offsets, carriers = _stand_ins(avatar, np.unique(points.vertex_ids[ids < 0]))
    seen = ids >= 0
    needed, order = np.unique(
        np.concatenate([ids[seen], *(near for near in stand_ins.values()), [0]]),
        return_inverse=True,
    )
    posed = pose_avatar(avatar, motion.poses, motion.trans, motion.facial_actions, needed)
    vertices = np.full((len(posed), *ids.shape, 3), np.nan, np.float32)
    vertices[:, seen] = posed[:, order[: seen.sum()]]
    start = int(seen.sum())
    rotations = global_rotations(motion.poses) if stand_ins else None
    for vertex, near in stand_ins.items():
        middle = posed[:, order[start : start + len(near)]].mean(axis=1)
        start += len(near)
        assert rotations is not None
        moved = middle + rotations[:, carriers[vertex]] @ offsets[vertex]
        vertices[:, (points.vertex_ids == vertex) & ~seen] = moved[:, None]
    flat = vertices.reshape(len(vertices), -1, 3)
    own = np.arange(ids.size).reshape(ids.shape)
    return replace(points, vertex_ids=own).base(flat, joints)


def _stand_ins(
    avatar: Avatar, missing: np.ndarray
) -> tuple[dict[int, np.ndarray], dict[int, np.ndarray], dict[int, int]]:
    """For helper vertices of the body that no avatar has, such as the ends of the fingers: avatar
    vertices about each, its place from their middle at rest, and the joint that turns with it.

    What is far from any skin of the avatar, because clothes hide it, has none.
    """
    body = load_body("open")
    there = np.flatnonzero(avatar.body_vertices[:BODY_SKIN] >= 0)
    near, offsets, carriers = {}, {}, {}
    for vertex in missing[missing >= BODY_SKIN].tolist():
        away = np.linalg.norm(body.v_template[there] - body.v_template[vertex], axis=1)
        closest = np.argsort(away)[:STAND_INS]
        if away[closest[-1]] > STAND_IN_METRES:
            continue
        near[vertex] = avatar.body_vertices[there[closest]]
        middle = body.v_template[there[closest]].mean(axis=0)
        offsets[vertex] = body.v_template[vertex] - middle
        carriers[vertex] = int(body.weights[vertex].argmax())
    return near, offsets, carriers
