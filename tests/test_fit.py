"""The fit, on keypoints of exact truth: what a perfect detector would see of a known motion."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from diffsign.errors import UserError
from diffsign.generate.evaluation.reprojection import projected_points, reprojection_error
from diffsign.render.sample_clip import sample_motion
from diffsign.retarget.body.landmarks import landmark_points, landmarks
from diffsign.retarget.body.load import load_body
from diffsign.retarget.body.model import pose_vertices, shape_body
from diffsign.retarget.body.phenotype import phenotype_betas
from diffsign.retarget.body.skeleton import INDEX, LEFT_HAND, RIGHT_HAND
from diffsign.retarget.fit.camera import camera_for
from diffsign.retarget.fit.initial import fill_gaps
from diffsign.retarget.fit.options import FitOptions
from diffsign.retarget.fit.solve import fit_clip
from diffsign.retarget.keypoints.record import Keypoints
from diffsign.retarget.keypoints.source import load_keypoints

FRAMES = slice(0, 85, 2)


@pytest.fixture(scope="module")
def body():
    return load_body("open")


@pytest.fixture(scope="module")
def truth(body):
    betas = phenotype_betas(body, {"gender": 0.8, "weight": 0.6})
    motion = sample_motion(body, betas)
    names = ("trans", "poses", "expression", "facial_actions", "joints")
    return replace(
        motion,
        **{name: getattr(motion, name)[FRAMES] for name in names},
        confidence={part: values[FRAMES] for part, values in motion.confidence.items()},
    )


def seen(body, motion):
    """The keypoints of a motion: projected points, and the joints' depth as the detector gives."""
    vertices, joints = shape_body(body, motion.betas)
    posed = pose_vertices(body, vertices, joints, motion.poses, motion.trans, motion.facial_actions)
    points = landmark_points(landmarks(body), posed, motion.joints, motion.poses)
    parts = {}
    for name, places in points.items():
        pixels = motion.camera.project(places)
        scale = motion.camera.fx / motion.trans[:, 2].mean()
        depth = (places[..., 2:] - places[:, :1, 2:]) * scale
        parts[name] = np.concatenate([pixels, depth, np.ones_like(depth)], -1)
    world = points["body"] - points["body"][:, 23:25].mean(1, keepdims=True)
    parts["body_world"] = np.concatenate([world, np.ones((*world.shape[:2], 1))], -1)
    return Keypoints(fps=25.0, width=512, height=512, **parts)


@pytest.fixture(scope="module")
def keypoints(body, truth):
    return seen(body, truth)


@pytest.fixture(scope="module")
def fitted(keypoints):
    return fit_clip(keypoints)


def reprojection(body, motion, keypoints):
    again = seen(body, motion)
    return {
        part: np.linalg.norm((getattr(again, part) - getattr(keypoints, part))[..., :2], axis=-1)
        for part in ("body", "left_hand", "right_hand", "face")
    }


def test_points_fall_where_they_were_seen(body, fitted, keypoints):
    errors = reprojection(body, fitted, keypoints)
    assert np.median(errors["body"][:, :17]) < 2.5
    assert np.median(errors["right_hand"]) < 2
    assert np.median(errors["left_hand"]) < 2
    assert np.median(errors["face"]) < 1.5


def test_the_hands_take_the_true_shape(fitted, truth):
    def bend(motion, fingers):
        poses = motion.poses.reshape(-1, 55, 3)
        return np.linalg.norm(poses[:, fingers], axis=-1)

    # Fingers only: the thumb's rotations can trade with each other.
    for hand in (LEFT_HAND[:12], RIGHT_HAND[:12]):
        error = np.abs(bend(fitted, list(hand)) - bend(truth, list(hand)))
        assert np.degrees(np.median(error)) < 15


def test_the_wrists_are_where_they_were(fitted, truth):
    """Relative to the neck, and to the signer's distance: a camera cannot tell near from small."""
    neck = INDEX["neck"]
    size = np.median(truth.joints[:, neck, 2]) / np.median(fitted.joints[:, neck, 2])
    assert 0.85 < size < 1.15
    for side in ("left", "right"):
        wrist = INDEX[f"{side}_wrist"]
        ours, real = (m.joints[:, wrist] - m.joints[:, neck] for m in (fitted, truth))
        error = np.median(np.abs(size * ours - real), axis=0)
        assert error[:2].max() < 0.03
        assert error[2] < 0.06


def test_the_face_says_the_same(fitted, truth):
    names = list(truth.facial_action_names)
    for name in ("browInnerUp", "browDownLeft", "eyeBlinkLeft", "eyeBlinkRight"):
        column = names.index(name)
        ours, real = fitted.facial_actions[:, column], truth.facial_actions[:, column]
        assert np.corrcoef(ours, real)[0, 1] > 0.8, name
    blink = names.index("eyeBlinkLeft")
    assert (
        abs(fitted.facial_actions[:, blink].argmax() - truth.facial_actions[:, blink].argmax()) <= 1
    )


def test_it_is_the_same_every_time(keypoints, fitted):
    again = fit_clip(keypoints)
    np.testing.assert_array_equal(again.poses, fitted.poses)
    np.testing.assert_array_equal(again.facial_actions, fitted.facial_actions)


def test_a_lost_hand_is_bridged_and_said_so(keypoints, truth):
    hand = keypoints.right_hand.copy()
    hand[15:21] = 0
    motion = fit_clip(replace(keypoints, right_hand=hand))
    assert (motion.confidence["right_hand"][15:21] < 0.2).all()
    assert (motion.confidence["right_hand"][:15] > 0.5).all()
    wrist = motion.joints[:, INDEX["right_wrist"]]
    steps = np.linalg.norm(np.diff(wrist, axis=0), axis=-1)
    real = np.linalg.norm(np.diff(truth.joints[:, INDEX["right_wrist"]], axis=0), axis=-1)
    assert steps.max() < 2 * real.max() + 0.02, "no snap"


def test_without_depth_and_without_hands_it_still_fits(body, keypoints):
    bare = replace(
        keypoints,
        body_world=np.zeros_like(keypoints.body_world),
        left_hand=np.zeros_like(keypoints.left_hand),
        right_hand=np.zeros_like(keypoints.right_hand),
        face=np.zeros_like(keypoints.face),
    )
    motion = fit_clip(bare)
    assert np.isfinite(motion.poses).all()
    assert (motion.facial_actions == 0).all()
    assert np.median(reprojection(body, motion, keypoints)["body"][:, :17]) < 6


def test_one_frame(keypoints):
    one = replace(keypoints, **{name: values[20:21] for name, values in keypoints.parts().items()})
    motion = fit_clip(one)
    assert motion.frame_count == 1 and np.isfinite(motion.poses).all()


def test_nobody_there(keypoints):
    nobody = replace(keypoints, body=np.zeros_like(keypoints.body))
    with pytest.raises(UserError, match="No signer"):
        fit_clip(nobody)


@pytest.mark.parametrize("fov", [0, -3, 179])
def test_unusable_field_of_view(keypoints, fov):
    with pytest.raises(UserError, match="field of view"):
        fit_clip(keypoints, FitOptions(fov=fov))


def test_field_of_view_sets_the_focal_length(keypoints):
    camera = camera_for(keypoints, 90)
    assert camera.fx == pytest.approx(256)


def test_gaps_are_interpolated():
    points = np.array([[[0.0]], [[9.0]], [[2.0]], [[9.0]]])
    filled = fill_gaps(points, np.array([True, False, True, False]))
    np.testing.assert_allclose(filled[:, 0, 0], [0, 1, 2, 2])


@pytest.mark.parametrize("name", ["ase_D", "sgg_pizza"])
def test_files_of_the_community(body, name):
    path = Path(__file__).parents[2] / "shared" / "data" / "poses" / f"{name}.pose"
    if not path.is_file():
        pytest.skip("the folder of real inputs is not beside this checkout")
    keypoints = load_keypoints(path)
    error = reprojection_error(projected_points(fit_clip(keypoints)), keypoints)
    for part, most in {"body": 8, "left_hand": 4, "right_hand": 4, "face": 5}.items():
        value = error[part]
        assert value is None or value < most, part
