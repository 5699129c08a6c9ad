"""Facial actions as keyframes of a character's shape keys, whatever made the character."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..retarget.motion import Motion
from ..retarget.rig.face import shape_keys
from .rig_blender import key_curve

if TYPE_CHECKING:
    import bpy


def meshes_of(armature: bpy.types.Object, objects: Any) -> list[bpy.types.Object]:
    """Those of the objects whose mesh the armature moves: its children, or by a modifier."""
    return [
        thing
        for thing in objects
        if thing.type == "MESH"
        and (
            thing.parent is armature
            or any(m.type == "ARMATURE" and m.object is armature for m in thing.modifiers)
        )
    ]


def key_names(meshes: list[bpy.types.Object]) -> list[str]:
    """The names of all shape keys of the meshes, without the rest shape."""
    found: dict[str, None] = {}
    for mesh in meshes:
        keys = mesh.data.shape_keys
        if keys is not None:
            found |= {key.name: None for key in keys.key_blocks if key is not keys.reference_key}
    return list(found)


def apply_face(
    meshes: list[bpy.types.Object], motion: Motion, first_frame: int, name: str
) -> list[bpy.types.Action]:
    """Key the meshes' shape keys that facial actions have names for, in new actions.

    Keys that a driver moves are left to it, and meshes that cannot be edited are left alone.

    Args:
        first_frame: of the scene's timeline. name: of the actions, before the mesh's own.

    Returns:
        The new actions, one for each mesh that has such keys.
    """
    import bpy

    made = []
    frames = np.arange(first_frame, first_frame + motion.frame_count, dtype=float)
    done = set()
    for mesh in meshes:
        keys = mesh.data.shape_keys
        if keys is None or keys.library is not None or keys.name in done:
            continue
        done.add(keys.name)  # two objects may share one mesh
        driven = (
            {curve.data_path for curve in keys.animation_data.drivers}
            if (keys.animation_data)
            else set()
        )
        own = [k.name for k in keys.key_blocks if k is not keys.reference_key]
        weights = {
            key: values
            for key, values in shape_keys(motion, own).items()
            if keys.key_blocks[key].path_from_id("value") not in driven
        }
        if not weights:
            continue
        action = bpy.data.actions.new(f"{name} {mesh.name} face")
        data = keys.animation_data or keys.animation_data_create()
        data.action = action
        for key, values in weights.items():
            block = keys.key_blocks[key]
            block.slider_max = max(block.slider_max, 1.0)
            key_curve(action, block, "value", frames, values, -1, group="DiffSign")
        made.append(action)
    return made
