"""Which way out of a finger: from its axis, where the skin's normals no longer tell.

A finger that is deeper in another than that one's axis finds skin on the far side nearest, and
would be pushed on through it. The axes of the two bones tell the way back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..body.capsules import segment_shares
from ..body.skeleton import INDEX
from .surface import SIDES, Shape

_LAST = 0.7
"""Length of a finger's last bone, as a share of the one before it."""


@dataclass(frozen=True)
class HandAxes:
    """The bone that each point of a surface lies about: joint (N,), -1 where on no hand, the way
    (N, 3) at rest from that joint to the bone's end, and the point's radius (N,) about it."""

    joint: np.ndarray
    way: np.ndarray
    radius: np.ndarray


def hand_axes(shape: Shape, bone: np.ndarray) -> HandAxes:
    """The axes of both hands. bone: (N,) the joint that holds each point most."""
    count = len(bone)
    joint, way, radius = np.full(count, -1), np.zeros((count, 3)), np.full(count, np.inf)
    rest = shape.joints
    for side in SIDES:
        wrist = INDEX[f"{side}_wrist"]
        for finger in ("thumb", "index", "middle", "ring", "pinky"):
            chain = [INDEX[f"{side}_{finger}{k}"] for k in (1, 2, 3)]
            ways = [rest[chain[0]] - rest[wrist], *np.diff(rest[chain], axis=0)]
            ways.append(_LAST * ways[-1])
            for start, along in zip((wrist, *chain), ways, strict=True):
                own = np.flatnonzero(bone == start)
                off = _off(shape.points[own] - rest[start], along)
                # Of the palm's bones the nearest one counts.
                nearer = off < radius[own]
                own, off = own[nearer], off[nearer]
                joint[own], way[own], radius[own] = start, along, off
    return HandAxes(joint, way, np.where(joint < 0, 0.0, radius))


def _off(points: np.ndarray, along: np.ndarray) -> np.ndarray:
    share = np.clip(points @ along / max(float(along @ along), 1e-12), 0, 1)
    return np.linalg.norm(points - share[:, None] * along, axis=1)


def ways_out(
    axes: HandAxes,
    one: np.ndarray,
    other: np.ndarray,
    rotations: np.ndarray,
    positions: np.ndarray,
    gap: np.ndarray,
    normal: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gaps (P,) and directions (P, 3) by which points leave the other hand; and which were past it.

    Args:
        one, other: (P,) numbers of points on two hands. rotations: (55, 3, 3), positions: (55, 3).
        gap: (P,), normal: (P, 3), by the skin alone.
    """
    past = np.zeros(len(one), bool)
    inside = np.flatnonzero((gap < 0) & (axes.joint[one] >= 0) & (axes.joint[other] >= 0))
    if not len(inside):
        return gap, normal, past
    ends = []
    for which in (one[inside], other[inside]):
        joint = axes.joint[which]
        start = positions[joint]
        ends += [start, start + (rotations[joint] @ axes.way[which][..., None])[..., 0]]
    a, b = segment_shares(*ends)
    apart = ends[0] + a[:, None] * (ends[1] - ends[0]) - ends[2] - b[:, None] * (ends[3] - ends[2])
    size = np.linalg.norm(apart, axis=1)
    way = apart / np.maximum(size, 1e-9)[:, None]
    wrong = ((way * normal[inside]).sum(1) < 0) & (size > 1e-4)
    mended = inside[wrong]
    gap, normal = gap.copy(), normal.copy()
    reach = axes.radius[one[mended]] + axes.radius[other[mended]]
    gap[mended], normal[mended] = size[wrong] - reach, way[wrong]
    past[mended] = True
    return gap, normal, past
