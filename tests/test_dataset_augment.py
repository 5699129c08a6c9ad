"""Changed motions: mirrored twice is the same, noise keeps within limits, time is kept."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from diffsign.dataset.augment import frame_times, mirrored, resampled, wandering
from diffsign.dataset.handshape_motion import handshape_motion
from diffsign.dataset.limits import read_limits, write_limits
from diffsign.retarget.body.load import load_body
from diffsign.retarget.body.skeleton import INDEX
from diffsign.retarget.fit.limits import joint_limits, over_limits
from diffsign.retarget.motion import Motion


@pytest.fixture(scope="module")
def body():
    return load_body("open")


@pytest.fixture(scope="module")
def motion():
    from diffsign import assets

    return Motion.load(f"{assets.__path__[0]}/sample_motion.npz").part(0, 40)


@pytest.fixture(scope="module")
def limits(tmp_path_factory):
    path = tmp_path_factory.mktemp("limits") / "limits.npz"
    write_limits(path)
    return read_limits(path)


def test_mirroring_swaps_hands_in_the_picture(motion, body):
    other = mirrored(motion, body)
    left = motion.camera.project(motion.joints[:, INDEX["left_wrist"]])
    right = other.camera.project(other.joints[:, INDEX["right_wrist"]])
    width = motion.camera.width
    assert np.abs(right - [width, 0] - left * [-1, 1]).max() < 0.6  # the body is nearly symmetric
    names = list(motion.facial_action_names)
    blink = [names.index(f"eyeBlink{side}") for side in ("Left", "Right")]
    assert np.array_equal(other.facial_actions[:, blink], motion.facial_actions[:, blink[::-1]])
    assert np.array_equal(other.confidence["left_hand"], motion.confidence["right_hand"])


def test_mirrored_twice_is_the_same(motion, body):
    again = mirrored(mirrored(motion, body), body)
    assert np.abs(again.poses - motion.poses).max() < 1e-6
    assert np.abs(again.trans - motion.trans).max() < 1e-6
    assert np.abs(again.joints - motion.joints).max() < 1e-4
    assert again.camera == motion.camera


def test_limits_are_those_of_the_fit(motion, body, limits):
    import torch

    from diffsign.retarget.body.model import rotation_matrices

    local = rotation_matrices(motion.poses.reshape(len(motion.poses), -1, 3).astype(np.float32))
    found = joint_limits(body.J_regressor @ body.v_template)
    expected = over_limits(torch.from_numpy(local), found).amax(-1).numpy()
    assert np.abs(limits.over(motion.poses) - expected).max() < 1e-4


@pytest.mark.parametrize("degrees", [1.0, 8.0])
def test_noise_stays_within_limits_and_is_smooth(motion, body, limits, degrees):
    moved = wandering(motion, body, degrees, limits, np.random.default_rng(0))
    before, after = limits.over(motion.poses), limits.over(moved.poses)
    assert (after <= np.maximum(before, 1e-4) + 1e-5).all()
    change = (moved.poses - motion.poses).reshape(40, 55, 3)
    assert np.abs(change[:, INDEX["pelvis"]]).max() == 0
    arms = change[:, [INDEX["left_shoulder"], INDEX["right_shoulder"]]]
    assert 0.2 * np.radians(degrees) < arms.std() < 2.5 * np.radians(degrees)
    assert np.diff(arms, axis=0).std() < 0.5 * arms.std()


def test_noise_is_decided_by_its_seed(motion, body, limits):
    one, two, three = (
        wandering(motion, body, 2, limits, np.random.default_rng(k)).poses for k in (1, 1, 2)
    )
    assert np.array_equal(one, two) and not np.array_equal(one, three)


@pytest.mark.parametrize(
    ("count", "stride", "speed", "most", "place", "expected"),
    [
        (10, 1, 1.0, None, 0.0, list(range(10))),
        (10, 3, 1.0, None, 0.0, [0, 3, 6, 9]),
        (10, 2, 1.0, 3, 1.0, [5, 7, 9]),
        (10, 2, 1.0, 3, 0.5, [2, 4, 6]),
        (7, 1, 2.0, None, 0.0, [0, 2, 4, 6]),
        (3, 1, 0.5, None, 0.0, [0, 0.5, 1, 1.5, 2]),
        (1, 4, 1.3, 5, 0.7, [0]),
    ],
)
def test_frames_that_a_sample_shows(count, stride, speed, most, place, expected):
    assert frame_times(count, stride, speed, most, place).tolist() == pytest.approx(expected)


def test_resampling_meets_the_frames_and_lies_between(motion):
    times = np.arange(0, 20, 0.5)
    found = resampled(motion, times, 50.0)
    assert found.fps == 50.0 and found.frame_count == 40
    one, two = (
        Rotation.from_rotvec(p.reshape(-1, 3)) for p in (found.poses[::2], motion.poses[:20])
    )
    assert (one.inv() * two).magnitude().max() < 1e-4
    middle = (motion.trans[3] + motion.trans[4]) / 2
    assert np.abs(found.trans[7] - middle).max() < 1e-6


def test_handshape_motions_show_their_hand_and_differ():
    one, again = handshape_motion("v", 0, 5), handshape_motion("v", 0, 5)
    other = handshape_motion("v", 1, 5)
    fist = handshape_motion("s", 0, 5)
    assert np.array_equal(one.poses, again.poses) and not np.array_equal(one.poses, other.poses)
    index = slice(3 * INDEX["right_index2"], 3 * INDEX["right_index2"] + 3)
    ring = slice(3 * INDEX["right_ring2"], 3 * INDEX["right_ring2"] + 3)
    assert np.linalg.norm(one.poses[0, index]) < 0.35 < np.linalg.norm(one.poses[0, ring])
    assert np.linalg.norm(fist.poses[0, index]) > 1.2
    pixels = one.camera.project(one.joints[0, [INDEX["right_wrist"], INDEX["head"]]])
    assert ((pixels > 0) & (pixels < one.camera.width)).all()
