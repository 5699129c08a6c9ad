"""What the add-on's tests begin with, in Blender's module and a process of its own."""
# ruff: noqa: F401  the tests' own lines use what is imported here

import json
import os
import sys
import time
import traceback
from importlib import resources
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import bpy
import numpy as np

from diffsign import blender_addon
from diffsign.blender_addon import environment, jobs, operator, preferences, registration


def burst(*error):
    traceback.print_exception(*error)
    sys.stderr.flush()
    os._exit(1)  # a panel that is still registered would hang Blender's tear-down


sys.excepthook = burst
folder, bones = Path(sys.argv[1]), dict(np.load(sys.argv[2]))
motion = str(resources.files("diffsign.assets") / "sample_motion.npz")


def fresh(count=1):
    """A new scene with armatures, the first selected."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    made = [armature(f"rig {k}") for k in range(count)]
    for rig in made:
        rig.select_set(rig is made[0])
    own = bpy.context.scene.diffsign
    own.folder, own.motion = str(folder), motion
    return made, own


def armature(name):
    data = bpy.data.armatures.new(name)
    rig = bpy.data.objects.new(name, data)
    bpy.context.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for name, matrix, tail in zip(bones["names"], bones["matrices"], bones["tails"], strict=True):
        bone = data.edit_bones.new(str(name))
        bone.head, bone.tail = matrix[:3, 3], tail
        bone.align_roll(matrix[:3, 2].tolist())
    for name, parent in zip(bones["names"], bones["parents"], strict=True):
        if parent >= 0:
            data.edit_bones[str(name)].parent = data.edit_bones[str(bones["names"][parent])]
    bpy.ops.object.mode_set(mode="OBJECT")
    return rig


def state():
    """What of the file an operator might have changed."""
    scene = bpy.context.scene
    return [
        sorted(o.name for o in bpy.data.objects),
        sorted(a.name for a in bpy.data.actions),
        [bool(o.animation_data and o.animation_data.action) for o in bpy.data.objects],
        scene.frame_start,
        scene.frame_end,
        scene.frame_current,
        scene.render.fps,
        scene.render.filepath,
        scene.render.engine,
        scene.camera and scene.camera.name,
        len(bpy.data.collections),
        [
            (bone.name, bone.rotation_mode)
            for o in bpy.data.objects
            if o.pose
            for bone in o.pose.bones
        ],
        [t.name for o in bpy.data.objects if o.animation_data for t in o.animation_data.nla_tracks],
    ]


def sentence(call, *arguments, **named):
    """What an operator says, and whether the scene is as it was."""
    before = state()
    try:
        call(*arguments, **named)
    except RuntimeError as error:
        text = str(error).strip().removeprefix("Error: ")
        return [text, state() == before]
    return ["", state() == before]


def fake_python(name, body):
    """A program that stands for the user's environment."""
    path = folder / name
    path.write_text("#!" + sys.executable + "\nimport json, sys, time, pathlib\n" + body)
    path.chmod(0o755)
    environment.find_python = lambda *args, **named: path
    return path


def poll_message(call):
    """Why a button cannot be pressed; "" where it can."""
    if call.poll():
        return ""
    try:
        call()
    except RuntimeError as error:
        return str(error).strip()
    return "nothing was said"


class Layout:
    """Remembers what is drawn, and that it can be."""

    drawn: ClassVar[list[str]] = []

    def __getattr__(self, name):
        def call(*arguments, **named):
            if name.startswith("prop"):
                assert hasattr(arguments[0], arguments[1]), arguments[1]
                Layout.drawn.append(arguments[1])
            if name.startswith("operator"):
                assert hasattr(bpy.types, arguments[0].replace("diffsign.", "DIFFSIGN_OT_"))
                Layout.drawn.append(arguments[0])
            if name == "label":
                Layout.drawn.append(named["text"])
            return Layout()

        return call

    def __setattr__(self, name, value):
        pass


def draw():
    """What the panel shows: properties, operators and words."""
    Layout.drawn.clear()
    for panel in registration.panels.CLASSES:
        own: Any = SimpleNamespace(layout=Layout())
        if hasattr(panel, "sketch"):
            panel.sketch(own, Layout(), bpy.context, bpy.context.scene.diffsign)
        else:
            panel.draw(own, bpy.context)
    return list(Layout.drawn)


def done(value):
    print("\n@" + json.dumps(value), flush=True)
    os._exit(0)


blender_addon.register()
