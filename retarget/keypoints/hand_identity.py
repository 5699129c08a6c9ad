"""Whose hand is it: hands found twice in one place, and hands exchanged by the detector.

A hand belongs to the wrist of the body that it hangs on, it goes on where it was in the frame
before, and its fingers bend towards its own palm. The three are weighed over the whole clip at once
(Viterbi over two states per frame: as labelled, or exchanged).
"""

from __future__ import annotations

import numpy as np

SIDES = ("left", "right")
BODY_WRIST = {"left": 15, "right": 16}
SURE = 0.3  # a point of the body counts from this confidence
_FOUND_POINT, _FOUND_COUNT = 0.1, 11  # a hand is found where most of its points are

_TWICE = 0.25  # hands nearer than this in every point, in hand sizes, are one hand
_TWICE_WITHOUT_WRISTS = 0.1
_APART = 0.7  # wrists of the body farther apart than this belong to two hands
_FAR = 3.0  # in hand sizes; farther is no worse
_UNKNOWN = 1.5  # how far a hand counts from a wrist that is not seen
_COMES = 0.75  # cost of a hand that appears or vanishes, against one that jumps
_BEND = 0.3  # weight of the fingers' bend against the wrists'
_SWITCH = 1.0  # cost of an exchange beginning or ending
_EXCHANGED = 0.05  # per frame: as labelled unless something speaks against it
_MEMORY_SECONDS = 0.5  # a hand seen longer ago says nothing

_KNUCKLES, _TIPS = [5, 9, 13, 17], [8, 12, 16, 20]
_BEND_SIGN = {"left": -1.0, "right": 1.0}


def found(hand: np.ndarray) -> np.ndarray:
    """(T,) bool: the frames in which most points of a hand (T, 21, 4) are there."""
    return (hand[..., 3] >= _FOUND_POINT).sum(axis=1) >= _FOUND_COUNT


def own_hands(
    left: np.ndarray, right: np.ndarray, body: np.ndarray, fps: float
) -> tuple[np.ndarray, np.ndarray]:
    """Left and right hand (T, 21, 4) as they belong to the body (T, 33, 4); lost ones are zero."""
    hands = {"left": left.copy(), "right": right.copy()}
    size = hand_size(left, right)
    if size > 0:
        _drop_twins(hands, body, size, fps)
        _exchange(hands, body, size, fps)
    return hands["left"], hands["right"]


def hand_size(left: np.ndarray, right: np.ndarray) -> float:
    """Wrist to middle knuckle in pixels where the hand is seen in full length; 0 if never."""
    lengths = []
    for hand in (left, right):
        both = found(hand) & (hand[:, [0, 9], 3] > 0).all(axis=1)
        lengths.append(np.linalg.norm((hand[:, 9] - hand[:, 0])[both, :2], axis=1))
    seen = np.concatenate(lengths)
    return float(np.percentile(seen, 90)) if len(seen) else 0.0


def bend(hand: np.ndarray) -> np.ndarray:
    """(T,) from -1 to 1: to which side of the palm the fingers bend; 0 without depth.

    In the image's frame (x right, y down, z away) a left hand's is negative and a right hand's
    positive, because fingers bend towards the palm; a flat hand says little.
    """
    points = hand[..., :3].astype(np.float64)
    normal = np.cross(points[:, 5] - points[:, 0], points[:, 17] - points[:, 0])
    way = (points[:, _TIPS] - points[:, _KNUCKLES]).mean(axis=1)
    length = np.linalg.norm(normal, axis=1) * np.linalg.norm(way, axis=1)
    flat = (hand[..., 2] == 0).all(axis=1) | ~found(hand)
    return np.where(flat, 0.0, (normal * way).sum(axis=1) / np.maximum(length, 1e-9))


def _drop_twins(hands: dict[str, np.ndarray], body: np.ndarray, size: float, fps: float) -> None:
    """Where one hand is found twice, the label that fits it worse loses it, in place."""
    both = found(hands["left"]) & found(hands["right"])
    common = (hands["left"][..., 3] > 0) & (hands["right"][..., 3] > 0)
    gap = np.linalg.norm((hands["left"] - hands["right"])[..., :2], axis=-1)
    mean_gap = (gap * common).sum(axis=1) / np.maximum(common.sum(axis=1), 1) / size
    wrists = body[:, [BODY_WRIST[side] for side in SIDES]]
    sure = (wrists[..., 3] >= SURE).all(axis=1)
    apart = np.linalg.norm((wrists[:, 0] - wrists[:, 1])[:, :2], axis=1) > _APART * size
    twins = both & np.where(sure, apart & (mean_gap < _TWICE), mean_gap < _TWICE_WITHOUT_WRISTS)
    last: dict[str, tuple[int, np.ndarray]] = {}
    for frame in range(len(body)):
        if twins[frame]:
            costs = {side: _twin_cost(hands, body, last, side, frame, size, fps) for side in SIDES}
            worse = max(SIDES, key=lambda side: costs[side])
            hands[worse][frame] = 0
        for side in SIDES:
            if hands[side][frame, 0, 3] > 0:
                last[side] = frame, hands[side][frame, 0, :2]


def _twin_cost(
    hands: dict[str, np.ndarray],
    body: np.ndarray,
    last: dict[str, tuple[int, np.ndarray]],
    side: str,
    frame: int,
    size: float,
    fps: float,
) -> float:
    root = hands[side][frame, 0, :2]
    wrist = body[frame, BODY_WRIST[side]]
    cost = 0.0
    if wrist[3] >= SURE:
        cost += min(float(np.linalg.norm(root - wrist[:2])) / size, _FAR)
    if side in last and frame - last[side][0] <= _MEMORY_SECONDS * fps:
        cost += min(float(np.linalg.norm(root - last[side][1])) / size, _FAR)
    return cost


def _exchange(hands: dict[str, np.ndarray], body: np.ndarray, size: float, fps: float) -> None:
    """Exchange left and right, in place, where the cheapest course through the clip says so."""
    there = {side: found(hands[side]) for side in SIDES}
    frames = np.flatnonzero(there["left"] | there["right"])
    course = _cheapest(
        _label_costs(hands, there, body, size)[frames],
        _step_costs(hands, there, frames, size, fps),
    )
    wrong = frames[course == 1]
    left = hands["left"][wrong].copy()
    hands["left"][wrong] = hands["right"][wrong]
    hands["right"][wrong] = left


def _label_costs(
    hands: dict[str, np.ndarray], there: dict[str, np.ndarray], body: np.ndarray, size: float
) -> np.ndarray:
    """(T, 2): how badly the hands fit the body as labelled, and exchanged."""
    costs = np.zeros((len(body), 2))
    costs[:, 1] = _EXCHANGED
    for label, other in zip(SIDES, SIDES[::-1], strict=True):
        hand = hands[label]
        bent = bend(hand)
        for state, side in enumerate((label, other)):
            wrist = body[:, BODY_WRIST[side]]
            away = np.linalg.norm((hand[:, 0] - wrist)[:, :2], axis=1) / size
            known = (wrist[:, 3] >= SURE) & (hand[:, 0, 3] > 0)
            costs[:, state] += there[label] * np.where(known, np.minimum(away, _FAR), _UNKNOWN)
            costs[:, state] += there[label] * _BEND * np.maximum(-_BEND_SIGN[side] * bent, 0)
    return costs


def _step_costs(
    hands: dict[str, np.ndarray],
    there: dict[str, np.ndarray],
    frames: np.ndarray,
    size: float,
    fps: float,
) -> np.ndarray:
    """(F - 1, 2, 2): how far hands jump between successive frames, by state before and after."""
    before, after = frames[:-1], frames[1:]
    recent = after - before <= _MEMORY_SECONDS * fps
    jumps = np.zeros((2, 2, len(before)))
    for i, first in enumerate(SIDES):
        for k, second in enumerate(SIDES):
            was, is_ = there[first][before], there[second][after]
            way = (hands[second][after, :, :2] - hands[first][before, :, :2]) / size
            far = np.minimum(np.linalg.norm(way, axis=-1).mean(axis=1), _FAR)
            jumps[i, k] = recent * np.where(was & is_, far, _COMES * (was ^ is_))
    same, crossed = jumps[0, 0] + jumps[1, 1], jumps[0, 1] + jumps[1, 0]
    costs = np.empty((len(before), 2, 2))
    costs[:, 0, 0] = costs[:, 1, 1] = same
    costs[:, 0, 1] = costs[:, 1, 0] = crossed + _SWITCH
    return costs


def _cheapest(states: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """The states (F,) of the cheapest course (Viterbi) for costs (F, S) and (F - 1, S, S)."""
    if not len(states):
        return np.zeros(0, int)
    total = states[0]
    origins = []
    for state, step in zip(states[1:], steps, strict=True):
        routes = total[:, None] + step
        origins.append(routes.argmin(axis=0))
        total = routes.min(axis=0) + state
    course = [int(total.argmin())]
    for origin in reversed(origins):
        course.append(int(origin[course[-1]]))
    return np.array(course[::-1])
