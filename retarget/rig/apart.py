"""Hands that the source has inside each other are taken apart along one direction.

Where a finger goes right through the other hand, the skin's normals point both ways and cancel.
Seen along a direction, though, two point clouds have columns, and the deepest overlap of a column
is the way that one of them must go; the cheapest direction over time is found by dynamic
programming (Viterbi), so hands do not change sides from frame to frame.
"""

from __future__ import annotations

import itertools

import numpy as np

_CELL = 0.008
_CHANGE = 0.08
"""Metres of way that turning the direction by a radian between two frames is worth."""
_FORWARD = 0.75
"""Ways towards and from the viewer cost so much of others: there the picture changes least."""

_GRID = np.array([d for d in itertools.product((-1, 0, 1), repeat=3) if any(d)], float)
_DIRECTIONS = _GRID / np.linalg.norm(_GRID, axis=1, keepdims=True)


def ways_apart(
    left: np.ndarray, right: np.ndarray, frames: np.ndarray, forward: np.ndarray
) -> np.ndarray:
    """Displacements (T, 3) of the left hand from the right one that part them, smooth in time.

    Args:
        left, right: (T, P, 3), (T, Q, 3) points of the hands. frames: (T,) bool, where they are
            to be parted. forward: (T, 3) the signer's direction to the front.
    """
    ways = np.zeros((len(left), 3))
    for start, stop in _runs(frames):
        depths = np.array([_depths(left[t], right[t]) for t in range(start, stop)])
        facing = np.abs(forward[start:stop] @ _DIRECTIONS.T) > 0.9
        chosen = _cheapest(depths * np.where(facing, _FORWARD, 1.0))
        picked = np.take_along_axis(depths, chosen[:, None], 1)
        ways[start:stop] = picked * _DIRECTIONS[chosen]
    return _smoothed(ways)


def _depths(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(26,) how far the left points must go along each direction to be beyond the right ones."""
    found = np.zeros(len(_DIRECTIONS))
    for k, way in enumerate(_DIRECTIONS):
        aside = np.linalg.svd(way[None])[2][1:]
        keys = [np.floor(points @ aside.T / _CELL).astype(np.int64) for points in (left, right)]
        low = np.minimum(keys[0].min(0), keys[1].min(0))
        width = int(max(keys[0][:, 1].max(), keys[1][:, 1].max()) - low[1]) + 1
        cells = [(key[:, 0] - low[0]) * width + key[:, 1] - low[1] for key in keys]
        size = int(max(cells[0].max(), cells[1].max())) + 1
        nearest, furthest = np.full(size, np.inf), np.full(size, -np.inf)
        np.minimum.at(nearest, cells[0], left @ way)
        np.maximum.at(furthest, cells[1], right @ way)
        found[k] = max(float((furthest - nearest).max()), 0.0)
    return found


def _cheapest(costs: np.ndarray) -> np.ndarray:
    """The numbers (T,) of the directions along the cheapest path through costs (T, 26)."""
    turn = np.arccos(np.clip(_DIRECTIONS @ _DIRECTIONS.T, -1, 1)) * _CHANGE
    total, back = costs[0], []
    for cost in costs[1:]:
        ways = total[:, None] + turn
        back.append(ways.argmin(0))
        total = ways.min(0) + cost
    path = [int(total.argmin())]
    for step in reversed(back):
        path.append(int(step[path[-1]]))
    return np.array(path[::-1])


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(int), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _smoothed(ways: np.ndarray) -> np.ndarray:
    """Never less than asked (a running maximum first), and without corners."""
    size = np.linalg.norm(ways, axis=1)
    padded = np.pad(size, 3, mode="edge")
    most = np.max([padded[k : k + len(size)] for k in range(7)], axis=0)
    kernel = np.exp(-0.5 * (np.arange(-4, 5) / 1.6) ** 2)
    kernel /= kernel.sum()

    def blur(values: np.ndarray) -> np.ndarray:
        return np.convolve(np.pad(values, 4, mode="edge"), kernel, mode="valid")

    direction = np.stack([blur(ways[:, k]) for k in range(3)], 1)
    length = np.linalg.norm(direction, axis=1, keepdims=True)
    return direction / np.maximum(length, 1e-9) * blur(most)[:, None]
