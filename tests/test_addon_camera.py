"""Set Camera: the passes' presets, and the source's camera, before a character in a scene."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

_SCENE = """
from diffsign.render.camera import scene_camera
from diffsign.render.cycles import camera_pose

def pictured(points):
    '''Where world points are in the scene's picture, 0..1 each way, y down, and their depth.'''
    camera = scene_camera(bpy.context.scene)
    turn, eye = camera_pose(bpy.context.scene)
    found = (np.asarray(points) - eye) @ turn * [1.0, -1.0, -1.0]
    return np.column_stack([camera.project(found) / [camera.width, camera.height], found[:, 2]])

def bones_of(rig, *names):
    world = np.array(rig.matrix_world)
    heads = np.array([rig.pose.bones["mixamorig:" + name].head for name in names])
    return heads @ world[:3, :3].T + world[:3, 3]

(rig,), own = fresh()
scene = bpy.context.scene
scene.render.resolution_x, scene.render.resolution_y = 640, 480
bpy.ops.mesh.primitive_uv_sphere_add(radius=0.12, location=bones_of(rig, "Head")[0])
head = bpy.context.object
head.vertex_groups.new(name="mixamorig:Head").add(list(range(len(head.data.vertices))), 1, "ADD")
head.parent = rig
head.modifiers.new("rig", "ARMATURE").object = rig
own.armature, own.keep_contacts = rig, False
bpy.ops.diffsign.retarget()
"""


def test_presets_frame_the_character(in_blender: Callable[[str], Any]) -> None:
    found = in_blender(
        _SCENE
        + """
mine = bpy.data.objects.new("mine", bpy.data.cameras.new("mine"))
scene.collection.objects.link(mine)
scene.camera, place = mine, mine.matrix_world.copy()
said = {"now": scene.frame_current}
for camera in ("front", "three-quarter", "side", "close"):
    own.camera = camera
    bpy.ops.diffsign.set_camera()
    names = ("Head", "LeftHand", "RightHand", "LeftArm", "RightArm")
    per_frame = []
    for frame in range(scene.frame_start, scene.frame_end + 1, 4):
        scene.frame_set(frame)
        per_frame.append(pictured(bones_of(rig, *names)).tolist())
    said[camera] = per_frame
    scene.frame_set(said["now"])
said |= {"then": scene.frame_current, "camera": scene.camera.name,
         "mine": mine.matrix_world == place,
         "cameras": len(bpy.data.cameras), "size": [scene.render.resolution_x,
         scene.render.resolution_y]}
own.recipe = str(folder / "recipe.yaml")
bpy.ops.diffsign.write_recipe()
done(said)
"""
    )
    assert found["now"] == found["then"] and found["size"] == [640, 480]
    assert found["camera"] == "DiffSign Camera" and found["cameras"] == 2 and found["mine"]
    for camera in ("front", "three-quarter", "side"):
        for frame in found[camera]:
            assert all(-0.01 < u < 1.01 and -0.01 < v < 1.01 and z > 0.3 for u, v, z in frame)
    for head, _, _, left, right in found["front"]:
        assert left[0] > 0.5 > right[0]  # seen from the front, the signer's left is at our right
        assert head[1] < left[1]
    sides = [(frame[3], frame[4]) for frame in found["side"]]
    assert all(left[2] < right[2] for left, right in sides)  # from the signer's left
    spread = [abs(left[0] - right[0]) for left, right in sides]
    assert max(spread) < 0.25
    for head, *_ in found["close"]:
        assert 0.2 < head[0] < 0.8 and 0.2 < head[1] < 0.9


def test_the_source_camera_sees_the_character_as_it_saw_the_signer(
    in_blender: Callable[[str], Any],
) -> None:
    found = in_blender(
        _SCENE
        + """
from diffsign.retarget.motion import Motion
from diffsign.retarget.body.skeleton import INDEX
source = Motion.load(motion)
middle = source.joints[:, [INDEX["left_shoulder"], INDEX["right_shoulder"]]].mean(axis=1)
c = source.camera
size = max(c.width, c.height)
wanted = (source.camera.project(middle) - [c.width / 2, c.height / 2]) / size
said = {}
for place in ("scene", "moved", "still"):
    own.place, own.camera = place, "source"
    scene.render.fps = 25
    scene.render.resolution_x, scene.render.resolution_y = c.width, c.height
    bpy.ops.diffsign.retarget()
    bpy.ops.diffsign.set_camera()
    off = []
    for frame in range(1, 85, 7):
        scene.frame_set(frame)
        seen = pictured(bones_of(rig, "LeftArm", "RightArm")).mean(axis=0)[:2]
        seen = (seen * [c.width, c.height] - [c.width / 2, c.height / 2]) / size
        off.append(float(np.abs(seen - wanted[frame - 1]).max()))
    said[place] = max(off)
own.motion = ""
said["without"] = sentence(bpy.ops.diffsign.set_camera)
own.armature = None
rig.select_set(False)
head.select_set(False)
said["none"] = poll_message(bpy.ops.diffsign.set_camera)
done(said)
"""
    )
    assert found["scene"] == pytest.approx(0, abs=0.01)
    assert found["moved"] == pytest.approx(0, abs=0.02)
    assert found["still"] == pytest.approx(0, abs=0.05)
    assert "name one under Source" in found["without"][0] and found["without"][1]
    assert "No armature is chosen" in found["none"]
