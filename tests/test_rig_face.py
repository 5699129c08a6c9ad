"""Facial actions on shape keys of any spelling, on expression bases, on jaw and eyes."""

from __future__ import annotations

from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffsign.retarget.body.load import load_body
from diffsign.retarget.body.model import joint_transforms
from diffsign.retarget.body.skeleton import INDEX
from diffsign.retarget.motion import Motion
from diffsign.retarget.rig.face import (
    expression_keys,
    expression_weights,
    shape_keys,
    with_face_bones,
)


@pytest.fixture(scope="module")
def motion() -> Motion:
    found = Motion.load(Path(str(resources.files("diffsign.assets"))) / "sample_motion.npz")
    random = np.random.default_rng(1)
    return replace(found, facial_actions=random.uniform(0, 1, found.facial_actions.shape))


def action(motion: Motion, name: str) -> np.ndarray:
    return motion.facial_actions[:, motion.facial_action_names.index(name)]


def snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)


def short(name: str) -> str:
    for word, letter in (("Left", "_L"), ("Right", "_R")):
        if name.endswith(word) and name not in ("jawLeft", "jawRight", "mouthLeft", "mouthRight"):
            return name[: -len(word)] + letter
    return name


@pytest.mark.parametrize(
    "spelling",
    [
        str,
        snake,
        short,
        str.upper,
        lambda n: n[0].upper() + n[1:],
        lambda n: f"Head.{n}",
        lambda n: f"blendShape1:{n}",
        lambda n: f"CTRL_{n}",
    ],
)
def test_arkit_s_keys_in_every_spelling(motion: Motion, spelling) -> None:
    keys = {spelling(name): name for name in motion.facial_action_names}
    if spelling("jawLeft").startswith("CTRL"):  # short names are not sought inside longer ones
        keys = {key: name for key, name in keys.items() if len(name) > 7}
    found = shape_keys(motion, ["Basis", "Key 1", "smile_corrective", *keys])
    assert set(found) == set(keys)
    for key, name in keys.items():
        assert np.array_equal(found[key], action(motion, name))


def test_one_key_for_both_sides_and_two_for_one_action(motion: Motion) -> None:
    found = shape_keys(motion, ["mouthSmile", "browInnerUpLeft", "browInnerUp_R", "cheekPuff"])
    both = (action(motion, "mouthSmileLeft") + action(motion, "mouthSmileRight")) / 2
    assert np.allclose(found["mouthSmile"], both)
    for key in ("browInnerUpLeft", "browInnerUp_R"):
        assert np.array_equal(found[key], action(motion, "browInnerUp"))


def test_presets_serve_where_arkit_s_keys_are_missing(motion: Motion) -> None:
    keys = ["Face.M_F00_000_00_Fcl_EYE_Close", "Fcl_EYE_Close_L", "Fcl_MTH_A", "Fcl_ALL_Joy"]
    found = shape_keys(motion, keys)
    assert set(found) == {"Fcl_EYE_Close_L", "Fcl_MTH_A"}
    assert np.array_equal(found["Fcl_MTH_A"], action(motion, "jawOpen"))
    assert set(shape_keys(motion, ["A", "Blink", "Blink_L", "Blink_R"])) == {
        "A",
        "Blink_L",
        "Blink_R",
    }
    assert set(shape_keys(motion, ["Blink"])) == {"Blink"}
    assert set(shape_keys(motion, ["jawOpen", "A"])) == {"jawOpen"}
    assert shape_keys(motion, []) == {}


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 20))
def test_expressions_in_the_span_of_the_keys_come_back(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    keys = random.normal(size=(60, 3, count))
    mixing = random.normal(size=(count, 52))
    actions = random.uniform(0, 1, (7, 52))
    found = expression_weights(actions, keys @ mixing, keys, smooth=1e-12)
    assert np.allclose(found, actions @ mixing.T, atol=1e-6)


def test_no_other_coefficients_come_nearer() -> None:
    random = np.random.default_rng(3)
    basis, goal = random.normal(size=(50, 3, 6)), random.normal(size=(50, 3, 52))
    actions = random.uniform(0, 1, (4, 52))
    found = expression_weights(actions, goal, basis, smooth=0)

    def error(weights: np.ndarray) -> np.ndarray:
        return ((basis @ weights[:, None, :, None])[..., 0] - goal @ actions[0]) ** 2

    best = error(found[:1]).sum()
    for _ in range(20):
        assert error(found[:1] + random.normal(0, 0.01, (1, 6))).sum() >= best


def test_smplx_keys_take_a_motion_s_own_expression(motion: Motion) -> None:
    own = replace(motion, body="smplx", expression=np.ones((motion.frame_count, 10)))
    assert set(expression_keys(own, ["Exp000", "Exp009", "Exp010", "Shape000"])) == {
        "Exp000",
        "Exp009",
    }
    assert expression_keys(motion, ["Exp000"]) == {}


@pytest.mark.parametrize(
    ("name", "joint", "parts"),
    [
        ("jawOpen", "jaw", (0, -0.06, 0.08)),
        ("jawLeft", "jaw", (0, -0.06, 0.08)),
        ("eyeLookUpLeft", "left_eye_smplhf", (0, 0, 0.0167)),
        ("eyeLookDownRight", "right_eye_smplhf", (0, 0, 0.0167)),
        ("eyeLookInLeft", "left_eye_smplhf", (0, 0, 0.0167)),
        ("eyeLookOutLeft", "left_eye_smplhf", (0, 0, 0.0167)),
        ("eyeLookInRight", "right_eye_smplhf", (0, 0, 0.0167)),
        ("eyeLookOutRight", "right_eye_smplhf", (0, 0, 0.0167)),
    ],
)
def test_jaw_and_eyes_turn_as_the_body_s_own_actions_do(
    motion: Motion, name: str, joint: str, parts: tuple[float, float, float]
) -> None:
    """The open body's vertices at jaw and iris, moved by the action and by the bone."""
    body = load_body()
    joints = body.J_regressor @ body.v_template
    actions = np.zeros_like(motion.facial_actions)
    actions[:, motion.facial_action_names.index(name)] = 1
    poses = np.zeros_like(motion.poses)
    calm = replace(motion, poses=poses, facial_actions=actions)
    turned = with_face_bones(calm).poses[:1]
    rotation = joint_transforms(joints, turned, np.zeros((1, 3)))[0][0, INDEX[joint]]
    place = joints[INDEX[joint]] + parts
    away = np.linalg.norm(body.v_template - place, axis=1)
    eyes = np.unique(body.faces[body.group_faces("eye_left", "eye_right")])
    among = eyes if "eye" in joint else np.arange(13380)
    near = among[np.argsort(away[among])[:8]]
    moved = body.actiondirs[near, :, body.action_names.index(name)].mean(axis=0)
    arm = (body.v_template[near] - joints[INDEX[joint]]).mean(axis=0)
    by_bone = rotation @ arm - arm
    assert by_bone @ moved / np.linalg.norm(by_bone) / np.linalg.norm(moved) > 0.8
    assert 0.5 < np.linalg.norm(by_bone) / np.linalg.norm(moved) < 2


def test_what_shape_keys_show_is_not_shown_twice(motion: Motion) -> None:
    keys = ["jawOpen", "eyeLookUp_L"]
    poses = with_face_bones(replace(motion, poses=np.zeros_like(motion.poses)), keys).poses
    assert not poses[:, 66:72].any()
    assert poses[:, 72:75].any()
