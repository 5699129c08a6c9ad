"""Generate: a signer painted over the passes, and the result where it is wanted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from ..errors import UserError
from ..render.pass_set import INDEX_FILE
from . import environment, folders, jobs, preferences, settings
from .operator import JobOperator
from .pass_operators import passes_folder


class DIFFSIGN_OT_generate(JobOperator, bpy.types.Operator):
    """Paint a signer over the rendered passes in the background and open the clip"""

    bl_idname = "diffsign.generate"
    bl_label = "Generate"
    title = "Generate"

    @classmethod
    def poll(cls, context: Any) -> bool:
        if not JobOperator.poll.__func__(cls, context):  # type: ignore[attr-defined]
            return False
        try:
            ready = (passes_folder(context) / INDEX_FILE).is_file()
        except UserError as error:
            cls.poll_message_set(str(error))
            return False
        if not ready:
            cls.poll_message_set("There are no passes yet: render them first")
        return ready

    def command(self, context: Any) -> list[str]:
        own = settings.of(context)
        options: list[object] = ["--model", own.model or "auto", "--seed", own.seed]
        if own.prompt.strip():
            options += ["--prompt", own.prompt]
        if own.appearance:
            options += ["--appearance", folders.existing(own.appearance, "picture")]
        if own.strength > 0:
            options += ["--strength", f"{own.strength:.3f}"]
        folder = folders.working(own)
        python = preferences.python(context)
        return environment.command(python, "paint", folder, "--progress", "json", *options)

    def finished(self, context: Any, job: jobs.Job) -> None:
        video = Path(job.results[-1])
        if settings.of(context).show == "SEQUENCER":
            show_in_sequencer(context, video)
        else:
            show_in_image_editor(context, video)
        self.report({"INFO"}, f"The clip is {video}")


def show_in_image_editor(context: Any, video: Path) -> Any:
    """Load the clip, and show it in the window's image editor where there is one."""
    picture = bpy.data.images.load(str(video), check_existing=True)
    picture.reload()
    for area in _areas(context, "IMAGE_EDITOR"):
        area.spaces.active.image = picture
        user = area.spaces.active.image_user
        user.frame_duration, user.use_auto_refresh = max(1, picture.frame_duration), True
        user.frame_start = context.scene.frame_start
        break
    return picture


def show_in_sequencer(context: Any, video: Path) -> Any:
    """Add the clip as a strip on a free channel from the scene's first frame."""
    editor = context.scene.sequence_editor or context.scene.sequence_editor_create()
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    channel = max((strip.channel for strip in strips), default=0) + 1
    name, start = video.stem, context.scene.frame_start
    return strips.new_movie(name, str(video), channel, start)


def _areas(context: Any, kind: str) -> list[Any]:
    windows = context.window_manager.windows if context.window_manager else ()
    return [area for window in windows for area in window.screen.areas if area.type == kind]


CLASSES = (DIFFSIGN_OT_generate,)
