"""Which point of the skin is nearest to a point of a hand, and how far it is off, inside or out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Near:
    """For P probes: number of the nearest surface point (P,), and the gap (P,) in metres, negative
    inside the body, inf where nothing is near."""

    point: np.ndarray
    gap: np.ndarray


def candidates(
    probes: np.ndarray, points: np.ndarray, allowed: np.ndarray, margin: float
) -> np.ndarray:
    """Numbers of the allowed (N,) points (N, 3) within a margin of the box round the probes."""
    low, high = probes.min(0) - margin, probes.max(0) + margin
    inside = allowed & (points[:, 0] > low[0]) & (points[:, 0] < high[0])
    chosen = np.flatnonzero(inside)
    rest = points[chosen, 1:]
    return chosen[((rest > low[1:]) & (rest < high[1:])).all(1)]


def nearest(
    probes: np.ndarray,
    points: np.ndarray,
    normals: np.ndarray,
    aside: np.ndarray,
    among: np.ndarray,
) -> Near:
    """The nearest of the surface's points to every probe (P, 3).

    Args:
        points, normals: (N, 3). aside: (N,) metres up to which a point's tangent plane stands for
            the skin. among: numbers of the points that count.
    """
    if not len(among):
        return Near(np.zeros(len(probes), np.int64), np.full(len(probes), np.inf))
    middle = probes.mean(0)
    a, b = probes - middle, points[among] - middle
    square = (b * b).sum(1) - 2 * a @ b.T
    point = among[square.argmin(1)]
    return Near(point, gaps(probes, points[point], normals[point], aside[point]))


def gaps(
    probes: np.ndarray, points: np.ndarray, normals: np.ndarray, aside: np.ndarray
) -> np.ndarray:
    """Signed distances (P,) of probes to the skin about points (P, 3).

    Beside a ridge the nearest point may face away although nothing is pierced: only what lies
    more under it than beside it is inside.

    Args:
        aside: (P,) metres up to which each point's tangent plane stands for the skin.
    """
    offset = probes - points
    along = (offset * normals).sum(-1)
    off = np.sqrt(np.maximum((offset**2).sum(-1) - along**2, 0))
    beyond = np.maximum(off - aside, 0)
    inside = (along < 0) & (off < aside - along)
    return np.where(inside, along, np.hypot(along, beyond))
