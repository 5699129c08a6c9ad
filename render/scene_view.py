"""A camera of the passes' presets for whatever signs in a Blender scene. Runs inside Blender.

What `view` does for an avatar's clip before it is rendered, this does for a character that stands
in a scene: the part that is framed is read from the posed meshes, or from the bones alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UserError
from ..retarget.body.skeleton import INDEX, JOINT_NAMES
from ..retarget.motion import Camera, Motion
from ..retarget.rig.calibrate import identity_map, size
from ..retarget.rig.rig_map import RigMap, mapped_joint
from ..retarget.rig.skeleton import Skeleton, rest_skeleton
from .camera import WORLD_FROM_CAMERA, blender_camera, set_lens
from .character_parts import strongest_bones
from .face_blender import meshes_of
from .rig_blender import skeleton_of
from .view import (
    HEAD,
    PRESET_FOCAL_MM,
    PRESETS,
    SOURCE,
    Preset,
    View,
    facing_of,
    framed,
    is_upper,
    resized,
    with_focal,
)

if TYPE_CHECKING:
    import bpy

CAMERAS = (SOURCE, *PRESETS)
CAMERA_PROPERTY = "diffsign_camera"
"""On a camera that was placed here: which of CAMERAS it is."""
_FRAMES_LOOKED_AT = 12
_VERTEX_STEP = 7
_SHOULDERS = ("left_shoulder", "right_shoulder")


def place_camera(
    scene: Any,
    armature: bpy.types.Object,
    rig_map: RigMap,
    camera: str,
    motion: Motion | None = None,
    place: str = "moved",
) -> bpy.types.Object:
    """Put the scene's camera where one of CAMERAS is, over the scene's frame range.

    The picture keeps its size. A camera placed before is moved, any other one is left as it is.

    Args:
        motion: what the armature performs, and place: where it stands (`TransferOptions.root`);
            the camera "source" needs them.

    Raises:
        UserError: no such camera, or "source" without a motion; nothing has changed.
    """
    if camera not in CAMERAS:
        raise UserError(f"There is no camera {camera!r}: use one of {', '.join(CAMERAS)}.")
    if camera == SOURCE and motion is None:
        raise UserError("The source's camera is known from a motion: name one under Source.")
    for joint in _SHOULDERS:
        if joint not in rig_map.bones:
            raise UserError(f"The rig map names no {joint}: choose another one under Avatar.")
    rest, preset = skeleton_of(armature), PRESETS.get(camera)
    meshes = meshes_of(armature, scene.objects)
    wanted = [_wanted(mesh, rest, rig_map, preset) for mesh in meshes] if preset else []
    points, shoulders = _look(scene, armature, rest, rig_map, preset, meshes, wanted)
    if preset is not None:
        view = framed(preset, _plain(scene), points, facing_of(*shoulders.mean(axis=0)))
    else:
        assert motion is not None
        view = _source(scene, motion, rest, rig_map, shoulders, place)
    return _place(scene, camera, view)


def _look(
    scene: Any,
    armature: Any,
    rest: Skeleton,
    rig_map: RigMap,
    preset: Preset | None,
    meshes: Sequence[Any],
    wanted: Sequence[np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Framed points (K, 3) and shoulders (T, 2, 3) over some frames, in the camera's axes."""
    import bpy

    bones = [rest.names[k] for k in np.flatnonzero(_moves(rest, rig_map, preset))]
    first, last, now = scene.frame_start, scene.frame_end, scene.frame_current
    frames = np.unique(np.linspace(first, max(first, last), _FRAMES_LOOKED_AT).round().astype(int))
    points, shoulders = [], []
    try:
        for frame in frames:
            scene.frame_set(int(frame))
            world, pose = np.array(armature.matrix_world), armature.pose.bones
            ends = [np.array(getattr(pose[b], end)) for b in bones for end in ("head", "tail")]
            heads = [np.array(pose[rig_map.bones[joint][0]].head) for joint in _SHOULDERS]
            shoulders.append(_moved(np.array(heads), world))
            points.append(_moved(np.array(ends), world))
            graph = bpy.context.evaluated_depsgraph_get()
            seen = zip(meshes, wanted, strict=False)  # "source" needs no points
            points += [_vertices(mesh.evaluated_get(graph), chosen) for mesh, chosen in seen]
    finally:
        scene.frame_set(now)
    return np.concatenate(points) @ WORLD_FROM_CAMERA, np.array(shoulders) @ WORLD_FROM_CAMERA


def _moves(rest: Skeleton, rig_map: RigMap, preset: Preset | None) -> np.ndarray:
    """(B,) which bones move what is framed."""
    framed_joint = HEAD.__contains__ if preset is not None and preset.head else is_upper
    known = np.array([bool(framed_joint(name)) for name in JOINT_NAMES] + [False])
    return known[mapped_joint(rest, rig_map)]


def _wanted(mesh: Any, rest: Skeleton, rig_map: RigMap, preset: Preset | None) -> np.ndarray:
    return np.append(_moves(rest, rig_map, preset), False)[strongest_bones(mesh, rest)]


def _vertices(mesh: Any, wanted: np.ndarray) -> np.ndarray:
    """(k, 3) wanted vertices of an evaluated mesh, in the world."""
    found = np.zeros(3 * len(mesh.data.vertices), np.float32)
    mesh.data.vertices.foreach_get("co", found)
    if 3 * len(wanted) != len(found):  # a modifier made others: all of the mesh, or nothing of it
        wanted = np.full(len(found) // 3, bool(wanted.mean() > 0.5) if len(wanted) else False)
    return _moved(found.reshape(-1, 3)[wanted][::_VERTEX_STEP], np.array(mesh.matrix_world))


def _moved(points: np.ndarray, world: np.ndarray) -> np.ndarray:
    return points.reshape(-1, 3) @ world[:3, :3].T + world[:3, 3]


def _size(scene: Any) -> tuple[int, int]:
    share = scene.render.resolution_percentage / 100
    width, height = scene.render.resolution_x * share, scene.render.resolution_y * share
    return max(1, int(width)), max(1, int(height))


def _plain(scene: Any) -> Camera:
    """The presets' pinhole for the scene's picture."""
    width, height = _size(scene)
    return with_focal(Camera(1, 1, width / 2, height / 2, width, height), PRESET_FOCAL_MM)


def _source(
    scene: Any,
    motion: Motion,
    rest: Skeleton,
    rig_map: RigMap,
    shoulders: np.ndarray,
    place: str,
) -> View:
    """The fitted camera, which stands to the character as to the source's signer."""
    camera = resized(motion.camera, *_size(scene))
    if place == "scene":
        return View(camera, np.eye(3), np.zeros(3))
    share = size(rest, rig_map) / size(rest_skeleton(motion), identity_map())
    source = motion.joints[:, [INDEX[joint] for joint in _SHOULDERS]].mean(axis=(0, 1))
    return View(camera, np.eye(3), share * source - shoulders.mean(axis=(0, 1)))


def _place(scene: Any, name: str, view: View) -> Any:
    import bpy
    from mathutils import Matrix

    made = next((o for o in scene.objects if o.type == "CAMERA" and CAMERA_PROPERTY in o), None)
    if made is None or made.library is not None:
        made = bpy.data.objects.new("DiffSign Camera", bpy.data.cameras.new("DiffSign Camera"))
        scene.collection.objects.link(made)
    made[CAMERA_PROPERTY] = name
    full = np.eye(4)
    # Blender's camera looks along its -Z, with +Y up.
    full[:3, :3] = WORLD_FROM_CAMERA @ view.turn.T @ np.diag([1.0, -1.0, -1.0])
    full[:3, 3] = WORLD_FROM_CAMERA @ (-view.turn.T @ view.shift)
    made.matrix_world = Matrix(full.tolist())
    wanted = blender_camera(view.camera)
    set_lens(made.data, wanted)
    render = scene.render
    render.pixel_aspect_x, render.pixel_aspect_y = wanted.aspect_x, wanted.aspect_y
    scene.camera = made
    return made
