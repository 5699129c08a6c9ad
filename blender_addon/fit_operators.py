"""Source: from a clip, a .pose or a motion file to the motion that is retargeted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from . import environment, folders, jobs, preferences, settings
from .operator import JobOperator


class DIFFSIGN_OT_fit(JobOperator, bpy.types.Operator):
    """Fit a body to the source in the background; Blender stays free meanwhile"""

    bl_idname = "diffsign.fit"
    bl_label = "Fit"
    title = "Fit"

    @classmethod
    def poll(cls, context: Any) -> bool:
        if not JobOperator.poll.__func__(cls, context):  # type: ignore[attr-defined]
            return False
        if not settings.of(context).source:
            cls.poll_message_set("Name a source first")
            return False
        return True

    def command(self, context: Any) -> list[str]:
        own = settings.of(context)
        source = folders.existing(own.source, "source")
        out = folders.working(own) / folders.FIT / folders.named_after(source)
        self._scene = context.scene.name
        options = ["--person", own.person] if own.person else []
        return environment.command(
            preferences.python(context), "fit", source, "-o", out, "--progress", "json", *options
        )

    def finished(self, context: Any, job: jobs.Job) -> None:
        scene = bpy.data.scenes.get(self._scene, context.scene)
        scene.diffsign.motion = next(r for r in job.results if Path(r).suffix == ".npz")


CLASSES = (DIFFSIGN_OT_fit,)
