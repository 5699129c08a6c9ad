"""Any armature in Blender: its rest skeleton, and a transferred motion as its keyframes.

The only part of retargeting to a rig that needs bpy; everything else is numpy in `retarget/rig`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UserError
from ..retarget.rig.skeleton import UP_Z, Skeleton
from ..retarget.rig.transfer import RigMotion

if TYPE_CHECKING:
    import bpy

_ACTION = "DiffSign"


def skeleton_of(armature: bpy.types.Object) -> Skeleton:
    """The rest skeleton of an armature, in the scene's world (Z up, metres).

    Scale, rotation and parents of the object are in it.

    Raises:
        UserError: it is no armature, has no bones, or is mirrored or stretched.
    """
    if armature is None or armature.type != "ARMATURE":
        named = repr(armature.name) if armature else "What is chosen"
        raise UserError(f"{named} is no armature: choose the character's armature.")
    bones = armature.data.bones
    names = tuple(bone.name for bone in bones)
    index = {name: k for k, name in enumerate(names)}
    return Skeleton.from_matrices(
        names,
        tuple(index[bone.parent.name] if bone.parent else -1 for bone in bones),
        np.array([np.array(bone.matrix_local) for bone in bones]).reshape(-1, 4, 4),
        np.array([bone.tail_local[:] for bone in bones]).reshape(-1, 3),
        np.array(armature.matrix_world),
        UP_Z,
    )


def apply(
    armature: bpy.types.Object, result: RigMotion, first_frame: int = 1, name: str = _ACTION
) -> bpy.types.Action:
    """Write a transferred motion as keyframes of a new action, and return the action.

    Bones that the motion does not name go back to rest. Where constraints move the bones that are
    to be keyed, or those above them (the controls of a generated Rigify rig), each frame is solved
    in Blender itself, with limbs in FK: slower, but what is seen is what was meant.

    Args:
        armature: the one that :func:`skeleton_of` was asked about, unchanged since.
        first_frame: of the scene's timeline; one frame of the motion is one of the scene.
        name: of the action.

    Channels that drivers move are left to them.

    Raises:
        UserError: the armature lacks bones of the motion.
    """
    import bpy

    bpy.context.view_layer.update()  # a new armature has no pose before
    pose = armature.pose.bones
    lost = [name for name in result.driven if name not in pose]
    if lost:
        raise UserError(
            f"The armature {armature.name!r} has no bone {lost[0]!r}: transfer the motion to this "
            "armature first."
        )
    action = bpy.data.actions.new(name)
    data = armature.animation_data or armature.animation_data_create()
    data.action = action
    for bone in pose:
        bone.matrix_basis.identity()
        if bone.name in result.driven:
            bone.rotation_mode = "QUATERNION"
    constrained = [name for name in result.driven if _constrained(pose[name])]
    channels = _solved(armature, result) if constrained else _channels(result)
    frames = np.arange(first_frame, first_frame + len(result.quaternions), dtype=float)
    driven = {(curve.data_path, curve.array_index) for curve in data.drivers}
    for (bone, channel), values in channels.items():
        for axis in range(values.shape[1]):
            if (pose[bone].path_from_id(channel), axis) not in driven:
                key_curve(action, pose[bone], channel, frames, values[:, axis], axis, bone)
    return action


def key_curve(
    action: bpy.types.Action,
    owner: Any,
    channel: str,
    frames: np.ndarray,
    values: np.ndarray,
    axis: int = -1,
    group: str = "",
) -> None:
    """Key a channel of a bone or a shape key at frames (T,) with values (T,), linear between.

    Args:
        action: the owner's own, already assigned. axis: -1 where the channel has none.
    """
    # Through keyframe_insert the curve gets the slot of this very owner.
    owner.keyframe_insert(channel, index=axis, frame=frames[0], group=group)
    _fill(_curve(action, owner.path_from_id(channel), max(axis, 0)), frames, values)


def _channels(result: RigMotion) -> dict[tuple[str, str], np.ndarray]:
    """(bone, channel) -> (T, n) values."""
    found = {
        (name, "rotation_quaternion"): result.quaternions[:, result.names.index(name)]
        for name in result.driven
    }
    moved = {(name, "location"): values for name, values in result.translations.items()}
    return found | moved


def _constrained(bone: Any) -> bool:
    """Whether constraints move a bone or one above it."""
    while bone is not None:
        if any(not c.mute and c.influence > 0 for c in bone.constraints):
            return True
        bone = bone.parent
    return False


def _solved(armature: bpy.types.Object, result: RigMotion) -> dict[tuple[str, str], np.ndarray]:
    """Channels whose evaluated pose has the motion's orientations, through all constraints."""
    import bpy
    from mathutils import Matrix

    pose = armature.pose.bones
    for bone in pose:
        if "IK_FK" in bone:
            bone["IK_FK"] = 1.0
        for follow in ("neck_follow", "head_follow"):
            if follow in bone:
                bone[follow] = 1.0
    armature.update_tag()  # the drivers of constraints read these properties
    levels: dict[int, list[str]] = {}
    for name in result.driven:
        levels.setdefault(len(pose[name].parent_recursive), []).append(name)
    back = armature.matrix_world.inverted()
    unturned = np.array(back.to_quaternion().to_matrix())
    channels = {
        key: np.empty((len(result.quaternions), values.shape[1]))
        for key, values in _channels(result).items()
    }
    layer = bpy.context.view_layer
    for frame in range(len(result.quaternions)):
        for level in sorted(levels):
            layer.update()
            for name in levels[level]:
                bone, index = pose[name], result.names.index(name)
                place = bone.matrix.to_translation()
                if name in result.translations:
                    place = back @ _vector(result.heads[frame, index])
                turn = Matrix((unturned @ result.rotations[frame, index]).tolist())
                bone.matrix = Matrix.LocRotScale(place, turn, None)
                if (name, "location") not in channels:
                    bone.location = (0, 0, 0)
        for name, channel in channels:
            channels[name, channel][frame] = getattr(pose[name], channel)[:]
    for (_, channel), values in channels.items():
        if channel == "rotation_quaternion":
            signs = np.sign((values[1:] * values[:-1]).sum(-1, keepdims=True))
            values[1:] *= np.cumprod(np.where(signs == 0, 1, signs), axis=0)
    return channels


def _vector(values: np.ndarray) -> Any:
    from mathutils import Vector

    return Vector(values.tolist())


def _curve(action: Any, path: str, axis: int) -> Any:
    """The curve of a channel, where Blender keeps it: in the action, or in its only channel bag."""
    if hasattr(action, "fcurves"):
        return action.fcurves.find(path, index=axis)
    return action.layers[0].strips[0].channelbags[0].fcurves.find(path, index=axis)


def _fill(curve: Any, frames: np.ndarray, values: np.ndarray) -> None:
    points = curve.keyframe_points
    points.add(len(frames) - len(points))
    points.foreach_set("co", np.stack([frames, values], axis=-1).ravel())
    points.foreach_set("interpolation", np.ones(len(frames), np.int32))  # linear
    curve.update()
