"""Contacts that the picture shows: found in the points, and drawn to the skin."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from diffsign.render.touch_clip import HOLD, MOVE, TOUCHES, touch_motion
from diffsign.retarget.body.capsules import body_capsules, capsule_gaps, pose_capsules
from diffsign.retarget.body.landmarks import landmark_points, landmarks
from diffsign.retarget.body.load import load_body
from diffsign.retarget.body.model import joint_transforms, pose_vertices, shape_body
from diffsign.retarget.fit.contact import TIPS, contact, contacts_of, touching
from diffsign.retarget.fit.options import FitOptions
from diffsign.retarget.fit.penetration import collider
from diffsign.retarget.fit.points import rigged_points
from diffsign.retarget.fit.solve import fit_clip
from diffsign.retarget.keypoints.record import Keypoints

HELD = slice(MOVE, MOVE + HOLD)
RIGHT_INDEX = 5 + list(TIPS).index("index3")
HEAD_PART = 2


@pytest.fixture(scope="module")
def body():
    return load_body("open")


@pytest.fixture(scope="module")
def chin(body):
    return touch_motion(body, np.zeros(body.beta_count), TOUCHES[:1])


def seen(body, motion, flat=False):
    vertices, joints = shape_body(body, motion.betas)
    posed = pose_vertices(body, vertices, joints, motion.poses, motion.trans, motion.facial_actions)
    parts = {}
    for name, places in landmark_points(
        landmarks(body), posed, motion.joints, motion.poses
    ).items():
        depth = 0 * places[..., 2:] if flat else (places[..., 2:] - places[:, :1, 2:]) * 400
        parts[name] = np.concatenate([motion.camera.project(places), depth, 1 + 0 * depth], -1)
    nothing = np.zeros((motion.frame_count, 33, 4))
    return Keypoints(fps=25.0, width=512, height=512, **parts, body_world=nothing)


def tip_gap(body, motion, part):
    """Metres (T,) between the right index finger's tip and a part."""
    table = body_capsules(body)
    capsules = table.shaped(motion.betas)
    joints = shape_body(body, motion.betas)[1]
    posed = pose_capsules(capsules, joints, *joint_transforms(joints, motion.poses, motion.trans))
    rows = table.rows(part)
    first = np.full(len(rows), table.names.index("right_index3"))
    return capsule_gaps(posed, capsules.radius, first, rows).min(1)


def test_the_picture_shows_what_touches(body, chin):
    found = touching(seen(body, chin))
    assert found[HELD, RIGHT_INDEX, HEAD_PART].all()
    assert not found[:4].any() and not found[-4:].any()
    found[:, RIGHT_INDEX, HEAD_PART] = False
    assert not found.any()


def test_noise_is_no_movement_and_nothing_seen_is_no_contact(body, chin):
    keypoints = seen(body, chin)
    random = np.random.default_rng(0)
    parts = {}
    for name, part in keypoints.parts().items():
        part = part.copy()
        part[..., :2] += random.normal(0, 1.5, part[..., :2].shape)
        part[random.random(part.shape[:2]) < 0.1] = 0
        parts[name] = part
    found = touching(replace(keypoints, **parts))
    assert found[HELD, RIGHT_INDEX, HEAD_PART].mean() > 0.7
    for name in ("face", "right_hand"):
        gone = replace(keypoints, **{name: 0 * getattr(keypoints, name)})
        assert not touching(gone)[:, :, HEAD_PART].any()
    nothing = {name: 0 * part for name, part in keypoints.parts().items()}
    assert not touching(replace(keypoints, **nothing)).any()


@pytest.mark.parametrize("frames", [1, 2])
def test_a_glimpse_is_no_contact(body, chin, frames):
    assert not touching(seen(body, chin.part(MOVE, MOVE + frames))).any()


def test_a_hand_that_passes_does_not_touch(body, chin):
    """Twice as quick as the clip, without its hold."""
    passing = np.r_[0:MOVE:2, MOVE + HOLD : chin.frame_count : 2]
    quick = chin.part(0, len(passing))
    arrays = ("poses", "trans", "joints", "facial_actions", "expression")
    quick = replace(quick, **{name: getattr(chin, name)[passing] for name in arrays})
    assert not touching(seen(body, quick)).any()


def test_air_costs_and_draws_the_tip_to_the_skin(body, chin):
    points = rigged_points(body, landmarks(body), 16)
    capsules = body_capsules(body)
    hit = collider(capsules, points.joint_rest, points.joint_shapedirs)
    deep = contacts_of(seen(body, chin), capsules.names)
    assert deep.weight < 0.1, "a source's own depth comes first"
    shown = contacts_of(seen(body, chin, flat=True), capsules.names)
    assert shown.weight == 1
    joints = shape_body(body, chin.betas)[1]
    turned, placed = (
        torch.from_numpy(values.astype(np.float32))
        for values in joint_transforms(joints, chin.poses, chin.trans)
    )
    betas = torch.zeros(16)

    def cost(away):
        """With the whole right hand moved by away (3,) metres; the head stays."""
        moved = placed.clone()
        moved[:, 40:] += away
        return contact(shown, hit, turned, moved, betas)

    assert cost(torch.zeros(3))[HELD].max() < 0.5  # square centimetres: it touches
    away = torch.tensor([0.0, 0.0, -0.02], requires_grad=True)  # towards the camera
    value = cost(away)
    assert (value[: MOVE - 4] == 0).all() and value[HELD].min() > 0.5
    value.sum().backward()
    assert away.grad is not None and away.grad[2] < 0
    far = cost(torch.tensor([0.0, 0.0, -0.4]))
    assert (far[HELD] < (100 * shown.lets_go) ** 2).all()  # it lets go


def test_a_flat_source_touches_where_its_picture_does(body, chin):
    keypoints = seen(body, chin, flat=True)
    gaps = {
        without: tip_gap(body, fit_clip(keypoints, FitOptions(without=without)), "head_")[HELD]
        for without in ((), ("contact",))
    }
    assert np.abs(gaps[()]).mean() < 0.025
    assert np.abs(gaps[()]).mean() < 0.5 * np.abs(gaps["contact",]).mean()
