"""A saved Blender scene as passes, in a process of its own (see `worker` and `scene_passes`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import UserError
from ..retarget.rig.recognise import recognise
from ..retarget.rig.rig_map import RigMap
from .rig_blender import skeleton_of
from .rig_points import joint_places
from .scene_passes import ScenePasses, render_into
from .worker import Report


def run(job: dict[str, Any], scratch: Path, report: Report) -> None:
    """Render job["scene"] of the file job["blend"] into the folder job["out"].

    job["options"]: the fields of `ScenePasses`. job["armature"]: the name of the signer's armature,
    for the pose maps, or ""; job["rig_map"]: the path of its map, or "".
    """
    import bpy

    bpy.ops.wm.open_mainfile(filepath=job["blend"], load_ui=False)
    scene = bpy.data.scenes[job["scene"]]
    if bpy.context.window is not None:
        bpy.context.window.scene = scene
    frames = range(scene.frame_start, scene.frame_end + 1, scene.frame_step)
    options = ScenePasses(**{**job["options"], "maps": tuple(job["options"]["maps"])})
    places = None
    armature = scene.objects.get(job["armature"]) if job["armature"] else None
    if armature is not None:
        path = job["rig_map"]
        try:
            rig_map = RigMap.load(path) if path else recognise(skeleton_of(armature))
            places = joint_places(scene, armature, rig_map, frames)
        except UserError as error:
            report({"note": f"No pose map: {error}"})

    def progress(done: int, total: int) -> None:
        report({"stage": "passes", "done": done, "total": total})

    progress(0, len(frames))
    render_into(scene, job["out"], frames, options, places, progress)
