"""The passes of a Blender scene as it stands: right, and the scene left as it was found."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from diffsign.render.pass_set import PassSet, read_pass_set

SCRIPT = """
import json, os, sys
import bpy, numpy as np
from diffsign.errors import UserError
from diffsign.render.camera import scene_camera
from diffsign.render.scene_passes import ScenePasses, render_into
from diffsign.render.scene_settings import settings

out = sys.argv[-1]
bpy.ops.wm.read_factory_settings()
scene = bpy.context.scene
render = scene.render
render.resolution_x, render.resolution_y, render.resolution_percentage = 240, 320, 50
render.pixel_aspect_y = 1.25
scene.camera.data.shift_x, scene.camera.data.shift_y = 0.08, -0.05
cube = bpy.data.objects["Cube"]
cube.keyframe_insert("location", frame=1)
cube.location.x = 0.5
cube.keyframe_insert("location", frame=3)
render.engine = "BLENDER_WORKBENCH"
render.image_settings.file_format = "JPEG"
scene.frame_set(7)
state = lambda: [[str(o), sorted(map(str, v.items()))] for o, v in settings(scene)] + [
    scene.frame_current, scene.world.name, cube.pass_index]
before = state()
corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
places = {"left_hand": np.zeros((2, 21, 3))}
for k, frame in enumerate((1, 2)):
    scene.frame_set(frame)
    here = np.array(cube.matrix_world)
    places["left_hand"][k, :8] = corners @ here[:3, :3].T + here[:3, 3]
scene.frame_set(7)
render_into(scene, out, [1, 2], ScenePasses(samples=1, denoise=False, maps=("depth", "normal")),
            places)
said = {"same": state() == before}
scene.camera.data.type = "ORTHO"
try:
    render_into(scene, out + "-none", [1])
except UserError as error:
    said["ortho"] = str(error)
scene.camera.data.type = "PERSP"
cube.hide_render = True
try:
    render_into(scene, out + "-none", [1], ScenePasses(samples=1, denoise=False))
except UserError as error:
    said["nothing"] = str(error)
said["same again"] = [e for e in state() if e not in before]
print("SAID " + json.dumps(said), flush=True)
os._exit(0)
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[PassSet, dict]:
    out = tmp_path_factory.mktemp("scene") / "passes"
    command = [sys.executable, "-c", SCRIPT, str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("SAID ")]
    assert lines, done.stdout[-2000:] + done.stderr[-2000:]
    return read_pass_set(Path(out)), json.loads(lines[-1][5:])


def test_the_scene_is_left_as_it_was_found(made: tuple) -> None:
    assert made[1]["same"]


def test_the_cameras_pinhole_is_the_renders(made: tuple) -> None:
    """Position says where each pixel's surface is; the pinhole must project it into the pixel."""
    found = made[0]
    layers = found.frame(0)
    assert layers["depth"].shape == (160, 120)
    seen = np.isfinite(layers["depth"])
    assert seen.sum() > 500
    pixels = found.camera.project(layers["position"][seen])
    rows, columns = np.nonzero(seen)
    assert np.abs(pixels - np.stack([columns, rows], -1) - 0.5).max() < 0.05
    depth = layers["depth"][seen]
    assert np.abs(layers["position"][seen][:, 2] / depth - 1).max() < 2**-14  # kept in 24 bits


def test_the_flow_is_the_objects(made: tuple) -> None:
    """The cube moves in x alone: each surface point's flow is its own place's."""
    found = made[0]
    first, second = found.points["left_hand_xyz"][:, :8]
    layers = found.frame(0, "depth", "motion", "position")
    seen = np.isfinite(layers["depth"])
    moved = layers["position"][seen] + (second - first)[0]
    rows, columns = np.nonzero(seen)
    expected = found.camera.project(moved) - np.stack([columns, rows], -1) - 0.5
    assert np.abs(expected).max() > 3
    assert np.abs(layers["motion"][seen][:, 2:] - expected).max() < 0.1


def test_normals_in_both_spaces_are_one_turn_apart(made: tuple) -> None:
    layers = made[0].frame(1, "depth", "normal", "normal_world")
    seen = np.isfinite(layers["depth"])
    turn, *_ = np.linalg.lstsq(layers["normal_world"][seen], layers["normal"][seen], rcond=None)
    assert np.allclose(turn @ turn.T, np.eye(3), atol=0.01)
    assert np.abs(layers["normal_world"][seen]).max(axis=1).min() > 0.99  # a cube's faces


def test_points_and_objects(made: tuple) -> None:
    found = made[0]
    assert "Cube" in found.info["objects"].values()
    visible = found.points["left_hand"][0, :8, 2]
    assert set(visible.tolist()) <= {0.5, 1.0}
    assert found.conditioning("normal", 1).shape == (160, 120, 3)


def test_a_scene_that_cannot_be_rendered(made: tuple) -> None:
    assert "perspective" in made[1]["ortho"]
    assert "no surface" in made[1]["nothing"]
