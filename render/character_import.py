"""The user's own character: from its file into Blender's scene. Runs inside Blender.

Nothing in the file is executed: of a .blend only objects are taken, and its scripts stay asleep.
"""

from __future__ import annotations

import json
import shutil
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..retarget.rig.families import vrm_map
from ..retarget.rig.recognise import recognise
from ..retarget.rig.rig_map import RigMap
from ..retarget.rig.skeleton import Skeleton
from .character import SUFFIXES
from .rig_blender import skeleton_of


@dataclass(frozen=True, eq=False)
class Character:
    """A character in the scene: its armature, the meshes that it moves, and its rig.

    skeleton: at rest in the scene's world. keys: shape keys of all meshes, without each basis.
    """

    armature: Any
    meshes: tuple[Any, ...]
    skeleton: Skeleton
    rig_map: RigMap
    keys: tuple[str, ...]


def load_character(path: Path, rig: Path | None, scratch: Path) -> Character:
    """Bring a character's file into an empty scene and recognise its rig.

    rig: a rig map's file, where the rig is of no known family. Whatever in the file is no part of
    the character (lamps, cameras, props) is left out.

    Raises:
        UserError: the file is no character, or its rig cannot sign.
    """
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    human_bones = None
    try:
        if path.suffix.lower() == ".blend":
            _append(path)
        elif path.suffix.lower() == ".fbx":
            bpy.ops.import_scene.fbx(filepath=str(path), use_anim=False)
        else:
            human_bones = _vrm_bones(path)
            _import_gltf(path, scratch)
    except (RuntimeError, OSError, ValueError, KeyError, IndexError, AttributeError, struct.error):
        raise UserError(
            f"{path} cannot be read as a character: export it anew as one of {', '.join(SUFFIXES)}."
        ) from None
    armature, meshes = _character(path)
    _stop_animation(armature, meshes)
    bpy.context.view_layer.update()
    skeleton = skeleton_of(armature)
    rig_map = _rig_map(skeleton, rig, human_bones)
    rig_map.check(skeleton)
    if len(rig_map.hands) < 2:
        raise UserError(f"{path} cannot sign: {_clause(rig_map.summary())}")
    names = [key.name for mesh in meshes for key in _key_blocks(mesh)[1:]]
    return Character(armature, meshes, skeleton, rig_map, tuple(dict.fromkeys(names)))


def _clause(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]


def _key_blocks(mesh: Any) -> list[Any]:
    return [] if mesh.data.shape_keys is None else list(mesh.data.shape_keys.key_blocks)


def _append(path: Path) -> None:
    import bpy

    with bpy.data.libraries.load(str(path), link=False) as (there, here):
        here.objects = list(there.objects)
    for thing in here.objects:
        if thing is not None:
            bpy.context.scene.collection.objects.link(thing)


def _import_gltf(path: Path, scratch: Path) -> None:
    """Blender takes a VRM for the glTF that it is once it is called so."""
    import bpy

    if path.suffix.lower() == ".vrm":
        named = scratch / "character.glb"
        shutil.copyfile(path, named)
        path = named
    bpy.ops.import_scene.gltf(filepath=str(path), bone_heuristic="TEMPERANCE")


def _vrm_bones(path: Path) -> dict[str, str] | None:
    """VRM's human bones -> node names, of VRM 0 and 1; None where the file is plain glTF.

    Sources: the specifications of `VRM` 0.0 and `VRMC_vrm` 1.0.
    """
    data = path.read_bytes()
    if data[:4] == b"glTF":
        length = struct.unpack_from("<I", data, 12)[0]
        data = data[20 : 20 + length]
    content = json.loads(data)
    extensions, nodes = content.get("extensions", {}), content.get("nodes", [])
    if "VRMC_vrm" in extensions:
        bones = extensions["VRMC_vrm"]["humanoid"]["humanBones"]
        found = {name: bone["node"] for name, bone in bones.items()}
    elif "VRM" in extensions:
        bones = extensions["VRM"]["humanoid"]["humanBones"]
        found = {bone["bone"]: bone["node"] for bone in bones}
    else:
        return None
    return {name: nodes[node]["name"] for name, node in found.items() if node >= 0}


def _rig_map(skeleton: Skeleton, rig: Path | None, human: dict[str, str] | None) -> RigMap:
    if rig is not None:
        return RigMap.load(rig)
    if human is not None and set(human.values()) <= set(skeleton.names):
        return vrm_map(human)
    return recognise(skeleton)


def _character(path: Path) -> tuple[Any, tuple[Any, ...]]:
    """The armature that moves the most vertices, and its meshes; all else is taken away."""
    import bpy

    things = list(bpy.context.scene.objects)
    armatures = [thing for thing in things if thing.type == "ARMATURE"]
    if not armatures:
        raise UserError(f"{path} holds no armature: export the character together with its rig.")
    meshes = [thing for thing in things if thing.type == "MESH" and not thing.hide_render]
    worn = {armature.name: [m for m in meshes if _moved_by(m, armature)] for armature in armatures}
    best = max(armatures, key=lambda a: sum(len(m.data.vertices) for m in worn[a.name]))
    own = worn[best.name]
    if not any(mesh.data.polygons for mesh in own):
        raise UserError(f"{path} holds an armature without a mesh: export the body with it.")
    above = best
    keep = {best.name, *(mesh.name for mesh in own)}
    while above.parent is not None:
        above = above.parent
        keep.add(above.name)
    for mesh in own:
        if mesh.data.users > 1:
            mesh.data = mesh.data.copy()
    for thing in things:
        if thing.name not in keep:
            bpy.data.objects.remove(thing)
    return best, tuple(own)


def _moved_by(mesh: Any, armature: Any) -> bool:
    if any(m.type == "ARMATURE" and m.object == armature for m in mesh.modifiers):
        return True
    above = mesh.parent
    while above is not None and above != armature:
        above = above.parent
    return above == armature


def _stop_animation(armature: Any, meshes: tuple[Any, ...]) -> None:
    """What the file itself plays would lie over the motion."""
    armature.animation_data_clear()
    for mesh in meshes:
        mesh.animation_data_clear()
        keys = mesh.data.shape_keys
        if keys is not None:
            keys.animation_data_clear()
            for key in keys.key_blocks:
                key.value = 0.0
    armature.data.pose_position = "POSE"
