"""Read a human rig from the shape of its tree alone: hands, arms, chest, head and legs.

A hand is a bone with three to five chains of two bones or more. The lowest bone above both hands
is the chest; the two longest chains that leave the spine below it are the legs; the chain that
rises from the chest ends in the head. Left and right follow from names where they say it, else
from where the toes point.
"""

from __future__ import annotations

import itertools
import re

import numpy as np

from ...errors import UserError
from ..body.skeleton import JOINT_NAMES
from ..rotations import unit
from .rig_map import RigMap
from .skeleton import Skeleton

_FINGERS = ("index", "middle", "ring", "pinky")
_SPINES = {0: (), 1: ("spine3",), 2: ("spine1", "spine3"), 3: ("spine1", "spine2", "spine3")}
_LEFT = re.compile(r"(left|(^|[^a-z])l([^a-z]|$))", re.IGNORECASE)
_RIGHT = re.compile(r"(right|(^|[^a-z])r([^a-z]|$))", re.IGNORECASE)


def by_structure(skeleton: Skeleton) -> RigMap:
    """The map of a skeleton by its tree and its rest positions.

    Raises:
        UserError: what of a person is missing, or is there more than once.
    """
    tree = _Tree(skeleton)
    arms = _arms(tree)
    chest = tree.common(arms[0], arms[1])
    spine = tree.path(-1, chest)
    pelvis, legs = _legs(tree, spine, arms)
    spine = spine[spine.index(pelvis) :]
    neck = _neck(tree, chest, arms, legs)
    if _is_left(tree, arms, legs):
        sides = {"left": (arms[0], legs), "right": (arms[1], legs[::-1])}
    else:
        sides = {"left": (arms[1], legs[::-1]), "right": (arms[0], legs)}
    bones: dict[str, list[int]] = {"pelvis": [spine[0]]}
    names = _SPINES[min(len(spine) - 1, 3)]
    bones |= {name: [bone] for name, bone in zip(names, spine[1:], strict=False)}
    if names:
        bones[names[-1]] = spine[len(names) :]
    bones["head"] = neck[-1:]
    bones["neck"] = neck[:-1]
    for side, (hand, limbs) in sides.items():
        parts = _arm(tree, tree.path(chest, hand)) | _leg(tree, limbs[0]) | _hand(tree, hand)
        bones |= {f"{side}_{part}": found for part, found in parts.items()}
    return RigMap(
        "read from its shape",
        {
            joint: tuple(skeleton.names[bone] for bone in bones[joint])
            for joint in JOINT_NAMES
            if bones.get(joint)
        },
    )


def _refuse(reason: str) -> UserError:
    return UserError(
        f"The armature is of no known family and its shape does not read as a person's ({reason}): "
        "give a rig map that names its bones."
    )


class _Tree:
    """A skeleton's children, paths and chains."""

    def __init__(self, skeleton: Skeleton) -> None:
        self.names, self.parents = skeleton.names, skeleton.parents
        self.heads, self.up = skeleton.heads, np.asarray(skeleton.up, float)
        self.children: list[list[int]] = [[] for _ in skeleton.names]
        for bone, parent in enumerate(skeleton.parents):
            if parent >= 0:
                self.children[parent].append(bone)

    def chain(self, bone: int) -> list[int]:
        """From a bone to its end, or nothing where the way divides."""
        found = [bone]
        while len(self.children[found[-1]]) == 1:
            found.append(self.children[found[-1]][0])
        return [] if self.children[found[-1]] else found

    def fingers(self, bone: int) -> list[list[int]]:
        """The chains of two to five bones that a bone carries, itself or by a bone in the palm."""
        chains = []
        for child in self.children[bone]:
            chain = self.chain(child)
            chains += [chain] if chain else [self.chain(below) for below in self.children[child]]
        return [chain for chain in chains if 2 <= len(chain) <= 5]

    def path(self, start: int, end: int) -> list[int]:
        """The bones after start (-1: from the root) down to end."""
        found = []
        while end not in (start, -1):
            found.append(end)
            end = self.parents[end]
        return found[::-1]

    def common(self, a: int, b: int) -> int:
        mine = set(self.path(-1, a))
        return next((bone for bone in reversed(self.path(-1, b)) if bone in mine), -1)

    def length(self, chain: list[int]) -> float:
        return float(np.linalg.norm(np.diff(self.heads[chain], axis=0), axis=1).sum())

    def longest(self, bone: int) -> list[int]:
        """The longest way from a bone to an end."""
        ways = [[bone, *self.longest(child)] for child in self.children[bone]]
        return max(ways, key=self.length, default=[bone])


def _arms(tree: _Tree) -> tuple[int, int]:
    """The two bones that are hands."""
    hands = [bone for bone in range(len(tree.names)) if len(tree.fingers(bone)) >= 3]
    hands = [bone for bone in hands if not any(tree.parents[other] == bone for other in hands)]
    # Feet may have toes and faces many bones: arms are long, and leave their common bone higher up.
    pairs = []
    tall = float(np.ptp(tree.heads @ tree.up))
    for a, b in itertools.combinations(hands, 2):
        top = tree.common(a, b)
        ways = (tree.path(top, a), tree.path(top, b))
        if top < 0 or len(ways[0]) != len(ways[1]) or len(ways[0]) < 3:
            continue
        if min(tree.length(way) for way in ways) > 0.15 * tall:
            pairs.append((float(tree.heads[top] @ tree.up), a, b))
    if not pairs:
        raise _refuse(f"{len(hands)} hands with three fingers or more were found, not two")
    pairs.sort(reverse=True)
    if len(pairs) > 1 and np.isclose(pairs[0][0], pairs[1][0]):
        raise _refuse("there is more than one pair of arms")
    return pairs[0][1:]


def _legs(
    tree: _Tree, spine: list[int], arms: tuple[int, int]
) -> tuple[int, tuple[list[int], list[int]]]:
    """The bone that the legs leave, and the two legs."""
    kept = {*spine, *tree.path(-1, arms[0]), *tree.path(-1, arms[1])}
    best: tuple[float, int, tuple[list[int], list[int]]] | None = None
    for bone in spine:
        ways = [tree.longest(child) for child in tree.children[bone] if child not in kept]
        ways = [way for way in ways if len(way) >= 3]
        for a, b in itertools.combinations(ways, 2):
            short, long = sorted((tree.length(a), tree.length(b)))
            drop = (tree.heads[a[0]] - tree.heads[a[2]]) @ tree.up
            if short > 0.8 * long and drop > 0 and (best is None or long > best[0]):
                best = (long, bone, (a, b))
    if best is None:
        raise _refuse("no two legs below the arms")
    return best[1], best[2]


def _neck(
    tree: _Tree, chest: int, arms: tuple[int, int], legs: tuple[list[int], list[int]]
) -> list[int]:
    """The bones from the neck to the head."""
    kept = {*tree.path(-1, arms[0]), *tree.path(-1, arms[1]), *legs[0], *legs[1]}
    ways = [[c, *_rising(tree, c)] for c in tree.children[chest] if c not in kept]
    rises = [float((tree.heads[way[-1]] - tree.heads[chest]) @ tree.up) for way in ways]
    if not ways or max(rises) <= 0:
        raise _refuse("no head above the chest")
    way = ways[int(np.argmax(rises))]
    named = [k for k, bone in enumerate(way) if "head" in tree.names[bone].lower()]
    if named:
        return way[: named[0] + 1]
    # A third bone that ends the chain is the head's tip.
    return way[:-1] if len(way) > 2 and not tree.children[way[-1]] else way


def _rising(tree: _Tree, bone: int) -> list[int]:
    """The bones after one, as long as there is one way on."""
    found: list[int] = []
    while len(tree.children[bone]) == 1:
        bone = tree.children[bone][0]
        found.append(bone)
    return found


def _is_left(tree: _Tree, arms: tuple[int, int], legs: tuple[list[int], list[int]]) -> bool:
    """Whether the first arm is the left one; puts the first leg on the same side."""
    lateral = unit(tree.heads[arms[0]] - tree.heads[arms[1]])
    if (tree.heads[legs[0][1]] - tree.heads[legs[1][1]]) @ lateral < 0:
        legs[0][:], legs[1][:] = legs[1][:], legs[0][:]
    names = tree.names[arms[0]], tree.names[arms[1]]
    if _LEFT.search(names[0]) and _RIGHT.search(names[1]):
        return True
    if _RIGHT.search(names[0]) and _LEFT.search(names[1]):
        return False
    toes = sum(tree.heads[leg[-1]] - tree.heads[leg[2]] for leg in legs)
    side = float(np.cross(tree.up, toes) @ lateral)
    if abs(side) < 1e-6:
        raise _refuse("left and right look the same: no names and no toes tell them apart")
    return side > 0


def _bend(tree: _Tree, way: list[int]) -> tuple[int, int]:
    """Where a limb begins and bends: the split into two long pieces of about one length."""
    points = tree.heads[way]

    def fitness(split: tuple[int, int]) -> float:
        first = float(np.linalg.norm(points[split[1]] - points[split[0]]))
        second = float(np.linalg.norm(points[-1] - points[split[1]]))
        return min(first, second) - 0.5 * abs(first - second)

    return max(itertools.combinations(range(len(way) - 1), 2), key=fitness)


def _arm(tree: _Tree, way: list[int]) -> dict[str, list[int]]:
    start, bend = _bend(tree, way)
    return {
        "collar": way[:start],
        "shoulder": way[start:bend],
        "elbow": way[bend:-1],
        "wrist": way[-1:],
    }


def _leg(tree: _Tree, way: list[int]) -> dict[str, list[int]]:
    """Thigh and shin are the two longest pieces; foot and toes follow."""
    pieces = np.linalg.norm(np.diff(tree.heads[way], axis=0), axis=1)
    long = [k for k in range(len(pieces)) if pieces[k] > 0.35 * pieces.max()]
    ankle = long[-1] + 1 if len(long) < 3 else long[-1]
    ankle = min(max(ankle, 2), len(way) - 1)
    start, bend = _bend(tree, way[: ankle + 1])
    return {
        "hip": way[start:bend],
        "knee": way[bend:ankle],
        "ankle": way[ankle : ankle + 1],
        "foot": way[ankle + 1 : ankle + 2],
    }


def _hand(tree: _Tree, hand: int) -> dict[str, list[int]]:
    """Fingers in order: the thumb stays nearest to the wrist, the others follow across."""
    chains = tree.fingers(hand)
    wrist = tree.heads[hand]
    reach = [float(np.linalg.norm(tree.heads[[c[0], c[-1]]] - wrist, axis=1).sum()) for c in chains]
    thumb = chains.pop(int(np.argmin(reach)))
    base = tree.heads[thumb[0]]
    # A finger of one bone more than the thumb begins in the palm.
    fingers = [c[1:] if len(c) > max(len(thumb), 3) else c for c in chains]
    fingers.sort(key=lambda chain: float(np.linalg.norm(tree.heads[chain[0]] - base)))
    return {
        f"{name}{n + 1}": [bone]
        for name, chain in (("thumb", thumb), *zip(_FINGERS, fingers, strict=False))
        for n, bone in enumerate(chain[:3])
    }
