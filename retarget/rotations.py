"""Rotations from directions, for any leading shape, in numpy."""

from __future__ import annotations

import numpy as np


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors (..., 3) brought to length 1; a zero vector stays 0."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def transposed(matrices: np.ndarray) -> np.ndarray:
    """Matrices (..., 3, 3) transposed: the inverse of a rotation."""
    return np.swapaxes(matrices, -1, -2)


def frame(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Rotation matrices (..., 3, 3) whose columns are first, second made square to it, and their
    cross product.

    Where the two are parallel, as in a straight arm, y takes the place of second (z where first
    is y); a first of no length counts as x.
    """
    nowhere = np.linalg.norm(first, axis=-1, keepdims=True) < 1e-9
    x = unit(np.where(nowhere, [1.0, 0.0, 0.0], first))
    y = second - (second * x).sum(-1, keepdims=True) * x
    weak = np.linalg.norm(y, axis=-1, keepdims=True) < 1e-3
    other = np.where(np.abs(x[..., 1:2]) < 0.99, [0.0, 1.0, 0.0], [0.0, 0.0, 1.0])
    y = unit(np.where(weak, np.cross(x, other), y))
    return np.stack([x, y, np.cross(x, y)], axis=-1)


def aligning(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The smallest rotations (..., 3, 3) from directions start (..., 3) to end.

    Two reflections make a rotation: at start, then at the direction half way; opposite directions
    turn about any axis square to them.
    """
    a, b = np.broadcast_arrays(unit(start), unit(end))
    middle = a + b
    opposite = np.linalg.norm(middle, axis=-1, keepdims=True) < 1e-6
    aside = np.cross(a, np.where(np.abs(a[..., :1]) < 0.9, [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]))
    middle = unit(np.where(opposite, aside, middle))
    half_turn = 2 * middle[..., :, None] * middle[..., None, :] - np.eye(3)
    across = 2 * a[..., :, None] * a[..., None, :] - np.eye(3)
    return half_turn @ across
