"""The motion contract: round trip, laws of the camera, bad files."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffsign.errors import UserError
from diffsign.retarget.motion import CONFIDENCE_PARTS, Camera, Motion

CAMERA = Camera(900.0, 910.0, 250.0, 260.0, 512, 520)


def make_motion(frames=3):
    random = np.random.default_rng(0)
    return Motion(
        trans=random.normal(size=(frames, 3)).astype(np.float32),
        poses=random.normal(size=(frames, 165)).astype(np.float32),
        betas=random.normal(size=10).astype(np.float32),
        expression=random.uniform(size=(frames, 52)).astype(np.float32),
        facial_actions=random.uniform(size=(frames, 52)).astype(np.float32),
        facial_action_names=tuple(f"action{k}" for k in range(52)),
        joints=random.normal(size=(frames, 55, 3)).astype(np.float32),
        joint_names=tuple(f"joint{k}" for k in range(55)),
        camera=CAMERA,
        confidence={part: np.ones(frames, np.float32) for part in CONFIDENCE_PARTS},
        fps=30000 / 1001,
        source={"clip": "a.mp4"},
    )


def test_round_trip(tmp_path):
    motion = make_motion()
    motion.save(tmp_path / "motion.npz")
    again = Motion.load(tmp_path / "motion.npz")
    for name in ("trans", "poses", "betas", "expression", "facial_actions", "joints"):
        np.testing.assert_array_equal(getattr(again, name), getattr(motion, name))
    for name in ("camera", "fps", "source", "joint_names", "facial_action_names", "body"):
        assert getattr(again, name) == getattr(motion, name)


def test_key_names_are_those_of_amass(tmp_path):
    make_motion().save(tmp_path / "motion.npz")
    with np.load(tmp_path / "motion.npz", allow_pickle=False) as data:
        assert {"trans", "poses", "betas", "mocap_frame_rate", "gender"} <= set(data.files)
        assert str(data["surface_model_type"]) == "smplx"
        assert bool(data["flat_hand_mean"])
        assert data["poses"].shape[1] == 165


def test_wrong_shapes_are_refused():
    motion = make_motion()
    with pytest.raises(ValueError, match=r"Motion\.poses"):
        Motion(**{**vars(motion), "poses": motion.poses[:, :63]})


def test_a_part_is_the_frames_alone():
    motion = make_motion(5)
    part = motion.part(1, 4)
    assert part.frame_count == 3
    np.testing.assert_array_equal(part.poses, motion.poses[1:4])


@pytest.mark.parametrize("content", [b"", b"not a zip", None])
def test_bad_files(tmp_path, content):
    path = tmp_path / "motion.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match="diffsign-retarget"):
        Motion.load(path)


def test_a_file_with_pickled_objects_is_refused(tmp_path):
    path = tmp_path / "motion.npz"
    np.savez(path, camera=np.array([{"danger": 1}], object))
    with pytest.raises(UserError):
        Motion.load(path)


@given(
    st.floats(-1, 1), st.floats(-1, 1), st.floats(0.5, 10), st.integers(64, 2000), st.floats(0.1, 4)
)
def test_projection_scales_with_the_picture_and_not_with_distance(x, y, z, width, factor):
    point = np.array([x, y, z])
    pixel = CAMERA.project(point)
    np.testing.assert_allclose(CAMERA.project(point * factor), pixel, rtol=1e-6, atol=1e-6)
    scaled = CAMERA.scaled(width, width * 2)
    np.testing.assert_allclose(
        scaled.project(point), pixel * [width / 512, width * 2 / 520], rtol=1e-6, atol=1e-6
    )
