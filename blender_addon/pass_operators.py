"""Passes: the scene as it stands, rendered by a Blender in the background."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import bpy

from ..errors import UserError
from ..files import write_json
from ..render.blender_process import LOG_FILE
from ..render.scene_passes import ScenePasses
from ..render.scene_view import place_camera
from . import characters, environment, folders, jobs, settings, source_file
from .operator import JobOperator, fail, say

_PACKAGE_ROOT = Path(__file__).parents[2]


class DIFFSIGN_OT_set_camera(bpy.types.Operator):
    """Put the scene's camera before the character: the source's own, or one that frames it over the
    scene's frames. Other cameras are left alone"""

    bl_idname = "diffsign.set_camera"
    bl_label = "Set Camera"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012  Blender reads a set here

    @classmethod
    def poll(cls, context: Any) -> bool:
        return characters.can_choose(cls, context)

    def execute(self, context: Any) -> set[str]:
        own = settings.of(context)
        try:
            armature = characters.chosen(context)
            motion = source_file.load(bpy.path.abspath(own.motion)) if own.motion else None
            found = characters.map_of(armature, own)
            place_camera(context.scene, armature, found, own.camera, motion, own.place)
        except UserError as error:
            return fail(self, error)
        say("")
        return {"FINISHED"}


class DIFFSIGN_OT_render_passes(JobOperator, bpy.types.Operator):
    """Render depth, normals, motion, parts and the picture of the scene's frames in the
    background; this scene is left as it is"""

    bl_idname = "diffsign.render_passes"
    bl_label = "Render Passes"
    title = "Render passes"
    _scratch: Any = None

    @classmethod
    def poll(cls, context: Any) -> bool:
        if not JobOperator.poll.__func__(cls, context):  # type: ignore[attr-defined]
            return False
        if context.scene.camera is None:
            cls.poll_message_set("The scene has no camera: press Set Camera")
            return False
        return True

    def command(self, context: Any) -> list[str]:
        own, scene = settings.of(context), context.scene
        if scene.camera is None:
            raise UserError("The scene has no camera: add one, and make it the scene's camera.")
        out = folders.working(own) / folders.PASSES
        self._scratch = tempfile.TemporaryDirectory(prefix="diffsign-")
        copy = Path(self._scratch.name) / "scene.blend"
        bpy.ops.wm.save_as_mainfile(filepath=str(copy), copy=True, check_existing=False)
        try:
            armature = characters.chosen(context).name
        except UserError:
            armature = ""
        options = ScenePasses(
            own.samples, engine=own.engine, device=own.device, maps=drawn_here(own.maps)
        )
        job = copy.with_name("job.json")
        own_map = own.family == settings.OWN_MAP and own.rig_map
        write_json(
            job,
            {
                "job": "scene_passes",
                "blend": str(copy),
                "scene": scene.name,
                "out": str(out),
                "armature": armature,
                "rig_map": str(folders.existing(own.rig_map, "rig map")) if own_map else "",
                "options": asdict(options),
            },
        )
        trusted = bool(context.preferences.filepaths.use_scripts_auto_execute)
        return environment.blender_command(bpy.app.binary_path, _PACKAGE_ROOT, job, trusted)

    def log(self) -> Path:
        return Path(self._scratch.name) / LOG_FILE

    def finished(self, context: Any, job: jobs.Job) -> None:
        self.report({"INFO"}, f"The passes are in {passes_folder(context)}")

    def ended(self) -> None:
        if self._scratch is not None:
            self._scratch.cleanup()
            self._scratch = None


def drawn_here(maps: set[str]) -> tuple[str, ...]:
    """The maps that numpy can draw; the others follow from the points when they are wanted."""
    return tuple(name for name in ("depth", "normal") if name in maps)


def passes_folder(context: Any) -> Path:
    return folders.absolute(settings.of(context).folder, "folder") / folders.PASSES


CLASSES = (DIFFSIGN_OT_set_camera, DIFFSIGN_OT_render_passes)
