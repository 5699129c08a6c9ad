"""An avatar as .blend, .glb or .fbx. Runs inside Blender (see `worker` and `avatar_file`)."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from ..retarget.motion import Camera
from . import scene, scene_lights
from .avatar.avatar import Avatar
from .avatar.colours import hex_to_linear
from .lighting import SOFT
from .materials import COLOUR_LAYER
from .worker import Report

UPRIGHT = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
"""Blender's world from the rest frame (x left, y up, z forward): the signer faces -Y."""
SIGNER_PROPERTY = "diffsign_signer"
_DISTANCE_METRES = 2.6
_CAMERA = Camera(1000.0, 1000.0, 512.0, 512.0, 1024, 1024)


def run(job: dict[str, Any], scratch: Path, report: Report) -> None:
    """Write job["avatar"] to job["out"] in the format job["format"]."""
    avatar = Avatar.load(Path(job["avatar"]))
    stand(avatar)
    made = scratch / f"avatar{job['format']}"
    _WRITERS[job["format"]](str(made))
    shutil.move(made, job["out"])
    report({"written": job["out"]})


def stand(avatar: Avatar) -> scene.Stage:
    """The avatar at rest, upright on the floor, before a camera and in soft light."""
    import bpy
    from mathutils import Matrix

    stage = scene.build_stage(avatar, SOFT, twisting=False)
    up = np.eye(4)
    up[:3, :3], up[2, 3] = UPRIGHT, -float(avatar.vertices[:, 1].min())
    stage.armature.matrix_world = Matrix(up.tolist())
    stage.armature[SIGNER_PROPERTY] = avatar.signer.to_json()
    stage.armature.data.display_type = "STICK"
    for piece in stage.pieces:
        layers = piece.data.color_attributes
        layers.active_color = layers[COLOUR_LAYER]
        layers.render_color_index = list(layers.keys()).index(COLOUR_LAYER)
    chest = avatar.joints[avatar.joint_names.index(scene.CHEST_JOINT)] @ UPRIGHT.T + up[:3, 3]
    scene.set_camera(stage.scene, _CAMERA)
    stage.scene.camera.location = (0.0, chest[1] - _DISTANCE_METRES, chest[2])
    scene_lights.set_lights(stage.scene, SOFT, chest, hex_to_linear(avatar.signer.background))
    bpy.context.view_layer.update()
    return stage


def _write_blend(path: str) -> None:
    import bpy

    bpy.ops.wm.save_as_mainfile(filepath=path, compress=True, check_existing=False)


def _write_glb(path: str) -> None:
    import bpy

    bpy.ops.export_scene.gltf(
        filepath=path,
        export_format="GLB",
        export_vertex_color="ACTIVE",
        export_all_vertex_colors=False,
        export_morph_normal=False,
        export_animations=False,
        export_cameras=True,
        export_extras=True,
    )


def _write_fbx(path: str) -> None:
    import bpy

    bpy.ops.export_scene.fbx(
        filepath=path,
        object_types={"ARMATURE", "MESH", "CAMERA"},
        add_leaf_bones=False,
        bake_anim=False,
        colors_type="LINEAR",
        use_custom_props=True,
    )


_WRITERS = {".blend": _write_blend, ".glb": _write_glb, ".fbx": _write_fbx}
