"""Dynamic time warping (Sakoe and Chiba 1978), for many trajectories at once."""

from collections.abc import Iterator

import numpy as np


def dtw_distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """DTW distance (K,) of K trajectories, each warped on its own: (N, K, C) and (M, K, C).

    The root of the least sum of squared Euclidean distances over all monotone paths, as
    dtaidistance's `dtw_ndim.distance` (no window, no penalty). Memory grows with N alone.
    """
    last = np.full(first.shape[1], np.inf)
    for _, _, diagonal in _diagonals(first, second):
        last = diagonal[len(first)]
    return np.sqrt(last)


def dtw_path(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The best path between two sequences (N, C) and (M, C): rows of the first and the second."""
    table = np.full((len(first) + 1, len(second) + 1), np.inf, np.float32)
    table[0, 0] = 0
    for total, rows, diagonal in _diagonals(first[:, None], second[:, None]):
        table[rows, total - rows] = diagonal[rows, 0]
    row, column = len(first), len(second)
    path = []
    while row > 0 and column > 0:
        path.append((row - 1, column - 1))
        steps = ((row - 1, column - 1), (row - 1, column), (row, column - 1))
        row, column = min(steps, key=lambda cell: table[cell])
    rows, columns = np.array(path[::-1]).T
    return rows, columns


def _diagonals(
    first: np.ndarray, second: np.ndarray
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yield row + column, rows and least sums (N + 1, K) of each anti-diagonal; counts from 1."""
    count, other, tracks = len(first), len(second), first.shape[1]
    if not count or not other:
        raise ValueError("there is nothing to warp")
    older = np.full((count + 1, tracks), np.inf)
    before = older.copy()
    older[0] = 0
    for total in range(2, count + other + 1):
        rows = np.arange(max(1, total - other), min(count, total - 1) + 1)
        apart = ((first[rows - 1] - second[total - rows - 1]) ** 2).sum(-1)
        best = np.minimum(np.minimum(before[rows - 1], before[rows]), older[rows - 1])
        now = np.full((count + 1, tracks), np.inf)
        now[rows] = apart + best
        yield total, rows, now
        older, before = before, now
