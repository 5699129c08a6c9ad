"""What a person does, in a real Blender window: move the mouse, click, look. Runs inside Blender.

Started by `window.py` with `--python`, in a folder with `task.json`; writes `said.json` and
screenshots there. A generator is a script of steps; each `yield` lets Blender live for a while.
"""

import json
import os
import subprocess
import time
import traceback
from pathlib import Path

import bpy

HERE = Path(os.environ["DIFFSIGN_GUI"])
TASK = json.loads((HERE / "task.json").read_text())
SAID = {"blender": bpy.app.version_string, "steps": {}}
LIMIT_SECONDS = 330.0


def shell(*command):
    subprocess.run([*map(str, command)], check=True, capture_output=True)


def move(x, y):
    shell("xdotool", "mousemove", round(x), round(y))


def click(place):
    move(*place)
    shell("xdotool", "click", "1")


def press(*keys):
    shell("xdotool", "key", *keys)


def shoot(name):
    shell("import", "-window", "root", HERE / f"{name}.png")


def window():
    return bpy.context.window_manager.windows[0]


def viewport():
    return next(area for area in window().screen.areas if area.type == "VIEW_3D")


def sidebar():
    return next(region for region in viewport().regions if region.type == "UI")


PLACES: dict[str, tuple[float, float]] = {}
ROW = 18


def under(x, y):
    """The operator of the button at a place; Blender itself tells."""
    move(x, y)
    yield 0.02
    yield 0.02  # a move is handled only after the timers that ran with it
    manager = bpy.context.window_manager
    manager.clipboard = ""
    with bpy.context.temp_override(window=window(), area=viewport(), region=sidebar()):
        if bpy.ops.ui.copy_python_command_button.poll():
            bpy.ops.ui.copy_python_command_button()
    return manager.clipboard.removeprefix("bpy.ops.diffsign.").split("(")[0]


def find(name):
    """Where an operator's button is: hover down the sidebar from where it was last."""
    region = sidebar()
    share = 0.83 if name == "cancel" else 0.62
    x, top = region.x + region.width * share, window().height - (region.y + region.height)
    rows = list(range(top + 12, top + region.height - 4, ROW))
    last = PLACES.get(name, (x, 0))[1] - 2 * ROW
    for y in [row for row in rows if row >= last] + [row for row in rows if row < last]:
        found = yield from under(x, y)
        if found:
            PLACES[found] = (x, y)
        if found == name:
            return PLACES[name]
    raise LookupError(f"there is no button for {name}")


def press_button(name):
    click((yield from find(name)))


def until(true, seconds):
    """Wait while Blender lives; says how often it could breathe."""
    end = time.monotonic() + seconds
    ticks = 0
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"nothing after {seconds} s")
        ticks += 1
        yield 0.05
    return ticks


def bring(path):
    """A character's file into the scene; its armature."""
    before = set(bpy.data.objects)
    if path.endswith(".fbx"):
        bpy.ops.import_scene.fbx(filepath=path)
    elif path.endswith(".blend"):
        with bpy.data.libraries.load(path) as (there, here):
            here.objects = [name for name in there.objects]
        for thing in here.objects:
            bpy.context.scene.collection.objects.link(thing)
    else:
        bpy.ops.import_scene.gltf(filepath=path)
    new = set(bpy.data.objects) - before
    return next(thing for thing in new if thing.type == "ARMATURE")


def clear():
    for thing in list(bpy.data.objects):
        bpy.data.objects.remove(thing)


def select(armature):
    for thing in bpy.context.view_layer.objects:
        thing.select_set(thing is armature)
    bpy.context.view_layer.objects.active = armature


def wrist(armature, bone):
    matrix = armature.matrix_world @ armature.pose.bones[bone].matrix
    return list(matrix.translation)


def action_of(armature):
    data = armature.animation_data
    return data.action.name if data and data.action else None


def script():
    yield 1.0
    press("Escape")  # the splash
    yield 0.5
    space = viewport().spaces.active
    space.show_region_ui = True
    space.shading.type = "SOLID"
    yield 0.5
    bpy.context.preferences.view.show_tooltips = False
    # Else each hover over the sidebar draws the whole viewport anew, slowly in software.
    bpy.context.preferences.system.use_region_overlap = False
    yield 0.5
    sidebar().active_panel_category = "DiffSign"
    yield 0.8
    own = bpy.context.scene.diffsign
    own.folder = str(HERE / "out")
    clear()
    armature = bring(TASK["characters"][0]["file"])
    select(armature)
    yield 0.5
    SAID["viewport"] = box(viewport())
    SAID["sidebar"] = box(sidebar())
    shoot("start")
    # A fit that is cancelled, then one that runs to its end, while Blender lives.
    own.source = TASK["clip"]
    yield 0.3
    (HERE / "hold").touch()
    yield from press_button("fit")
    from diffsign.blender_addon import jobs

    yield from until(lambda: getattr(jobs.current(), "done", 0) > 3, 60)
    yield 1.0
    shoot("fit")
    yield from press_button("cancel")
    (HERE / "hold").unlink()
    yield from until(lambda: jobs.current() is None, 20)
    SAID["steps"]["cancelled motion"] = own.motion
    yield 0.5
    yield from press_button("fit")
    yield from until(lambda: jobs.current() is not None, 20)
    SAID["steps"]["breaths during fit"] = yield from until(lambda: own.motion != "", 30)
    yield 0.5
    for character in TASK["characters"]:
        if character is not TASK["characters"][0]:
            clear()
            armature = bring(character["file"])
            select(armature)
            yield 0.5
        before = wrist(armature, character["wrist"])
        yield from press_button("retarget")
        yield from until(lambda armature=armature: action_of(armature) is not None, 30)
        bpy.context.scene.frame_set(30)
        yield 0.3
        SAID["steps"][character["kind"]] = {
            "action": action_of(armature),
            "moved": [
                a - b for a, b in zip(wrist(armature, character["wrist"]), before, strict=True)
            ],
            "end": bpy.context.scene.frame_end,
        }
        look_at(armature)
        yield 0.5
        shoot(character["kind"])

    yield from passes()
    yield from undo(armature)


def box(part):
    """(left, top, right, bottom) of an area or region in the screenshot."""
    height = window().height
    left, below = part.x, height - part.y
    return [left, below - part.height, left + part.width, below]


def look_at(armature):
    """The upper body from the front, without Blender's own marks."""
    from mathutils import Quaternion, Vector

    meshes = [thing for thing in armature.children if thing.type == "MESH"]
    corners = [mesh.matrix_world @ Vector(c) for mesh in meshes for c in mesh.bound_box]
    top = max(corner.z for corner in corners)
    space = viewport().spaces.active
    space.overlay.show_overlays = False
    view = space.region_3d
    view.view_perspective = "ORTHO"
    view.view_rotation = Quaternion((0.7071, 0.7071, 0, 0))
    view.view_location = Vector((0, 0, top - 0.45))
    view.view_distance = 1.6


def passes():
    scene = bpy.context.scene
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    camera.location, camera.rotation_euler = (0, -3, 1.3), (1.5708, 0, 0)
    scene.frame_start, scene.frame_end = 30, 32
    scene.render.resolution_x = scene.render.resolution_y = 128
    scene.diffsign.samples = 1
    yield 0.5
    yield from press_button("render_passes")
    from diffsign.blender_addon import jobs, operator

    yield from until(lambda: jobs.current() is not None, 30)
    SAID["steps"]["breaths during passes"] = yield from until(lambda: jobs.current() is None, 120)
    SAID["steps"]["passes"] = sorted(path.name for path in (HERE / "out" / "passes").iterdir())
    SAID["steps"]["error"] = operator.last_error()
    yield 0.5
    shoot("passes")


def undo(armature):
    """Retarget once more with other settings, and take it back with the keyboard."""
    name = armature.name
    select(armature)
    bpy.context.scene.diffsign.start = 101
    yield 0.3
    bpy.ops.ed.undo_push(message="Start")
    yield 0.3
    yield from press_button("retarget")
    yield from until(lambda: bpy.context.scene.frame_start == 101, 20)
    yield 0.5
    area = viewport()
    move(area.x + 200, window().height - area.y - 200)
    yield 0.3
    press("ctrl+z")
    yield from until(lambda: bpy.context.scene.frame_start != 101, 20)
    kept = bpy.data.objects[name].animation_data.action
    SAID["steps"]["undone"] = list(kept.frame_range)


def finish(error=""):
    SAID["error"] = error
    (HERE / "said.json").write_text(json.dumps(SAID, indent=1))
    os._exit(0)


START = time.monotonic()
STEPS = script()


def tick():
    if time.monotonic() - START > LIMIT_SECONDS:
        shoot("late")
        finish("too late")
    try:
        return next(STEPS)
    except StopIteration:
        finish()
    except BaseException:
        shoot("failed")
        finish(traceback.format_exc())


bpy.app.timers.register(tick, first_interval=1.5)
