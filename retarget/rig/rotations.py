"""Rotations in plain numpy, over any leading axes."""

from __future__ import annotations

import numpy as np

from ..body.model import rotation_matrices


def rotation_vectors(matrices: np.ndarray) -> np.ndarray:
    """Axis-angle vectors (..., 3) of rotation matrices (..., 3, 3); angles in [0, pi].

    By way of the quaternion with the largest component, which keeps half turns exact
    (Shepperd 1978).
    """
    m = np.asarray(matrices, float)
    xx, yy, zz = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    squares = np.stack([1 + xx + yy + zz, 1 + xx - yy - zz, 1 - xx + yy - zz, 1 - xx - yy + zz], -1)
    sums = {(1, 2): (1, 0), (1, 3): (0, 2), (2, 3): (2, 1)}
    products = np.zeros((*squares.shape, 4))
    for k in range(4):
        products[..., k, k] = squares[..., k]
    for axis, (row, column) in enumerate([(2, 1), (0, 2), (1, 0)], start=1):
        value = m[..., row, column] - m[..., column, row]
        products[..., 0, axis] = products[..., axis, 0] = value
    for (a, b), (row, column) in sums.items():
        value = m[..., row, column] + m[..., column, row]
        products[..., a, b] = products[..., b, a] = value
    best = squares.argmax(-1)[..., None, None]
    quaternion = np.take_along_axis(products, best, -2)[..., 0, :]
    quaternion = quaternion / np.linalg.norm(quaternion, axis=-1, keepdims=True)
    quaternion = quaternion * np.where(quaternion[..., :1] < 0, -1.0, 1.0)
    length = np.linalg.norm(quaternion[..., 1:], axis=-1, keepdims=True)
    angle = 2 * np.arctan2(length, quaternion[..., :1])
    return quaternion[..., 1:] * np.where(length < 1e-9, 2.0, angle / np.maximum(length, 1e-9))


def nearest_turns(vectors: np.ndarray, near: np.ndarray) -> np.ndarray:
    """The same rotations written with the angle (plus whole turns) that is nearest to others'."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    axis = vectors / np.maximum(length, 1e-9)
    along = (near * axis).sum(-1, keepdims=True)
    turns = np.round((along - length) / (2 * np.pi))
    return np.where(length < 1e-6, vectors, vectors + 2 * np.pi * turns * axis)


def swing(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The smallest rotations (..., 3, 3) that turn unit vectors (..., 3) into others."""
    axis = np.cross(first, second)
    sine = np.linalg.norm(axis, axis=-1, keepdims=True)
    angle = np.arctan2(sine, (first * second).sum(-1, keepdims=True))
    return rotation_matrices(axis * np.where(sine < 1e-9, 1.0, angle / np.maximum(sine, 1e-9)))


def frames_of(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Frames (..., 3, 3) whose columns are x, y made square to it, and their cross product."""
    x = x / np.linalg.norm(x, axis=-1, keepdims=True)
    y = y - x * (x * y).sum(-1, keepdims=True)
    y = y / np.maximum(np.linalg.norm(y, axis=-1, keepdims=True), 1e-12)
    return np.stack([x, y, np.cross(x, y)], -1)
