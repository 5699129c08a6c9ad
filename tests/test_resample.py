"""Another frame rate, or less jitter: the motion stays the motion."""

from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation, Slerp

from diffsign.errors import UserError
from diffsign.retarget.motion import Motion
from diffsign.retarget.resample import resampled, smoothed


@pytest.fixture(scope="module")
def motion() -> Motion:
    return Motion.load(Path(str(resources.files("diffsign.assets"))) / "sample_motion.npz")


def turns(motion: Motion) -> Rotation:
    return Rotation.from_rotvec(motion.poses.reshape(-1, 3))


def test_its_own_rate_changes_nothing(motion: Motion) -> None:
    same = resampled(motion, motion.fps)
    assert (turns(same) * turns(motion).inv()).magnitude().max() < 1e-4
    for name in ("trans", "joints", "facial_actions"):
        np.testing.assert_allclose(getattr(same, name), getattr(motion, name), atol=1e-6)


@pytest.mark.parametrize("fps", [7.0, 24.0, 30000 / 1001, 60.0])
def test_rotations_are_those_of_slerp(motion: Motion, fps: float) -> None:
    found = resampled(motion, fps)
    length = (motion.frame_count - 1) / motion.fps
    assert found.fps == fps
    assert 0 <= length - (found.frame_count - 1) / fps < 1 / fps
    times = np.arange(motion.frame_count) / motion.fps
    wanted = np.arange(found.frame_count) / fps
    for joint in (0, 18, 40):
        columns = slice(3 * joint, 3 * joint + 3)
        truth = Slerp(times, Rotation.from_rotvec(motion.poses[:, columns]))(wanted)
        off = (truth * Rotation.from_rotvec(found.poses[:, columns]).inv()).magnitude()
        assert off.max() < 1e-4
    truth = np.interp(wanted, times, motion.facial_actions[:, 24])
    np.testing.assert_allclose(found.facial_actions[:, 24], truth, atol=1e-6)


def test_a_single_frame_stays_one(motion: Motion) -> None:
    assert resampled(motion.part(3, 4), 60).frame_count == 1


def test_a_rate_that_is_none_is_refused(motion: Motion) -> None:
    with pytest.raises(UserError, match="positive"):
        resampled(motion, 0)


def test_smoothing_takes_jitter_and_leaves_what_is_slow(motion: Motion) -> None:
    assert smoothed(motion, 0) is motion
    noise = np.random.default_rng(0).normal(0, 0.03, motion.poses.shape)
    still = motion.part(0, 1)
    poses = np.repeat(still.poses, motion.frame_count, axis=0)
    shaky = replaced(motion, poses + noise)
    calm = smoothed(shaky, 3 / motion.fps)
    before, after = (
        Rotation.from_rotvec((turns(m) * turns(replaced(motion, poses)).inv()).as_rotvec())
        for m in (shaky, calm)
    )
    assert after.magnitude().std() < 0.5 * before.magnitude().std()
    calm = smoothed(replaced(motion, poses), 0.1)
    assert (turns(calm) * turns(replaced(motion, poses)).inv()).magnitude().max() < 1e-4


def replaced(motion: Motion, poses: np.ndarray) -> Motion:
    from dataclasses import replace

    return replace(motion, poses=poses.astype(np.float32))
