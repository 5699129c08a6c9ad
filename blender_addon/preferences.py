"""The add-on's preferences: where DiffSign's Python is, and the first-run page that says what is
missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
from bpy.props import StringProperty

from ..errors import UserError
from . import environment, jobs
from .operator import JobOperator

_package = ""
_examination: environment.Examination | None = None


def set_package(name: str) -> None:
    """Name the add-on as Blender knows it; before registering."""
    global _package, _examination
    _package = name
    _examination = None
    DIFFSIGN_AP_preferences.bl_idname = name


def python(context: Any) -> str:
    """The Python of the user's environment, "" where none is named and none found."""
    addon = context.preferences.addons.get(_package)
    named = addon.preferences.python if addon and addon.preferences else ""
    return named or str(environment.find_python(blend_folder=_blend_folder()) or "")


def _blend_folder() -> Path | None:
    return Path(bpy.data.filepath).parent if bpy.data.filepath else None


class DIFFSIGN_OT_find_python(bpy.types.Operator):
    """Look for DiffSign's Python in the usual places"""

    bl_idname = "diffsign.find_python"
    bl_label = "Find"

    def execute(self, context: Any) -> set[str]:
        found = environment.find_python(blend_folder=_blend_folder())
        addon = context.preferences.addons.get(_package)
        if found is None:
            self.report(
                {"ERROR"}, f"No DiffSign in the usual places: install it ({environment.INSTALL})."
            )
            return {"CANCELLED"}
        if addon is not None:
            addon.preferences.python = str(found)
        self.report({"INFO"}, f"DiffSign's Python is {found}")
        return {"FINISHED"}


class DIFFSIGN_OT_examine(JobOperator, bpy.types.Operator):
    """Ask DiffSign what is installed, what is cached, and what is missing"""

    bl_idname = "diffsign.examine"
    bl_label = "Examine"
    title = "Examine"

    def command(self, context: Any) -> list[str]:
        return environment.command(python(context), "doctor", "--json")

    def finished(self, context: Any, job: jobs.Job) -> None:
        global _examination
        _examination = environment.read_examination(job.results)


class DIFFSIGN_AP_preferences(bpy.types.AddonPreferences):
    """Where DiffSign is, and how it is."""

    bl_idname = __package__

    __annotations__ = {
        "python": StringProperty(
            name="Python",
            description="The Python of the environment that DiffSign is installed in; it fits, "
            "paints and builds avatars outside of Blender",
            subtype="FILE_PATH",
        )
    }

    def draw(self, context: Any) -> None:
        draw(self.layout, context, self)


def draw(layout: Any, context: Any, preferences: Any) -> None:
    """The first-run page."""
    row = layout.row(align=True)
    row.prop(preferences, "python")
    row.operator("diffsign.find_python", icon="VIEWZOOM")
    row.operator("diffsign.examine", icon="CHECKMARK")
    if not preferences.python:
        found = python(context)
        if found:
            layout.label(text=f"Found by itself: {found}", icon="INFO")
        else:
            box = layout.box()
            box.label(
                text="DiffSign is not installed on this computer, or not found.", icon="ERROR"
            )
            box.label(text=f"To install it, {environment.INSTALL}")
            box.label(text="Motions that are fitted already can be retargeted without it.")
    job = jobs.current()
    if job is not None:
        layout.progress(factor=job.factor, text=job.title)
    if _examination is None:
        return
    if _examination.ready:
        layout.label(text="DiffSign is ready.", icon="CHECKMARK")
    for name, detail, remedy in _examination.missing:
        box = layout.box()
        box.label(text=f"Missing: {name}: {detail}", icon="ERROR")
        if remedy:
            box.label(text=remedy)


CLASSES = (DIFFSIGN_OT_find_python, DIFFSIGN_OT_examine, DIFFSIGN_AP_preferences)

__all__ = ["CLASSES", "UserError", "draw", "python", "set_package"]
