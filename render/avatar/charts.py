"""Texture coordinates of pieces that bring none: cylinders unrolled round trunk and limbs.

Each face lies in the chart of the limb it is on, by where it rests in the T-pose. The charts lie
side by side in the unit square, so that a cloth's pattern runs along the limb, and no two places
of one layer of cloth share coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...repeatable import arctan2
from ...retarget.body.skeleton import INDEX

_SLACK = 0.06
"""Of a turn, at each side of a chart: faces across the seam stay whole."""


@dataclass(frozen=True, eq=False)
class _Chart:
    """A cylinder. along: its axis' coordinate (0 x, 1 y, 2 z). centre: the axis' other two
    coordinates. low, high: metres along the axis. cell: (left, bottom, width, height) in the unit
    square."""

    along: int
    centre: tuple[float, float]
    low: float
    high: float
    cell: tuple[float, float, float, float]


def unrolled(points: np.ndarray, faces: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """(F, 3, 2) texture coordinates per corner, 0..1, of a surface about the body.

    Args:
        points: (n, 3) metres at rest in the T-pose. faces: (F, 3). joints: (55, 3) of that body.
    """
    middle = points[faces].mean(axis=1)
    uv = np.zeros((len(faces), 3, 2))
    for chart, chosen in _charts(middle, joints):
        if chosen.any():
            uv[chosen] = _coordinates(points[faces[chosen]], chart)
    return uv.clip(0.0, 1.0)


def _charts(middle: np.ndarray, joints: np.ndarray) -> list[tuple[_Chart, np.ndarray]]:
    """Every chart, and which faces (by their middle, (F, 3)) lie in it."""
    at = {name: joints[INDEX[name]] for name in ("left_shoulder", "left_elbow", "left_wrist")}
    hip, knee, ankle = (joints[INDEX[f"left_{name}"]] for name in ("hip", "knee", "ankle"))
    shoulder, span = at["left_shoulder"], abs(float(at["left_wrist"][0])) * 1.35
    arm = (np.abs(middle[:, 0]) > shoulder[0] + 0.02) & (middle[:, 1] > shoulder[1] - 0.2)
    leg = ~arm & (middle[:, 1] < hip[1] - 0.1)
    foot = leg & (middle[:, 1] < ankle[1])
    low, high = float(ankle[1]) - 0.2, float(joints[INDEX["head"]][1]) + 0.35
    elbow = at["left_elbow"]
    charts = [
        (
            _Chart(1, (0.0, float(joints[INDEX["spine2"]][2])), low, high, (0.0, 0.0, 0.5, 1.0)),
            ~arm & ~leg,
        )
    ]
    for sign, left in ((1.0, 0.5), (-1.0, 0.75)):
        side = middle[:, 0] * sign >= 0
        ends = sorted((sign * float(shoulder[0] - 0.05), sign * span))
        axis = (float(elbow[1]), float(elbow[2]))
        charts.append((_Chart(0, axis, ends[0], ends[1], (left, 0.5, 0.25, 0.5)), arm & side))
        axis = (sign * float(knee[0]), float(knee[2]))
        cell = (left, 0.1, 0.25, 0.4)
        charts.append((_Chart(1, axis, low, float(hip[1]), cell), leg & ~foot & side))
        axis = (sign * float(ankle[0]), float(ankle[1]) - 0.03)
        heel, toe = float(ankle[2]) - 0.12, float(ankle[2]) + 0.25
        charts.append((_Chart(2, axis, heel, toe, (left, 0.0, 0.25, 0.1)), foot & side))
    return charts


def _coordinates(corners: np.ndarray, chart: _Chart) -> np.ndarray:
    """(F, 3, 2) of triangles (F, 3, 3) on one cylinder."""
    first, second = (k for k in range(3) if k != chart.along)
    across = corners[..., first] - chart.centre[0]
    turn = arctan2(across, corners[..., second] - chart.centre[1]) / (2 * np.pi) + 0.5
    # A face across the seam is unrolled to the side where most of it lies.
    turn -= np.round(turn - np.median(turn, axis=1, keepdims=True))
    share = (corners[..., chart.along] - chart.low) / (chart.high - chart.low)
    left, bottom, width, height = chart.cell
    u = left + width * ((turn + _SLACK) / (1 + 2 * _SLACK)).clip(0, 1)
    return np.stack([u, bottom + height * share.clip(0, 1)], axis=-1)
