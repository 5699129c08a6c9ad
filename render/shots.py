"""The pose and camera of one made-up picture: from a seed, a number and a signer, no Blender."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..retarget.body.skeleton import INDEX
from ..retarget.motion import Camera
from .avatar.avatar import Avatar
from .posed import pose_joints
from .random_motion import RandomPose, random_camera, random_pose


@dataclass(frozen=True)
class Shot:
    """One sample: its number, pose, camera, and where the upright signer's root goes (3,)."""

    number: int
    pose: RandomPose
    camera: Camera
    trans: np.ndarray


def shot_of(seed: int, number: int, avatar: Avatar, size: int) -> Shot:
    """The sample's own pose and camera: they depend on nothing but seed, number and signer."""
    rng = np.random.default_rng([seed, number])
    pose = random_pose(rng, avatar.joints, avatar.action_names)
    chest = INDEX["spine3"]
    crown = float(avatar.vertices[:, 1].max())
    camera, stand = random_camera(rng, avatar.joints[chest], crown, size)
    posed = pose_joints(avatar, pose.poses[None], np.zeros((1, 3)))[0]
    return Shot(number, pose, camera, stand - posed[chest])
