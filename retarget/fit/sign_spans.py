"""Where sign priors act: spans of a clip in which a handshape is held or both hands share one.

Found in the keypoints alone. Each hand's 21 points are taken in the frame of its palm, in palms'
lengths, the right hand mirrored: then a handshape is a place, a change of handshape is a speed, and
two hands of one handshape are near each other, whatever way they point.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from ..keypoints.record import Keypoints
from .initial import fill_gaps
from .options import FitOptions
from .sign_file import overridden, read_spans
from .sign_priors import SignPriors, no_sign_priors
from .targets import SEEN

HELD_SPEED = 1.1
"""Palms a second (root mean square over the hand's points) under which a handshape is held."""

CHANGED_SPEED = 1.6
"""Palms a second from which it changes; between the two a hold goes on but does not begin."""

SAME_SHAPE = 0.15
"""Palms (root mean square) under which two holds with a flicker between them are one."""

DRIFT = 0.25
"""Palms (root mean square) by which the handshape may stray from its mean over a hold."""

EQUAL_MOVING = 0.32
"""Palms (root mean square) under which hands that move together have one handshape: with the
Symmetry Condition (Battison 1978) on its side, the evidence may be weaker than otherwise."""

EQUAL_STILL = 0.22
"""The same of hands that do not both move, which may only happen to be shaped alike."""

MOVING = 0.4
"""Shoulder widths a second from which a hand moves."""

SHORTEST_SECONDS = 0.16
LONGEST_GAP_SECONDS = 0.6
_SMOOTH_SECONDS = 0.04
_FLICKER_SECONDS = 0.12
_HANGING = 0.35
"""Shoulder widths by which the wrist of a hanging arm is below its elbow."""
_KNUCKLES = [5, 9, 13, 17]


def sign_priors_of(keypoints: Keypoints, options: FitOptions) -> SignPriors:
    """Where the sign priors act, as the options say.

    Raises:
        UserError: an unusable file of spans.
    """
    if not options.sign_priors:
        return no_sign_priors(len(keypoints.body))
    found = find_spans(keypoints)
    if options.sign_priors_file is None:
        return found
    return overridden(found, read_spans(options.sign_priors_file), keypoints.fps)


def shapes_of(hand: np.ndarray, mirrored: bool) -> tuple[np.ndarray, np.ndarray]:
    """A hand's points (T, 21, 3) in its palm's frame, and whether each frame says anything (T,).

    Args:
        hand: (T, 21, 4) as in :class:`..keypoints.record.Keypoints`. mirrored: of the right hand.
    """
    present = hand[..., 3].mean(1) > SEEN
    points = fill_gaps(hand[..., :3].astype(float), present)
    if mirrored:
        points = points * [-1.0, 1.0, 1.0]
    points = points - points[:, :1]
    along = points[:, _KNUCKLES].mean(1)
    length = np.maximum(np.linalg.norm(along, axis=-1, keepdims=True), 1e-6)
    x = along / length
    across = points[:, 5] - points[:, 17]
    y = across - (across * x).sum(-1, keepdims=True) * x
    y = y / np.maximum(np.linalg.norm(y, axis=-1, keepdims=True), 1e-6)
    frame = np.stack([x, y, np.cross(x, y)], -1)
    return points @ frame / length[..., None], present


def find_spans(keypoints: Keypoints) -> SignPriors:
    """The spans of a clip, from its keypoints."""
    fps = keypoints.fps
    shapes, seen, known = [], [], []
    for name in ("left_hand", "right_hand"):
        points, present = shapes_of(getattr(keypoints, name), name == "right_hand")
        shapes.append(_smooth(points, present, fps))
        seen.append(present)
        known.append(_bridged(present, round(LONGEST_GAP_SECONDS * fps)))
    held = np.stack(
        [_held(points, there, fps) for points, there in zip(shapes, known, strict=True)], axis=1
    )
    equal = _equal(keypoints, shapes, known[0] & known[1], seen[0] & seen[1])
    # A hidden hand does as its equal does, which is seen, not as it did before and after.
    held[equal[:, None] & ~np.stack(seen, axis=1)] = -1
    return SignPriors(torch.from_numpy(equal.astype(np.float32)), torch.from_numpy(held))


def _smooth(points: np.ndarray, present: np.ndarray, fps: float) -> np.ndarray:
    """Over time, frames that are not there having no say except where nothing else is near."""
    weight = np.where(present, 1.0, 1e-3)[:, None, None]
    sigma = _SMOOTH_SECONDS * fps

    def blurred(values: np.ndarray) -> np.ndarray:
        return gaussian_filter1d(values, sigma, axis=0, mode="nearest")

    return blurred(points * weight) / blurred(weight)


def runs(mask: np.ndarray, shortest: int = 1) -> list[tuple[int, int]]:
    """(first, one past the last) of every run of True at least ``shortest`` long."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return [
        (int(first), int(last)) for first, last in edges.reshape(-1, 2) if last - first >= shortest
    ]


def _bridged(present: np.ndarray, longest: int) -> np.ndarray:
    """Present, or in a gap of at most ``longest`` frames between frames that are."""
    bridged = present.copy()
    for first, last in runs(~present):
        if first > 0 and last < len(present) and last - first <= longest:
            bridged[first:last] = True
    return bridged


def _held(points: np.ndarray, there: np.ndarray, fps: float) -> np.ndarray:
    """(T,) number of the hold that each frame belongs to, -1 for none."""
    held = np.full(len(points), -1)
    if len(points) < 2:
        return held
    speed = np.sqrt((np.gradient(points, axis=0) ** 2).sum(-1).mean(-1)) * fps
    still = runs((speed < CHANGED_SPEED) & there, _shortest(fps))
    holds: list[tuple[int, int]] = []
    for first, last in still:
        if (speed[first:last] < HELD_SPEED).sum() < 3:
            continue
        if holds and first - holds[-1][1] <= _FLICKER_SECONDS * fps:
            before, after = points[slice(*holds[-1])].mean(0), points[first:last].mean(0)
            if np.sqrt(((before - after) ** 2).sum(-1).mean()) < SAME_SHAPE:
                first = holds.pop()[0]
        holds.append((first, last))
    for number, (first, last) in enumerate(holds):
        shape = points[first:last].mean(0)
        drift = np.sqrt(((points[first:last] - shape) ** 2).sum(-1).mean(-1)).max()
        if drift < DRIFT:  # else it changes all the while, though slowly
            held[first:last] = number
    return held


def _shortest(fps: float) -> int:
    return max(3, round(SHORTEST_SECONDS * fps))


def _equal(
    keypoints: Keypoints, shapes: list[np.ndarray], there: np.ndarray, seen: np.ndarray
) -> np.ndarray:
    """(T,) bool: both hands are up and have one handshape.

    Args:
        there: (T,) both hands are seen or bridged. seen: (T,) both are seen; while one is not,
            they are as far apart as before and after.
    """
    apart = np.sqrt(((shapes[0] - shapes[1]) ** 2).sum(-1).mean(-1))
    apart = fill_gaps(apart[:, None, None], seen)[:, 0, 0]
    width, wrists = _wrists(keypoints)
    limit = np.where(_moving_together(wrists, keypoints.fps), EQUAL_MOVING, EQUAL_STILL)
    up = _raised(keypoints, width)
    equal = np.zeros(len(apart), bool)
    for first, last in runs((apart < limit) & there & up, _shortest(keypoints.fps)):
        equal[first:last] = True
    return equal


def _wrists(keypoints: Keypoints) -> tuple[float, np.ndarray]:
    """The shoulders' width in pixels, and both wrists (T, 2, 2) in such widths."""
    body = keypoints.body
    widths = np.linalg.norm(body[:, 11, :2] - body[:, 12, :2], axis=-1)
    widths = widths[widths > 0]
    width = max(float(np.median(widths)), 1.0) if len(widths) else 1.0
    places = [
        fill_gaps(body[:, wrist, None, :2].astype(float), body[:, wrist, 3] > 0)[:, 0]
        for wrist in (15, 16)
    ]
    return width, np.stack(places, 1) / width


def _raised(keypoints: Keypoints, width: float) -> np.ndarray:
    """(T,) bool: neither hand hangs: no wrist is far below its elbow."""
    body = keypoints.body
    hangs = [
        (body[:, wrist, 3] > 0)
        & (body[:, elbow, 3] > 0)
        & (body[:, wrist, 1] - body[:, elbow, 1] > _HANGING * width)
        for elbow, wrist in ((13, 15), (14, 16))
    ]
    return ~(hangs[0] | hangs[1])


def _moving_together(wrists: np.ndarray, fps: float) -> np.ndarray:
    """(T,) bool: both wrists move, within an eighth of a second."""
    if len(wrists) < 2:
        return np.zeros(len(wrists), bool)
    places = gaussian_filter1d(wrists, 2 * _SMOOTH_SECONDS * fps, axis=0, mode="nearest")
    speed = np.linalg.norm(np.gradient(places, axis=0), axis=-1) * fps
    together = (speed > MOVING).all(1)
    return maximum_filter1d(together.astype(np.int8), 2 * max(1, round(fps / 8)) + 1) > 0
