"""Openings and heights wanted beside the actions: how far the source's mouth and brows are moved.

A sparse solver reads a half-opened mouth or a half-raised brow less surely than the points show it.
The points of the source's own face, three numbers a frame, say how far; the actions say how.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter1d

from .face_points import brow_height, mouth_opening

if TYPE_CHECKING:
    from .actions import Heads

Signal = Callable[[np.ndarray], np.ndarray]
SIGNALS: tuple[tuple[Signal, dict[str, float], float], ...] = (
    (mouth_opening, {"jawOpen": 1.0}, 0.006),
    (
        lambda points: brow_height(points, "left"),
        {"browOuterUpLeft": 1.0, "browDownLeft": -1.0},
        0.0,
    ),
    (
        lambda points: brow_height(points, "right"),
        {"browOuterUpRight": 1.0, "browDownRight": -1.0},
        0.0,
    ),
)
"""What is measured of the points, the actions that move it, and how far it is off unmoved: rolled
lips read as a mouth a little open."""
_STILL = 0.005  # of the eye distance: the detector alone makes a signal waver so
_MOST = 0.5  # of those actions, either way
_CALM = 3.0  # frames: standard deviation of the Gaussian that takes the detector's jitter out
_FLAT = 1e-3  # an action that moves its signal by less does not move it


def wishes(source: np.ndarray, rendered: np.ndarray) -> np.ndarray:
    """(T,3) the signals that the generated face shall show.

    Those of the source's points, on the level of the avatar's: a face's brows may lie high or low.
    NaN where the source's own do not move beyond the detector's jitter.

    Args:
        source, rendered: (T,478,2) pixels of the points found in the source and in the render, NaN
            where there were none; so is the answer.
    """
    theirs, ours = _measured(source), _measured(rendered)
    both = np.isfinite(theirs + ours).all(1)
    if not both.any():
        return np.full_like(theirs, np.nan)
    still = theirs[both].std(0) < _STILL
    theirs[:, still] = np.nan  # there is nothing to follow
    return np.maximum(theirs + np.median(ours[both] - theirs[both], axis=0), 0)


def signal_lack(
    heads: Heads, expected: np.ndarray, wish: np.ndarray, frames: np.ndarray
) -> np.ndarray:
    """Pixels (F,478,2) by which points must move for their signals to be those wished for.

    expected: (F,478,2) the points once their actions are right; wish: (F,3); frames: (F,) their
    numbers. Zero where either is NaN.
    """
    lack = np.zeros(expected.shape)
    none = np.zeros((len(frames), len(heads.model.names)))
    for column, (signal, actions, unsure) in enumerate(SIGNALS):
        shown = none.copy()
        for name, share in actions.items():
            shown[:, heads.model.column(name)] = share
        way = heads.displacement(none, shown, frames)
        now = signal(expected)
        slope = signal(expected + way) - now
        gap = wish[:, column] - now
        amount = (gap - np.clip(gap, -unsure, unsure)) / np.where(
            np.abs(slope) > _FLAT, slope, np.inf
        )
        amount = np.clip(gaussian_filter1d(np.nan_to_num(amount), _CALM), -_MOST, _MOST)
        lack += amount[:, None, None] * np.nan_to_num(way)
    return lack


def _measured(points: np.ndarray) -> np.ndarray:
    return np.stack([signal(points) for signal, *_ in SIGNALS], -1)
