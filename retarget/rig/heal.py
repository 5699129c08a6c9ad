"""A source whose hands pierce what they touch, healed on its own body before it is performed.

A fit may leave a hand inside the chest, and an author two hands inside each other. Such a source
does not say where it touches; drawn out by the shortest way, on its own body, it does: what was
pierced is touched there. Sources that pierce nothing are left exactly as they are.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..body.model import joint_transforms
from ..body.skeleton import INDEX
from .apart import ways_apart
from .contacts import solve_contacts
from .rules import THROUGH, Performer, Rule, Rules, depths, read_rules
from .surface import SIDES, Surface, pose_surface
from .touch import candidates, nearest

PIERCED = 0.004
"""Metres: a hand or forearm that is deeper than this in anything has pierced it."""
_AROUND = 12
"""Frames before and after what is pierced in which the hand is on its way."""
_TIMES, _ROUNDS = 2, 3


def healed(surface: Surface, source: Performer) -> tuple[Performer, Rules]:
    """The source as it is where it pierces nothing, and drawn out elsewhere; and its rules."""
    rules = read_rules(surface, source)
    for time in range(_TIMES):
        pierced = np.flatnonzero(depths(rules) > PIERCED)
        if not len(pierced):
            break
        poses = np.array(source.poses, float)
        for start, stop in _stretches(pierced, len(poses)):
            part = slice(start, stop)
            own = source.part(start, stop)
            said = {limb: frames[part] for limb, frames in rules.items()}
            # Only hands that cannot find their way out by themselves are taken apart.
            solved = solve_contacts(surface, said, own, _apart(surface, own, time > 0), _ROUNDS)
            share = _faded(np.arange(start, stop), pierced)[:, None]
            poses[part] += share * (solved - poses[part])
            # What is outside of the stretches has not moved.
            read = read_rules(surface, replace(own, poses=poses[part]))
            rules = {limb: _put(frames, start, read[limb]) for limb, frames in rules.items()}
        source = replace(source, poses=poses)
    return source, rules


def _put(rules: list[Rule], start: int, others: list[Rule]) -> list[Rule]:
    return [*rules[:start], *others, *rules[start + len(others) :]]


def _stretches(pierced: np.ndarray, frames: int) -> list[tuple[int, int]]:
    """First and last (exclusive) frames of the stretches about pierced frames."""
    cuts = np.flatnonzero(np.diff(pierced) > 2 * _AROUND) + 1
    return [
        (max(int(run[0]) - _AROUND, 0), min(int(run[-1]) + 1 + _AROUND, frames))
        for run in np.split(pierced, cuts)
    ]


def _faded(frames: np.ndarray, pierced: np.ndarray) -> np.ndarray:
    """(T,) 1 at pierced frames, 0 where they are far, without corners."""
    off = np.abs(frames[:, None] - pierced).min(1) / _AROUND
    share = np.clip(1 - off, 0, 1)
    return share * share * (3 - 2 * share)


def _apart(surface: Surface, who: Performer, moved: bool) -> np.ndarray:
    """Wrists (T, 2, 3), moved where the hands are so deep in each other that they go through."""
    rotations, positions = joint_transforms(who.shape.joints, who.poses, who.trans)
    wrists = positions[:, [INDEX[f"{side}_wrist"] for side in SIDES]]
    if not moved:
        return wrists
    chosen = np.concatenate([surface.hands[side] for side in SIDES])
    points, normals = pose_surface(who.shape, rotations, positions, None, chosen)
    count, aside = len(surface.hands["left"]), surface.aside[chosen]
    right = np.arange(len(chosen)) >= count
    deep = np.zeros(len(points), bool)
    for frame, (at, normal) in enumerate(zip(points, normals, strict=True)):
        among = candidates(at[:count], at, right, 0.0)
        deep[frame] = nearest(at[:count:3], at, normal, aside, among).gap.min() < -THROUGH[0]
    forward = rotations[:, INDEX["spine3"], :, 2]
    ways = ways_apart(points[:, :count], points[:, count:], deep, forward)
    return wrists + np.stack([0.5 * ways, -0.5 * ways], 1)
