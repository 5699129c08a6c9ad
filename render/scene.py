"""The Blender scene of one avatar performing one motion. Runs inside Blender (numpy and bpy).

The armature holds the 55 joints of SMPL-X. All its bones point along +Y of the rest frame, so a
bone's own axes are the rest frame's and a joint's rotation goes onto its bone unchanged. The
armature object carries the turn from the camera's frame to Blender's world; skinning is linear
blending over weights, as in SMPL-X, so Blender's vertices equal `pose_vertices`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .avatar.avatar import Avatar, Piece
from .camera import WORLD_FROM_CAMERA, blender_camera, set_lens
from .lighting import LightRig
from .materials import COLOUR_LAYER, build_material
from .scene_lights import set_lights
from .twist import Skinning, local_turns, quaternions, skinning

if TYPE_CHECKING:
    from ..retarget.motion import Camera

__all__ = [
    "Stage",
    "animate",
    "build_stage",
    "chest_world",
    "empty_scene",
    "set_action",
    "set_camera",
    "set_lights",
]

BONE_LENGTH_METRES = 0.03
WEIGHT_FLOOR = 1e-4
CHEST_JOINT = "spine3"

Curves = dict[tuple[str, int | None], np.ndarray]
"""A value per frame for each animated property: its path, and its component where it has any."""


@dataclass(frozen=True)
class Stage:
    """Handles into Blender's data: the scene, the armature, and each piece's object; and the
    joints of skinning alone, where it has them."""

    scene: Any
    armature: Any
    pieces: tuple[Any, ...]
    avatar: Avatar
    skin: Skinning | None = None


def empty_scene() -> Any:
    """Blender's factory scene without objects; everything built before is freed."""
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy.context.scene


def build_stage(avatar: Avatar, rig: LightRig, twisting: bool = True) -> Stage:
    """Armature, meshes with weights, shape keys and colours, and materials, at rest.

    twisting: with the joints of `twist`, which `animate` turns; False for the avatar's own alone,
    for whoever animates it by other means.
    """
    scene = empty_scene()
    skin = skinning(avatar) if twisting else None
    armature = _build_armature(scene, avatar, skin)
    materials = [build_material(material, rig) for material in avatar.materials]
    pieces = tuple(
        _build_piece(scene, avatar, piece, materials, armature, skin) for piece in avatar.pieces
    )
    return Stage(scene, armature, pieces, avatar, skin)


def animate(stage: Stage, poses: np.ndarray, trans: np.ndarray, facial_actions: np.ndarray) -> None:
    """Key every frame, starting with frame 0, linearly interpolated; older keys are replaced.

    Args:
        poses: (T, 165) axis-angle. trans: (T, 3) metres. facial_actions: (T, 52).
    """
    import bpy

    avatar = stage.avatar
    rotations = quaternions(poses.reshape(len(poses), -1, 3))
    names: Sequence[str] = avatar.joint_names
    if stage.skin is not None:
        rotations = np.concatenate([rotations, local_turns(stage.skin, poses)], axis=1)
        names = (*names, *stage.skin.names)
    rotations = _continuous(rotations)
    curves: Curves = {}
    for joint, name in enumerate(names):
        path = f'pose.bones["{name}"].rotation_quaternion'
        for component in range(4):
            curves[path, component] = rotations[:, joint, component]
    root = avatar.joint_names[int(np.flatnonzero(avatar.parents < 0)[0])]
    for component in range(3):
        curves[f'pose.bones["{root}"].location', component] = trans[:, component]
    set_action(stage.armature, "motion", curves)
    for piece in stage.pieces:
        keys = piece.data.shape_keys
        if keys is None:
            continue
        names = [name for name in avatar.action_names if name in keys.key_blocks]
        chosen: Curves = {
            (f'key_blocks["{name}"].value', None): facial_actions[
                :, avatar.action_names.index(name)
            ]
            for name in names
        }
        set_action(keys, f"{piece.name} face", chosen)
    stage.scene.frame_start = 0
    stage.scene.frame_end = len(poses) - 1
    bpy.context.view_layer.update()


def set_camera(scene: Any, camera: Camera) -> None:
    """Make the scene's camera and picture size those of the pinhole."""
    import bpy

    wanted = blender_camera(camera)
    if scene.camera is None:
        made = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
        scene.collection.objects.link(made)
        made.rotation_euler = (math.pi / 2, 0.0, 0.0)
        scene.camera = made
    set_lens(scene.camera.data, wanted)
    render = scene.render
    render.resolution_x, render.resolution_y = wanted.width, wanted.height
    render.resolution_percentage = 100
    render.pixel_aspect_x, render.pixel_aspect_y = wanted.aspect_x, wanted.aspect_y


def chest_world(avatar: Avatar, joints: np.ndarray) -> np.ndarray:
    """Where lamps point: the mean place of the chest over a clip, in Blender's world.

    Args:
        joints: (T, 55, 3) metres in the camera's frame.
    """
    chest = joints[:, avatar.joint_names.index(CHEST_JOINT)].mean(axis=0)
    return WORLD_FROM_CAMERA @ chest


def _build_armature(scene: Any, avatar: Avatar, skin: Skinning | None) -> Any:
    import bpy
    from mathutils import Matrix

    data = bpy.data.armatures.new("signer")
    armature = bpy.data.objects.new("signer", data)
    scene.collection.objects.link(armature)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    bones = list(zip(avatar.joint_names, avatar.joints, avatar.parents, strict=True))
    if skin is not None:
        bones += zip(skin.names, skin.joints, skin.parents, strict=True)
    for name, place, parent in bones:
        bone = data.edit_bones.new(name)
        bone.head = place
        bone.tail = np.add(place, [0.0, BONE_LENGTH_METRES, 0.0])
        bone.roll = 0.0
        if parent >= 0:
            bone.parent = data.edit_bones[avatar.joint_names[parent]]
    bpy.ops.object.mode_set(mode="OBJECT")
    for bone in armature.pose.bones:
        bone.rotation_mode = "QUATERNION"
    armature.matrix_world = Matrix(WORLD_FROM_CAMERA.tolist()).to_4x4()
    return armature


def _build_piece(
    scene: Any,
    avatar: Avatar,
    piece: Piece,
    materials: list[Any],
    armature: Any,
    skin: Skinning | None,
) -> Any:
    import bpy

    vertices = avatar.vertices[piece.start : piece.stop]
    mesh = _build_mesh(piece, vertices)
    colours = np.ones((len(vertices), 4), np.float32)
    colours[:, :3] = avatar.colours[piece.start : piece.stop]
    layer = mesh.attributes.new(COLOUR_LAYER, "FLOAT_COLOR", "POINT")
    layer.data.foreach_set("color", colours.ravel())
    used, slots = np.unique(piece.face_material, return_inverse=True)
    for index in used:
        mesh.materials.append(materials[index])
    mesh.polygons.foreach_set("material_index", slots.astype(np.int32).ravel())
    made = bpy.data.objects.new(piece.name, mesh)
    made.pass_index = piece.object_index
    scene.collection.objects.link(made)
    if skin is None:
        _set_weights(made, avatar.joint_names, avatar.weights[piece.start : piece.stop])
    else:
        names = (*avatar.joint_names, *skin.names)
        _set_weights(made, names, skin.weights[piece.start : piece.stop])
    _set_shape_keys(made, avatar, piece)
    made.parent = armature
    modifier = made.modifiers.new("signer", "ARMATURE")
    modifier.object = armature
    modifier.use_deform_preserve_volume = False
    return made


def _build_mesh(piece: Piece, vertices: np.ndarray) -> Any:
    import bpy

    mesh = bpy.data.meshes.new(piece.name)
    faces = (piece.faces - piece.start).astype(np.int32)
    mesh.vertices.add(len(vertices))
    mesh.vertices.foreach_set("co", vertices.astype(np.float32).ravel())
    mesh.loops.add(faces.size)
    mesh.loops.foreach_set("vertex_index", faces.ravel())
    mesh.polygons.add(len(faces))
    mesh.polygons.foreach_set("loop_start", np.arange(0, faces.size, 3, dtype=np.int32))
    mesh.polygons.foreach_set("use_smooth", np.ones(len(faces), bool))
    if piece.uv is not None:
        layer = mesh.uv_layers.new(name="uv")
        layer.data.foreach_set("uv", piece.uv.astype(np.float32).ravel())
    mesh.update(calc_edges=True)
    if mesh.validate():
        raise ValueError(f"piece {piece.name!r} of the avatar has broken faces")
    return mesh


def _set_weights(made: Any, names: Sequence[str], weights: np.ndarray) -> None:
    """One vertex group per joint that moves the piece; vertices of equal weight go in together."""
    for joint, name in enumerate(names):
        column = weights[:, joint]
        chosen = np.flatnonzero(column > WEIGHT_FLOOR)
        if len(chosen) == 0:
            continue
        group = made.vertex_groups.new(name=name)
        whole = chosen[column[chosen] > 1 - WEIGHT_FLOOR]
        if len(whole):
            group.add(whole.tolist(), 1.0, "REPLACE")
        for vertex in chosen[column[chosen] <= 1 - WEIGHT_FLOOR].tolist():
            group.add((vertex,), float(column[vertex]), "REPLACE")


def _set_shape_keys(made: Any, avatar: Avatar, piece: Piece) -> None:
    """One shape key per facial action that moves the piece."""
    rest = avatar.vertices[piece.start : piece.stop].astype(np.float32)
    for index, name in enumerate(avatar.action_names):
        ids, offsets = avatar.action(index)
        inside = (ids >= piece.start) & (ids < piece.stop)
        if not inside.any():
            continue
        if made.data.shape_keys is None:
            made.shape_key_add(name="Basis")
        moved = rest.copy()
        moved[ids[inside] - piece.start] += offsets[inside]
        key = made.shape_key_add(name=name, from_mix=False)
        key.data.foreach_set("co", moved.ravel())
        key.slider_min, key.slider_max = -1.0, 2.0


def set_action(target: Any, name: str, curves: Curves) -> None:
    """Give `target` one action of linear curves, a key per frame from frame 0."""
    import bpy

    if target.animation_data is not None and target.animation_data.action is not None:
        bpy.data.actions.remove(target.animation_data.action)
    target.animation_data_create()
    action = bpy.data.actions.new(name)
    target.animation_data.action = action
    for (path, component), values in curves.items():
        curve = (
            action.fcurves.new(path)
            if component is None
            else action.fcurves.new(path, index=component)
        )
        keys = np.stack([np.arange(len(values)), values], axis=1).astype(np.float32)
        curve.keyframe_points.add(len(values))
        curve.keyframe_points.foreach_set("co", keys.ravel())
        linear = np.full(len(values), _LINEAR, np.int32)
        curve.keyframe_points.foreach_set("interpolation", linear)
        curve.update()
    if target.animation_data.action_slot is None and action.slots:
        target.animation_data.action_slot = action.slots[0]


_LINEAR = 1  # bpy: BEZT_IPO_LIN


def _continuous(rotations: np.ndarray) -> np.ndarray:
    """Quaternions (T, J, 4) with signs chosen so that neighbours in time are the near ones."""
    flips = np.sum(rotations[1:] * rotations[:-1], axis=-1) < 0
    signs = np.where(np.cumsum(flips, axis=0) % 2, -1.0, 1.0)
    steady = rotations.copy()
    steady[1:] *= signs[..., None]
    return steady
