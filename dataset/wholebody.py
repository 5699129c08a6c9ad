"""COCO-WholeBody's 133 points of a rendered signer (Jin et al. 2020).

17 of the body, 6 of the feet, 68 of the face (iBUG's), 21 of the left and 21 of the right hand.
They are places on the posed avatar, not detections: joints are the skeleton's own, ears are the
face mesh's outermost points, toes and heels are the body's inside the shoes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..render.points import project_points
from ..retarget.body.model import Body, joint_transforms, shape_body
from ..retarget.body.skeleton import INDEX
from ..retarget.keypoints.correspondence import (
    COCO133_FACE,
    COCO133_LEFT_HAND,
    COCO133_RIGHT_HAND,
    COCO133_TO_POSE,
    FACE70_TO_MESH,
)
from ..retarget.motion import Camera, Motion

COUNT = 133
FEET = slice(17, 23)
_FOOT_SLACK = 0.06
"""Metres of shoe that a point of the foot may lie under and still be seen."""

BODY_NAMES = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder",
    "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip",
    "left_knee", "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip
FOOT_NAMES = tuple(
    f"{side}_{name}" for side in ("left", "right") for name in ("big_toe", "small_toe", "heel")
)
NAMES = (
    *BODY_NAMES,
    *FOOT_NAMES,
    *(f"face-{k}" for k in range(68)),
    *(f"{side}_hand_{k}" for side in ("left", "right") for k in range(21)),
)


def wholebody(points: Mapping[str, np.ndarray], feet: np.ndarray | None = None) -> np.ndarray:
    """(T, 133, C) of the sets body33, face478, left_hand and right_hand, each (T, N, C).

    feet: (T, 6, C); those of the sets where None.
    """
    body, face = points["body33"], points["face478"]
    found = np.zeros((len(body), COUNT, body.shape[-1]), np.float32)
    for coco, pose in COCO133_TO_POSE.items():
        found[:, coco] = body[:, pose]
    found[:, COCO133_FACE] = face[:, list(FACE70_TO_MESH[:68])]
    found[:, COCO133_LEFT_HAND] = points["left_hand"]
    found[:, COCO133_RIGHT_HAND] = points["right_hand"]
    if feet is not None:
        found[:, FEET] = feet
    return found


def coco_visibility(visibility: np.ndarray) -> np.ndarray:
    """COCO's 2 seen, 1 hidden, 0 absent, of `render.points`' 1, 0.5 and 0."""
    return np.round(2 * visibility)


def foot_places(motion: Motion, body: Body) -> np.ndarray:
    """(T, 6, 3) metres in the camera's frame: big toe, small toe and heel, left and right."""
    vertices, rest = shape_body(body, motion.betas)
    rotations, positions = joint_transforms(rest, motion.poses, motion.trans)
    found = []
    for side, outward in (("left", 1.0), ("right", -1.0)):
        foot, ankle = INDEX[f"{side}_foot"], INDEX[f"{side}_ankle"]
        toes = np.flatnonzero(body.weights[:, foot] > 0.5)
        sole = np.flatnonzero(body.weights[:, ankle] > 0.9)
        across = outward * vertices[toes, 0]
        outer = toes[across > np.quantile(across, 0.85)]
        inner = toes[across < np.quantile(across, 0.5)]
        for joint, vertex in (
            (foot, inner[vertices[inner, 2].argmax()]),
            (foot, outer[vertices[outer, 2].argmax()]),
            (ankle, sole[vertices[sole, 2].argmin()]),
        ):
            away = rotations[:, joint] @ (vertices[vertex] - rest[joint])
            found.append(positions[:, joint] + away)
    return np.stack(found, axis=1).astype(np.float32)


def project_feet(places: np.ndarray, camera: Camera, depth: np.ndarray) -> np.ndarray:
    """One frame's feet (6, 3: x, y, visibility) from places (6, 3), as `project_points`."""
    return project_points(places, camera, depth, _FOOT_SLACK)
