"""Lost, exchanged and doubled hands, on keypoints whose truth is known, and on real ones."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from diffsign.render.sample_clip import sample_motion
from diffsign.retarget.body.load import load_body
from diffsign.retarget.body.phenotype import phenotype_betas
from diffsign.retarget.keypoints.hand_gaps import BRIDGED, is_bridged
from diffsign.retarget.keypoints.hand_identity import bend, found, hand_size
from diffsign.retarget.keypoints.record import Keypoints
from diffsign.retarget.keypoints.repair import repaired
from diffsign.retarget.keypoints.source import load_keypoints
from diffsign.retarget.motion_files.fitted_pose import fitted_keypoints

SHARED = Path(__file__).parents[2] / "shared" / "data"
HANDS = ("left_hand", "right_hand")


@pytest.fixture(scope="module")
def truth() -> Keypoints:
    body = load_body("open")
    motion = sample_motion(body, phenotype_betas(body, {"gender": 0.8}))
    return fitted_keypoints(motion, body)


def without(keypoints: Keypoints, hand: str, frames: slice) -> Keypoints:
    points = getattr(keypoints, hand).copy()
    points[frames] = 0
    return replace(keypoints, **{hand: points})


def exchanged(keypoints: Keypoints, frames: slice) -> Keypoints:
    left, right = keypoints.left_hand.copy(), keypoints.right_hand.copy()
    left[frames], right[frames] = keypoints.right_hand[frames], keypoints.left_hand[frames]
    return replace(keypoints, left_hand=left, right_hand=right)


def assert_same_hands(a: Keypoints, b: Keypoints) -> None:
    for hand in HANDS:
        np.testing.assert_array_equal(getattr(a, hand), getattr(b, hand), err_msg=hand)


def error(a: Keypoints, b: Keypoints, hand: str, frames: slice) -> float:
    """Mean distance in hand sizes."""
    gap = (getattr(a, hand) - getattr(b, hand))[frames, :, :2]
    return float(np.linalg.norm(gap, axis=-1).mean()) / hand_size(b.left_hand, b.right_hand)


def test_what_is_right_stays_as_it_is(truth: Keypoints) -> None:
    assert_same_hands(repaired(truth), truth)


def test_fingers_bend_to_their_own_palm(truth: Keypoints) -> None:
    assert bend(truth.left_hand).mean() < -0.3 and bend(truth.right_hand).mean() > 0.3


@pytest.mark.parametrize("hand", HANDS)
@pytest.mark.parametrize("start", [20, 31, 42, 55, 63])
@pytest.mark.parametrize("depth", [True, False])
def test_eight_lost_frames_are_bridged(
    truth: Keypoints, hand: str, start: int, depth: bool
) -> None:
    if not depth:
        truth = replace(truth, **{name: getattr(truth, name) * [1, 1, 0, 1] for name in HANDS})
    gap = slice(start, start + 8)
    fixed = repaired(without(truth, hand, gap))
    points = getattr(fixed, hand)
    assert is_bridged(points).nonzero()[0].tolist() == list(range(84))[gap]
    assert np.allclose(points[gap, :, 3], BRIDGED)
    seen = getattr(truth, hand).copy()
    seen[gap] = seen[start - 1]
    frozen = error(replace(truth, **{hand: seen}), truth, hand, gap)
    assert error(fixed, truth, hand, gap) < max(0.4, 0.5 * frozen)
    # Neither frozen nor snapped: steps stay within those of the truth around the gap.
    steps = np.linalg.norm(np.diff(points[..., :2], axis=0), axis=-1).max(axis=1)
    real = np.linalg.norm(np.diff(getattr(truth, hand)[..., :2], axis=0), axis=-1).max(axis=1)
    around = slice(start - 3, start + 11)
    assert steps[around].max() < 1.6 * real[around].max() + 1


def test_the_bodys_wrist_carries_the_gap(truth: Keypoints) -> None:
    """A hand that swings away and back within the gap is followed where the wrist is seen."""
    frames = len(truth.body)
    swing = np.zeros((frames, 1), np.float32)
    swing[30:42, 0] = 120 * np.sin(np.linspace(0, np.pi, 12)) ** 2
    body, hand = truth.body.copy(), truth.right_hand.copy()
    body[:, 16, :1] += swing
    hand[..., :1] += swing[:, None]
    moved = replace(truth, body=body, right_hand=hand)
    gap = slice(32, 40)
    lost = without(moved, "right_hand", gap)
    assert error(repaired(lost), moved, "right_hand", gap) < 0.3
    body = body.copy()
    body[:, 16, 3] = 0.1
    blind = repaired(replace(lost, body=body))
    assert error(blind, moved, "right_hand", gap) > 1, "without the wrist nobody knows of it"


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_hand_turns_through_the_gap(truth: Keypoints, axis: int) -> None:
    frames = len(truth.body)
    angles = np.radians(np.clip(np.arange(frames) - 20, 0, 30) * 5.0)
    turns = Rotation.from_rotvec(angles[:, None] * np.eye(3)[axis]).as_matrix()
    shape = truth.right_hand[20, :, :3] - truth.right_hand[20, :1, :3]
    hand = truth.right_hand.copy()
    hand[..., :3] = hand[:, :1, :3] + shape @ np.swapaxes(turns, 1, 2)
    turning = replace(truth, right_hand=hand)
    gap = slice(32, 40)
    assert error(repaired(without(turning, "right_hand", gap)), turning, "right_hand", gap) < 0.05


@pytest.mark.parametrize("start", [3, 24, 40, 77])
def test_five_exchanged_frames_go_back(truth: Keypoints, start: int) -> None:
    wrong = exchanged(truth, slice(start, start + 5))
    assert_same_hands(repaired(wrong), truth)


def test_a_whole_clip_exchanged_goes_back(truth: Keypoints) -> None:
    assert_same_hands(repaired(exchanged(truth, slice(None))), truth)


def test_exchanged_hands_go_back_by_their_course_alone(truth: Keypoints) -> None:
    body = truth.body.copy()
    body[:, 15:23, 3] = 0.1
    blind = replace(truth, body=body)
    assert_same_hands(repaired(exchanged(blind, slice(30, 35))), blind)


def test_a_lone_hand_under_the_wrong_name(truth: Keypoints) -> None:
    one = without(truth, "left_hand", slice(None))
    wrong = exchanged(one, slice(None))
    assert_same_hands(repaired(wrong), one)
    part = exchanged(one, slice(30, 36))
    np.testing.assert_array_equal(repaired(part).right_hand, truth.right_hand)


@pytest.mark.parametrize("doubled", HANDS)
def test_a_hand_found_twice_is_kept_once(truth: Keypoints, doubled: str) -> None:
    other = next(hand for hand in HANDS if hand != doubled)
    rng = np.random.default_rng(0)
    twin = getattr(truth, doubled).copy()
    twin[..., :2] += rng.normal(0, 1, twin[..., :2].shape)
    points = getattr(truth, other).copy()
    gap = slice(35, 41)
    points[gap] = twin[gap]
    fixed = repaired(replace(truth, **{other: points}))
    np.testing.assert_array_equal(getattr(fixed, doubled), getattr(truth, doubled))
    assert is_bridged(getattr(fixed, other)).sum() == 6
    assert error(fixed, truth, other, gap) < 0.5


def test_praying_hands_are_two(truth: Keypoints) -> None:
    """Palm on palm, seen from the side: both wrists of the body are there too."""
    body, left = truth.body.copy(), truth.right_hand.copy()
    left[..., 0] += 3
    body[:, 15, :2] = left[:, 0, :2]
    together = replace(truth, body=body, left_hand=left)
    assert found(repaired(together).left_hand).all()


@pytest.mark.parametrize("hand", HANDS)
def test_a_hand_that_is_never_seen_stays_missing(truth: Keypoints, hand: str) -> None:
    fixed = repaired(without(truth, hand, slice(None)))
    assert not getattr(fixed, hand).any()


def test_ends_of_the_clip_ease_out(truth: Keypoints) -> None:
    body = truth.body.copy()
    body[:, 16, 3] = 0  # nothing carries
    lost = replace(truth, body=body)
    lost = without(without(lost, "right_hand", slice(0, 25)), "right_hand", slice(45, None))
    hand = repaired(lost).right_hand
    assert is_bridged(hand).sum() == 25 + len(hand) - 45
    for course in (hand[44:, :, :2], hand[25::-1, :, :2]):
        steps = np.linalg.norm(np.diff(course, axis=0), axis=-1).mean(axis=1)
        assert (np.diff(steps) < 1e-3).all(), "slower and slower"
        assert steps[15] < 0.1 and np.isfinite(course).all()
        assert np.linalg.norm(course[-1] - course[0], axis=-1).max() < 60


def test_points_missing_from_a_hand_do_not_break_the_bridge(truth: Keypoints) -> None:
    points = truth.right_hand.copy()
    points[28:34, [4, 8, 12]] = 0
    points[:, 20] = 0
    fixed = repaired(without(replace(truth, right_hand=points), "right_hand", slice(34, 42)))
    there = fixed.right_hand[34:42, :, 3] > 0
    assert there[:, :20].all() and not there[:, 20].any()
    expected = replace(truth, right_hand=truth.right_hand * (np.arange(21) != 20)[:, None])
    assert error(fixed, expected, "right_hand", slice(34, 42)) < 0.5


def test_twice_is_as_once(truth: Keypoints) -> None:
    once = repaired(exchanged(without(truth, "right_hand", slice(40, 48)), slice(20, 25)))
    assert_same_hands(repaired(once), once)


def test_nothing_to_see_and_one_frame(truth: Keypoints) -> None:
    empty: dict[str, Any] = {name: np.zeros_like(part) for name, part in truth.parts().items()}
    assert_same_hands(repaired(replace(truth, **empty)), replace(truth, **empty))
    one: dict[str, Any] = {name: part[30:31] for name, part in truth.parts().items()}
    assert_same_hands(repaired(replace(truth, **one)), replace(truth, **one))


@pytest.mark.parametrize("letter", "DFGINS")
def test_real_hands_keep_their_names(letter: str) -> None:
    path = SHARED / "poses" / f"ase_{letter}.pose"
    if not path.exists():
        pytest.skip("the shared poses are not here")
    keypoints = load_keypoints(path)
    assert_same_hands(repaired(keypoints), keypoints)


@pytest.mark.parametrize("source", ["poses/sgg_essen.pose", "poses/sgg_pizza.pose", "openpose"])
def test_real_gaps_are_bridged_without_a_snap(source: str) -> None:
    if not (SHARED / source).exists():
        pytest.skip(f"the shared {source} is not here")
    keypoints = load_keypoints(SHARED / source)
    fixed = repaired(keypoints)
    for hand in HANDS:
        before, after = getattr(keypoints, hand), getattr(fixed, hand)
        seen = found(before)
        np.testing.assert_array_equal(after[seen], before[seen])
        assert is_bridged(after[~seen]).all()
