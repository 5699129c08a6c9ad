"""Keep Contacts on somebody else's character: DiffSign's Python solves, keys come back."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from diffsign.retarget.body.load import load_body
from diffsign.retarget.motion import Motion
from diffsign.retarget.rig.mpfb import _base_mesh, mpfb_skeleton, mpfb_weights, to_blender

_SKIN = 13380
"""The base mesh's vertices that are skin."""


def test_contacts_are_kept_on_any_character_with_a_skin(
    in_blender: Callable[[str], Any], tmp_path: Path
) -> None:
    body = load_body("open")
    np.savez(
        tmp_path / "skin.npz",
        vertices=to_blender(_base_mesh()[0][:_SKIN]),
        faces=body.faces[body.group_faces("body")],
        weights=mpfb_weights("mixamo", mpfb_skeleton("mixamo"))[:_SKIN],
    )
    with resources.as_file(resources.files("diffsign.assets") / "sample_motion.npz") as path:
        Motion.load(path).part(28, 34).save(tmp_path / "short.npz")
    found = in_blender(
        """
from diffsign.blender_addon.retarget_operators import contacts_hint, keeps_contacts
(rig,), own = fresh()
own.motion, scene = str(folder / "short.npz"), bpy.context.scene
scene.render.fps = 25
environment.find_python = lambda *args, **named: Path(sys.executable)
said = {"bones": [contacts_hint(bpy.context), keeps_contacts(bpy.context)]}
skin = dict(np.load(folder / "skin.npz"))
mesh = bpy.data.meshes.new("skin")
mesh.from_pydata(skin["vertices"].tolist(), [], skin["faces"].tolist())
made = bpy.data.objects.new("skin", mesh)
scene.collection.objects.link(made)
made.parent = rig
made.modifiers.new("rig", "ARMATURE").object = rig
for k, name in enumerate(bones["names"]):
    group = made.vertex_groups.new(name=str(name))
    for vertex in np.flatnonzero(skin["weights"][:, k] > 0.01).tolist():
        group.add((vertex,), float(skin["weights"][vertex, k]), "REPLACE")

def hands():
    found = []
    for frame in range(1, 7):
        scene.frame_set(frame)
        names = ("mixamorig:LeftHand", "mixamorig:RightHand")
        found.append([list(rig.pose.bones[name].head) for name in names])
    return found

environment.find_python = lambda *args, **named: None
said["no python"] = [contacts_hint(bpy.context), keeps_contacts(bpy.context)]
said["angles"] = list(bpy.ops.diffsign.retarget())
said["without"] = hands()
environment.find_python = lambda *args, **named: Path(sys.executable)
said["skin"] = [contacts_hint(bpy.context), keeps_contacts(bpy.context)]
said["contacts"] = list(bpy.ops.diffsign.retarget())
said["with"], said["action"] = hands(), rig.animation_data.action.name
done(said)
"""
    )
    assert "moves no mesh" in found["bones"][0] and not found["bones"][1]
    assert "DiffSign's Python" in found["no python"][0] and not found["no python"][1]
    assert found["skin"] == ["", True]
    assert found["angles"] == found["contacts"] == ["FINISHED"]
    assert found["action"] == "DiffSign short"
    moved = np.linalg.norm(np.array(found["with"]) - np.array(found["without"]), axis=-1)
    assert 0.001 < moved.max() < 0.3  # metres: the same sign, at another place
