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
    for _ in range(sweeps):
        largest = 0.0
        for unknown, column in enumerate(columns):
            old = values[unknown]
            new = np.minimum(
                np.maximum(old + ahead[unknown] / diagonal[unknown], 0), limit[unknown]
            )
            change = new - old
            size = float(np.abs(change).max(initial=0))
            if size < TOLERANCE:
                continue
            largest = max(largest, size)
            values[unknown] = new
            ahead -= column * change
        if largest < 3 * TOLERANCE:
            break
    return values.T.copy()
