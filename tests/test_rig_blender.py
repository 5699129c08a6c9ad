"""Armatures in Blender itself: the evaluated pose is the one that was meant."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diffsign.retarget.rig.mpfb import mpfb_skeleton

_COMMON = """
import json, os, sys
import bpy, addon_utils
import numpy as np
from importlib import resources
from pathlib import Path
from diffsign.errors import UserError
from diffsign.render.rig_blender import apply, skeleton_of
from diffsign.retarget.motion import Motion
from diffsign.retarget.rig.recognise import recognise
from diffsign.retarget.rig.transfer import TransferOptions, transfer

bpy.ops.wm.read_factory_settings(use_empty=True)
assets = Path(str(resources.files("diffsign.assets")))
motion = Motion.load(assets / "sample_motion.npz").part(20, 28)

def new_armature():
    data = bpy.data.armatures.new("rig")
    rig = bpy.data.objects.new("rig", data)
    bpy.context.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    return rig

def from_file(path, size):
    bones = np.load(path)
    rig = new_armature()
    bpy.ops.object.mode_set(mode="EDIT")
    for name, matrix, tail in zip(bones["names"], bones["matrices"], bones["tails"]):
        bone = rig.data.edit_bones.new(str(name))
        bone.head, bone.tail = matrix[:3, 3] * size, tail * size
        bone.align_roll(matrix[:3, 2].tolist())
    for name, parent in zip(bones["names"], bones["parents"]):
        if parent >= 0:
            rig.data.edit_bones[str(name)].parent = rig.data.edit_bones[str(bones["names"][parent])]
    bpy.ops.object.mode_set(mode="OBJECT")
    return rig

def errors(rig, first, also=()):
    '''Largest errors of rotation (degrees) and place (metres) in the evaluated scene.'''
    bpy.context.view_layer.update()
    rest = skeleton_of(rig)
    result = transfer(motion, rest, recognise(rest), TransferOptions(root="scene"))
    action = apply(rig, result, first)
    turn, place, follow = 0.0, 0.0, 0.0
    for frame in range(motion.frame_count):
        bpy.context.scene.frame_set(first + frame)
        def world(name):
            matrix = np.array(rig.matrix_world @ rig.pose.bones[name].matrix)
            return matrix[:3, :3] / np.linalg.norm(matrix[:3, :3], axis=0), matrix[:3, 3]
        for name in result.driven:
            index = result.names.index(name)
            rotation, head = world(name)
            off = np.linalg.norm(rotation - result.rotations[frame, index]) / 8**0.5
            turn = max(turn, np.degrees(2 * np.arcsin(min(1, off))))
            place = max(place, np.linalg.norm(head - result.heads[frame, index]))
        for one, other in also:
            a, b = (rest.rotations[rest.index(n)].T for n in (one, other))
            follow = max(follow, np.abs(world(one)[0] @ a - world(other)[0] @ b).max())
    return {"turn": turn, "place": float(place), "follow": float(follow), "unit": rest.unit,
            "family": recognise(rest).name, "frames": list(action.frame_range)}

def done(value):
    print("\\n@" + json.dumps(value), flush=True)
    os._exit(0)  # Blender's own tear-down can hang or crash after good work
"""


def in_blender(program: str, folder: Path, *arguments: object) -> Any:
    """What a program said to `done`, in a process of its own that alone loads Blender."""
    child = subprocess.run(
        [sys.executable, "-c", _COMMON + program, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"BLENDER_USER_RESOURCES": str(folder), "OMP_NUM_THREADS": "1"},
    )
    said = [line for line in child.stdout.splitlines() if line.startswith("@")]
    assert said, child.stderr[-3000:]
    return json.loads(said[-1][1:])


def write_bones(path: Path, name: str) -> None:
    rig = mpfb_skeleton(name)
    matrices = np.tile(np.eye(4), (len(rig.names), 1, 1))
    matrices[:, :3, :3], matrices[:, :3, 3] = rig.rotations, rig.heads
    np.savez(
        path, names=np.array(rig.names), parents=rig.parents, matrices=matrices, tails=rig.tails
    )


@pytest.mark.parametrize("name", ["mixamo"])
def test_a_scaled_turned_and_parented_armature_shows_the_motion(name: str, tmp_path: Path) -> None:
    """Built in centimetres, as Mixamo's files are, under a turned and scaled parent."""
    write_bones(tmp_path / "bones.npz", name)
    found = in_blender(
        """
rig = from_file(sys.argv[1], 100)
rig.scale = (0.01,) * 3
parent = bpy.data.objects.new("parent", None)
bpy.context.collection.objects.link(parent)
rig.parent = parent
parent.rotation_euler, parent.location, parent.scale = (0.1, 0.2, 1), (1, 2, 3), (2, 2, 2)
done(errors(rig, 5))
""",
        tmp_path,
        tmp_path / "bones.npz",
    )
    assert found["family"] == name
    assert found["unit"] == pytest.approx(0.02)
    assert found["turn"] < 0.01 and found["place"] < 1e-4
    assert found["frames"] == [5, 12]


def test_a_generated_rigify_rig_shows_the_motion_through_its_controls(tmp_path: Path) -> None:
    found = in_blender(
        """
addon_utils.enable("rigify", default_set=True)
from rigify.metarigs import human
rig = new_armature()
human.create(rig)
bpy.ops.object.mode_set(mode="OBJECT")
bpy.ops.pose.rigify_generate()
pairs = [(f"DEF-{a}{s}", f"{b}{s}") for s in (".L", ".R")
         for a, b in (("hand", "hand_fk"), ("f_index.02", "f_index.02"), ("thumb.02", "thumb.02"))]
motion = motion.part(0, 4)
done(errors(bpy.context.object, 1, [*pairs, ("DEF-spine.006", "head")]))
""",
        tmp_path,
    )
    assert found["family"] == "rigify"
    assert found["turn"] < 0.01 and found["place"] < 1e-4
    assert found["follow"] < 0.01  # the bones that deform the mesh go with the controls


def test_what_cannot_be_posed_is_refused_in_one_sentence(tmp_path: Path) -> None:
    write_bones(tmp_path / "bones.npz", "mixamo")
    said = in_blender(
        """
def sentence(call, *arguments):
    try:
        call(*arguments)
    except UserError as error:
        return str(error)

rig = from_file(sys.argv[1], 1)
rest = skeleton_of(rig)
result = transfer(motion, rest, recognise(rest))
said = [sentence(skeleton_of, None), sentence(skeleton_of, bpy.data.objects.new("cube", None))]
for scale in ((-1, 1, 1), (1, 2, 1)):
    rig.scale = scale
    bpy.context.view_layer.update()
    said.append(sentence(skeleton_of, rig))
said.append(sentence(apply, new_armature(), result))
said.append(sentence(skeleton_of, new_armature()))
done(said)
""",
        tmp_path,
        tmp_path / "bones.npz",
    )
    words = ["no armature", "no armature", "negative", "differently", "has no bone", "no bones"]
    assert isinstance(said, list)
    for sentence, word in zip(said, words, strict=True):
        assert word in sentence and sentence.count(". ") == 0 and sentence.endswith(".")
