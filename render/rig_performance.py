"""A motion performed by a character of the scene: its armature and its shape keys together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..retarget.motion import Motion
from ..retarget.rig.face import with_face_bones
from ..retarget.rig.rig_map import RigMap
from ..retarget.rig.transfer import TransferOptions, transfer
from .face_blender import apply_face, key_names, meshes_of
from .rig_blender import apply, skeleton_of

if TYPE_CHECKING:
    import bpy


def perform_on(
    armature: bpy.types.Object,
    objects: Iterable[Any],
    motion: Motion,
    rig_map: RigMap,
    options: TransferOptions,
    first_frame: int = 1,
    name: str = "DiffSign",
    face: bool = True,
) -> list[bpy.types.Action]:
    """Key the armature, and with `face` the shape keys of the meshes that it moves.

    What the meshes have no keys for moves by bones of jaw and eyes, where there are such.

    Args:
        objects: among them the meshes. rig_map: which bone moves with which joint.
        first_frame: of the scene's timeline; one frame of the motion is one of the scene.
        name: of the actions.

    Returns:
        The new actions, the armature's first.

    Raises:
        UserError: the armature cannot be posed, or the map does not fit it; nothing has changed.
    """
    meshes = meshes_of(armature, objects)
    if face:
        motion = with_face_bones(motion, key_names(meshes))
    result = transfer(motion, skeleton_of(armature), rig_map, options)
    actions = [apply(armature, result, first_frame, name)]
    if face:
        actions += apply_face(meshes, motion, first_frame, name)
    return actions
