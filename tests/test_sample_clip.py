"""The sample clip in assets/: what it is, that its truth is true, and that a detector reads it."""

from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from diffsign.render.avatar.record import Signer
from diffsign.render.sample_clip import CUES, FPS, SAMPLE_SIGNER, SIZE, sample_motion
from diffsign.retarget.body.load import load_body
from diffsign.retarget.body.skeleton import INDEX
from diffsign.retarget.keypoints.mediapipe_holistic import detect
from diffsign.retarget.motion import Motion
from diffsign.video import probe

ASSETS = resources.files("diffsign.assets")


@pytest.fixture(scope="module")
def truth():
    return Motion.load(str(ASSETS / "sample_motion.npz"))


@pytest.fixture(scope="module")
def keypoints():
    return detect(str(ASSETS / "sample.mp4"))


def test_clip(truth):
    clip = probe(str(ASSETS / "sample.mp4"))
    assert (clip.width, clip.height, clip.fps) == (SIZE, SIZE, FPS)
    assert clip.frame_count == truth.frame_count
    assert 2 <= clip.frame_count / clip.fps <= 4


def test_truth_is_what_was_authored(truth):
    again = sample_motion(load_body("open"), truth.betas)
    np.testing.assert_allclose(again.poses, truth.poses, atol=1e-5)
    np.testing.assert_allclose(again.joints, truth.joints, atol=1e-4)
    assert Signer.load(Path(str(ASSETS / "sample_signer.json"))) == SAMPLE_SIGNER


def test_cues_are_in_order_and_the_grammar_is_there(truth):
    times = [cue.at for cue in CUES]
    assert times == sorted(times)
    names = list(truth.facial_action_names)
    brows = truth.facial_actions[:, names.index("browInnerUp")]
    blink = truth.facial_actions[:, names.index("eyeBlinkLeft")]
    yaw = truth.poses.reshape(-1, 55, 3)[:, INDEX["head"], 1]
    assert brows.max() > 0.8 and blink.max() > 0.9
    assert np.degrees(yaw.max() - yaw.min()) > 10, "the head shakes"


def test_the_detector_finds_the_signer(keypoints, truth):
    assert keypoints.seen("body").mean() >= 0.95
    assert keypoints.seen("face").mean() >= 0.95
    for side in ("left", "right"):
        fingers = [INDEX[f"{side}_{name}{k}"] for name in ("index", "middle") for k in (1, 3)]
        pixels = truth.camera.project(truth.joints[:, fingers])
        visible = ((pixels > 4) & (pixels < SIZE - 4)).all((1, 2))
        assert visible.any()
        assert keypoints.seen(f"{side}_hand")[visible].mean() >= 0.8


def test_the_detector_sees_the_truth(keypoints, truth):
    wrists = {"left": 15, "right": 16}
    for side, point in wrists.items():
        found = keypoints.seen(f"{side}_hand")
        real = truth.camera.project(truth.joints[found][:, INDEX[f"{side}_wrist"]])
        seen = keypoints.body[found][:, point, :2]
        assert np.median(np.linalg.norm(seen - real, axis=-1)) < 25
