"""Where detectors see the points of a body, and how that was measured."""

from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from diffsign.generate.evaluation.detector_bias import body_error_without_bias
from diffsign.generate.evaluation.reprojection import projected_points, reprojection_error
from diffsign.render.calibration import body as calibration
from diffsign.render.calibration.offsets import MIRROR, Views, joined, scatter, solve_offset
from diffsign.render.sample_clip import sample_motion
from diffsign.retarget.body.landmarks import (
    detection_noise,
    global_rotations,
    landmark_points,
    landmarks,
)
from diffsign.retarget.body.load import load_body
from diffsign.retarget.body.model import joint_transforms, pose_vertices, shape_body
from diffsign.retarget.body.skeleton import INDEX
from diffsign.retarget.fit.points import BODY, HANDS, rigged_points
from diffsign.retarget.keypoints.record import Keypoints
from diffsign.retarget.keypoints.record import missing as nothing_seen


@pytest.fixture(scope="module")
def body():
    return load_body("open")


@pytest.fixture(scope="module")
def motion(body):
    return sample_motion(body, np.zeros(body.beta_count, np.float32)).part(0, 12)


def views_of(offset, count, seed, noise=0.0):
    """A point seen in random poses, where its offset puts it."""
    rng = np.random.default_rng(seed)
    places = rng.uniform([-0.3, -0.3, 1.5], [0.3, 0.3, 3.0], (count, 3))
    rotations = Rotation.random(count, random_state=seed).as_matrix()
    focal = rng.uniform(600, 1200, count)
    moved = places + rotations @ offset
    pixels = moved[:, :2] / moved[:, 2:] * focal[:, None] + rng.normal(0, 1, (count, 2)) * noise
    return Views(places, rotations, pixels, focal, np.zeros(count, bool))


offsets = st.tuples(*[st.floats(-0.04, 0.04)] * 3).map(np.array)


@settings(max_examples=30, deadline=None)
@given(offset=offsets, seed=st.integers(0, 999))
def test_an_offset_is_found_from_flat_pictures(offset, seed):
    found = solve_offset(views_of(offset, 60, seed))
    np.testing.assert_allclose(found, offset, atol=5e-4)


@settings(max_examples=10, deadline=None)
@given(offset=offsets, seed=st.integers(0, 99))
def test_gross_mistakes_and_noise_do_not_move_it(offset, seed):
    views = views_of(offset, 400, seed, noise=3.0)
    views.pixels[::10] += 90
    assert np.linalg.norm(solve_offset(views) - offset) < 3e-3
    assert scatter(views.errors(offset)) == pytest.approx(3 / 900 * 2.25, rel=0.5)


@settings(max_examples=10, deadline=None)
@given(offset=offsets, seed=st.integers(0, 99))
def test_sides_share_one_offset(offset, seed):
    left = views_of(offset, 30, seed)
    right = views_of(MIRROR @ offset, 30, seed + 1).mirrored()
    np.testing.assert_allclose(solve_offset(joined([left, right])), offset, atol=1e-3)


def test_held_out_views_have_no_say():
    offset = np.array([0.01, -0.02, 0.03])
    views = joined([views_of(offset, 40, 1), views_of(-offset, 400, 2)])
    views = replace(views, held_out=np.arange(440) >= 40)
    np.testing.assert_allclose(solve_offset(views), offset, atol=1e-3)


def test_what_no_view_tells_stays_short():
    """Seen straight on from afar, an offset's depth is unknown."""
    focal = np.full(30, 25000.0)
    pixels = np.tile([0.02 / 50, 0.0], (30, 1)) * focal[:, None]
    same_way = np.tile(np.eye(3), (30, 1, 1))
    views = Views(np.tile([0, 0, 50.0], (30, 1)), same_way, pixels, focal, np.zeros(30, bool))
    found = solve_offset(views)
    assert found[0] == pytest.approx(0.02, abs=1e-3) and abs(found[2]) < 1e-3


def test_the_measured_table_is_mirrored_and_of_a_persons_size(body):
    marks = landmarks(body)
    for left, right in calibration.BODY_PARTNERS.items():
        if left == right:
            assert marks.body.offset[left, 0] == 0
            continue
        np.testing.assert_allclose(marks.body.offset[left], MIRROR @ marks.body.offset[right])
        assert marks.body.noise[left] == marks.body.noise[right]
        partner = calibration.other_side(body.joint_names[marks.body.carrier[left]])
        assert INDEX[partner] == marks.body.carrier[right]
    np.testing.assert_allclose(marks.left_hand.offset, marks.right_hand.offset @ MIRROR)
    sizes = np.linalg.norm(marks.body.offset, axis=1)
    assert sizes.max() < 0.08 and 0.02 < sizes[11] < 0.05, "shoulders lie above their joints"
    assert np.linalg.norm(marks.left_hand.offset, axis=1).max() < 0.02
    tips = detection_noise("hand")[[8, 12]]
    assert (tips < detection_noise("body")[[19, 20]].min() / 2).all(), "Hands sees fingers better"


def test_points_ride_on_their_joints(body, motion):
    """The fit's points, which need no skin, are where the posed body has them."""
    marks = landmarks(body)
    rest, joints = shape_body(body, motion.betas)
    posed = pose_vertices(body, rest, joints, motion.poses, motion.trans)
    places = landmark_points(marks, posed, motion.joints, motion.poses)
    rigged = rigged_points(body, marks, 4)
    rotations, positions = joint_transforms(joints, motion.poses, motion.trans)
    np.testing.assert_allclose(rotations, global_rotations(motion.poses), atol=1e-5)
    arm = rigged.rest - rigged.joint_rest[rigged.joint]
    carried = positions[:, rigged.joint] + (rotations[:, rigged.joint] @ arm[..., None])[..., 0]
    apart = np.linalg.norm(carried[:, BODY] - places["body"], axis=-1)
    assert apart[:, 11:25].max() < 1e-4
    for side, part in (("left", "left_hand"), ("right", "right_hand")):
        apart = np.linalg.norm(carried[:, HANDS[side]] - places[part], axis=-1)
        joints_of_fingers = [k for k in range(21) if k % 4 or not k]
        assert apart[:, joints_of_fingers].max() < 4e-3
        assert np.median(apart) < 5e-4


def test_points_turn_with_the_body(body, motion):
    marks = landmarks(body)
    rest, joints = shape_body(body, motion.betas)
    turn = Rotation.from_euler("xyz", [20, 50, -10], degrees=True)
    poses = motion.poses.copy()
    root = turn * Rotation.from_rotvec(poses[:, :3])
    poses[:, :3] = root.as_rotvec()
    pelvis = joints[0]
    places = []
    for chosen in (motion.poses, poses):
        trans = np.tile(-pelvis, (len(poses), 1))
        _, positions = joint_transforms(joints, chosen, trans)
        posed = pose_vertices(body, rest, joints, chosen, trans)
        places.append(landmark_points(marks, posed, positions, chosen))
    for part, before in places[0].items():
        turned = before @ turn.as_matrix().T
        np.testing.assert_allclose(places[1][part], turned, atol=1e-4)


def test_the_detectors_own_constant_mistake_is_told_apart(motion):
    """An ear 6 pixels aside all through the clip is the detector's; jumping points are not."""
    projected = projected_points(motion)
    parts = nothing_seen(motion.frame_count)
    rng = np.random.default_rng(0)
    for shift, noise, low, high in ((6.0, 0.0, 0.0, 1.5), (0.0, 6.0, 3.0, 9.0)):
        seen = projected["body"] + [shift, 0.0] + rng.normal(0, 1, (12, 33, 2)) * noise
        parts["body"] = np.concatenate([seen, np.zeros((12, 33, 1)), np.ones((12, 33, 1))], -1)
        keypoints = Keypoints(25.0, motion.camera.width, motion.camera.height, **parts)
        plain = reprojection_error(projected, keypoints)["body"]
        rest = body_error_without_bias(motion, keypoints)
        assert plain is not None and plain > 5
        assert rest is not None and low <= rest < high


def test_calibration_without_samples(tmp_path):
    result = CliRunner().invoke(calibration.main, [str(tmp_path), "-o", str(tmp_path / "o.json")])
    assert result.exit_code == 2 and "holds no samples" in result.output


def test_too_few_views_measure_nothing():
    row = calibration.measure(views_of(np.array([0.03, 0, 0]), 10, 0), "head")
    assert row["offset_mm"] == [0, 0, 0] and "views" not in row
