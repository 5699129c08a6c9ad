"""A character's performance as a file. Runs inside Blender (see `worker`, `performance_file`)."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from ..retarget.motion import Motion
from ..retarget.rig.recognise import recognise
from ..retarget.rig.transfer import TransferOptions
from .avatar.avatar import Avatar
from .rig_blender import skeleton_of
from .rig_performance import perform_on
from .scene_export import export_character
from .worker import Report

_FIRST_FRAME = 1


def run(job: dict[str, Any], scratch: Path, report: Report) -> None:
    """Let job["character"] perform job["motion"] and write job["out"]; its suffix says how."""
    import bpy

    from .avatar_file_job import stand
    from .character_import import load_character
    from .character_job import keeping_contacts

    path, motion = Path(job["character"]), Motion.load(job["motion"])
    if path.suffix.lower() == ".npz":
        armature = stand(Avatar.load(path)).armature
        rig_map = recognise(skeleton_of(armature))
    else:
        rig = None if job["rig"] is None else Path(job["rig"])
        character = load_character(path, rig, scratch)
        armature, rig_map = character.armature, character.rig_map
        motion = keeping_contacts(motion, armature, character.meshes, rig_map)
    scene = bpy.context.scene
    whole = max(1, round(motion.fps))
    scene.render.fps, scene.render.fps_base = whole, whole / motion.fps
    scene.frame_start = _FIRST_FRAME
    scene.frame_end = _FIRST_FRAME + motion.frame_count - 1
    perform_on(armature, scene.objects, motion, rig_map, TransferOptions(), _FIRST_FRAME)
    scene.frame_set(_FIRST_FRAME)
    out = Path(job["out"])
    made = scratch / f"performance{out.suffix}"
    if out.suffix == ".blend":  # all of it, with camera and light
        bpy.ops.wm.save_as_mainfile(filepath=str(made), compress=True, check_existing=False)
    else:
        export_character(armature, scene.objects, made)
    shutil.move(made, out)
    report({"written": str(out)})
