"""Rotation vectors in plain numpy, over any leading axes."""

from __future__ import annotations

import numpy as np

from ...repeatable import arctan2
from .skeleton import quaternions_of


def rotation_vectors(matrices: np.ndarray) -> np.ndarray:
    """Axis-angle vectors (..., 3) of rotation matrices (..., 3, 3); angles in [0, pi]."""
    quaternion = quaternions_of(matrices)
    quaternion = quaternion * np.where(quaternion[..., :1] < 0, -1.0, 1.0)
    length = np.linalg.norm(quaternion[..., 1:], axis=-1, keepdims=True)
    angle = 2 * arctan2(length, quaternion[..., :1])
    return quaternion[..., 1:] * np.where(length < 1e-9, 2.0, angle / np.maximum(length, 1e-9))


def nearest_turns(vectors: np.ndarray, near: np.ndarray) -> np.ndarray:
    """The same rotations written with the angle (plus whole turns) that is nearest to others'."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    axis = vectors / np.maximum(length, 1e-9)
    along = (near * axis).sum(-1, keepdims=True)
    turns = np.round((along - length) / (2 * np.pi))
    return np.where(length < 1e-6, vectors, vectors + 2 * np.pi * turns * axis)
