"""Capsules against exact geometry and against the mesh; the cost pushes out what penetrates."""

import numpy as np
import pytest
import torch
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from diffsign.render.handshapes import HANDSHAPES, hand_pose
from diffsign.retarget.body.capsule_fit import parts_of
from diffsign.retarget.body.capsules import (
    body_capsules,
    capsule_gaps,
    point_gaps,
    pose_capsules,
    segment_shares,
)
from diffsign.retarget.body.load import load_body
from diffsign.retarget.body.model import joint_transforms, pose_vertices, shape_body
from diffsign.retarget.body.skeleton import INDEX
from diffsign.retarget.fit.kinematics import forward, rotation_matrices
from diffsign.retarget.fit.penetration import FLESH, collider, depths, penetration, watched_pairs

SHAPES = [np.zeros(16), np.linspace(-1.2, 1.2, 16), np.array([2.0, -1.5] + [0.5] * 14)]

CROSSED = 1.1
"""Radians from parallel at which the hands of two forearms run through each other."""


@pytest.fixture(scope="module")
def body():
    return load_body("open")


@pytest.fixture(scope="module")
def capsules(body):
    return body_capsules(body)


@pytest.fixture(scope="module")
def hit(body, capsules):
    dirs = np.einsum("jv,vdb->jdb", body.J_regressor, body.shapedirs[:, :, :16])
    return collider(capsules, body.J_regressor @ body.v_template, dirs)


def skin_of(body, capsules, *prefixes):
    """Skin vertices that the named capsules were fitted to."""
    skin = np.arange(int(body.faces[body.group_faces("body")].max()) + 1)
    joints = (body.J_regressor @ body.v_template).astype(float)
    parts = parts_of(joints, body.v_template[skin].astype(float), body.weights[skin])
    return np.concatenate([rows for laid, rows in parts if laid[0].name.startswith(prefixes)])


@pytest.mark.parametrize("betas", SHAPES)
@pytest.mark.parametrize(
    ("prefixes", "most"),
    [
        (("left_index", "left_middle", "right_ring", "right_thumb2"), 0.002),
        (("left_palm", "right_palm"), 0.005),
        (("left_forearm", "right_arm"), 0.016),
        (("trunk",), 0.017),
    ],
)
def test_the_skin_lies_on_the_capsules_whatever_the_shape(body, capsules, betas, prefixes, most):
    vertices, _ = shape_body(body, betas)
    shaped = capsules.shaped(betas)
    points = vertices[skin_of(body, capsules, *prefixes)]
    gaps = point_gaps(points[None], (shaped.start[None], shaped.end[None]), shaped.radius)[0]
    assert np.percentile(np.abs(gaps.min(1)), 95) < most


def test_distances_agree_with_the_mesh(body, capsules):
    """A posed signer; the witness is the distance to every triangle of the posed mesh."""
    poses = np.zeros((1, 55, 3))
    poses[0, INDEX["left_elbow"]] = [0.2, -1.2, 0.1]
    vertices, joints = shape_body(body, SHAPES[1])
    for joint, turn in hand_pose(HANDSHAPES["c"], "left", joints).items():
        poses[0, joint] = turn
    poses, trans = poses.reshape(1, -1), np.zeros((1, 3))
    mesh = trimesh.Trimesh(
        pose_vertices(body, vertices, joints, poses, trans)[0],
        body.faces[body.group_faces("body")],
        process=False,
    )
    shaped = capsules.shaped(SHAPES[1])
    posed = pose_capsules(shaped, joints, *joint_transforms(joints, poses, trans))
    random = np.random.default_rng(0)
    for prefixes, most in (
        (("left_index", "left_pinky"), 0.003),
        (("head",), 0.008),
        (("trunk",), 0.02),
    ):
        chosen = random.choice(skin_of(body, capsules, *prefixes), 40)
        away = random.choice([0.003, 0.01, 0.03], 40)[:, None]
        points = mesh.vertices[chosen] + away * mesh.vertex_normals[chosen]
        _, real, _ = trimesh.proximity.closest_point_naive(mesh, points)
        found = point_gaps(points[None], posed, shaped.radius)[0].min(1)
        # Normals of ears and armpits lead inside again.
        assert np.percentile(np.abs(found - real), 85) < most, prefixes


def test_capsules_against_known_distances():
    start = np.array(
        [[[0, 0, 0], [0, 0.1, 0], [0.3, 0, 0], [0.05, -0.05, 0.08], [0, 0, 0.04]]], float
    )
    end = np.array(
        [[[0.1, 0, 0], [0.1, 0.1, 0], [0.4, 0, 0], [0.05, 0.05, 0.08], [0, 0, 0.04]]], float
    )
    radius = np.array([[0.01, 0.01], [0.02, 0.02], [0.01, 0.03], [0.03, 0.01], [0.05, 0.05]])
    first, second = np.array([0, 0, 0, 0]), np.array([1, 2, 3, 4])
    gaps = capsule_gaps((start, end), radius, first, second)[0]
    np.testing.assert_allclose(
        gaps, [0.1 - 0.03, 0.2 - 0.02, 0.08 - 0.01 - 0.02, 0.04 - 0.06], atol=1e-12
    )


point = st.tuples(*[st.floats(-1, 1)] * 3).map(np.array)


@given(point, point, point, point)
@settings(max_examples=150, deadline=None)
def test_nearest_places_are_the_nearest(a, b, c, d):
    s, t = segment_shares(a, b, c, d)
    found = np.linalg.norm(a + s * (b - a) - c - t * (d - c))
    grid = np.linspace(0, 1, 41)
    places = (a + grid[:, None] * (b - a))[:, None] - (c + grid[:, None] * (d - c))[None]
    assert found <= np.linalg.norm(places, axis=-1).min() + 1e-6


def posed(joints: np.ndarray, rotvecs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    rotations, positions = forward(
        rotation_matrices(rotvecs),
        torch.from_numpy(joints.astype(np.float32)),
        torch.zeros(len(rotvecs), 3),
    )
    return rotations, positions


def arms_forward(inward):
    """Both forearms forward, turned ``inward`` radians about the upper arms."""
    rotvecs = torch.zeros(1, 55, 3)
    for side, sign in (("left", 1), ("right", -1)):
        shoulder = Rotation.from_rotvec([0, 0, -1.2 * sign]) * Rotation.from_rotvec([inward, 0, 0])
        rotvecs[0, INDEX[f"{side}_shoulder"]] = torch.from_numpy(shoulder.as_rotvec())
        rotvecs[0, INDEX[f"{side}_elbow"]] = torch.tensor([0, -1.57 * sign, 0])
    return rotvecs


def test_hands_in_each_other_are_pushed_apart(body, hit):
    joints = body.J_regressor @ body.v_template
    rotvecs = arms_forward(CROSSED).requires_grad_()
    nothing = torch.zeros(16)
    before = depths(hit, *posed(joints, rotvecs), betas=nothing)
    assert before.max() > 0.01
    optimiser = torch.optim.Adam([rotvecs], lr=0.01)
    for _ in range(150):
        optimiser.zero_grad()
        penetration(hit, *posed(joints, rotvecs), betas=nothing).mean().backward()
        optimiser.step()
    after = depths(hit, *posed(joints, rotvecs), betas=nothing)
    assert not len(after) or after.max() < 0.001


def test_what_only_touches_stays(body, hit):
    joints = body.J_regressor @ body.v_template
    nothing = torch.zeros(16)

    def deepest(apart):
        found = depths(hit, *posed(joints, arms_forward(apart)), betas=nothing)
        return float(found.max()) if len(found) else 0.0

    low, high = 0.0, CROSSED
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (low, middle) if deepest(middle) > 0 else (middle, high)
    rotvecs = arms_forward(low).requires_grad_()
    cost = penetration(hit, *posed(joints, rotvecs), betas=nothing).mean()
    assert cost.item() == 0
    assert deepest(low + 0.01) > 0, "a hundredth of a radian further it costs"


def test_the_rest_pose_and_open_hands_cost_nothing(body, hit):
    joints = body.J_regressor @ body.v_template
    rotvecs = torch.zeros(3, 55, 3)
    for frame, name in enumerate(("five", "loose", "claw")):
        for side in ("left", "right"):
            for joint, turn in hand_pose(HANDSHAPES[name], side, joints).items():
                rotvecs[frame, joint] = torch.from_numpy(turn.astype(np.float32))
    assert float(penetration(hit, *posed(joints, rotvecs), betas=torch.zeros(16)).mean()) < 1e-3


def test_a_hand_in_the_face_comes_out_and_fingers_do_not_cross(body, capsules, hit):
    names = [(capsules.names[a], capsules.names[b]) for a, b in watched_pairs(capsules)]
    assert ("left_index3", "head_nose") in names
    assert ("left_index2", "left_middle2") in names
    assert ("left_thumb3", "right_pinky1") in names
    assert not any(a.startswith("left") and b == "left_forearm" for a, b in names)
    assert FLESH < 0.005


def test_torch_and_numpy_agree(body, capsules, hit):
    rotvecs = arms_forward(CROSSED)
    betas = np.linspace(-0.6, 0.6, 16)
    shaped = capsules.shaped(betas)
    _, shaped_joints = shape_body(body, betas)
    found = depths(
        hit, *posed(shaped_joints, rotvecs), betas=torch.tensor(betas, dtype=torch.float32)
    )
    poses = rotvecs.numpy().reshape(1, -1)
    ends = pose_capsules(
        shaped, shaped_joints, *joint_transforms(shaped_joints, poses, np.zeros((1, 3)))
    )
    pairs = watched_pairs(capsules)
    gaps = capsule_gaps(ends, shaped.radius, pairs[:, 0], pairs[:, 1])[0]
    row = {int(joint): k for k, joint in enumerate(hit.movers)}
    free = np.array([hit.free[row[a], b] for a, b in pairs])
    deep = np.maximum(-gaps - free, 0)
    np.testing.assert_allclose(np.sort(found.numpy()), np.sort(deep[deep > 0]), atol=2e-5)
