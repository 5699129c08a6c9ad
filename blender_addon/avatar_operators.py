"""Avatar: a signer of DiffSign's own, or the map of somebody else's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
from bpy.props import StringProperty

from ..errors import UserError
from . import characters, environment, folders, jobs, preferences, settings
from .operator import JobOperator, fail, say


class DIFFSIGN_OT_create_avatar(JobOperator, bpy.types.Operator):
    """Build a dressed, rigged signer from words, a picture and a seed, and put it into the scene"""

    bl_idname = "diffsign.create_avatar"
    bl_label = "Create"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012  Blender reads a set here
    title = "Create avatar"

    def command(self, context: Any) -> list[str]:
        own = settings.of(context)
        folder = folders.working(own) / folders.AVATARS
        folder.mkdir(exist_ok=True)
        taken = len(list(folder.glob("*.blend")))
        options: list[object] = ["--random", own.avatar_seed]
        if own.avatar_words.strip():
            options += ["--describe", own.avatar_words]
        if own.avatar_picture:
            options += ["--appearance", folders.existing(own.avatar_picture, "picture")]
        self._path = folder / f"signer_{taken + 1:03d}.blend"
        python = preferences.python(context)
        return environment.command(python, "avatar", *options, "-o", self._path)

    def finished(self, context: Any, job: jobs.Job) -> None:
        armature = append_character(context, self._path)
        settings.of(context).armature = armature
        settings.of(context).family = settings.AUTO
        self.report({"INFO"}, f"{armature.name} stands in the scene")


def append_character(context: Any, path: Path) -> Any:
    """Put the armature of a .blend and the meshes that it moves into a collection of their own.

    Returns:
        The armature, selected and active.
    """
    with bpy.data.libraries.load(str(path)) as (there, here):
        here.objects = list(there.objects)
    found = [thing for thing in here.objects if thing is not None]
    armature = next((thing for thing in found if thing.type == "ARMATURE"), None)
    if armature is None:
        raise UserError(f"{path} holds no armature: create the avatar again.")
    collection = bpy.data.collections.new(path.stem)
    context.scene.collection.children.link(collection)
    for thing in found:
        if thing is armature or thing.find_armature() is armature or thing.parent is armature:
            collection.objects.link(thing)
        else:
            bpy.data.objects.remove(thing)
    for other in context.view_layer.objects:
        other.select_set(other is armature)
    context.view_layer.objects.active = armature
    return armature


class DIFFSIGN_OT_save_rig_map(bpy.types.Operator):
    """Write which bone moves with which joint as JSON, to be mended and used again"""

    bl_idname = "diffsign.save_rig_map"
    bl_label = "Save Map"

    __annotations__ = {
        "filepath": StringProperty(subtype="FILE_PATH"),
        "filter_glob": StringProperty(default="*.json", options={"HIDDEN"}),
    }

    @classmethod
    def poll(cls, context: Any) -> bool:
        return characters.can_choose(cls, context)

    def invoke(self, context: Any, event: Any) -> set[str]:
        self.filepath = f"{characters.chosen(context).name}_rig.json"
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: Any) -> set[str]:
        try:
            found = characters.map_of(characters.chosen(context), settings.of(context))
            found.save(folders.absolute(self.filepath, "rig map"))
        except UserError as error:
            return fail(self, error)
        say("")
        self.report({"INFO"}, f"The map is in {self.filepath}")
        return {"FINISHED"}


CLASSES = (DIFFSIGN_OT_create_avatar, DIFFSIGN_OT_save_rig_map)
