"""Where a character's joints are in every frame, as the pose maps want them. Runs inside Blender.

Bones say where body and hands are; of the face only eyes, and by them nose and ears, where the rig
has bones for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..retarget.rig.rig_map import RigMap
from ..retarget.rig.skeleton import local_quaternions
from ..retarget.rig.transfer import RigMotion
from .character_points import places
from .rig_blender import skeleton_of

if TYPE_CHECKING:
    import bpy

_NOSE, _RIGHT_EYE, _LEFT_EYE, _RIGHT_EAR, _LEFT_EAR = 0, 14, 15, 16, 17
# In distances between the eyes, roughly an adult's: the nose's tip below and before them, the
# ears behind and outside of them.
_NOSE_DOWN, _NOSE_FORWARD, _EAR_OUT, _EAR_BACK = 0.6, 0.45, 0.65, 1.3
# The line from the neck to the eyes leans forward by twenty degrees.
_LEAN_COSINE, _LEAN_SINE = 0.94, 0.34


def joint_places(
    scene: Any, armature: bpy.types.Object, rig_map: RigMap, frames: Sequence[int]
) -> dict[str, np.ndarray]:
    """Points (T, N, 3) in the world, metres, by their names in `points.POINT_SETS`; NaN unknown."""
    posed = evaluated(scene, armature, frames)
    found = places(posed, skeleton_of(armature), rig_map, {}, None)
    eyes = [rig_map.bones.get(f"{side}_eye_smplhf") for side in ("right", "left")]
    if all(eyes) and "neck" in rig_map.bones:
        right, left, neck = (
            posed.heads[:, posed.names.index(names[0])]
            for names in (*(eye for eye in eyes if eye), rig_map.bones["neck"])
        )
        found["body18"][:, [_NOSE, _RIGHT_EYE, _LEFT_EYE, _RIGHT_EAR, _LEFT_EAR]] = np.stack(
            face_points(right, left, neck), axis=1
        )
    return {name: found[name] for name in ("body18", "left_hand", "right_hand")}


def evaluated(scene: Any, armature: bpy.types.Object, frames: Sequence[int]) -> RigMotion:
    """The armature's poses as they are seen, whatever moves it."""
    rest = skeleton_of(armature)
    matrices = np.empty((len(frames), len(rest.names), 4, 4))
    for index, frame in enumerate(frames):
        scene.frame_set(frame)
        pose, world = armature.pose.bones, armature.matrix_world
        matrices[index] = [world @ pose[name].matrix for name in rest.names]
    turns = matrices[..., :3, :3] / np.linalg.norm(matrices[..., :3, :3], axis=-2, keepdims=True)
    fps = scene.render.fps / scene.render.fps_base
    local = local_quaternions(rest, turns)
    return RigMotion(rest.names, fps, local, {}, turns, matrices[..., :3, 3], rest.names)


def face_points(right: np.ndarray, left: np.ndarray, neck: np.ndarray) -> list[np.ndarray]:
    """Nose, right and left eye, right and left ear, (T, 3) each, from the eyes and the neck."""
    middle, across = (left + right) / 2, left - right
    between = np.linalg.norm(across, axis=-1, keepdims=True)
    side = across / np.maximum(between, 1e-9)
    rise = middle - neck
    rise = rise - side * (rise * side).sum(-1, keepdims=True)
    rise /= np.maximum(np.linalg.norm(rise, axis=-1, keepdims=True), 1e-9)
    ahead = np.cross(side, rise)
    up = _LEAN_COSINE * rise - _LEAN_SINE * ahead
    forward = _LEAN_COSINE * ahead + _LEAN_SINE * rise
    nose = middle + between * (_NOSE_FORWARD * forward - _NOSE_DOWN * up)
    out, back = (0.5 + _EAR_OUT) * across, _EAR_BACK * between * forward
    return [nose, right, left, middle - out - back, middle + out - back]
