"""One linear system over a clip: every frame's own rows, and little change of velocity."""

from __future__ import annotations

import numpy as np


def smooth_solution(
    matrices: np.ndarray,
    vectors: np.ndarray,
    start: np.ndarray,
    prior: np.ndarray,
    smooth: np.ndarray,
    steps: int = 60,
) -> np.ndarray:
    """The states (T, U) that minimise rows + prior * state^2 + smooth * second differences^2.

    Conjugate gradients over the whole clip, preconditioned with each frame's own block.

    Args:
        matrices: (T, U, U), vectors: (T, U), normal equations of each frame's rows.
        start: (T, U) where to begin. prior, smooth: (U,) weights.
    """
    frames = len(vectors)

    def apply(x: np.ndarray) -> np.ndarray:
        out = (matrices @ x[..., None])[..., 0] + prior * x
        if frames > 2:
            bend = smooth * (x[2:] - 2 * x[1:-1] + x[:-2])
            out[2:] += bend
            out[1:-1] -= 2 * bend
            out[:-2] += bend
        return out

    inverse = np.linalg.inv(matrices + np.diag(prior + 6 * smooth))
    x = start.copy()
    residual = vectors - apply(x)
    z = (inverse @ residual[..., None])[..., 0]
    direction, energy = z, float((residual * z).sum())
    for _ in range(steps):
        if energy < 1e-12 * max(frames, 1):
            break
        pushed = apply(direction)
        step = energy / float((direction * pushed).sum())
        x = x + step * direction
        residual = residual - step * pushed
        z = (inverse @ residual[..., None])[..., 0]
        following = float((residual * z).sum())
        direction = z + following / energy * direction
        energy = following
    return x
