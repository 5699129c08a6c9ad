"""What Blender itself says about a finished sample, to hold against its annotations.

The annotations come from numpy alone: posed vertices, a rasteriser, a pinhole. Here Blender poses
the same avatar with its own armature, Cycles renders who is where, and Blender's own camera
projects the joints. Runs beside Blender; for benchmarks and tests.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..render import cycles, scene
from ..render.lighting import RIGS
from ..render.view import View
from ..retarget.body.skeleton import INDEX
from .check import camera_of
from .plan import Sample
from .read import decode_sample, raw_samples
from .sample import perform_sample, signer_record
from .setup import read_setup
from .signers import PlannedSigner

_JOINTS = {
    **{5: "left_shoulder", 6: "right_shoulder", 7: "left_elbow", 8: "right_elbow"},
    **{11: "left_hip", 12: "right_hip"},
    **{
        start + 1 + 4 * finger + k: f"{side}_{name}{k + 1}"
        for side, start in (("left", 91), ("right", 112))
        for finger, name in enumerate(("thumb", "index", "middle", "ring", "pinky"))
        for k in range(3)
    },
}
"""COCO-WholeBody's points that are joints of the skeleton."""


def witness_sample(task: dict[str, Any], scratch: Path) -> dict[str, Any]:
    """Hold a finished sample against Blender.

    task: as `sample.make_sample`, and `shard`, the tar that holds the sample.

    Returns:
        errors: pixels between 2-D joints and Blender's, of all frames; iou: per frame, of mask and
        Cycles' silhouette; parts: the share of their common pixels that have the same part.
    """
    out = Path(task["out"])
    setup = read_setup(out)
    sample = Sample(**task["sample"])
    raw = dict(raw_samples(Path(task["shard"])))[sample.id]
    found = decode_sample(sample.id, raw, ("json", "annotations", "masks"))
    arrays, masks = found["annotations"], found["masks"]
    signer = signer_record(out, PlannedSigner(**task["signer"]))
    avatar, performance, _ = perform_sample(out, setup, sample, signer)
    camera = camera_of(found["json"], arrays)
    step = arrays["from_source"]
    motion = View(camera, step[:3, :3], step[:3, 3]).of(performance, avatar)
    motion = replace(motion, camera=camera)
    stage = scene.build_stage(avatar, RIGS["plain"])
    scene.animate(stage, motion.poses, motion.trans, motion.facial_actions)
    scene.set_camera(stage.scene, camera)
    cycles.prepare(stage.scene, 1)
    errors: list[float] = []
    ious, agreeing = [], []
    for frame in range(motion.frame_count):
        layers = cycles.render_data(stage.scene, frame, scratch, motion=False)
        silhouette, mask = np.isfinite(layers["depth"]), masks[frame] > 0
        both = silhouette & mask
        ious.append(float(both.sum() / max((silhouette | mask).sum(), 1)))
        agreeing.append(float((layers["part"] == masks[frame])[both].mean()))
        errors += _joint_errors(stage, arrays["keypoints_2d"][frame], camera)
    return {"errors": errors, "iou": ious, "parts": agreeing}


def _joint_errors(stage: scene.Stage, points: np.ndarray, camera: Any) -> list[float]:
    """Pixels between annotated joints in the picture and the armature's, by Blender's camera."""
    import bpy
    from bpy_extras.object_utils import world_to_camera_view

    armature = stage.armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
    errors = []
    for number, name in _JOINTS.items():
        assert name in INDEX
        if points[number, 2] == 0:
            continue
        place = armature.matrix_world @ armature.pose.bones[name].head
        x, y, _ = world_to_camera_view(stage.scene, stage.scene.camera, place)
        pixel = np.array([x * camera.width, (1 - y) * camera.height])
        errors.append(float(np.linalg.norm(pixel - points[number, :2])))
    return errors
