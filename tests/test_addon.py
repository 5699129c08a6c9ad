"""The add-on in Blender's module: it comes and goes, works from Python, and says what is wrong."""

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

_START = """
import json, os, sys, time, traceback
from importlib import resources
from pathlib import Path
from types import SimpleNamespace
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
    '''A new scene with armatures, the first selected.'''
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
    for name, matrix, tail in zip(bones["names"], bones["matrices"], bones["tails"]):
        bone = data.edit_bones.new(str(name))
        bone.head, bone.tail = matrix[:3, 3], tail
        bone.align_roll(matrix[:3, 2].tolist())
    for name, parent in zip(bones["names"], bones["parents"]):
        if parent >= 0:
            data.edit_bones[str(name)].parent = data.edit_bones[str(bones["names"][parent])]
    bpy.ops.object.mode_set(mode="OBJECT")
    return rig

def state():
    '''What of the file an operator might have changed.'''
    scene = bpy.context.scene
    return [
        sorted(o.name for o in bpy.data.objects), sorted(a.name for a in bpy.data.actions),
        [bool(o.animation_data and o.animation_data.action) for o in bpy.data.objects],
        scene.frame_start, scene.frame_end, scene.frame_current, scene.render.fps,
        scene.render.filepath, scene.render.engine, len(bpy.data.collections),
    ]

def sentence(call, *arguments, **named):
    '''What an operator says, and whether the scene is as it was.'''
    before = state()
    try:
        call(*arguments, **named)
    except RuntimeError as error:
        text = str(error).strip().removeprefix("Error: ")
        return [text, state() == before]
    return ["", state() == before]

def fake_python(name, body):
    '''A program that stands for the user's environment.'''
    path = folder / name
    path.write_text("#!" + sys.executable + "\\nimport json, sys, time, pathlib\\n" + body)
    path.chmod(0o755)
    environment.find_python = lambda *args, **named: path
    return path

def done(value):
    print("\\n@" + json.dumps(value), flush=True)
    os._exit(0)

blender_addon.register()
"""


def write_bones(path: Path) -> None:
    rig = mpfb_skeleton("mixamo")
    matrices = np.tile(np.eye(4), (len(rig.names), 1, 1))
    matrices[:, :3, :3], matrices[:, :3, 3] = rig.rotations, rig.heads
    names = np.array(rig.names)
    np.savez(path, names=names, parents=rig.parents, matrices=matrices, tails=rig.tails)


def in_blender(program: str, folder: Path) -> Any:
    """What a program said to `done`, in a process of its own that alone loads Blender."""
    write_bones(folder / "bones.npz")
    child = subprocess.run(
        [sys.executable, "-c", _START + program, str(folder), str(folder / "bones.npz")],
        capture_output=True,
        text=True,
        timeout=200,
        env=os.environ | {"BLENDER_USER_RESOURCES": str(folder / "user"), "OMP_NUM_THREADS": "1"},
    )
    said = [line for line in child.stdout.splitlines() if line.startswith("@")]
    assert said, child.stdout[-2000:] + child.stderr[-3000:]
    return json.loads(said[-1][1:])


def test_it_comes_and_goes_and_draws(tmp_path: Path) -> None:
    found = in_blender(
        """
class Layout:
    '''Remembers what is drawn, and that it can be.'''
    drawn = []
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
    Layout.drawn.clear()
    for panel in registration.panels.CLASSES:
        own = SimpleNamespace(layout=Layout())
        panel.draw(own, bpy.context) if not hasattr(panel, "sketch") else panel.sketch(
            own, Layout(), bpy.context, bpy.context.scene.diffsign)
    return list(Layout.drawn)

(rig,), own = fresh()
full = draw()
own.motion = ""
rig.select_set(False)
bpy.data.objects.remove(rig)
empty = draw()
preferences.draw(Layout(), bpy.context, SimpleNamespace(python="/usr/bin/python3"))
kept = [c for module in registration._MODULES for c in module.CLASSES]
undescribed = [c.__name__ for c in kept if not (c.bl_rna.description or c.__doc__)]
bpy.context.scene.diffsign.prompt = "a woman"
bpy.ops.wm.save_as_mainfile(filepath=str(folder / "kept.blend"))
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.wm.open_mainfile(filepath=str(folder / "kept.blend"))
prompt = bpy.context.scene.diffsign.prompt
blender_addon.unregister()
left = [name for name in dir(bpy.types) if name.startswith("DIFFSIGN")]
handlers = [str(h) for n in dir(bpy.app.handlers) if isinstance(getattr(bpy.app.handlers, n), list)
            for h in getattr(bpy.app.handlers, n) if "diffsign" in str(h)]
blender_addon.register()
blender_addon.unregister()
done({"full": full, "empty": empty, "left": left, "scene": hasattr(bpy.types.Scene, "diffsign"),
      "handlers": handlers, "undescribed": undescribed, "prompt": prompt,
      "tabs": [(p.bl_category, p.bl_label) for p in registration.panels.CLASSES]})
""",
        tmp_path,
    )
    assert [label for _, label in found["tabs"]] == [
        "DiffSign", "Source", "Avatar", "Retarget", "Passes", "Generate", "Dataset",
    ]  # fmt: skip
    assert {tab for tab, _ in found["tabs"]} == {"DiffSign"}
    said = " ".join(found["full"])
    assert "85 frames, 25 fps" in said and "family mixamo" in said
    assert any("No armature is" in text for text in found["empty"])
    assert found["left"] == [] and not found["scene"] and found["handlers"] == []
    assert found["undescribed"] == []
    assert found["prompt"] == "a woman"


def test_a_motion_becomes_a_named_action_with_undo(tmp_path: Path) -> None:
    found = in_blender(
        """
(rig,), own = fresh()
scene = bpy.context.scene
scene.render.fps = 50
driver = rig.pose.bones["mixamorig:Head"].driver_add("rotation_quaternion", 1).driver
driver.expression = "0.25"
own_action = bpy.data.actions.new("mine")
rig.animation_data.action = own_action
own.limit_range, own.first, own.last, own.start = True, 11, 31, 5
assert bpy.ops.diffsign.retarget.poll()
said = {"result": list(bpy.ops.diffsign.retarget())}
action = rig.animation_data.action
said |= {"name": action.name, "frames": list(action.frame_range), "end": scene.frame_end,
         "mine": bpy.data.actions["mine"].use_fake_user,
         "keys": len(action.fcurves.find('pose.bones["mixamorig:Hips"].location', index=0)
                     .keyframe_points),
         "driven": action.fcurves.find('pose.bones["mixamorig:Head"].rotation_quaternion', index=1)
                   is None, "drivers": len(rig.animation_data.drivers)}
own.rate, own.strip = "SCENE", True
bpy.ops.diffsign.retarget()
said |= {"fps": scene.render.fps / scene.render.fps_base, "second": scene.frame_end,
         "tracks": [[t.name, [s.name for s in t.strips]] for t in rig.animation_data.nla_tracks],
         "actions": sorted(a.name for a in bpy.data.actions)}
scene.frame_set(20)
moved = rig.pose.bones["mixamorig:RightHand"].matrix.translation.copy()
scene.frame_set(5)
said["moves"] = (rig.pose.bones["mixamorig:RightHand"].matrix.translation - moved).length
own.strip, own.limit_range = False, False
bpy.ops.ed.undo_push(message="before")
bpy.ops.diffsign.retarget()
long = bpy.context.scene.frame_end
bpy.ops.ed.undo_push(message="after")
bpy.ops.ed.undo()
said["undone"] = [long, bpy.context.scene.frame_end]
done(said)
""",
        tmp_path,
    )
    assert found["result"] == ["FINISHED"]
    assert found["name"] == "DiffSign sample_motion"
    assert found["frames"] == [5, 45] and found["end"] == 45  # 21 frames at 25 are 41 at 50
    assert found["keys"] == 41
    assert found["mine"] and found["driven"] and found["drivers"] == 1
    assert found["fps"] == pytest.approx(25) and found["second"] == 25
    assert found["tracks"] == [["DiffSign sample_motion", ["DiffSign sample_motion"]]]
    assert found["actions"] == ["DiffSign sample_motion", "mine"]
    assert found["moves"] > 0.01
    assert found["undone"] == [89, 25]


def test_passes_and_exports_of_the_scene(tmp_path: Path) -> None:
    found = in_blender(
        """
(rig,), own = fresh()
own.armature = rig
bpy.ops.diffsign.retarget()
scene = bpy.context.scene
camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
scene.collection.objects.link(camera)
scene.camera = camera
camera.location, camera.rotation_euler = (0, -3, 1.3), (np.pi / 2, 0, 0)
bpy.ops.mesh.primitive_cube_add(size=0.3, location=(0, 0, 1.3))
body = bpy.context.object
body.parent = rig
scene.render.resolution_x = scene.render.resolution_y = 48
scene.frame_start, scene.frame_end, own.samples = 1, 3, 1
before = state()
said = {"passes": list(bpy.ops.diffsign.render_passes()), "same": state() == before}
from diffsign.render.pass_set import read_pass_set
passes = read_pass_set(folder / "passes")
said |= {"count": len(passes), "points": {k: list(v.shape) for k, v in passes.points.items()},
         "elbow": passes.points["body18"][0, 6].tolist(), "depth": float(np.nanmin(
             passes.frame(0, "depth")["depth"])), "openpose": int(passes.conditioning(
             "openpose", 0).max())}
sizes = {}
for form in (".glb", ".fbx", ".usdc", ".bvh", ".blend"):
    path = folder / f"out{form}"
    bpy.ops.diffsign.export(filepath=str(path), format=form)
    sizes[form] = path.stat().st_size
own.recipe = str(folder / "recipe.yaml")
bpy.ops.diffsign.write_recipe()
bpy.ops.diffsign.save_rig_map(filepath=str(folder / "map.json"))
own.family, own.rig_map = "FILE", str(folder / "map.json")
from diffsign.blender_addon import characters
done(said | {"sizes": sizes, "selected": [o.name for o in bpy.context.selected_objects],
             "map": characters.map_of(rig, own).name})
""",
        tmp_path,
    )
    assert found["passes"] == ["FINISHED"] and found["same"]
    assert found["count"] == 3
    assert found["points"]["body18"] == [3, 18, 3]
    assert found["points"]["left_hand"] == [3, 21, 3]
    assert found["elbow"][2] > 0 and found["openpose"] > 0
    assert 2 < found["depth"] < 3.2
    assert all(size > 1000 for size in found["sizes"].values())
    assert found["selected"] == ["Cube"]
    assert found["map"] == "mixamo"
    assert (
        "JOINT LeftUpLeg" in (tmp_path / "out.bvh").read_text()
        or "mixamorig:LeftUpLeg" in (tmp_path / "out.bvh").read_text()
    )
    from diffsign.dataset.recipe import read_recipe

    recipe, _ = read_recipe(tmp_path / "recipe.yaml")
    assert recipe.size == (48, 48)


def test_bad_input_is_a_sentence_and_changes_nothing(tmp_path: Path) -> None:
    said = in_blender(
        """
said = {}
(one, two), own = fresh(2)
one.select_set(True); two.select_set(True)
said["two armatures"] = sentence(bpy.ops.diffsign.save_rig_map, filepath=str(folder / "m.json"))
class Said:
    def report(self, kind, text):
        self.text = text
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
said["job left"] = [str(jobs.current()), True]
bpy.ops.wm.save_as_mainfile(filepath=str(folder / "library.blend"))
bpy.ops.wm.read_factory_settings(use_empty=True)
with bpy.data.libraries.load(str(folder / "library.blend"), link=True) as (there, here):
    here.objects = ["rig 0"]
bpy.context.scene.collection.objects.link(here.objects[0])
own = bpy.context.scene.diffsign
own.armature, own.motion = here.objects[0], motion
said["linked"] = [str(retarget.poll(bpy.context)), True]
done(said)
""",
        tmp_path,
    )
    words = {
        "two armatures": "'rig 0' and 'rig 1' are selected",
        "no motion": "There is no motion at",
        "summary": "is no DiffSign motion",
        "bad motion": "is no DiffSign motion",
        "no frames": "holds nothing of the motion's 85 frames",
        "other family": "is not of the family unreal",
        "mirrored": "negative scale",
        "bad export": "cannot be used as a folder",
        "folder": "Nothing can be written into /proc/none",
        "never saved": "was never saved",
        "blind": "sees no surface",
        "no source": "no source at",
        "no python": "is not named",
        "unknown layout": "layout that is not known",
        "half way": "it burst",
        "not diffsign": "does not answer as DiffSign's",
        "panel": "does not answer as DiffSign's",
    }
    for name, word in words.items():
        text, same = said[name]
        assert word in text, (name, text)
        assert same, f"{name} changed the scene"
    assert said["poll"] is False and said["linked"][0] == "False"
    assert said["job left"][0] == "None"


def test_a_job_runs_beside_blender_and_can_be_cancelled(tmp_path: Path) -> None:
    found = in_blender(
        """
(rig,), own = fresh()
from diffsign.retarget.motion import Motion
fake_python("slow", '''
out = pathlib.Path(sys.argv[sys.argv.index("-o") + 1])
import threading, os
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(130)), daemon=True).start()
for done in range(1, 51):
    print(json.dumps({"stage": "fit", "done": done, "total": 50}), file=sys.stderr, flush=True)
    time.sleep(0.02)
print(json.dumps({"note": "Two people: the larger one signs."}), file=sys.stderr)
out.mkdir(parents=True)
(out / "motion.npz").write_bytes(pathlib.Path(%r).read_bytes())
print(out / "motion.npz")
''' % motion)
own.source, own.motion = motion, ""
job = jobs.start("Fit", environment.command(preferences.python(bpy.context), "fit", "-o",
                                            folder / "one"))
ticks = 0
while job.done < 5:
    assert not job.poll()
    ticks += 1
    time.sleep(0.01)
said = {"ticks": ticks, "factor": job.factor, "stage": job.stage,
        "poll": bpy.ops.diffsign.fit.poll(), "cancel": bpy.ops.diffsign.cancel.poll()}
bpy.ops.diffsign.cancel()
said |= {"ended": job.poll(), "code": job._child.returncode, "made": (folder / "one").exists()}
jobs.finish()
said["fit"] = list(bpy.ops.diffsign.fit())
said |= {"motion": own.motion, "frames": own.motion_summary}
job = jobs.start("Fit", environment.command(preferences.python(bpy.context), "fit", "-o",
                                            folder / "two"))
blender_addon.unregister()
said |= {"left": job._child.poll(), "current": str(jobs.current())}
done(said)
""",
        tmp_path,
    )
    assert found["ticks"] > 0 and found["stage"] == "fit" and 0 < found["factor"] < 1
    assert not found["poll"] and found["cancel"]
    assert found["ended"] and found["code"] == 130 and not found["made"]
    assert found["fit"] == ["FINISHED"]
    assert found["motion"].endswith("motion.npz") and "85 frames" in found["frames"]
    assert found["left"] is not None and found["current"] == "None"


def test_a_job_ends_when_blender_is_killed(tmp_path: Path) -> None:
    program = """
job = jobs.start("Fit", [sys.executable, "-c",
    "import time; from diffsign.road.progress import make_reporter;"
    "make_reporter(form='json').note('here'); time.sleep(60)"])
while not job.notes:
    job.poll()
print("@" + json.dumps(job._child.pid), flush=True)
os.kill(os.getpid(), 9)
"""
    pid = in_blender(program, tmp_path)
    import time

    for _ in range(100):
        if not Path(f"/proc/{pid}").exists():
            return
        time.sleep(0.1)
    pytest.fail("the job outlived Blender")
