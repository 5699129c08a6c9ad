"""The fit on keypoints with holes: nobody at first, nobody at all, NaN, a lost hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from diffsign.errors import UserError
from diffsign.render.sample_clip import sample_motion
from diffsign.retarget.body.load import load_body
from diffsign.retarget.body.phenotype import phenotype_betas
from diffsign.retarget.body.skeleton import LEFT_HAND, RIGHT_HAND
from diffsign.retarget.fit.solve import fit_clip
from diffsign.retarget.keypoints.hand_gaps import BRIDGED
from diffsign.retarget.keypoints.pose_file import write_pose
from diffsign.retarget.keypoints.record import Keypoints
from diffsign.retarget.keypoints.source import load_keypoints
from diffsign.retarget.motion import Motion
from diffsign.retarget.motion_files.fitted_pose import fitted_keypoints

FRAMES = 24
HANDS = {"left_hand": list(LEFT_HAND), "right_hand": list(RIGHT_HAND)}


@pytest.fixture(scope="module")
def truth() -> Motion:
    body = load_body("open")
    motion = sample_motion(body, phenotype_betas(body, {"gender": 0.8}))
    return motion.part(38, 38 + FRAMES)


@pytest.fixture(scope="module")
def keypoints(truth: Motion) -> Keypoints:
    return fitted_keypoints(truth, load_body("open"))


def spoilt(keypoints: Keypoints, frames: slice, value: float = 0.0) -> Keypoints:
    parts = {name: part.copy() for name, part in keypoints.parts().items()}
    for part in parts.values():
        part[frames] = value
    return Keypoints(keypoints.fps, keypoints.width, keypoints.height, **parts)


def assert_smooth(motion: Motion) -> None:
    assert np.isfinite(motion.poses).all() and np.isfinite(motion.joints).all()
    steps = np.linalg.norm(np.diff(motion.joints[:, :22], axis=0), axis=-1)
    assert steps.max() < 0.25, "metres from frame to frame"


@pytest.mark.parametrize(
    ("frames", "value"),
    [(slice(0, 8), 0.0), (slice(8, 16), np.nan), (slice(16, None), 0.0)],
)
def test_nobody_for_a_while(keypoints: Keypoints, frames: slice, value: float) -> None:
    motion = fit_clip(spoilt(keypoints, frames, value))
    assert motion.frame_count == FRAMES
    assert_smooth(motion)
    assert not motion.confidence["body"][frames].any()
    assert motion.confidence["right_hand"][frames].max() <= BRIDGED + 1e-6


def test_nobody_at_all(keypoints: Keypoints, tmp_path: Path) -> None:
    empty = spoilt(keypoints, slice(None))
    with pytest.raises(UserError) as caught:
        fit_clip(empty)
    assert "\n" not in str(caught.value)
    write_pose(tmp_path / "a.pose", empty)
    with pytest.raises(UserError, match="No person"):
        load_keypoints(tmp_path / "a.pose")


@pytest.mark.parametrize("hand", HANDS)
def test_a_lost_hand_is_marked_and_near_the_truth(
    keypoints: Keypoints, truth: Motion, hand: str
) -> None:
    points = getattr(keypoints, hand).copy()
    gap = slice(8, 16)
    points[gap] = 0
    motion = fit_clip(replace(keypoints, **{hand: points}))
    confidence = motion.confidence[hand]
    np.testing.assert_allclose(confidence[gap], BRIDGED, atol=1e-6)
    assert (np.delete(confidence, range(8, 16)) > 0.5).all()
    rows = HANDS[hand]
    a, b = (m.joints[gap][:, rows] - m.joints[gap][:, rows[:1]] for m in (motion, truth))
    assert np.linalg.norm(a - b, axis=-1).mean() < 0.045


@pytest.mark.parametrize("hand", HANDS)
def test_a_hand_that_is_never_seen(keypoints: Keypoints, hand: str) -> None:
    motion = fit_clip(replace(keypoints, **{hand: np.zeros_like(getattr(keypoints, hand))}))
    assert_smooth(motion)
    assert not motion.confidence[hand].any()
