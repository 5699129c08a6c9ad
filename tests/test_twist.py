"""Forearms that twist along their length: laws of the skinning that renders use."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from diffsign.render.avatar.avatar import Avatar
from diffsign.render.avatar.build import build_avatar
from diffsign.render.avatar.record import Signer
from diffsign.render.posed import pose_avatar, pose_joints
from diffsign.render.twist import local_turns, matrices, quaternions, skinning
from diffsign.retarget.body.load import load_body

angles = st.floats(-1.3, 1.3)


@pytest.fixture(scope="module")
def avatar() -> Avatar:
    return build_avatar(Signer(top="tshirt"), load_body("open"))


def posed(avatar: Avatar, elbow: np.ndarray, wrist: np.ndarray, twisting: bool) -> np.ndarray:
    poses = np.zeros((1, 165))
    poses.reshape(-1, 3)[avatar.joint_names.index("left_elbow")] = elbow
    poses.reshape(-1, 3)[avatar.joint_names.index("left_wrist")] = wrist
    nothing = np.zeros((1, 3)), np.zeros((1, 52))
    return pose_avatar(avatar, poses, *nothing, twisting=twisting)[0]


def test_weights_are_shared_out(avatar: Avatar) -> None:
    made = skinning(avatar)
    np.testing.assert_allclose(made.weights.sum(axis=1), 1, atol=1e-5)
    assert made.weights.min() >= 0
    assert (made.weights[:, np.unique(made.elbow)] == 0).all()
    np.testing.assert_array_equal(made.joints, avatar.joints[made.elbow])


@given(flexion=angles, tilt=angles, bend=angles)
@settings(max_examples=15, deadline=None)
def test_without_a_twist_nothing_changes(
    avatar: Avatar, flexion: float, tilt: float, bend: float
) -> None:
    axis = skinning(avatar).axis[0]
    turn = np.linalg.svd(axis[None])[2][1:]  # across the forearm
    elbow, wrist = flexion * turn[0] + tilt * turn[1], bend * turn[0]
    plain = posed(avatar, elbow, wrist, twisting=False)
    np.testing.assert_allclose(posed(avatar, elbow, wrist, twisting=True), plain, atol=1e-5)


@given(own=angles, next_=angles, flexion=angles)
@settings(max_examples=15, deadline=None)
def test_twist_grows_from_none_to_all(
    avatar: Avatar, own: float, next_: float, flexion: float
) -> None:
    made = skinning(avatar)
    first = np.flatnonzero(made.elbow == made.elbow[0])
    axis = made.axis[0]
    swing = Rotation.from_rotvec(flexion * np.linalg.svd(axis[None])[2][1])
    poses = np.zeros((1, 165))
    rows = poses.reshape(-1, 3)
    rows[made.elbow[0]] = (swing * Rotation.from_rotvec(own * axis)).as_rotvec()
    rows[made.wrist[0]] = next_ * axis
    turns = matrices(local_turns(made, poses))[0, first]
    for share, turn in zip(made.share[first], turns, strict=True):
        wanted = swing * Rotation.from_rotvec(share * (own + next_) * axis)
        np.testing.assert_allclose(turn, wanted.as_matrix(), atol=1e-9)


def test_pronation_keeps_the_arm_round_and_the_hand_where_it_is(avatar: Avatar) -> None:
    axis = skinning(avatar).axis[0]
    turn = np.radians(70) * axis
    plain, twisted = (posed(avatar, turn, turn, twisting) for twisting in (False, True))
    skin = next(piece for piece in avatar.pieces if piece.name == "skin")
    rest = avatar.vertices[skin.start : skin.stop]
    elbow, wrist = (avatar.joint_names.index(f"left_{name}") for name in ("elbow", "wrist"))
    joints = pose_joints(avatar, np.zeros((1, 165)), np.zeros((1, 3)))[0]
    place = (rest - joints[elbow]) @ axis / np.linalg.norm(joints[wrist] - joints[elbow])

    def radius(points: np.ndarray) -> np.ndarray:
        away = points[skin.start : skin.stop] - joints[elbow]
        return np.linalg.norm(away - (away @ axis)[:, None] * axis, axis=1)

    arm = (rest[:, 0] > 0) & (np.abs(place - 0.5) < 0.65)  # about the elbow to about the wrist
    kept = radius(avatar.vertices)[arm] > 0.015
    narrowed = [
        (radius(points) / radius(avatar.vertices))[arm][kept] for points in (plain, twisted)
    ]
    assert narrowed[0].min() < 0.84  # what is mended
    assert narrowed[1].min() > 0.93
    hand = rest[:, 0] > joints[wrist, 0] + 0.06
    np.testing.assert_allclose(
        twisted[skin.start : skin.stop][hand], plain[skin.start : skin.stop][hand], atol=1e-5
    )


def test_quaternions() -> None:
    vectors = np.random.default_rng(0).normal(0, 1, (20, 3))
    expected = Rotation.from_rotvec(vectors).as_matrix()
    np.testing.assert_allclose(matrices(quaternions(vectors)), expected, atol=1e-9)
