"""The add-on in Blender's module: it comes and goes, and works from Python."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

InBlender = Callable[[str], Any]


def test_it_comes_and_goes_and_draws(in_blender: InBlender, tmp_path: Path) -> None:
    found = in_blender(
        """
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
"""
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


def test_a_motion_becomes_a_named_action_with_undo(in_blender: InBlender, tmp_path: Path) -> None:
    found = in_blender(
        """
from diffsign.render.rig_blender import _curve  # Blender 5 has an action's curves elsewhere
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
         "keys": len(_curve(action, 'pose.bones["mixamorig:Hips"].location', 0).keyframe_points),
         "driven": _curve(action, 'pose.bones["mixamorig:Head"].rotation_quaternion', 1) is None,
         "drivers": len(rig.animation_data.drivers)}
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
"""
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


def test_passes_and_exports_of_the_scene(in_blender: InBlender, tmp_path: Path) -> None:
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
"""
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
