"""A user's character performs a motion, and its passes. Runs inside Blender (see `character`)."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..files import read_json, write_json
from ..retarget.motion import Motion
from ..retarget.rig.calibrate import alignments
from ..retarget.rig.face import shape_keys, with_face_bones
from ..retarget.rig.figure import perform_on_figure
from ..retarget.rig.figure_file import save_figure
from ..retarget.rig.rig_map import RigMap, mapped_joint
from ..retarget.rig.skeleton import rest_skeleton
from ..retarget.rig.transfer import RigMotion, TransferOptions, transfer
from . import engines, scene
from .avatar.colours import hex_to_linear
from .camera import WORLD_FROM_CAMERA
from .character_import import Character, load_character
from .character_parts import number_parts, strongest_bones
from .character_points import face_places, finger_tips, head_box, places
from .figure_blender import figure_of, rest_points
from .lighting import RIGS
from .pass_options import PassOptions
from .rig_blender import apply
from .scene_passes import ScenePasses, render_into
from .worker import Report


def run(job: dict[str, Any], scratch: Path, report: Report) -> None:
    """Report what job["character"] is (job["do"] "probe"), write its figure ("figure") or render
    its passes ("passes") to job["out"]."""
    rig = None if job["rig"] is None else Path(job["rig"])
    character = load_character(Path(job["character"]), rig, scratch)
    if job["do"] == "probe":
        report(
            {
                "family": character.rig_map.name,
                "summary": character.rig_map.summary(),
                "meshes": [mesh.name for mesh in character.meshes],
                "face_keys": face_keys(character.keys),
            }
        )
        return
    if job["do"] == "figure":
        own = character.armature, character.meshes, character.rig_map
        save_figure(figure_of(*own), Path(job["out"]))
        return
    motion = Motion.load(job["motion"])
    if job["contacts"]:
        motion = keeping_contacts(motion, character.armature, character.meshes, character.rig_map)
    options = PassOptions(**{**job["options"], "maps": tuple(job["options"]["maps"])})
    result = perform(character, motion)
    with np.load(job["face"], allow_pickle=False) as data:
        face = {name: data[name] for name in data.files}
    points = _points(character, motion, result, face)
    stage = _set_scene(motion, options, np.array(job["turn"]), points["body18"])
    report({"note": f"{character.rig_map.summary()} Rendering with {_prepare(stage, options)}."})
    out = Path(job["out"])
    index = render_into(
        stage,
        out,
        range(motion.frame_count),
        ScenePasses(options.samples, options.denoise, options.engine, options.device, options.maps),
        points,
        lambda done, total: report({"frame": done}),
    )
    content = read_json(index)
    content |= {"first_frame": options.first, "options": asdict(options), "job": "character"}
    write_json(index, content)


def keeping_contacts(motion: Motion, armature: Any, meshes: Any, rig_map: RigMap) -> Motion:
    """The motion with all that its hands touch, on a character's own proportions.

    Raises:
        UserError: the meshes do not hang on the armature.
    """
    from ..retarget.body.load import load_body

    return perform_on_figure(motion, load_body("open"), figure_of(armature, meshes, rig_map))


def face_keys(keys: tuple[str, ...]) -> list[str]:
    """Those of the shape keys that show a facial action."""
    from importlib import resources

    sample = resources.files("diffsign.assets") / "sample_motion.npz"
    with resources.as_file(sample) as path:
        return sorted(shape_keys(Motion.load(path).part(0, 1), keys))


def perform(character: Character, motion: Motion, first_frame: int = 0) -> RigMotion:
    """Key the motion on the character: bones, and shape keys where its meshes have them.

    The character stands in the scene so that its shoulders are where the motion has them, before
    a camera at the origin that looks along +Y.
    """
    import bpy

    moved = with_face_bones(motion, character.keys)
    options = TransferOptions(root="scene")
    result = transfer(moved, character.skeleton, character.rig_map, options)
    apply(character.armature, result, first_frame)
    for mesh in character.meshes:
        keys = mesh.data.shape_keys
        if keys is None:
            continue
        weights = shape_keys(motion, [key.name for key in keys.key_blocks[1:]])
        for key in keys.key_blocks[1:]:
            key.mute = False
        scene.set_action(
            keys,
            f"{mesh.name} face",
            {(key_path(name), None): values for name, values in weights.items()},
        )
    made = bpy.context.scene
    made.render.fps = max(1, round(motion.fps))
    made.render.fps_base = made.render.fps / motion.fps
    made.frame_start, made.frame_end = first_frame, first_frame + motion.frame_count - 1
    return result


def key_path(name: str) -> str:
    """The animation path of a shape key's value; names may hold quotes."""
    import bpy

    return f'key_blocks["{bpy.utils.escape_identifier(name)}"].value'


def _points(
    character: Character, motion: Motion, result: RigMotion, face: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """The points in the scene, and the parts of the meshes, from who moves which vertex."""
    rest, rig_map = character.skeleton, character.rig_map
    bones = [strongest_bones(mesh, rest) for mesh in character.meshes]
    number_parts(character.meshes, bones, rest, rig_map)
    points = np.concatenate([rest_points(mesh) for mesh in character.meshes])
    strongest = np.concatenate(bones)
    tips = finger_tips(points, strongest, rest, rig_map)
    found = None
    if face and "head" in rig_map.bones:
        turn = alignments(rest, rig_map, rest_skeleton(motion))["head"]
        head = rest.heads[rest.index(rig_map.bones["head"][0])]
        own = np.isin(np.append(mapped_joint(rest, rig_map), -1)[strongest], _HEAD_JOINTS)
        own &= _is_skin(character)
        if own.sum() > 20:
            box = head_box((points[own] - head) @ turn.T)
            found = face_places(face["face"], face["head"], box, result, rest, rig_map, turn)
    return places(result, rest, rig_map, tips, found)


_HEAD_JOINTS = (15, 22, 23, 24)
"""SMPL-X: head, jaw, eyes."""


def _is_skin(character: Character) -> np.ndarray:
    """(n,) which vertices of all meshes are of faces that count as the face's skin."""
    from .avatar.parts import PART_INDEX

    found = []
    for mesh in character.meshes:
        mask = np.zeros(len(mesh.data.vertices), bool)
        for polygon in mesh.data.polygons:
            if mesh.data.materials[polygon.material_index].pass_index == PART_INDEX["face"]:
                mask[list(polygon.vertices)] = True
        found.append(mask)
    return np.concatenate(found)


def _set_scene(motion: Motion, options: PassOptions, turn: np.ndarray, body18: np.ndarray) -> Any:
    """Camera, lamps and background about the character; returns Blender's scene."""
    import bpy

    made = bpy.context.scene
    scene.set_camera(made, motion.camera)
    rig = RIGS[options.lights]
    chest = np.nanmean(body18[:, 1], axis=0)
    assert options.background is not None  # `checked` has filled it in
    scene.set_lights(made, rig, chest, hex_to_linear(options.background), turn=turn)
    made.view_settings.view_transform = "Standard"
    return made


def _prepare(made: Any, options: PassOptions) -> str:
    return engines.prepare(made, options.engine, options.device, options.threads, cut_out=False)


assert WORLD_FROM_CAMERA[1, 2] == 1.0  # `transfer` and the lamps agree: the camera looks along +Y
