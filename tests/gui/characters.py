"""Characters as users have them: dressed signers on the bones of Mixamo, MPFB2 and VRoid, as files.

Each is an avatar of this package whose skeleton is one that MPFB2 fits to its body, under the names
of the tool it stands for, in that tool's units and rest pose; and one is the avatar itself.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

import numpy as np

from diffsign.render.avatar.avatar import Avatar
from diffsign.render.avatar.build import build_avatar
from diffsign.render.avatar_file import choose_signer, write_avatar
from diffsign.render.posed import pose_avatar, pose_joints
from diffsign.retarget.body.load import load_body
from diffsign.retarget.body.model import pose_vertices, shape_body
from diffsign.retarget.body.phenotype import phenotype_betas
from diffsign.retarget.body.skeleton import INDEX, JOINT_NAMES, PARENTS
from diffsign.retarget.rig.families import FAMILIES
from diffsign.retarget.rig.mpfb import mpfb_skeleton
from diffsign.retarget.rig.recognise import recognise
from diffsign.road.perform_file import perform_file

OWN_WORDS = "a young woman with a ginger bun, a mustard yellow jumper and glasses"
_KEYS = ("browInnerUp", "eyeBlinkLeft", "eyeBlinkRight", "jawOpen", "mouthPucker")
"""Few of the 52 actions are enough here, and quick."""


@dataclass(frozen=True)
class Kind:
    """What stands for a tool: rig of `mpfb.RIGS`; family whose names it takes, its own where None;
    units per metre; degrees by which the arms hang below the T-pose."""

    name: str
    words: str
    rig: str
    suffix: str
    family: str | None = None
    units: float = 1.0
    droop: float = 0.0


KINDS = (
    Kind(
        "mixamo",
        "a man with short black hair, light brown skin and a teal hoodie",
        "mixamo",
        ".fbx",
        units=100.0,
    ),
    Kind("mpfb", "an old woman, grey bob, burgundy jumper", "makehuman", ".glb", droop=40.0),
    Kind(
        "vrm",
        "a young woman with brown skin, curly hair, a lilac t-shirt",
        "mixamo",
        ".glb",
        "vroid",
    ),
)
_BUILD = """
import os, sys
from pathlib import Path
import bpy
import numpy as np
from mathutils import Matrix
from diffsign.render.avatar.avatar import Avatar
from diffsign.render.avatar_file_job import stand

data, out = dict(np.load(sys.argv[1])), sys.argv[3]
size = float(data["units"])
stage = stand(Avatar.load(Path(sys.argv[2])))
names = [str(name) for name in data["names"]]
armature = bpy.data.armatures.new("Armature")
rig = bpy.data.objects.new("Armature", armature)
bpy.context.collection.objects.link(rig)
bpy.context.view_layer.objects.active = rig
bpy.ops.object.mode_set(mode="EDIT")
for name, matrix, tail in zip(names, data["matrices"], data["tails"]):
    bone = armature.edit_bones.new(name)
    bone.head, bone.tail = matrix[:3, 3] * size, tail * size
    bone.align_roll(matrix[:3, 2].tolist())
for name, parent in zip(names, data["parents"]):
    if parent >= 0:
        armature.edit_bones[name].parent = armature.edit_bones[names[parent]]
bpy.ops.object.mode_set(mode="OBJECT")
bone_of = dict(zip(map(str, data["joints"]), map(str, data["bones"])))
for piece in stage.pieces:
    for group in piece.vertex_groups:
        group.name = bone_of[group.name]
    placed = np.array(piece.matrix_world)
    placed[:3] *= size
    piece.data.transform(Matrix(placed.tolist()), shape_keys=True)
    piece.parent = rig
    piece.matrix_parent_inverse.identity()
    piece.matrix_basis.identity()
    piece.modifiers[0].object = rig
bpy.data.objects.remove(stage.armature)
rig.scale = (1 / size,) * 3
for thing in list(bpy.data.objects):
    if thing.type not in ("ARMATURE", "MESH"):
        bpy.data.objects.remove(thing)
if out.endswith(".fbx"):
    bpy.ops.export_scene.fbx(
        filepath=out, add_leaf_bones=True, bake_anim=False, colors_type="LINEAR"
    )
else:
    bpy.ops.export_scene.gltf(
        filepath=out, export_animations=False, export_morph_normal=False,
        export_vertex_color="ACTIVE", export_all_vertex_colors=False,
    )
os._exit(0)
"""


def make_signer(folder: Path) -> tuple[Path, Path]:
    """DiffSign's own avatar as .blend, which Create brings, and the sample as she performs it."""
    path, performance = folder / "signer.blend", folder / "performance.npz"
    if not (path.is_file() and performance.is_file()):
        folder.mkdir(parents=True, exist_ok=True)
        signer = choose_signer(OWN_WORDS, random=7)
        write_avatar(signer, path)
        record = folder / "signer.json"
        signer.save(record)
        with resources.as_file(resources.files("diffsign.assets") / "sample_motion.npz") as motion:
            perform_file(motion, record, performance)
    return path, performance


def make_characters(folder: Path) -> list[dict[str, str]]:
    """The files, with the kind of each and its right wrist; made where they are missing."""
    found = []
    for kind in KINDS:
        path, parts = folder / f"{kind.name}{kind.suffix}", folder / f"{kind.name}.npz"
        if not (path.is_file() and parts.is_file()):
            _make(kind, path, parts)
        with np.load(parts) as data:
            wrist = dict(zip(data["joints"], data["bones"], strict=True))["right_wrist"]
        found.append({"kind": kind.name, "file": str(path), "wrist": str(wrist)})
    return found


def _make(kind: Kind, path: Path, parts: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    signer = choose_signer(kind.words, random=7)
    body = load_body("open")
    betas = phenotype_betas(body, signer.phenotype)
    avatar = build_avatar(signer, body, betas)
    poses = np.zeros((1, 3 * len(JOINT_NAMES)))
    for side, sign in (("left", -1), ("right", 1)):
        poses[0, 3 * INDEX[f"{side}_shoulder"] + 2] = sign * np.radians(kind.droop)
    none, still = np.zeros((1, len(avatar.action_names))), np.zeros((1, 3))
    shaped, rest_joints = shape_body(body, betas)
    vertices = pose_vertices(body, shaped, rest_joints, poses, still, none)[0]
    floor = float(avatar.vertices[:, 1].min())
    lost = _write_parts(parts, kind, vertices - [0, floor, 0])
    posed = replace(
        avatar,
        vertices=pose_avatar(avatar, poses, still, none)[0],
        joints=pose_joints(avatar, poses, still)[0].astype(np.float32),
    )
    built = parts.with_suffix(".avatar.npz")
    _few_actions(_lacking(posed, lost)).save(built)
    command = [sys.executable, "-c", _BUILD, str(parts), str(built), str(path)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    built.unlink()
    if not path.is_file():
        raise RuntimeError(f"{kind.name} was not made: {done.stderr[-2000:]}")


def _few_actions(avatar: Avatar) -> Avatar:
    runs = [avatar.action(avatar.action_names.index(name)) for name in _KEYS]
    return replace(
        avatar,
        action_names=_KEYS,
        action_start=np.cumsum([0, *(len(ids) for ids, _ in runs)]),
        action_vertices=np.concatenate([ids for ids, _ in runs]),
        action_offsets=np.concatenate([offsets for _, offsets in runs]),
    )


def _lacking(avatar: Avatar, lost: dict[int, int]) -> Avatar:
    """The avatar whose joints that the rig lacks move with those above them."""
    weights = avatar.weights.copy()
    for joint, above in lost.items():
        weights[:, above] += weights[:, joint]
        weights[:, joint] = 0
    return replace(avatar, weights=weights)


def _write_parts(path: Path, kind: Kind, vertices: np.ndarray) -> dict[int, int]:
    """The bones, and which of them each of the avatar's joints moves with.

    Returns:
        Of the joints that the rig lacks, those above them.
    """
    rest = mpfb_skeleton(kind.rig, vertices)
    mapped = recognise(rest).bones
    names = list(rest.names)
    if kind.family is not None:
        table = next(f for f in FAMILIES if f.name == kind.family).bones()
        other = {
            bones[0]: table[joint][0].split("|")[0]
            for joint, bones in mapped.items()
            if joint in table
        }
        names = [other.get(name, name) for name in names]
    bones, lost = [], {}
    for own in range(len(JOINT_NAMES)):
        joint = own
        while JOINT_NAMES[joint] not in mapped:
            joint = PARENTS[joint]
        if joint != own:
            lost[own] = joint
        name = JOINT_NAMES[joint]
        # Of an upper limb's pieces the last has the joint's own turn, of a lower one's the first.
        last = name.endswith(("shoulder", "hip"))
        bones.append(names[rest.names.index(mapped[name][-1 if last else 0])])
    matrices = np.tile(np.eye(4), (len(names), 1, 1))
    matrices[:, :3, :3], matrices[:, :3, 3] = rest.rotations, rest.heads
    np.savez(
        path,
        names=np.array(names),
        parents=rest.parents,
        matrices=matrices,
        tails=rest.tails,
        joints=np.array(JOINT_NAMES),
        bones=np.array(bones),
        units=kind.units,
    )
    return lost


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    make_signer(folder)
    make_characters(folder)
