"""The armature that is meant, and its rig map."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import bpy

from ..errors import UserError
from ..render.avatar_file_job import SIGNER_PROPERTY
from ..render.rig_blender import skeleton_of
from ..retarget.rig.families import FAMILIES
from ..retarget.rig.recognise import match, recognise
from ..retarget.rig.rig_map import CORE, RigMap
from . import folders
from .settings import AUTO, OWN_MAP


def chosen(context: Any) -> Any:
    """The armature that is chosen in the panel, or else the selected one.

    Raises:
        UserError: none is, or several are.
    """
    own = context.scene.diffsign
    if own.armature is not None:
        if own.armature.name not in context.scene.objects:
            raise UserError(
                f"The armature {own.armature.name!r} is not in this scene: choose another one."
            )
        return own.armature
    found = _selected(context)
    if not found:
        raise UserError("No armature is chosen: pick one under Avatar, or select it.")
    if len(found) > 1:
        names = " and ".join(repr(thing.name) for thing in found)
        raise UserError(f"The armatures {names} are selected: pick the one that signs.")
    return found[0]


def can_choose(operator: Any, context: Any) -> bool:
    """An operator's poll: whether an armature is meant; else the button says why not."""
    try:
        chosen(context)
    except UserError as error:
        operator.poll_message_set(str(error))
        return False
    return True


def _selected(context: Any) -> list[Any]:
    """Armatures that are selected, or that move a selected mesh; each once."""
    found = {}
    for thing in context.view_layer.objects.selected:
        if thing.type != "ARMATURE":
            thing = thing.find_armature() if thing.type == "MESH" else None
        if thing is not None:
            found[thing.name] = thing
    return list(found.values())


def editable(armature: Any) -> Any:
    """The armature, where it can be keyed.

    Raises:
        UserError: it comes from another file.
    """
    if armature.library is not None or (
        armature.override_library is not None and armature.override_library.is_system_override
    ):
        raise UserError(
            f"The armature {armature.name!r} is linked from another file and cannot be edited: "
            "make a library override of it (Object, Library Override, Make) and make it editable."
        )
    return armature


def why_not_editable(context: Any) -> str:
    """What the panel says of a chosen armature that cannot be keyed; "" where it can."""
    try:
        armature = chosen(context)
    except UserError:
        return ""  # said elsewhere
    try:
        editable(armature)
    except UserError as error:
        return str(error)
    return ""


def record_of(armature: Any) -> str:
    """The record that DiffSign's own avatars carry, as JSON; "" on any other character."""
    found = armature.get(SIGNER_PROPERTY, "")
    return found if isinstance(found, str) else json.dumps(found.to_dict())


def map_of(armature: Any, settings: Any) -> RigMap:
    """The armature's map: found, of the family that was chosen, or from the file.

    Raises:
        UserError: it is no human rig, or not of that family.
    """
    rest = skeleton_of(armature)
    if settings.family == AUTO:
        return recognise(rest)
    if settings.family == OWN_MAP:
        found = RigMap.load(folders.existing(settings.rig_map, "rig map"))
    else:
        family = next(f for f in FAMILIES if f.name == settings.family)
        matched = match(rest, family)
        if matched is None or any(joint not in matched.bones for joint in CORE):
            raise UserError(
                f"The armature {armature.name!r} is not of the family {family.name}: choose "
                "another family, or let it be found."
            )
        found = matched
    found.check(rest)
    return found


def summary(context: Any) -> str:
    """What the panel says of the armature; cheap enough to be drawn."""
    armature = chosen(context)
    own = context.scene.diffsign
    bones = armature.data.bones
    key = (
        armature.session_uid,
        own.family,
        own.rig_map,
        len(bones),
        bones[0].name if bones else "",
    )
    return _summary(key)


@lru_cache(maxsize=8)
def _summary(key: tuple[Any, ...]) -> str:
    armature = next(o for o in bpy.data.objects if o.session_uid == key[0])
    try:
        return map_of(armature, bpy.context.scene.diffsign).summary()
    except UserError as error:
        return str(error)


def forget() -> None:
    """What was found of armatures; they may have changed."""
    _summary.cache_clear()
