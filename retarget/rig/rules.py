"""What the source's skin says: what touches and where, and how far off everything else is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..body.model import joint_transforms
from ..body.skeleton import INDEX
from .axes import hand_axes, ways_out
from .surface import HANDS, SIDES, Shape, Surface, pose_surface
from .touch import candidates, nearest

THROUGH = (0.008, 0.020)
"""Metres deep in the other hand: up to the first it is a touch, at the second it goes through."""
_MARGIN = 0.08
"""Metres around a hand in which skin is looked at."""
_TOUCHES, _TOUCHED_NO_MORE = 0.012, 0.025
"""Metres: up to the first the source's gap is kept fully, beyond the second not at all."""
HOLD = 20.0
"""Touching points of a hand count like so many at most: a flat palm is no stronger than a pinch."""


@dataclass(frozen=True)
class Performer:
    """Who moves: a shape and its angles. poses: (T, 165); trans: (T, 3); actions: (T, 52)."""

    shape: Shape
    poses: np.ndarray
    trans: np.ndarray
    actions: np.ndarray

    def part(self, start: int, stop: int) -> Performer:
        """The frames from start to stop (exclusive)."""
        frames = slice(start, stop)
        return Performer(self.shape, self.poses[frames], self.trans[frames], self.actions[frames])


@dataclass(frozen=True)
class Rule:
    """What one frame's source says of one limb's probes.

    among: the skin that is near enough to matter. gap: (P,) the source's distances, of a hand as
    if drawn out of what it pierces; depth: metres by which the deepest pierces.
    touching: the probes held to the skin; where: (C,) the points that they touch; offset: (C, 3)
    from those to the probes; weight: (C,). meets: a weight in [0, 1] of touching the other hand
    anywhere near, where the source's hands are too deep in each other to say where.
    """

    among: np.ndarray
    gap: np.ndarray
    depth: float
    touching: np.ndarray
    where: np.ndarray
    offset: np.ndarray
    weight: np.ndarray
    meets: float


Rules = dict[tuple[str, str], list[Rule]]
"""By limb ('hand' or 'arm') and side, a rule for each frame."""


def read_rules(surface: Surface, source: Performer) -> Rules:
    """The rules of both hands and forearms."""
    turned = joint_transforms(source.shape.joints, source.poses, source.trans)
    points, normals = pose_surface(source.shape, *turned, source.actions)
    axes = hand_axes(source.shape, surface.bone)
    found: Rules = {(limb, side): [] for limb in ("hand", "arm") for side in SIDES}
    for (limb, side), rules in found.items():
        probes, allowed = limb_probes(surface, limb, side), _others(surface, limb, side)
        for at, normal, rotations, positions in zip(points, normals, *turned, strict=True):
            among = candidates(at[probes], at, allowed, _MARGIN)
            near = nearest(at[probes], at, normal, surface.aside, among)
            if limb == "arm":
                depth = max(-float(near.gap.min()), 0.0)
                rules.append(Rule(among, near.gap, depth, *_NOTHING, 0.0))
                continue
            toward = normal[near.point]
            gap, _, past = ways_out(
                axes, probes, near.point, rotations, positions, near.gap, toward
            )
            on_hand = np.isin(surface.bone[near.point], HANDS[_other(side)])
            rules.append(_hand_rule(at, normal, probes, among, near.point, gap, past, on_hand))
    return found


def depths(rules: Rules) -> np.ndarray:
    """(T,) metres by which the source's hands and forearms pierce what they touch."""
    return np.max([[rule.depth for rule in frames] for frames in rules.values()], axis=0)


def limb_probes(surface: Surface, limb: str, side: str) -> np.ndarray:
    return (surface.probes if limb == "hand" else surface.arms)[side]


def _hand_rule(
    at: np.ndarray,
    normals: np.ndarray,
    probes: np.ndarray,
    among: np.ndarray,
    point: np.ndarray,
    signed: np.ndarray,
    past: np.ndarray,
    on_hand: np.ndarray,
) -> Rule:
    """A hand's rule in one frame; past: (P,) the probes that the nearest skin does not guide."""
    gap, trust = _drawn_out(signed, on_hand)
    share = np.clip((_TOUCHED_NO_MORE - gap) / (_TOUCHED_NO_MORE - _TOUCHES), 0, 1)
    weight = trust * ~past * share * share * (3 - 2 * share)
    weight *= min(1.0, HOLD / max(weight.sum(), 1e-9))
    touching = np.flatnonzero(weight > 1e-3)
    where = point[touching]
    lift = (gap[touching] - signed[touching])[:, None] * normals[where]
    offset = at[probes[touching]] - at[where] + lift
    depth = max(-float(signed.min()), 0.0)
    meets = 1 - float(trust.min())
    return Rule(among, gap, depth, touching, where, offset, weight[touching], meets)


_NOTHING = (np.zeros(0, int), np.zeros(0, int), np.zeros((0, 3)), np.zeros(0))


def _other(side: str) -> str:
    return SIDES[1 - SIDES.index(side)]


def _drawn_out(gap: np.ndarray, on_hand: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distances (P,) as they would be, had the hand been drawn out of what it pierces.

    Out of the body it comes as a whole, by its greatest depth; what pierces the other hand touches
    it. Also a weight in [0, 1]: what is deep in the other hand no longer tells where it touched.

    Args:
        gap: (P,) metres, negative inside. on_hand: (P,) bool, whether the other hand is nearest.
    """
    drawn, trust = np.maximum(gap, 0), np.ones(len(gap))
    if on_hand.any():
        depth = max(-float(gap[on_hand].min()), 0.0)
        trust[on_hand] = np.clip((THROUGH[1] - depth) / (THROUGH[1] - THROUGH[0]), 0, 1)
    if not on_hand.all():
        drawn[~on_hand] = gap[~on_hand] + max(-float(gap[~on_hand].min()), 0.0)
    return drawn, trust


def _others(surface: Surface, limb: str, side: str) -> np.ndarray:
    """(N,) bool: the skin that a limb can run into."""
    own = {INDEX[f"{side}_elbow"], *HANDS[side]}
    if limb == "arm":
        own |= {INDEX[f"{side}_shoulder"], INDEX[f"{side}_collar"]}
    return ~np.isin(surface.bone, list(own))
