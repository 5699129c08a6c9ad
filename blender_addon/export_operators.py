"""The character with its performance as a file for other programs."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.props import EnumProperty, StringProperty

from ..errors import UserError
from ..render.scene_export import export_character
from . import characters, folders
from .operator import fail, say

FORMATS = (
    (".glb", "glTF (.glb)", "Mesh, skeleton, animation, and the face as shape keys"),
    (".fbx", "FBX (.fbx)", "For game engines and other 3D programs"),
    (".usdc", "USD (.usdc)", "Universal Scene Description"),
    (".bvh", "BVH (.bvh)", "The skeleton's motion alone"),
    (".blend", "Blender (.blend)", "The character with its actions, to be appended elsewhere"),
)


class DIFFSIGN_OT_export(bpy.types.Operator):
    """Write the character with its performance as a file for other programs"""

    bl_idname = "diffsign.export"
    bl_label = "Export"

    __annotations__ = {
        "filepath": StringProperty(subtype="FILE_PATH"),
        "format": EnumProperty(name="Format", items=FORMATS),
    }

    @classmethod
    def poll(cls, context: Any) -> bool:
        return characters.can_choose(cls, context)

    def invoke(self, context: Any, event: Any) -> set[str]:
        self.filepath = f"{characters.chosen(context).name}{self.format}"
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: Any) -> set[str]:
        try:
            path = folders.absolute(self.filepath, "file").with_suffix(self.format)
            export_character(characters.chosen(context), context.scene.objects, path)
        except UserError as error:
            return fail(self, error)
        say("")
        self.report({"INFO"}, f"Written: {path}")
        return {"FINISHED"}


CLASSES = (DIFFSIGN_OT_export,)
