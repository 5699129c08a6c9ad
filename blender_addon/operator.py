"""What the operators share: errors as sentences, and jobs that never freeze Blender."""

from __future__ import annotations

from typing import Any

import bpy

from ..errors import UserError
from . import environment, jobs

_TICK_SECONDS = 0.1
_said: dict[str, str] = {}


def last_error() -> str:
    """The sentence of the last failure, for the panel; "" after a success."""
    return _said.get("error", "")


def say(text: str) -> None:
    """Show a sentence in the panel, "" for none."""
    _said["error"] = text
    redraw()


def forget() -> None:
    """The last failure."""
    _said.clear()


def redraw() -> None:
    """Show what has changed, in every 3D viewport and the preferences."""
    manager = bpy.context.window_manager
    for window in manager.windows if manager is not None else ():
        for area in window.screen.areas:
            if area.type in ("VIEW_3D", "PREFERENCES"):
                area.tag_redraw()


def fail(operator: Any, error: Exception) -> set[str]:
    """Report an error as one sentence, there and in the panel."""
    text = " ".join(str(error).split())
    say(text)
    operator.report({"ERROR"}, text)
    return {"CANCELLED"}


class JobOperator:
    """An operator that runs a program: in the background when pressed, to its end from Python.

    A class has `title`, `command(context)` and `finished(context, job)`, both of which may raise
    UserError; `prepare` may make files first. Nothing of the scene changes before `finished`.
    """

    title = ""
    report: Any
    _timer: Any = None
    _job: Any = None

    def command(self, context: Any) -> list[str]:
        raise NotImplementedError

    def finished(self, context: Any, job: jobs.Job) -> None:
        raise NotImplementedError

    def log(self) -> Any:
        """Where the program complains, if not on standard error."""
        return None

    def ended(self) -> None:
        """Clean up after the job, however it ended."""

    @classmethod
    def poll(cls, context: Any) -> bool:
        job = jobs.current()
        if job is not None:
            cls.poll_message_set(f"{job.title} is running")  # type: ignore[attr-defined]
        return job is None

    def _start(self, context: Any) -> jobs.Job:
        say("")
        online = bool(getattr(bpy.app, "online_access", True))
        command = self.command(context)
        self._job = jobs.start(self.title, command, environment.variables(online), self.log())
        return self._job

    def execute(self, context: Any) -> set[str]:
        try:
            self._start(context).wait()
            return self._finish(context)
        except UserError as error:
            return fail(self, error)
        finally:
            self._end(context)

    def invoke(self, context: Any, event: Any) -> set[str]:
        if bpy.app.background:
            return self.execute(context)
        try:
            self._start(context)
        except UserError as error:
            self._end(context)
            return fail(self, error)
        manager = context.window_manager
        self._timer = manager.event_timer_add(_TICK_SECONDS, window=context.window)
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: Any, event: Any) -> set[str]:
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        job = self._job
        redraw()
        try:
            if job.cancelled:
                self._end(context)
                self.report({"INFO"}, f"{self.title} was cancelled; the scene is as it was.")
                return {"CANCELLED"}
            if not job.poll():
                return {"PASS_THROUGH"}
            done = self._finish(context)
        except UserError as error:
            self._end(context)
            return fail(self, error)
        self._end(context)
        return done

    def cancel(self, context: Any) -> None:
        """Another file is opened, or Blender closes."""
        self._end(context)

    def _finish(self, context: Any) -> set[str]:
        job = self._job
        if job.cancelled:
            return {"CANCELLED"}
        self.finished(context, job)
        for note in job.notes:
            self.report({"INFO"}, note)
        return {"FINISHED"}

    def _end(self, context: Any) -> None:
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
        if self._job is not None:
            jobs.finish()
            self._job = None
        self.ended()
        redraw()


class DIFFSIGN_OT_cancel(bpy.types.Operator):
    """End what runs in the background; the scene stays as it is"""

    bl_idname = "diffsign.cancel"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, context: Any) -> bool:
        if jobs.current() is None:
            cls.poll_message_set("Nothing is running")
        return jobs.current() is not None

    def execute(self, context: Any) -> set[str]:
        job = jobs.current()
        if job is not None:
            job.cancel()
        redraw()
        return {"FINISHED"}


CLASSES = (DIFFSIGN_OT_cancel,)
