"""Where an avatar's vertices are in every frame, in plain numpy: the witness of Blender's rig."""

from __future__ import annotations

import numpy as np

from ..retarget.body.model import joint_transforms
from .avatar.avatar import Avatar
from .twist import local_turns, matrices, skinning


def pose_avatar(
    avatar: Avatar,
    poses: np.ndarray,
    trans: np.ndarray,
    facial_actions: np.ndarray,
    ids: np.ndarray | None = None,
    twisting: bool = True,
) -> np.ndarray:
    """Posed vertices (T, N, 3) float32, in the frame of `trans` (the camera's, metres).

    Args:
        poses: (T, 165) axis-angle. trans: (T, 3). facial_actions: (T, 52).
        ids: the vertices wanted (N of them); all where None.
        twisting: with forearms that twist along their length (see `twist`), as they are rendered;
            False for the avatar's own joints and weights, as it is exported.
    """
    rotations, positions = joint_transforms(avatar.joints, poses, trans, tuple(avatar.parents))
    joints, weights = avatar.joints, avatar.weights
    if twisting:
        made = skinning(avatar)
        joints, weights = np.concatenate([joints, made.joints]), made.weights
        turned = rotations[:, made.parents] @ matrices(local_turns(made, poses))
        rotations = np.concatenate([rotations, turned], axis=1)
        positions = np.concatenate([positions, positions[:, made.elbow]], axis=1)
    weights = weights if ids is None else weights[ids]
    offsets = positions - (rotations @ joints[..., None])[..., 0]
    posed = np.empty((len(poses), len(weights), 3), np.float32)
    for frame, actions in enumerate(facial_actions):
        rest = avatar.with_actions(actions)
        rest = rest if ids is None else rest[ids]
        blended = (weights @ rotations[frame].reshape(-1, 9)).reshape(-1, 3, 3)
        posed[frame] = (blended @ rest[..., None])[..., 0] + weights @ offsets[frame]
    return posed


def pose_joints(avatar: Avatar, poses: np.ndarray, trans: np.ndarray) -> np.ndarray:
    """Posed joints (T, 55, 3) in the frame of `trans`."""
    return joint_transforms(avatar.joints, poses, trans, tuple(avatar.parents))[1]
