"""Bridge the frames in which a hand is lost, with the motion on both sides of the gap.

The wrist follows a cubic (Hermite) that leaves and arrives with the hand's own speed, carried by
the body's wrist where that is seen; the handshape goes from one side's to the other's as a
rotation, a scale and what remains, on cubics too. At the ends of a clip the motion eases out.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from .hand_identity import SURE, found

BRIDGED = 0.1
"""Confidence of points that are bridged: a course to follow where nothing better is known.

No detector's point of a hand that is found is given exactly this value, so it marks them.
"""

_REACH = 2  # frames over which the speed at the edge of a gap is taken
_LONGEST_SECONDS = 0.4  # in longer gaps speed fades: nobody knows where it led
_SHAPE_SPEED = 0.5  # handshapes change in spurts: half their speed foretells them best
_EASE_SECONDS = 0.1  # how soon a hand comes to rest before the first and after the last sight


def is_bridged(hand: np.ndarray) -> np.ndarray:
    """(T,) bool: the frames of a hand (T, 21, 4) that `bridge` made."""
    points = hand[..., 3]
    return (points > 0).any(axis=1) & np.isclose(points.max(axis=1), BRIDGED)


def bridge(hand: np.ndarray, wrist: np.ndarray, fps: float) -> np.ndarray:
    """The hand (T, 21, 4) with its gaps filled at confidence `BRIDGED`.

    Args:
        hand: x, y, z, confidence.
        wrist: (T, 4) the body's wrist on that side.
        fps: frames per second.

    Returns:
        (T, 21, 4); a hand that is never found stays missing.
    """
    seen = found(hand)
    if seen.all() or not seen.any():
        return hand
    points = _completed(hand, seen)
    known = np.isfinite(points[seen]).all(axis=(0, 2))
    bridged = hand.copy()
    for start, stop in _gaps(seen):
        anchor = _anchor(wrist, start, stop)
        filled = _filled(points[:, known], anchor, seen, start, stop, fps)
        bridged[start:stop] = 0
        bridged[start:stop, known, :3] = filled
        bridged[start:stop, known, 3] = BRIDGED
    return bridged


def _gaps(seen: np.ndarray) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[True], seen, [True]]).astype(int)))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


def _completed(hand: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """(T, 21, 3) with single missing points of found hands drawn from the frames around.

    Points that are never seen are NaN.
    """
    frames = np.flatnonzero(seen)
    points = hand[..., :3].astype(np.float64)
    # Relative to the middle of the hand, which moves more than the hand changes.
    there = hand[frames, :, 3:] > 0
    middle = (points[frames] * there).sum(axis=1) / there.sum(axis=1)
    for point in range(hand.shape[1]):
        known = there[:, point, 0]
        if known.all():
            continue
        if not known.any():
            points[:, point] = np.nan
            continue
        relative = points[frames[known], point] - middle[known]
        for axis in range(3):
            guess = np.interp(frames[~known], frames[known], relative[:, axis])
            points[frames[~known], point, axis] = guess + middle[~known, axis]
    return points


def _anchor(wrist: np.ndarray, start: int, stop: int) -> np.ndarray:
    """(T, 3) what carries the hand over the gap: the body's wrist, or nothing (zeros)."""
    around = slice(max(start - 1, 0), stop + 1)
    anchor = np.zeros((len(wrist), 3))
    if (wrist[around, 3] >= SURE).all():
        anchor[:, :2] = wrist[:, :2]
        unsure = wrist[:, 3] < SURE
        anchor[unsure] = np.nan
    return anchor


def _filled(
    points: np.ndarray, anchor: np.ndarray, seen: np.ndarray, start: int, stop: int, fps: float
) -> np.ndarray:
    """(stop - start, N, 3) for the gap [start, stop) in points (T, N, 3)."""
    frames = len(seen)
    if start == 0:  # the same as at the end, with time turned round
        turned = _filled(points[::-1], anchor[::-1], seen[::-1], frames - stop, frames - start, fps)
        return turned[::-1]
    left = start - 1
    edges = [_earlier(seen, anchor, left), left]
    if stop < frames:
        edges += [stop, _later(seen, anchor, stop)]
    curve = _Curve(np.array(edges, float), start, stop, fps)
    root = points[:, 0] - anchor
    path = curve.through(root[edges]) + anchor[start:stop]
    shapes = points[edges] - points[edges][:, :1]
    turns, scales, rest = _decomposed(shapes)
    turned = Rotation.from_rotvec(curve.through(turns, _SHAPE_SPEED)).as_matrix()
    shape = curve.through(rest, _SHAPE_SPEED) @ np.swapaxes(turned, -1, -2)
    scale = np.exp(curve.through(scales[:, None], _SHAPE_SPEED))[..., None]
    return path[:, None] + scale * shape


def _earlier(seen: np.ndarray, anchor: np.ndarray, frame: int) -> int:
    """The frame from which the speed at `frame` is taken, looking back."""
    steady = seen & np.isfinite(anchor).all(axis=1)
    back = frame
    while back > 0 and frame - back < _REACH and steady[back - 1]:
        back -= 1
    return back


def _later(seen: np.ndarray, anchor: np.ndarray, frame: int) -> int:
    last = len(seen) - 1
    return last - _earlier(seen[::-1], anchor[::-1], last - frame)


class _Curve:
    """Values over a gap from those at its edges: (before, left) or (before, left, right, after)."""

    def __init__(self, edges: np.ndarray, start: int, stop: int, fps: float) -> None:
        self._edges, self._fps = edges, fps
        self._times = np.arange(start, stop) - edges[1]

    def through(self, values: np.ndarray, share: float = 1.0) -> np.ndarray:
        """(G, ...) for values (2 or 4, ...) at the edges, which keep a share of their speed."""
        shape = values.shape[1:]
        flat = values.reshape(len(values), -1)
        speed = (flat[1] - flat[0]) / max(self._edges[1] - self._edges[0], 1)
        times = self._times[:, None]
        if len(values) == 2:
            ease = _EASE_SECONDS * self._fps
            course = flat[1] + speed * ease * (1 - np.exp(-times / ease))
        else:
            length = self._edges[2] - self._edges[1]
            fade = share * length * min(1.0, _LONGEST_SECONDS * self._fps / length)
            arriving = (flat[3] - flat[2]) / max(self._edges[3] - self._edges[2], 1)
            t = times / length
            course = (
                (2 * t**3 - 3 * t**2 + 1) * flat[1]
                + (t**3 - 2 * t**2 + t) * fade * speed
                + (3 * t**2 - 2 * t**3) * flat[2]
                + (t**3 - t**2) * fade * arriving
            )
        return course.reshape(len(times), *shape)


def _decomposed(shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Handshapes (E, N, 3) about the wrist as turns, scales and what remains.

    shape = scale * turn @ rest, with turns as seen from the second (the last before the gap).

    Returns:
        rotation vectors (E, 3), logarithms of scales (E,), rest (E, N, 3).
    """
    scales = np.log(np.maximum(np.sqrt((shapes**2).sum(axis=-1).mean(axis=-1)), 1e-6))
    unit = shapes / np.exp(scales)[:, None, None]
    flat = bool((shapes[..., 2] == 0).all())
    reference = unit[1]
    matrices = np.stack([_turn(reference, shape, flat) for shape in unit])
    turns = Rotation.from_matrix(matrices).as_rotvec()
    if len(turns) == 4:  # the way on from the right edge is short: do not go round the circle
        onward = Rotation.from_matrix(matrices[3] @ matrices[2].T).as_rotvec()
        turns[3] = turns[2] + onward
        matrices[3] = Rotation.from_rotvec(turns[3]).as_matrix()
    rest = unit @ matrices  # rows are points: the inverse turn
    return turns, scales, rest


def _turn(source: np.ndarray, target: np.ndarray, flat: bool) -> np.ndarray:
    """The rotation matrix that turns source (N, 3) nearest to target; about z alone when flat."""
    if flat:
        cross = source[:, 0] @ target[:, 1] - source[:, 1] @ target[:, 0]
        angle = np.arctan2(cross, (source[:, :2] * target[:, :2]).sum())
        return Rotation.from_rotvec([0.0, 0.0, angle]).as_matrix()
    u, _, vt = np.linalg.svd(target.T @ source)
    mirror = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    return u @ mirror @ vt
