"""Characters as users have them, made from MPFB2's data: a Mixamo FBX, an MPFB2 human, a VRM."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from diffsign.retarget.body.load import load_body
from diffsign.retarget.rig.families import FAMILIES
from diffsign.retarget.rig.mpfb import _base_mesh, mpfb_skeleton, mpfb_weights, to_blender
from diffsign.retarget.rig.recognise import recognise

_SKIN = 13380
"""The base mesh's vertices that are skin."""
_KEYS = ("browInnerUp", "eyeBlinkLeft", "eyeBlinkRight", "jawOpen", "mouthPucker")
"""Few of the 52 actions are enough here, and quick."""
_BUILD = """
import os, sys
import bpy
import numpy as np

data = dict(np.load(sys.argv[1]))
out, size = sys.argv[2], float(sys.argv[3])
bpy.ops.wm.read_factory_settings(use_empty=True)
names = [str(name) for name in data["names"]]
armature = bpy.data.armatures.new("Armature")
rig = bpy.data.objects.new("Armature", armature)
bpy.context.collection.objects.link(rig)
bpy.context.view_layer.objects.active = rig
bpy.ops.object.mode_set(mode="EDIT")
for name, matrix, tail in zip(names, data["matrices"], data["tails"]):
    bone = armature.edit_bones.new(name)
    bone.head, bone.tail = matrix[:3, 3] * size, tail * size
    bone.align_roll(matrix[:3, 2].tolist())
for name, parent in zip(names, data["parents"]):
    if parent >= 0:
        armature.edit_bones[name].parent = armature.edit_bones[names[parent]]
bpy.ops.object.mode_set(mode="OBJECT")
mesh = bpy.data.meshes.new("Body")
mesh.from_pydata((data["vertices"] * size).tolist(), [], data["faces"].tolist())
mesh.shade_smooth()
body = bpy.data.objects.new("Body", mesh)
bpy.context.collection.objects.link(body)
for k, name in enumerate(names):
    group = body.vertex_groups.new(name=name)
    for vertex in np.flatnonzero(data["weights"][:, k] > 0.01).tolist():
        group.add((vertex,), float(data["weights"][vertex, k]), "REPLACE")
body.shape_key_add(name="Basis")
for name, moves in zip(data["action_names"], data["actions"]):
    key = body.shape_key_add(name=str(name), from_mix=False)
    key.data.foreach_set("co", (size * (data["vertices"] + moves)).astype("f").ravel())
body.parent = rig
body.modifiers.new("Armature", "ARMATURE").object = rig
rig.scale = (1 / size,) * 3
if out.endswith(".fbx"):
    bpy.ops.export_scene.fbx(filepath=out, add_leaf_bones=True, bake_anim=False)
else:
    bpy.ops.export_scene.gltf(
        filepath=out, export_animations=False, export_morph_normal=False
    )
os._exit(0)
"""


def make_characters(folder: Path) -> list[dict[str, str]]:
    """The files, with the kind of each and its right wrist; made where they are missing."""
    found = []
    for kind, rig, suffix, size, family in (
        ("mixamo", "mixamo", ".fbx", 100.0, None),
        ("mpfb", "makehuman", ".glb", 1.0, None),
        ("vrm", "mixamo", ".glb", 1.0, "vroid"),
    ):
        path, parts = folder / f"{kind}{suffix}", folder / f"{kind}.npz"
        _, wrist = _write_parts(parts, rig, family)
        if not path.is_file():
            command = [sys.executable, "-c", _BUILD, str(parts), str(path), str(size)]
            environment = os.environ | {"OMP_NUM_THREADS": "1"}
            done = subprocess.run(command, capture_output=True, text=True, env=environment)
            if not path.is_file():
                raise RuntimeError(f"{kind} was not made: {done.stderr[-2000:]}")
        found.append({"kind": kind, "file": str(path), "wrist": wrist})
    return found


def _write_parts(path: Path, rig: str, family: str | None) -> tuple[list[str], str]:
    """Everything of a character as arrays; its bones' names, and the right wrist's."""
    body, rest = load_body("open"), mpfb_skeleton(rig)
    rig_map = recognise(rest)
    names = list(rest.names)
    if family is not None:
        table = next(f for f in FAMILIES if f.name == family).bones()
        other = {
            bones[0]: table[joint][0].split("|")[0]
            for joint, bones in rig_map.bones.items()
            if joint in table
        }
        names = [other.get(name, name) for name in names]
    wrist = names[rest.names.index(rig_map.bones["right_wrist"][0])]
    if path.is_file():
        return names, wrist
    path.parent.mkdir(parents=True, exist_ok=True)
    matrices = np.tile(np.eye(4), (len(names), 1, 1))
    matrices[:, :3, :3], matrices[:, :3, 3] = rest.rotations, rest.heads
    keys = [body.action_names.index(name) for name in _KEYS]
    np.savez(
        path,
        names=np.array(names),
        parents=rest.parents,
        matrices=matrices,
        tails=rest.tails,
        vertices=to_blender(_base_mesh()[0][:_SKIN]),
        faces=body.faces[body.group_faces("body")],
        weights=mpfb_weights(rig, rest)[:_SKIN],
        action_names=np.array(_KEYS),
        actions=to_blender(np.moveaxis(body.actiondirs[:_SKIN, :, keys], 2, 0)),
    )
    return names, wrist


if __name__ == "__main__":
    make_characters(Path(sys.argv[1]))
