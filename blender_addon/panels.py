"""The tab "DiffSign" in the 3D viewport's sidebar: what is drawn, and nothing else."""

from __future__ import annotations

import textwrap
from typing import Any

import bpy

from ..errors import UserError
from . import characters, jobs, operator, retarget_operators, settings, source_file

_CHARACTERS_A_LINE = 6.4
"""Pixels of a character in the panel's font, at a scale of 1."""


class _Panel(bpy.types.Panel):
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "DiffSign"


def paragraph(layout: Any, text: str, icon: str = "NONE") -> None:
    """A sentence over as many lines as the sidebar's width asks for."""
    region = bpy.context.region
    scale = bpy.context.preferences.system.ui_scale or 1.0  # 0 without a window
    width = region.width if region is not None else 280
    column = layout.column(align=True)
    column.scale_y = 0.8
    lines = textwrap.wrap(text, max(24, int((width / scale - 60) / _CHARACTERS_A_LINE)))
    for index, line in enumerate(lines):
        column.label(text=line, icon=icon if index == 0 else "BLANK1" if icon != "NONE" else icon)


class DIFFSIGN_PT_main(_Panel):
    """What runs, and what went wrong; the sections follow."""

    bl_idname = "DIFFSIGN_PT_main"
    bl_label = "DiffSign"

    def draw(self, context: Any) -> None:
        layout = self.layout
        job = jobs.current()
        if job is not None:
            row = layout.row(align=True)
            stage = f"{job.title}: {job.stage}" if job.stage else job.title
            counted = f" {job.done}/{job.total}" if job.total else ""
            row.progress(factor=job.factor, text=stage + counted)
            row.operator("diffsign.cancel", text="", icon="CANCEL")
        elif operator.last_error():
            paragraph(layout.box(), operator.last_error(), "ERROR")
        else:
            layout.label(text="From top to bottom", icon="INFO")


class _Section(_Panel):
    bl_parent_id = "DIFFSIGN_PT_main"

    def draw(self, context: Any) -> None:
        self.layout.use_property_split = True
        self.layout.use_property_decorate = False
        self.sketch(self.layout, context, settings.of(context))

    def sketch(self, layout: Any, context: Any, own: Any) -> None:
        raise NotImplementedError


class DIFFSIGN_PT_source(_Section):
    """A clip, keypoints or a motion."""

    bl_idname = "DIFFSIGN_PT_source"
    bl_label = "Source"

    def sketch(self, layout: Any, context: Any, own: Any) -> None:
        layout.prop(own, "source", text="Clip")
        layout.prop(own, "folder")
        layout.prop(own, "person")
        layout.operator("diffsign.fit", icon="ARMATURE_DATA")
        layout.prop(own, "motion")
        if own.motion:
            paragraph(layout, own.motion_summary or "Not read yet", "ANIM")
        other = rate_hint(context, own)
        if other:
            paragraph(layout, other, "INFO")


class DIFFSIGN_PT_avatar(_Section):
    """Who signs."""

    bl_idname = "DIFFSIGN_PT_avatar"
    bl_label = "Avatar"

    def sketch(self, layout: Any, context: Any, own: Any) -> None:
        layout.prop(own, "avatar_words")
        layout.prop(own, "avatar_picture")
        layout.prop(own, "avatar_seed")
        layout.operator("diffsign.create_avatar", icon="OUTLINER_OB_ARMATURE")
        layout.separator()
        layout.prop(own, "armature")
        layout.prop(own, "family")
        if own.family == settings.OWN_MAP:
            layout.prop(own, "rig_map")
        try:
            paragraph(layout, characters.summary(context), "CHECKMARK")
        except UserError as error:
            paragraph(layout, str(error), "INFO")
        layout.operator("diffsign.save_rig_map", icon="FILE_TICK")


class DIFFSIGN_PT_retarget(_Section):
    """The motion onto the character."""

    bl_idname = "DIFFSIGN_PT_retarget"
    bl_label = "Retarget"

    def sketch(self, layout: Any, context: Any, own: Any) -> None:
        hint = retarget_operators.contacts_hint(context)
        row = layout.row()
        row.enabled = not hint
        row.prop(own, "keep_contacts")
        if hint:
            paragraph(layout, hint, "INFO")
        layout.prop(own, "place")
        layout.prop(own, "smoothing")
        layout.prop(own, "face")
        layout.prop(own, "limit_range")
        if own.limit_range:
            row = layout.row(align=True)
            row.prop(own, "first")
            row.prop(own, "last", text="")
        layout.prop(own, "start")
        layout.prop(own, "rate")
        layout.prop(own, "strip")
        layout.operator("diffsign.retarget", icon="POSE_HLT")
        reason = characters.why_not_editable(context)
        if reason:
            paragraph(layout, reason, "LIBRARY_DATA_DIRECT")
        row = layout.row()
        row.operator_menu_enum("diffsign.export", "format", text="Export", icon="EXPORT")


class DIFFSIGN_PT_passes(_Section):
    """What the camera sees, exactly."""

    bl_idname = "DIFFSIGN_PT_passes"
    bl_label = "Passes"

    def sketch(self, layout: Any, context: Any, own: Any) -> None:
        layout.prop(own, "camera")
        layout.operator("diffsign.set_camera", icon="OUTLINER_OB_CAMERA")
        layout.prop(own, "folder")
        layout.prop(own, "maps")
        render = context.scene.render
        column = layout.column(align=True)
        column.prop(render, "resolution_x", text="Resolution X")
        column.prop(render, "resolution_y", text="Y")
        column.prop(render, "resolution_percentage", text="%")
        column = layout.column(align=True)
        column.prop(context.scene, "frame_start", text="Frames")
        column.prop(context.scene, "frame_end", text="To")
        layout.prop(own, "engine")
        if own.engine == "cycles":
            layout.prop(own, "device")
        layout.prop(own, "samples")
        layout.operator("diffsign.render_passes", icon="RENDER_ANIMATION")


class DIFFSIGN_PT_generate(_Section):
    """The signer who does not exist."""

    bl_idname = "DIFFSIGN_PT_generate"
    bl_label = "Generate"

    def sketch(self, layout: Any, context: Any, own: Any) -> None:
        for name in ("appearance", "prompt", "model", "strength", "seed", "show"):
            layout.prop(own, name)
        if own.model not in ("auto", "mini") and not bpy.app.online_access:
            paragraph(layout, "Blender is offline: only weights that are here are used", "INTERNET")
        layout.operator("diffsign.generate", icon="BRUSH_DATA")


class DIFFSIGN_PT_dataset(_Section):
    """From one scene to many."""

    bl_idname = "DIFFSIGN_PT_dataset"
    bl_label = "Dataset"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012  Blender reads a set here

    def sketch(self, layout: Any, context: Any, own: Any) -> None:
        layout.prop(own, "recipe")
        layout.operator("diffsign.write_recipe", icon="FILE_TEXT")


def rate_hint(context: Any, own: Any) -> str:
    """What happens where the motion has another frame rate than the scene."""
    if not own.motion:
        return ""
    try:
        rate = source_file.load(bpy.path.abspath(own.motion)).fps
    except UserError:
        return ""
    scene = context.scene.render.fps / context.scene.render.fps_base
    if abs(rate - scene) < 1e-3:
        return ""
    does = "it will be resampled" if own.rate == "RESAMPLE" else "the scene will take the motion's"
    return f"The motion has {rate:.4g} frames a second, the scene {scene:.4g}: {does}"


CLASSES = (
    DIFFSIGN_PT_main,
    DIFFSIGN_PT_source,
    DIFFSIGN_PT_avatar,
    DIFFSIGN_PT_retarget,
    DIFFSIGN_PT_passes,
    DIFFSIGN_PT_generate,
    DIFFSIGN_PT_dataset,
)
