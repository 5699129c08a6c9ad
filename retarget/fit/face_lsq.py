"""Bounded least squares with a price on every unknown, for all frames at once.

Coordinate descent (Wu & Lange 2008; as in glmnet, Friedman et al. 2010): each step solves one
unknown exactly in every frame. The actions' columns are close to collinear, where gradient methods
need thousands of steps; this needs tens.
"""

from __future__ import annotations

import numpy as np

SWEEPS = 40
TOLERANCE = 3e-4


def bounded_lsq(
    gram: np.ndarray,
    right: np.ndarray,
    price: np.ndarray,
    start: np.ndarray | None = None,
    upper: np.ndarray | float = 1.0,
    sweeps: int = SWEEPS,
) -> np.ndarray:
    """Minimise a'Ga/2 - b'a + price'a over 0 <= a <= upper, each frame by itself.

    Args:
        gram: (T, A, A) positive definite. right: (T, A). price: (A,) or (T, A), not negative.
        start: (T, A) where to begin; 0 if None. upper: (T, A) or one number.

    Returns:
        (T, A).
    """
    # Unknowns first: what is touched together lies together.
    limit = np.ascontiguousarray(np.broadcast_to(upper, right.shape).T)
    values = np.zeros_like(limit) if start is None else np.minimum(start.T, limit)
    diagonal = np.maximum(np.diagonal(gram, axis1=1, axis2=2), 1e-12).T.copy()
    columns = np.ascontiguousarray(np.moveaxis(gram, 0, 2))
    ahead = (right - price).T - np.matmul(gram, values.T[..., None])[..., 0].T  # minus the gradient
    ahead = np.ascontiguousarray(ahead)
    inverse = 1 / diagonal
    change = np.empty_like(limit[0])
    for _ in range(sweeps):
        wanted = np.minimum(np.maximum(values + ahead * inverse, 0), limit)
        changes = np.abs(wanted - values).max(1, initial=0)
        if changes.max(initial=0) < 3 * TOLERANCE:
            break
        moving = np.flatnonzero(changes >= TOLERANCE)
        for unknown in moving:
            old = values[unknown]
            np.multiply(ahead[unknown], inverse[unknown], out=change)
            change += old
            np.maximum(change, 0, out=change)
            np.minimum(change, limit[unknown], out=change)
            change -= old
            old += change
            ahead -= columns[unknown] * change
    return values.T.copy()
