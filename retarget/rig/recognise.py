"""Tell which family a rig is of: by its bones' names and order, then by its shape."""

from __future__ import annotations

import re

from ...errors import UserError
from ..body.skeleton import INDEX, JOINT_NAMES, PARENTS
from .families import FAMILIES, Family
from .rig_map import CORE, RigMap
from .skeleton import Skeleton
from .structure import by_structure


def recognise(skeleton: Skeleton) -> RigMap:
    """The map of a skeleton, of the family that explains most of its bones.

    A rig that no table knows is read from its shape: two hands with fingers, the arms up to the
    chest, head and legs.

    Raises:
        UserError: it is no human rig, or two bones fit one joint; says what is missing.
    """
    found = [(family, match(skeleton, family)) for family in FAMILIES]
    scored = [(_score(family, rig), rig) for family, rig in found if rig is not None]
    best = max(scored, key=lambda pair: pair[0])[1] if scored else None
    lacking = CORE if best is None else tuple(j for j in CORE if j not in best.bones)
    if best is not None and not lacking:
        return best
    try:
        return by_structure(skeleton)
    except UserError as error:
        if best is None or len(lacking) == len(CORE):
            raise
        raise UserError(
            f"The armature looks like the family {best.name} but has no bone for "
            f"{', '.join(lacking)}: add or rename them, or give a rig map that names its own."
        ) from error


def match(skeleton: Skeleton, family: Family) -> RigMap | None:
    """What of a family's table the skeleton has, or None where nothing is.

    Raises:
        UserError: two bones of the skeleton fit one name of a family that explains the rig.
    """
    by_key: dict[str, list[str]] = {}
    for name in skeleton.names:
        by_key.setdefault(_key(name), []).append(name)
    exact = set(skeleton.names)
    twice: tuple[str, list[str]] | None = None

    def find(option: str, joint: str) -> str | None:
        nonlocal twice
        for name in option.split("|"):
            if name in exact:
                return name
            fits = by_key.get(_key(name), [])
            if len(fits) > 1:
                twice = twice or (joint, fits)
            if fits:
                return fits[0]
        return None

    claimed: set[str] = set()
    tables: list[dict[str, tuple[str, ...]]] = []
    for table in (family.bones(), family.twist_bones()):
        found: dict[str, tuple[str, ...]] = {}
        # Outer joints choose first: a chest that stands for two joints goes to the upper one.
        for joint in sorted(table, key=lambda joint: INDEX[joint], reverse=True):
            names = [find(option, joint) for option in table[joint]]
            free = tuple(dict.fromkeys(n for n in names if n and n not in claimed))
            if free:
                found[joint] = free
                claimed.update(free)
        tables.append({joint: found[joint] for joint in JOINT_NAMES if joint in found})
    bones, twists = tables
    _give_chest_its_vertebrae(skeleton, bones)
    if not bones or not _in_order(skeleton, bones):
        return None
    if twice and all(joint in bones for joint in CORE):
        joint, fits = twice
        raise UserError(
            f"The bones {fits[0]!r} and {fits[1]!r} both fit {joint}: leave one character in the "
            "armature, or give a rig map that names the bones."
        )
    return RigMap(family.name, bones, {j: t for j, t in twists.items() if j in bones})


def _give_chest_its_vertebrae(skeleton: Skeleton, bones: dict[str, tuple[str, ...]]) -> None:
    """Neck bones that carry the shoulders are the chest's (numbered spines leave it open)."""
    neck, shoulder = bones.get("neck", ()), bones.get("left_collar") or bones.get("left_shoulder")
    if "spine3" not in bones or not neck or not shoulder:
        return
    carrying = set()
    parent = skeleton.parents[skeleton.index(shoulder[0])]
    while parent >= 0:
        carrying.add(skeleton.names[parent])
        parent = skeleton.parents[parent]
    bones["spine3"] += tuple(name for name in neck if name in carrying)
    bones["neck"] = tuple(name for name in neck if name not in carrying)
    if not bones["neck"]:
        del bones["neck"]


def _score(family: Family, found: RigMap) -> tuple[int, int, int]:
    core = sum(joint in found.bones for joint in CORE)
    return core, family.priority, len(found.bones)


def _key(name: str) -> str:
    plain = re.sub(r"^.*[:|]", "", name).lower()
    plain = re.sub(r"^mixamorig\d*", "", plain)
    return re.sub(r"[^a-z0-9]", "", plain)


def _in_order(skeleton: Skeleton, bones: dict[str, tuple[str, ...]]) -> bool:
    """Whether no joint's bone hangs under a bone of a joint that does not come before it."""
    joint_of = {skeleton.index(name): joint for joint, names in bones.items() for name in names}
    for bone, joint in joint_of.items():
        parent = skeleton.parents[bone]
        while parent >= 0 and parent not in joint_of:
            parent = skeleton.parents[parent]
        if parent >= 0 and joint_of[parent] not in _before(joint):
            return False
    return True


def _before(joint: str) -> set[str]:
    index = INDEX[joint]
    names = {joint}
    while index >= 0:
        names.add(JOINT_NAMES[index])
        index = PARENTS[index]
    return names
