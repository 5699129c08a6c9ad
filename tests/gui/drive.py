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
LIMIT_SECONDS = 420.0
HOLD = HERE / "hold"
SIGNING = 30
"""The frame of the pictures: the hand is up."""
SECONDS_OF_LIGHT = 20.0
"""How long the viewport renders before its picture is taken; nothing tells when it is done."""


CROPS = TASK["crops"]


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
    yield from prepare()
    own = bpy.context.scene.diffsign
    # Two fits: one that is cancelled, and one that runs to its end, while Blender lives.
    own.source = TASK["clip"]
    yield 0.3
    HOLD.touch()
    yield from press_button("fit")
    yield from until(lambda: getattr(job(), "done", 0) > 3, 60)
    yield 1.0
    shoot("fit")
    yield from press_button("cancel")
    HOLD.unlink()
    yield from until(lambda: job() is None, 20)
    SAID["steps"]["cancelled motion"] = own.motion
    yield 0.5
    yield from press_button("fit")
    yield from until(lambda: job() is not None, 20)
    SAID["steps"]["breaths during fit"] = yield from until(lambda: own.motion != "", 30)
    yield 0.5
    for character in TASK["characters"]:
        yield from sign(character)
    yield from signer()
    yield from passes()
    yield from undo()
    yield from leave()


def prepare():
    """The tab is open, and the scene is empty."""
    yield 1.0
    press("Escape")  # the splash
    yield 0.5
    viewport().spaces.active.show_region_ui = True
    yield 0.5
    bpy.context.preferences.view.show_tooltips = False
    # Else each hover over the sidebar draws the whole viewport anew, slowly in software.
    bpy.context.preferences.system.use_region_overlap = False
    yield 0.5
    sidebar().active_panel_category = "DiffSign"
    yield 0.8
    bpy.context.scene.diffsign.folder = str(HERE / "out")
    clear()
    canvas = next(region for region in viewport().regions if region.type == "WINDOW")
    for name, part in (("viewport", viewport()), ("sidebar", sidebar()), ("canvas", canvas)):
        SAID[name] = box(part)


def job():
    from diffsign.blender_addon import jobs

    return jobs.current()


def sign(character):
    """Somebody else's character, brought by Blender's own importer, performs the motion."""
    clear()
    armature = bring(character["file"])
    select(armature)
    yield 0.5
    before = wrist(armature, character["wrist"])
    yield from press_button("retarget")
    yield from until(lambda: action_of(armature) is not None, 60)
    bpy.context.scene.frame_set(SIGNING)
    yield 0.3
    SAID["steps"][character["kind"]] = {
        "action": action_of(armature),
        "moved": [a - b for a, b in zip(wrist(armature, character["wrist"]), before, strict=True)],
        "end": bpy.context.scene.frame_end,
    }
    yield from look_at(armature, 0.36, 1.42, CROPS["character"])
    shoot(character["kind"])
    yield from at_work()


def signer():
    """DiffSign's own signer: created, retargeted, seen through a camera of the panel's."""
    clear()
    scene = bpy.context.scene
    own = scene.diffsign
    own.avatar_words = TASK["words"]
    yield 0.3
    yield from press_button("create_avatar")
    yield from until(lambda: own.armature is not None, 60)
    armature = own.armature
    scene.render.fps = 25
    yield 0.5
    yield from press_button("retarget")
    yield from until(lambda: action_of(armature) is not None, 60)
    scene.frame_set(SIGNING)
    yield 0.5
    yield from press_button("set_camera")
    yield from until(lambda: scene.camera is not None, 20)
    SAID["steps"]["signer"] = {"action": action_of(armature), "camera": scene.camera.name}
    yield from look_at(armature, 0.53, 1.05, CROPS["signer"])
    shoot("signer")
    hand = wrist(armature, "right_middle1")
    yield from look_at(armature, 0.3, 0.5, CROPS["hands"], hand)
    shoot("hands")
    yield from at_work()


def box(part):
    """(left, top, right, bottom) of an area or region in the screenshot."""
    height = window().height
    left, below = part.x, height - part.y
    return [left, below - part.height, left + part.width, below]


def look_at(armature, below, across, crop, place=None):
    """Before the character, rendered in the viewport, without Blender's own marks.

    below: metres from the crown down to the middle of the picture, or place: the middle itself.
    across: metres that the viewport's longer side shows. crop: (left, top, right, below) in pixels
    from the viewport's middle: what the picture needs, and all that is rendered.
    """
    from mathutils import Quaternion, Vector

    meshes = [thing for thing in bpy.data.objects if thing.find_armature() is armature]
    corners = [mesh.matrix_world @ Vector(c) for mesh in meshes for c in mesh.bound_box]
    top = max(corner.z for corner in corners)
    wear_colours(meshes)
    light()
    space = viewport().spaces.active
    space.overlay.show_overlays = False
    space.shading.use_scene_world_render = space.shading.use_scene_lights_render = True
    border(space, crop)
    view = space.region_3d
    view.view_perspective = "ORTHO"
    view.view_rotation = Quaternion((0.7071, 0.7071, 0, 0))
    view.view_location = Vector((0, 0, top - below)) if place is None else Vector(place)
    view.view_distance = across
    space.shading.type = "RENDERED"
    yield SECONDS_OF_LIGHT


def border(space, crop):
    region = next(r for r in viewport().regions if r.type == "WINDOW")
    left, top, right, below = crop
    across, high = region.width, region.height
    space.use_render_border = True
    space.render_border_min_x = max(0, 0.5 + left / across)
    space.render_border_max_x = min(1, 0.5 + right / across)
    space.render_border_min_y = max(0, 0.5 - below / high)
    space.render_border_max_y = min(1, 0.5 - top / high)


def light():
    """A plain sky and a soft sun, which Cycles is soon done with."""
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.preview_samples, scene.cycles.max_bounces = 32, 1
    scene.world = bpy.data.worlds.get("sky") or bpy.data.worlds.new("sky")
    scene.world.use_nodes = True
    sky = scene.world.node_tree.nodes["Background"].inputs
    sky["Strength"].default_value, sky["Color"].default_value = 0.55, (0.8, 0.84, 0.9, 1)
    sun = bpy.data.objects.new("sun", bpy.data.lights.new("sun", "SUN"))
    sun.data.energy, sun.data.angle = 2.2, 0.3
    sun.rotation_euler = (0.75, 0, -0.6)
    scene.collection.objects.link(sun)


def at_work():
    """Quick shading, for the time between two pictures."""
    space = viewport().spaces.active
    space.shading.type, space.use_render_border = "SOLID", False
    yield 0.5


def wear_colours(meshes):
    """Blender's FBX importer brings vertex colours, but no material that shows them."""
    for mesh in meshes:
        layers = mesh.data.color_attributes
        for material in mesh.data.materials if len(layers) else ():
            nodes, links = material.node_tree.nodes, material.node_tree.links
            shader = next((node for node in nodes if node.type == "BSDF_PRINCIPLED"), None)
            if shader is None or shader.inputs["Base Color"].is_linked:
                continue
            layer = nodes.new("ShaderNodeVertexColor")
            layer.layer_name = layers[0].name
            links.new(layer.outputs["Color"], shader.inputs["Base Color"])


def passes():
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = SIGNING, SIGNING + 2
    scene.render.resolution_x = scene.render.resolution_y = 128
    scene.diffsign.samples = 1
    yield 0.5
    yield from press_button("render_passes")
    from diffsign.blender_addon import operator

    yield from until(lambda: job() is not None, 30)
    SAID["steps"]["breaths during passes"] = yield from until(lambda: job() is None, 120)
    SAID["steps"]["passes"] = sorted(path.name for path in (HERE / "out" / "passes").iterdir())
    SAID["steps"]["error"] = operator.last_error()
    yield 0.5
    shoot("passes")


def undo():
    """Retarget once more with other settings, and take it back with the keyboard."""
    scene = bpy.context.scene
    name = scene.diffsign.armature.name
    scene.diffsign.start = 101
    yield 0.3
    bpy.ops.ed.undo_push(message="Start")
    yield 0.3
    yield from press_button("retarget")
    yield from until(lambda: bpy.context.scene.frame_start == 101, 60)
    yield 0.5
    area = viewport()
    move(area.x + 200, window().height - area.y - 200)
    yield 0.3
    press("ctrl+z")
    yield from until(lambda: bpy.context.scene.frame_start != 101, 20)
    kept = bpy.data.objects[name].animation_data.action
    SAID["steps"]["undone"] = list(kept.frame_range)


def leave():
    """Open another file while a fit runs, and close Blender while another does; `window.py` looks
    for what is left of them."""
    HOLD.touch()
    yield from press_button("fit")
    yield from until(lambda: getattr(job(), "done", 0) > 3, 60)
    SAID["steps"]["pids"] = [int((HERE / "pid").read_text())]
    bpy.ops.wm.read_homefile(app_template="")
    yield 1.0
    SAID["steps"]["left in another file"] = str(job())
    own = bpy.context.window_manager.windows[0].scene.diffsign
    own.source, own.folder = TASK["clip"], str(HERE / "out")
    with bpy.context.temp_override(window=window(), area=viewport()):
        bpy.ops.diffsign.fit("INVOKE_DEFAULT")
    yield from until(lambda: getattr(job(), "done", 0) > 3, 60)
    SAID["steps"]["pids"].append(int((HERE / "pid").read_text()))


def finish(error=""):
    SAID["error"] = error
    (HERE / "said.json").write_text(json.dumps(SAID, indent=1))
    if error:
        os._exit(0)
    bpy.ops.wm.quit_blender()


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


bpy.app.timers.register(tick, first_interval=1.5, persistent=True)
