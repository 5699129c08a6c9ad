"""Linear systems whose blocks couple only frames at most two apart, bordered by a shared shape.

The matrix over T frames of n unknowns is block-pentadiagonal, so its Cholesky factor has a band of
3 n: time and memory grow linearly with T (LAPACK's pbtrf). The shape's unknowns touch all frames
and are eliminated by their Schur complement.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import cho_factor, cho_solve, cho_solve_banded, cholesky_banded


@dataclass(frozen=True)
class BlockBanded:
    """A symmetric matrix over T frames of n unknowns and B shared ones.

    Attributes:
        diagonal: (T, n, n). first: (T, n, n) of frames t + 1 (rows) and t (columns).
        second: (T, n, n) of frames t + 2 and t; the last ones stand for nothing.
        border: (T, n, B) of the frames and the shared unknowns. corner: (B, B).
    """

    diagonal: np.ndarray
    first: np.ndarray
    second: np.ndarray
    border: np.ndarray
    corner: np.ndarray

    def after(self, frozen: int) -> BlockBanded:
        """The matrix without its leading frames, which stay as they are."""
        own = ("diagonal", "first", "second", "border")
        return replace(self, **{name: getattr(self, name)[frozen:] for name in own})


@dataclass(frozen=True)
class Factor:
    """The Cholesky factor of a :class:`BlockBanded`: band (3 n + 1, T n), the border solved
    (T n, B), and the factor of the Schur complement."""

    band: np.ndarray
    border: np.ndarray
    solved: np.ndarray
    corner: tuple[np.ndarray, bool] | None


_HELD = 1e12


def factorised(
    matrix: BlockBanded, damping: np.ndarray | float, held: np.ndarray | None = None
) -> Factor:
    """Factorise, with the diagonal raised by damping times itself and one (Marquardt 1963).

    Args:
        damping: of every frame (T,), or one. held: (T, n) bool, unknowns that stay as they are.

    Raises:
        numpy.linalg.LinAlgError: the matrix is not positive definite.
    """
    frames, size, _ = matrix.diagonal.shape
    height = 3 * size + 1  # one more than the band: columns never overlap in the skewed view
    band = np.zeros((frames * size, height))
    # In LAPACK's lower form column c holds the matrix from its diagonal down, so the panel of a
    # frame's n columns is a matrix whose every column starts one place later: a skewed view.
    step = band.itemsize
    panels = np.lib.stride_tricks.as_strided(
        band.reshape(-1),
        shape=(frames, size, 3 * size),
        strides=(size * height * step, (height - 1) * step, step),
    )
    lower = np.tril(np.ones((size, size), bool)).T
    for columns, blocks, lag in (
        (slice(size, 2 * size), matrix.first, 1),
        (slice(2 * size, 3 * size), matrix.second, 2),
    ):
        if frames > lag:
            panels[: frames - lag, :, columns] = np.swapaxes(blocks, 1, 2)[: frames - lag]
    view = panels[:, :, :size]
    np.copyto(view, np.swapaxes(matrix.diagonal, 1, 2), where=lower)
    index = np.arange(size)
    raised = np.broadcast_to(damping, frames)[:, None] * (1 + view[:, index, index])
    view[:, index, index] += raised if held is None else np.where(held, _HELD, raised)
    lowest = band.T
    factor = cholesky_banded(lowest, lower=True, overwrite_ab=True, check_finite=False)
    shared = matrix.border.shape[2]
    border = matrix.border.reshape(frames * size, shared)
    if not shared:
        return Factor(factor, border, border, None)
    solved = cho_solve_banded((factor, True), border, check_finite=False)
    least = float(np.min(damping))
    corner = cho_factor(matrix.corner + least * np.eye(shared) - border.T @ solved)
    return Factor(factor, border, solved, corner)


def solved(factor: Factor, frames: np.ndarray, shared: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The solution for a right-hand side (T, n) and (B,)."""
    own = cho_solve_banded((factor.band, True), frames.reshape(-1), check_finite=False)
    if factor.corner is None:
        return own.reshape(frames.shape), shared
    common = cho_solve(factor.corner, shared - factor.border.T @ own)
    return (own - factor.solved @ common).reshape(frames.shape), common
