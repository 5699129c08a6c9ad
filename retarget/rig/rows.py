"""The rows of one frame's linear system: how far skin should be from skin, and how it moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..body.skeleton import INDEX
from .axes import HandAxes, ways_out
from .fingers import FINGERS, Fingers, bending, crossed
from .rules import HOLD, Rule
from .surface import SIDES
from .touch import nearest

MOVE, TURN, SWIVEL, BEND = slice(0, 3), slice(3, 6), 6, slice(7, 7 + len(FINGERS))
HALF = BEND.stop
"""Unknowns of one side: the wrist's displacement, a turn of the hand about it, the swivel of the
elbow, and how much further each finger is bent."""

_SKIN = 0.002
"""Metres that every probe is kept off: between probes the skin bulges."""
_FREE = 0.017
"""Metres that what did not touch is kept off: more than what counts as touching."""
_SHRINK = 0.4
"""On a small hand a finger beside a touching one is nearer too."""
_SOURCE_GAPS, _KEPT_GAPS = (0.0, 0.008, 0.015, 0.025), (0.0, 0.007, 0.009, 0.025)
"""Metres: gaps of the source's touches, and what they become at most: what was just near enough to
touch stays near enough on a hand of another size."""
_NEARER = 0.15
"""Weight of a touch that is nearer than it was, against one that is not near enough."""
_MEETING = 6
"""Probes by which hands meet that were in each other."""
_PUSH = 40.0
"""Weight of a probe that is too near, against that of one that is held."""
_SLIDE = 0.05
"""Weight of keeping a touch from sliding over the skin, against that of the touch."""
_RELEASE = 0.004
"""Metres beyond its floor at which a probe is let go for good."""

Parts = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Rows:
    """Makes the rows of one frame. points, normals: (N, 3); rotations: (55, 3, 3); positions:
    (55, 3); side_of: (N,) which hand a point is on, -1 for none; aside: see `surface`; state:
    (2 * HALF,)."""

    points: np.ndarray
    normals: np.ndarray
    rotations: np.ndarray
    positions: np.ndarray
    side_of: np.ndarray
    aside: np.ndarray
    fingers: Fingers
    axes: HandAxes
    state: np.ndarray

    def hand(self, k: int, probes: np.ndarray, rule: Rule) -> Parts:
        """Rows (R, U), what they should come to (R,) and weights (R,) of a hand."""
        near = nearest(self.points[probes], self.points, self.normals, self.aside, rule.among)
        floor = np.clip(_SHRINK * rule.gap, _SKIN, _FREE)
        close = np.flatnonzero(near.gap < floor + _RELEASE)
        one, other = probes[close], near.point[close]
        gap, way, _ = ways_out(
            self.axes,
            one,
            other,
            self.rotations,
            self.positions,
            near.gap[close],
            self.normals[other],
        )
        rows = (way[:, :, None] * self._moves(k, one, other)).sum(1)
        parts = [_pushed(rows, gap, floor[close], self.state)]
        if rule.meets > 0:
            on_hand = np.where(self.side_of[near.point] == 1 - k, near.gap, np.inf)
            first = np.argsort(on_hand)[:_MEETING]
            first = first[np.isfinite(on_hand[first])]
            skin = near.point[first]
            rows = (self.normals[skin][:, :, None] * self._moves(k, probes[first], skin)).sum(1)
            wanted = rows @ self.state - on_hand[first]
            parts.append((rows, wanted, np.full(len(first), rule.meets)))
        if len(rule.touching):
            parts += self._held(k, probes[rule.touching], rule)
        return _stacked(parts)

    def _held(self, k: int, held: np.ndarray, rule: Rule) -> list[Parts]:
        """Touches: the gap is kept, and the place on the skin."""
        normal = self.normals[rule.where]
        moves = self._moves(k, held, rule.where)
        off = self.points[held] - self.points[rule.where]
        rows = (normal[:, :, None] * moves).sum(1)
        target = np.interp((rule.offset * normal).sum(1), _SOURCE_GAPS, _KEPT_GAPS)
        short = target - (off * normal).sum(1)
        weight = rule.weight * np.where(short > 0, _NEARER, 1.0)
        parts = [(rows, rows @ self.state + short, weight)]
        slide = rule.offset - off
        for axis in range(3):
            rows = moves[:, axis]
            parts.append((rows, rows @ self.state + slide[:, axis], _SLIDE * rule.weight))
        return parts

    def arm(self, k: int, probes: np.ndarray, rule: Rule) -> Parts:
        """Rows of a forearm, which the swivel of the elbow and the wrist move."""
        near = nearest(self.points[probes], self.points, self.normals, self.aside, rule.among)
        floor = np.full(len(probes), _SKIN)
        close = np.flatnonzero(near.gap < floor + _RELEASE)
        at, normal = self.points[probes[close]], self.normals[near.point[close]]
        side = SIDES[k]
        shoulder, elbow, wrist = (
            self.positions[INDEX[f"{side}_{name}"]] for name in ("shoulder", "elbow", "wrist")
        )
        bone = wrist - elbow
        along = np.clip((at - elbow) @ bone / (bone @ bone), 0, 1)
        aim = (wrist - shoulder) / np.linalg.norm(wrist - shoulder)
        spin = crossed(aim, elbow - shoulder) * (1 if side == "left" else -1)
        jacobian = np.zeros((len(at), 2 * HALF))
        jacobian[:, k * HALF : k * HALF + 3] = normal * along[:, None]
        jacobian[:, k * HALF + SWIVEL] = (normal @ spin) * (1 - along)
        return _pushed(jacobian, near.gap[close], floor[close], self.state)

    def _moves(self, k: int, held: np.ndarray, skin: np.ndarray) -> np.ndarray:
        """(P, 3, U) how points of hand k move from points of the skin as the state grows."""
        moves = np.zeros((len(held), 3, 2 * HALF))
        self._add(moves, np.arange(len(held)), k, held, 1.0)
        other = np.flatnonzero(self.side_of[skin] == 1 - k)
        if len(other):
            self._add(moves, other, 1 - k, skin[other], -1.0)
        return moves

    def _add(self, moves: np.ndarray, to: np.ndarray, k: int, of: np.ndarray, sign: float) -> None:
        at = self.points[of]
        x, y, z = (sign * (at - self.positions[INDEX[f"{SIDES[k]}_wrist"]])).T
        start = k * HALF
        for axis in range(3):
            moves[to, axis, start + axis] = sign
        turn = start + TURN.start
        moves[to, 0, turn + 1], moves[to, 0, turn + 2] = z, -y
        moves[to, 1, turn], moves[to, 1, turn + 2] = -z, x
        moves[to, 2, turn], moves[to, 2, turn + 1] = y, -x
        bent = bending(self.fingers, k, of, at, self.rotations, self.positions)
        column = start + BEND.start + self.fingers.finger[of]
        for axis in range(3):
            moves[to, axis, column] = sign * bent[:, axis]


def _pushed(jacobian: np.ndarray, gap: np.ndarray, floor: np.ndarray, state: np.ndarray) -> Parts:
    """The probes that are too near, what their rows should come to, and weights.

    A row stays active while it would be broken without the present state: else it would be let go
    as soon as it is kept, and break again.
    """
    held = jacobian @ state
    active = (gap < floor) | ((gap - held < floor) & (gap < floor + _RELEASE))
    free = np.flatnonzero(active)
    weight = np.full(len(free), _PUSH * min(1.0, 2 * HOLD / max(len(free), 1)))
    return jacobian[free], (held + floor - gap)[free], weight


def _stacked(parts: list[Parts]) -> Parts:
    rows, wanted, weights = zip(*parts, strict=True)
    return np.concatenate(rows), np.concatenate(wanted), np.concatenate(weights)
