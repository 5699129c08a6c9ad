"""Bounded least squares with a price on every unknown, for all frames at once.

Coordinate descent (Wu & Lange 2008; as in glmnet, Friedman et al. 2010): each step solves one
unknown exactly in every frame. The actions' columns are close to collinear, where gradient methods
need thousands of steps; this needs tens.
"""

from __future__ import annotations

import numpy as np

SWEEPS = 60
TOLERANCE = 1e-4


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
    upper = np.broadcast_to(upper, right.shape)
    values = np.zeros_like(right) if start is None else np.minimum(start, upper)
    diagonal = np.maximum(np.diagonal(gram, axis1=1, axis2=2), 1e-12).T.copy()
    columns = np.ascontiguousarray(np.moveaxis(gram, 2, 0))
    ahead = right - price - np.einsum("tab,tb->ta", gram, values)  # minus the gradient
    for _ in range(sweeps):
        largest = 0.0
        for unknown, column in enumerate(columns):
            old = values[:, unknown]
            new = np.clip(old + ahead[:, unknown] / diagonal[unknown], 0, upper[:, unknown])
            change = new - old
            size = np.abs(change).max(initial=0)
            if size < TOLERANCE / 10:
                continue
            largest = max(largest, float(size))
            values[:, unknown] = new
            ahead -= column * change[:, None]
        if largest < TOLERANCE:
            break
    return values
