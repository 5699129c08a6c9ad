"""A source that pierces itself is drawn out on its own body before it is performed."""

from dataclasses import replace

import numpy as np
import pytest

from diffsign.render.touch_clip import TOUCHES, touch_motion
from diffsign.retarget.body.load import load_body
from diffsign.retarget.body.skeleton import INDEX
from diffsign.retarget.rig.arms import Reach, solve_arms
from diffsign.retarget.rig.axes import HandAxes, ways_out
from diffsign.retarget.rig.fingers import bend, bending, fingers_of
from diffsign.retarget.rig.heal import PIERCED, healed
from diffsign.retarget.rig.perform import healed_motion, performer_of
from diffsign.retarget.rig.rules import depths, read_rules
from diffsign.retarget.rig.surface import pose_surface, sample_surface, shaped


@pytest.fixture(scope="module")
def body():
    return load_body("open")


@pytest.fixture(scope="module")
def surface(body):
    return sample_surface(body)


@pytest.fixture(scope="module")
def on_chest(body):
    """The hand lies on the chest, and the frames about that."""
    chest = next(touch for touch in TOUCHES if touch.place == "chest")
    motion = touch_motion(body, np.zeros(body.beta_count), (chest,))
    middle = motion.frame_count // 2
    return motion.part(middle - 4, middle + 4)


def source(body, surface, motion):
    return performer_of(motion, shaped(body, surface, motion.betas), motion.trans)


def test_what_pierces_nothing_is_left_as_it_is(body, surface, on_chest):
    own = source(body, surface, on_chest)
    assert depths(read_rules(surface, own)).max() < PIERCED
    after, _ = healed(surface, own)
    np.testing.assert_array_equal(after.poses, own.poses)


def test_a_hand_in_the_chest_is_drawn_out_onto_it(body, surface, on_chest):
    own = source(body, surface, on_chest)
    frames, inwards = len(own.poses), np.array([0, 0, 0.03])  # away from the camera
    wrists = on_chest.joints[:, [INDEX["left_wrist"], INDEX["right_wrist"]]] + inwards
    reach = Reach(wrists, np.zeros((frames, 2, 3)), np.zeros((frames, 2)))
    poses = solve_arms(own.shape.joints, own.poses, own.trans, reach)
    deep = replace(on_chest, poses=poses)
    before = depths(read_rules(surface, source(body, surface, deep)))
    assert before.max() > 0.015
    own, rules = healed(surface, source(body, surface, deep))
    assert depths(rules).max() < 0.005
    assert min(rule.gap.min() for rule in rules["hand", "right"]) < 0.010, "it still touches"
    np.testing.assert_allclose(healed_motion(deep, body).poses, own.poses, atol=1e-3)


def two_fingers(height):
    """Two bones that cross at right angles, the first higher by some metres."""
    axes = HandAxes(
        np.array([0, 1]), np.array([[0.06, 0, 0], [0, 0, 0.06]]), np.array([0.008, 0.008])
    )
    positions = np.array([[-0.03, height, 0], [0, 0, -0.03]])
    return axes, np.tile(np.eye(3), (2, 1, 1)), positions


@pytest.mark.parametrize("height", [0.002, 0.006])
def test_a_finger_leaves_another_on_the_side_where_its_bone_is(height):
    axes, rotations, positions = two_fingers(height)
    one, other = np.array([0]), np.array([1])
    # Its lower skin finds the other finger's underside nearest, and would be pushed on through.
    gap, normal = np.array([-0.003]), np.array([[0, -1.0, 0]])
    gap, way, past = ways_out(axes, one, other, rotations, positions, gap, normal)
    assert past.all()
    np.testing.assert_allclose(way, [[0, 1, 0]], atol=1e-9)
    np.testing.assert_allclose(gap, [height - 0.016], atol=1e-9)


def test_skin_that_points_the_right_way_is_trusted():
    axes, rotations, positions = two_fingers(0.012)
    gap, normal = np.array([-0.003]), np.array([[0, 1.0, 0]])
    found = ways_out(axes, np.array([0]), np.array([1]), rotations, positions, gap, normal)
    np.testing.assert_array_equal(found[0], gap)
    np.testing.assert_array_equal(found[1], normal)
    assert not found[2].any()


@pytest.mark.parametrize("k", [0, 1])
def test_bending_is_the_derivative_of_the_bent_hand(body, surface, k):
    from diffsign.retarget.body.model import joint_transforms

    shape = shaped(body, surface, np.zeros(body.beta_count))
    fingers = fingers_of(shape)
    poses, still = np.random.default_rng(k).normal(0, 0.2, (1, 165)), np.zeros((1, 3))
    chosen = surface.probes[("left", "right")[k]]
    chosen = chosen[fingers.shares[chosen, 2] > 0.9]  # no skin that two fingers share

    def posed(angles):
        turned = joint_transforms(shape.joints, bend(fingers, poses, angles), still)
        return pose_surface(shape, *turned, None, chosen)[0][0].astype(float), turned

    step, angles = 1e-2, np.zeros((1, 2, 5))
    at, turned = posed(angles)
    rows = bending(fingers, k, chosen, at, turned[0][0], turned[1][0])
    for finger in range(5):
        angles[0, k, finger] = step
        moved = (posed(angles)[0] - posed(-angles)[0]) / (2 * step)
        angles[0, k, finger] = 0
        own = fingers.finger[chosen] == finger
        np.testing.assert_allclose(moved[own], rows[own], atol=2e-3)
        np.testing.assert_allclose(moved[~own], 0, atol=2e-3)
