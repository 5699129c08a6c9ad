"""What the add-on cannot use is one sentence, and leaves the scene as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

InBlender = Callable[[str], Any]


def test_bad_input_is_a_sentence_and_changes_nothing(in_blender: InBlender, tmp_path: Path) -> None:
    said = in_blender(
        """
said = {}
(one, two), own = fresh(2)
one.select_set(True); two.select_set(True)
said["two armatures"] = sentence(bpy.ops.diffsign.save_rig_map, filepath=str(folder / "m.json"))
said["two in the panel"] = [" ".join(draw()), True]
said["two on the button"] = [poll_message(bpy.ops.diffsign.retarget), True]
from diffsign.blender_addon.retarget_operators import DIFFSIGN_OT_retarget as retarget
said["poll"] = retarget.poll(bpy.context)
own.armature = one
own.motion = str(folder / "none.npz")
said["no motion"] = sentence(bpy.ops.diffsign.retarget)
(folder / "bad.npz").write_bytes(b"nothing")
own.motion = str(folder / "bad.npz")
said["summary"] = [own.motion_summary, True]
said["bad motion"] = sentence(bpy.ops.diffsign.retarget)
own.motion, own.limit_range, own.first, own.last = motion, True, 200, 300
said["no frames"] = sentence(bpy.ops.diffsign.retarget)
own.limit_range = False
own.family = "unreal"
said["other family"] = sentence(bpy.ops.diffsign.retarget)
own.family = "AUTO"
one.scale = (-1, 1, 1)
bpy.context.view_layer.update()
said["mirrored"] = sentence(bpy.ops.diffsign.retarget)
one.scale = (1, 1, 1)
said["bad export"] = sentence(
    bpy.ops.diffsign.export, filepath=str(folder / "bad.npz" / "x.glb"), format=".glb")
camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
bpy.context.scene.collection.objects.link(camera)
bpy.context.scene.camera = camera
own.folder = "/proc/none"
said["folder"] = sentence(bpy.ops.diffsign.render_passes)
own.recipe = "/proc/none/recipe.yaml"
said["recipe"] = sentence(bpy.ops.diffsign.write_recipe)
said["map"] = sentence(bpy.ops.diffsign.save_rig_map, filepath="/proc/none/map.json")
said["avatar"] = sentence(bpy.ops.diffsign.create_avatar)
own.folder = "//diffsign"
said["never saved"] = sentence(bpy.ops.diffsign.render_passes)
own.folder, own.samples = str(folder), 1
scene = bpy.context.scene
scene.render.resolution_x = scene.render.resolution_y = scene.frame_end = 16
scene.frame_end = 1
said["blind"] = sentence(bpy.ops.diffsign.render_passes)
own.source = str(folder / "none.mp4")
said["no source"] = sentence(bpy.ops.diffsign.fit)
own.source = str(folder / "bad.npz")
environment.find_python = lambda *args, **named: None
said["no python"] = sentence(bpy.ops.diffsign.fit)
fake_python("broken", "print('diffsign: clip.pose has a layout that is not known: use Holistic.',"
            "file=sys.stderr); sys.exit(2)")
said["unknown layout"] = sentence(bpy.ops.diffsign.fit)
fake_python("half", "print(json.dumps({'stage': 'fit', 'done': 3, 'total': 9}), file=sys.stderr,"
            " flush=True); raise SystemError('it burst')")
said["half way"] = sentence(bpy.ops.diffsign.fit)
fake_python("doctor", "print('hello')")
said["not diffsign"] = sentence(bpy.ops.diffsign.examine)
said["panel"] = [operator.last_error(), True]
said["drawn"] = [" ".join(draw()), True]
said["job left"] = [str(jobs.current()), True]
bpy.ops.wm.save_as_mainfile(filepath=str(folder / "library.blend"))
bpy.ops.wm.read_factory_settings(use_empty=True)
with bpy.data.libraries.load(str(folder / "library.blend"), link=True) as (there, here):
    here.objects = ["rig 0"]
bpy.context.scene.collection.objects.link(here.objects[0])
own = bpy.context.scene.diffsign
own.armature, own.motion = here.objects[0], motion
said["linked"] = [poll_message(bpy.ops.diffsign.retarget), True]
said["linked in the panel"] = [" ".join(draw()), True]
done(said)
"""
    )
    words = {
        "two armatures": "'rig 0' and 'rig 1' are selected",
        "two in the panel": "'rig 0' and 'rig 1' are selected",
        "two on the button": "'rig 0' and 'rig 1' are selected",
        "no motion": "There is no motion at",
        "summary": "is no DiffSign motion",
        "bad motion": "is no DiffSign motion",
        "no frames": "holds nothing of the motion's 85 frames",
        "other family": "is not of the family unreal",
        "mirrored": "negative scale",
        "bad export": "cannot be used as a folder",
        "folder": "Nothing can be written into /proc/none",
        "recipe": "/proc/none",
        "map": "/proc/none",
        "avatar": "Nothing can be written into /proc/none",
        "never saved": "was never saved",
        "blind": "sees no surface",
        "no source": "no source at",
        "no python": "is not named",
        "unknown layout": "layout that is not known",
        "half way": "it burst",
        "not diffsign": "does not answer as DiffSign's",
        "panel": "does not answer as DiffSign's",
        "drawn": "does not answer as DiffSign's",
        "linked": "is linked from another file and cannot be edited",
        "linked in the panel": "is linked from another file and cannot be edited",
    }
    for name, word in words.items():
        text, same = said[name]
        assert word in text, (name, text)
        assert same, f"{name} changed the scene"
    assert said["poll"] is False
    assert said["job left"][0] == "None"


def test_a_pose_file_of_an_unknown_layout_fails_in_diffsigns_own_words(
    in_blender: InBlender, tmp_path: Path
) -> None:
    from pose_format import Pose
    from pose_format.numpy import NumPyPoseBody
    from pose_format.pose_header import PoseHeader, PoseHeaderComponent, PoseHeaderDimensions

    component = PoseHeaderComponent("TAIL", ["root", "tip"], [(0, 1)], [(255, 0, 0)], "XYC")
    header = PoseHeader(0.1, PoseHeaderDimensions(64, 64), [component])
    points = np.ones((4, 1, 2, 2), np.float32)
    with open(tmp_path / "cat.pose", "wb") as file:
        Pose(header, NumPyPoseBody(25, points, np.ones((4, 1, 2), np.float32))).write(file)
    text, same, left, motion = in_blender(
        """
(rig,), own = fresh()
environment.find_python = lambda *args, **named: Path(sys.executable)
own.motion, own.source = "", str(folder / "cat.pose")
found = sentence(bpy.ops.diffsign.fit)
done([*found, jobs.current() is None, own.motion])
"""
    )
    assert text.startswith("Fit: ") and "cat.pose" in text and "\n" not in text
    assert same and left and motion == ""


def test_a_motion_of_another_rate_is_announced(in_blender: InBlender) -> None:
    found = in_blender(
        """
(rig,), own = fresh()
scene = bpy.context.scene
said = {}
for name, fps, base in (("same", 25, 1.0), ("ntsc", 30, 1.001), ("fast", 60, 1.0)):
    scene.render.fps, scene.render.fps_base = fps, base
    for rate in ("RESAMPLE", "SCENE"):
        own.rate = rate
        said[f"{name} {rate}"] = " ".join(draw())
scene.render.fps, scene.render.fps_base, own.rate = 30, 1.001, "RESAMPLE"
bpy.ops.diffsign.retarget()
said["end"], said["fps"] = scene.frame_end, scene.render.fps / scene.render.fps_base
done(said)
"""
    )
    assert "frames a second, the scene" not in found["same RESAMPLE"]
    assert "the scene 29.97: it will be resampled" in found["ntsc RESAMPLE"]
    assert "the scene 60: the scene will take the motion's" in found["fast SCENE"]
    assert found["end"] == 101 and abs(found["fps"] - 29.97) < 0.01  # 84 / 25 s
