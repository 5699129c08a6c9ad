"""Characters with their performance as files for other programs, by Blender's own exporters."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UserError
from ..files import atomic_path
from .face_blender import meshes_of

if TYPE_CHECKING:
    import bpy


def export_character(armature: bpy.types.Object, objects: Iterable[Any], path: str | Path) -> Path:
    """Write an armature and the meshes that it moves, with their animation.

    The suffix says the format: .blend, .glb (with the shape keys' animation), .fbx, .usd, .usdc,
    .usda, or .bvh (bones alone). The scene's frame range is written; the selection is left as it
    was.

    Raises:
        UserError: no such format, an exporter that is not there, or a folder that cannot be
            written.
    """
    path = Path(path)
    writer = _WRITERS.get(path.suffix.lower())
    if writer is None:
        raise UserError(f"{path} is to be a character: end its name in {', '.join(_WRITERS)}.")
    things = [armature, *meshes_of(armature, objects)]
    with _only_selected(things), atomic_path(path) as partial:
        try:
            writer(str(partial.resolve()), things)
        except (AttributeError, RuntimeError) as error:
            raise UserError(
                f"Blender cannot write {path}: {' '.join(str(error).split())}"
            ) from error
        if not partial.is_file():
            raise UserError(f"Blender's exporter wrote no {path}: see its console for the reason.")
    return path


class _only_selected:
    """The things selected, the armature active, in object mode; afterwards as it was."""

    def __init__(self, things: list[Any]) -> None:
        self._things = things

    def __enter__(self) -> None:
        import bpy

        layer = bpy.context.view_layer
        self._active = layer.objects.active
        self._mode = self._active.mode if self._active is not None else "OBJECT"
        if self._mode != "OBJECT":
            bpy.ops.object.mode_set(mode="OBJECT")
        self._selected = [thing for thing in layer.objects if thing.select_get()]
        for thing in self._selected:
            thing.select_set(False)
        for thing in self._things:
            if thing.name in layer.objects:
                thing.select_set(True)
        layer.objects.active = self._things[0]

    def __exit__(self, *_: object) -> None:
        import bpy

        layer = bpy.context.view_layer
        for thing in layer.objects:
            thing.select_set(thing in self._selected)
        layer.objects.active = self._active
        if self._mode != "OBJECT":
            bpy.ops.object.mode_set(mode=self._mode)


def _write_blend(path: str, things: list[Any]) -> None:
    import bpy

    bpy.data.libraries.write(path, set(things), fake_user=True, compress=True)


def _write_glb(path: str, things: list[Any]) -> None:
    import bpy

    bpy.ops.export_scene.gltf(
        filepath=path,
        export_format="GLB",
        use_selection=True,
        export_animations=True,
        export_animation_mode="ACTIVE_ACTIONS",
        export_morph=True,
        export_morph_normal=False,
        export_morph_animation=True,
        export_vertex_color="ACTIVE",
        export_all_vertex_colors=False,
        export_extras=True,
    )


def _write_fbx(path: str, things: list[Any]) -> None:
    import bpy

    bpy.ops.export_scene.fbx(
        filepath=path,
        use_selection=True,
        object_types={"ARMATURE", "MESH"},
        add_leaf_bones=False,
        bake_anim=True,
        bake_anim_use_nla_strips=False,
        bake_anim_use_all_actions=False,
        bake_anim_simplify_factor=0.0,
        colors_type="LINEAR",
        use_custom_props=True,
    )


def _write_usd(path: str, things: list[Any]) -> None:
    import bpy

    bpy.ops.wm.usd_export(
        filepath=path,
        selected_objects_only=True,
        export_animation=True,
        export_armatures=True,
        export_shapekeys=True,
    )


def _write_bvh(path: str, things: list[Any]) -> None:
    import bpy

    scene = bpy.context.scene
    bpy.ops.export_anim.bvh(
        filepath=path,
        frame_start=scene.frame_start,
        frame_end=scene.frame_end,
        root_transform_only=True,
    )


_WRITERS: dict[str, Callable[[str, list[Any]], None]] = {
    ".blend": _write_blend,
    ".glb": _write_glb,
    ".fbx": _write_fbx,
    ".bvh": _write_bvh,
    ".usd": _write_usd,
    ".usdc": _write_usd,
    ".usda": _write_usd,
}
SUFFIXES = tuple(_WRITERS)
