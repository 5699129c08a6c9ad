"""Linear systems whose blocks couple only frames at most two apart, bordered by a shared shape.

The matrix over T frames of n unknowns is block-pentadiagonal, so its Cholesky factor has a band of
3 n: time and memory grow linearly with T (LAPACK's pbtrf). The shape's unknowns touch all frames
and are eliminated by their Schur complement.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import (
    cho_factor,
    cho_solve,
    cholesky_banded,
    get_blas_funcs,
    get_lapack_funcs,
)


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
    """The Cholesky factor L of a :class:`BlockBanded`: its columns as panels (T, n, 3 n) of a band
    (3 n + 1, T n), the border with L taken off (T, n, B), and the factor of the Schur
    complement."""

    band: np.ndarray
    panels: np.ndarray
    border: np.ndarray
    corner: tuple[np.ndarray, bool] | None


_HELD = 1e12


def factorised(
    matrix: BlockBanded, damping: np.ndarray | float, held: np.ndarray | None = None
) -> Factor:
    """Factorise, with the diagonal raised by damping times itself and one (Marquardt 1963).

    The raised diagonal bounds the condition of the scaled matrix, so single precision, which the
    matrix may come in, is enough for a step (Demmel 1989 on Cholesky and diagonal scaling).

    Args:
        damping: of every frame (T,), or one. held: (T, n) bool, unknowns that stay as they are.

    Raises:
        numpy.linalg.LinAlgError: the matrix is not positive definite.
    """
    frames, size, _ = matrix.diagonal.shape
    band = np.zeros((frames * size, 3 * size + 1), matrix.diagonal.dtype)
    panels = _panels(band, size)
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
    factor = cholesky_banded(band.T, lower=True, overwrite_ab=True, check_finite=False)
    panels = _panels(np.ascontiguousarray(factor.T), size)
    shared = matrix.border.shape[2]
    if not shared:
        return Factor(factor, panels, matrix.border, None)
    border = _forward(panels, matrix.border)
    flat = border.reshape(-1, shared).astype(float)
    least = float(np.min(damping))
    corner = cho_factor(matrix.corner + least * np.eye(shared) - flat.T @ flat)
    return Factor(factor, panels, border, corner)


def _panels(band: np.ndarray, size: int) -> np.ndarray:
    """A view (T, n, 3 n) of a band by rows (T n, 3 n + 1): of every frame, its columns from the
    frame's own rows down.

    LAPACK's lower form holds a column from its diagonal down, so each starts one place later. The
    band is one taller than it needs to be, or columns would overlap here; what lies above the
    diagonal belongs to the column before.
    """
    height, step = band.shape[1], band.itemsize
    return np.lib.stride_tricks.as_strided(
        band,
        shape=(len(band) // size, size, 3 * size),
        strides=(size * height * step, (height - 1) * step, step),
    )


def _forward(panels: np.ndarray, right: np.ndarray) -> np.ndarray:
    """L^-1 of columns (T, n, B), by blocks: LAPACK's band solver takes them one by one."""
    size = panels.shape[1]
    (solve,) = get_blas_funcs(("trsm",), (panels,))
    left = right.astype(panels.dtype)
    for frame in range(len(panels)):
        for lag in range(1, min(frame, 2) + 1):
            below = panels[frame - lag, :, lag * size : (lag + 1) * size]
            left[frame] -= below.T @ left[frame - lag]
        left[frame] = solve(1.0, panels[frame, :, :size].T, left[frame], lower=1)
    return left


def solved(factor: Factor, frames: np.ndarray, shared: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The solution for a right-hand side (T, n) and (B,)."""
    (substitute,) = get_lapack_funcs(("tbtrs",), (factor.band,))
    right = frames.reshape(-1, 1).astype(factor.band.dtype)
    own = substitute(factor.band, right, uplo="L")[0]
    if factor.corner is not None:
        border = factor.border.reshape(len(own), -1)
        shared = cho_solve(factor.corner, shared - border.T @ own[:, 0])
        own = own - (border @ shared)[:, None].astype(own.dtype)
    own = substitute(factor.band, own, uplo="L", trans="T")[0]
    return own.reshape(frames.shape).astype(float), shared
