"""What touched must touch, what did not must not, and nothing may pierce: a system over the clip.

Unknown per frame and side: the wrist's displacement (3), a small turn of the hand about it (3) and
the swivel of the elbow (1). Every nearby pair of skin points gives a row that is linear in them;
Gauss-Newton with an active set, all frames at once, smooth in time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..body.model import joint_transforms
from ..body.skeleton import INDEX
from .apart import ways_apart
from .arms import Reach, solve_arms
from .smooth import smooth_solution
from .surface import HANDS, SIDES, Shape, Surface, pose_surface
from .touch import candidates, nearest

UNKNOWNS = 14
_MOVE, _TURN, _SWIVEL = slice(0, 3), slice(3, 6), 6

_MARGIN = 0.08
"""Metres around a hand in which skin is looked at."""
_SKIN = 0.001
"""Metres that every probe is kept off: between probes the skin bulges."""
_FREE = 0.017
"""Metres that what did not touch is kept off: more than what counts as touching."""
_SHRINK = 0.6
"""On a small hand a finger beside a touching one is nearer too."""
_TOUCHES, _TOUCHED_NO_MORE = 0.008, 0.025
"""Metres: up to the first the source's gap is kept fully, beyond the second not at all."""
_HOLD = 20.0
"""Touching points of a hand count like so many at most: a flat palm is no stronger than a pinch."""
_MEETING = 6
"""Probes by which hands meet that were in each other."""
_PUSH = 20.0
"""Weight of a probe that is too near, against that of one that is held."""
_SLIDE = 0.05
"""Weight of keeping a touch from sliding over the skin, against that of the touch."""
_THROUGH = (0.008, 0.020)
"""Metres deep in the other hand: up to the first it is a touch, at the second it goes through."""
_ARM_SLACK = 0.004
"""Metres that a forearm may press into flesh."""
_TURN_LIMIT = np.radians(2.2)
"""The palm's orientation is a part of the sign: no more than can be seen to be the same."""
_LEVER = 0.10
"""Metres from the wrist to the middle of a hand: what makes turns comparable with moves."""


def _weights(move: float, turn: float, swivel: float) -> np.ndarray:
    """(14,) of the unknowns; turns are weighed by the way that they move the hand's middle."""
    return np.tile([move] * 3 + [turn * _LEVER**2] * 3 + [swivel], 2)


_PRIOR = _weights(0.3, 6.0, 0.02)
_SMOOTH = _weights(60.0, 60.0, 6.0)
_PINNED = _weights(0.0, 1e5, 0.0)


@dataclass(frozen=True)
class Performer:
    """Who moves: a shape and its angles. poses: (T, 165); trans: (T, 3); actions: (T, 52)."""

    shape: Shape
    poses: np.ndarray
    trans: np.ndarray
    actions: np.ndarray


@dataclass(frozen=True)
class Rule:
    """What one frame's source says of one limb's probes.

    among: the skin that is near enough to matter. gap: (P,) the source's signed distances.
    touching: the probes held to the skin; where: (C,) the points that they touch; offset: (C, 3)
    from those to the probes; weight: (C,). meets: a weight in [0, 1] of touching the other hand
    anywhere near, where the source's hands are too deep in each other to say where.
    """

    among: np.ndarray
    gap: np.ndarray
    touching: np.ndarray
    where: np.ndarray
    offset: np.ndarray
    weight: np.ndarray
    meets: float


def read_rules(
    surface: Surface, points: np.ndarray, normals: np.ndarray, limb: str, side: str
) -> list[Rule]:
    """The rules of a limb ('hand' or 'arm') for posed points and normals (T, N, 3)."""
    probes = (surface.probes if limb == "hand" else surface.arms)[side]
    allowed = _others(surface, limb, side)
    other_hand = np.isin(surface.bone, HANDS[SIDES[1 - SIDES.index(side)]])
    rules = []
    for at, normal in zip(points, normals, strict=True):
        among = candidates(at[probes], at, allowed, _MARGIN)
        near = nearest(at[probes], at, normal, among)
        gap, weight, meets = near.gap, np.zeros(len(probes)), 0.0
        if limb == "hand":
            gap, trust = _drawn_out(near.gap, other_hand[near.point])
            meets = 1 - float(trust.min())
            share = np.clip((_TOUCHED_NO_MORE - gap) / (_TOUCHED_NO_MORE - _TOUCHES), 0, 1)
            weight = trust * share * share * (3 - 2 * share)
            weight *= min(1.0, _HOLD / max(weight.sum(), 1e-9))
        touching = np.flatnonzero(weight > 1e-3)
        where = near.point[touching]
        lift = (gap[touching] - near.gap[touching])[:, None] * normal[where]
        offset = at[probes[touching]] - at[where] + lift
        rules.append(Rule(among, gap, touching, where, offset, weight[touching], meets))
    return rules


def _drawn_out(gap: np.ndarray, on_hand: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gaps as they would be, had the source's hand been drawn out of what it pierces.

    Also a weight in [0, 1]: what is deep in the other hand no longer tells where it touched.

    Args:
        gap: (P,) metres. on_hand: (P,) bool, whether the other hand is what is nearest.
    """
    drawn, trust = gap.copy(), np.ones(len(gap))
    for which in (on_hand, ~on_hand):
        if which.any():
            depth = max(-float(gap[which].min()), 0.0)
            drawn[which] += depth
            if which is on_hand:
                trust[which] = np.clip((_THROUGH[1] - depth) / (_THROUGH[1] - _THROUGH[0]), 0, 1)
    return drawn, trust


def _others(surface: Surface, limb: str, side: str) -> np.ndarray:
    """(N,) bool: the skin that a limb can run into."""
    own = {INDEX[f"{side}_elbow"], *HANDS[side]}
    if limb == "arm":
        own |= {INDEX[f"{side}_shoulder"], INDEX[f"{side}_collar"]}
    return ~np.isin(surface.bone, list(own))


def hands_apart(surface: Surface, performer: Performer, wrists: np.ndarray) -> np.ndarray:
    """Wrists (T, 2, 3) moved where hands at these would be deep in each other."""
    poses = solve_arms(
        performer.shape.joints, performer.poses, performer.trans, _reach(wrists, None)
    )
    rotations, positions = joint_transforms(performer.shape.joints, poses, performer.trans)
    chosen = np.concatenate([surface.hands[side] for side in SIDES])
    points, normals = pose_surface(surface, performer.shape, rotations, positions, None, chosen)
    count = len(surface.hands["left"])
    deep = np.zeros(len(points), bool)
    for frame, (at, normal) in enumerate(zip(points, normals, strict=True)):
        right = np.arange(len(chosen)) >= count
        among = candidates(at[:count], at, right, 0.0)
        deep[frame] = nearest(at[:count:3], at, normal, among).gap.min() < -_THROUGH[0]
    forward = rotations[:, INDEX["spine3"], :, 2]
    ways = ways_apart(points[:, :count], points[:, count:], deep, forward)
    return wrists + np.stack([0.5 * ways, -0.5 * ways], 1)


def solve_contacts(
    surface: Surface,
    source: Performer,
    performer: Performer,
    wrists: np.ndarray,
    rounds: int = 7,
) -> np.ndarray:
    """Poses (T, 165) of the performer that keep the source's touches, near wrists (T, 2, 3)."""
    points, normals = _posed(surface, source, source.poses)
    rules = {
        (limb, side): read_rules(surface, points, normals, limb, side)
        for limb in ("hand", "arm")
        for side in SIDES
    }
    state = np.zeros((len(wrists), UNKNOWNS))
    poses = solve_arms(
        performer.shape.joints, performer.poses, performer.trans, _reach(wrists, state)
    )
    for _ in range(rounds):
        matrices, vectors = _system(surface, performer, poses, state, rules)
        limited = _limited(smooth_solution(matrices, vectors, state, _PRIOR, _SMOOTH))
        # Turns that were cut leave their share of the way to the moves.
        pinned = _PINNED * limited
        state = smooth_solution(
            matrices + np.diag(_PINNED), vectors + pinned, limited, _PRIOR, _SMOOTH
        )
        poses = solve_arms(
            performer.shape.joints, performer.poses, performer.trans, _reach(wrists, state)
        )
    return poses


def _posed(surface: Surface, who: Performer, poses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rotations, positions = joint_transforms(who.shape.joints, poses, who.trans)
    return pose_surface(surface, who.shape, rotations, positions, who.actions)


def _reach(wrists: np.ndarray, state: np.ndarray | None) -> Reach:
    if state is None:
        state = np.zeros((len(wrists), UNKNOWNS))
    by_side = state.reshape(len(state), 2, UNKNOWNS // 2)
    return Reach(wrists + by_side[..., _MOVE], by_side[..., _TURN], by_side[..., _SWIVEL])


def _limited(state: np.ndarray) -> np.ndarray:
    """Turns cut, smoothly, to what keeps the palm's orientation."""
    by_side = state.reshape(len(state), 2, UNKNOWNS // 2).copy()
    turn = by_side[..., _TURN]
    size = np.linalg.norm(turn, axis=-1, keepdims=True)
    by_side[..., _TURN] = turn * _TURN_LIMIT * np.tanh(size / _TURN_LIMIT) / np.maximum(size, 1e-9)
    by_side[..., _SWIVEL] = np.clip(by_side[..., _SWIVEL], -1.2, 1.2)
    return by_side.reshape(state.shape)


def _system(
    surface: Surface,
    performer: Performer,
    poses: np.ndarray,
    state: np.ndarray,
    rules: dict[tuple[str, str], list[Rule]],
) -> tuple[np.ndarray, np.ndarray]:
    """Normal equations per frame, (T, U, U) and (T, U), of the rows about the present state."""
    rotations, positions = joint_transforms(performer.shape.joints, poses, performer.trans)
    points, normals = pose_surface(
        surface, performer.shape, rotations, positions, performer.actions
    )
    matrices = np.zeros((len(poses), UNKNOWNS, UNKNOWNS))
    vectors = np.zeros((len(poses), UNKNOWNS))
    side_of = np.full(len(surface.ids), -1)
    for k, side in enumerate(SIDES):
        side_of[np.isin(surface.bone, HANDS[side])] = k
    for (limb, side), frames in rules.items():
        probes = (surface.probes if limb == "hand" else surface.arms)[side]
        for frame, rule in enumerate(frames):
            if not len(rule.among):
                continue
            rows = _Rows(points[frame], normals[frame], positions[frame], side_of)
            if limb == "hand":
                jacobian, residual, weight = rows.hand(
                    SIDES.index(side), probes, rule, state[frame]
                )
            else:
                jacobian, residual, weight = rows.arm(SIDES.index(side), probes, rule, state[frame])
            if len(residual):
                weighted = jacobian * weight[:, None]
                matrices[frame] += weighted.T @ jacobian
                vectors[frame] += weighted.T @ residual
    return matrices, vectors


@dataclass(frozen=True)
class _Rows:
    """Makes the rows of one frame. points, normals: (N, 3); positions: (55, 3); side_of: (N,)."""

    points: np.ndarray
    normals: np.ndarray
    positions: np.ndarray
    side_of: np.ndarray

    def hand(
        self, k: int, probes: np.ndarray, rule: Rule, state: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows (R, U), what they should come to (R,) and weights (R,) of a hand."""
        at = self.points[probes]
        near = nearest(at, self.points, self.normals, rule.among)
        floor = np.clip(_SHRINK * rule.gap, _SKIN, _FREE)
        jacobian = self._relative(k, at, near.point, self.normals[near.point])
        free, wanted, weight = _pushed(jacobian, near.gap, floor, state)
        parts = [(jacobian[free], wanted, weight)]
        if rule.meets > 0:
            on_hand = np.where(self.side_of[near.point] == 1 - k, near.gap, np.inf)
            first = np.argsort(on_hand)[:_MEETING]
            first = first[np.isfinite(on_hand[first])]
            wanted = jacobian[first] @ state - on_hand[first]
            parts.append((jacobian[first], wanted, np.full(len(first), rule.meets)))
        if len(rule.touching):
            held, skin = at[rule.touching], rule.where
            normal = self.normals[skin]
            off = held - self.points[skin]
            rows = self._relative(k, held, skin, normal)
            gap = (off * normal).sum(1)
            target = np.maximum((rule.offset * normal).sum(1), 0)
            parts.append((rows, rows @ state + target - gap, rule.weight))
            for axis in np.eye(3):
                direction = np.broadcast_to(axis, normal.shape)
                rows = self._relative(k, held, skin, direction)
                slide = (rule.offset - off) @ axis
                parts.append((rows, rows @ state + slide, _SLIDE * rule.weight))
        return _stacked(parts)

    def arm(
        self, k: int, probes: np.ndarray, rule: Rule, state: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows of a forearm, which the swivel of the elbow and the wrist move."""
        at = self.points[probes]
        near = nearest(at, self.points, self.normals, rule.among)
        normal = self.normals[near.point]
        side = SIDES[k]
        shoulder, elbow, wrist = (
            self.positions[INDEX[f"{side}_{name}"]] for name in ("shoulder", "elbow", "wrist")
        )
        bone = wrist - elbow
        along = np.clip((at - elbow) @ bone / (bone @ bone), 0, 1)
        aim = (wrist - shoulder) / np.linalg.norm(wrist - shoulder)
        spin = np.cross(aim, elbow - shoulder) * (1 if side == "left" else -1)
        jacobian = np.zeros((len(at), UNKNOWNS))
        start = k * UNKNOWNS // 2
        jacobian[:, start : start + 3] = normal * along[:, None]
        jacobian[:, start + _SWIVEL] = (normal @ spin) * (1 - along)
        floor = np.clip(rule.gap, -_ARM_SLACK, 0)
        free, wanted, weight = _pushed(jacobian, near.gap, floor, state)
        return jacobian[free], wanted, weight

    def _relative(
        self, k: int, at: np.ndarray, skin: np.ndarray, direction: np.ndarray
    ) -> np.ndarray:
        """How the distance along directions grows with the state, for probes and skin points."""
        half = UNKNOWNS // 2
        rows = np.zeros((len(at), UNKNOWNS))
        self._add(rows, np.ones(len(at), bool), k * half, SIDES[k], at, direction)
        other = self.side_of[skin] == 1 - k
        self._add(rows, other, (1 - k) * half, SIDES[1 - k], self.points[skin], -direction)
        return rows

    def _add(
        self,
        rows: np.ndarray,
        which: np.ndarray,
        start: int,
        side: str,
        at: np.ndarray,
        direction: np.ndarray,
    ) -> None:
        arm = at[which] - self.positions[INDEX[f"{side}_wrist"]]
        rows[which, start : start + 3] = direction[which]
        rows[which, start + 3 : start + 6] = np.cross(arm, direction[which])


def _pushed(
    jacobian: np.ndarray, gap: np.ndarray, floor: np.ndarray, state: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The probes that are too near, what their rows should come to, and weights.

    A row stays active while it would be broken without the present state: else it would be let go
    as soon as it is kept, and break again.
    """
    held = jacobian @ state
    active = (gap < floor) | ((gap - held < floor) & (gap < floor + 0.004))
    free = np.flatnonzero(active & np.isfinite(gap))
    weight = np.full(len(free), _PUSH * min(1.0, 2 * _HOLD / max(len(free), 1)))
    return free, (held + floor - gap)[free], weight


def _stacked(
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows, wanted, weights = zip(*parts, strict=True)
    return np.concatenate(rows), np.concatenate(wanted), np.concatenate(weights)
