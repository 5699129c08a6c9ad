"""The open body: its layout, its laws, and the package smplx as a witness."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffsign.errors import UserError
from diffsign.render.sample_clip import sample_motion
from diffsign.retarget.body.identity import betas_for, trans_for
from diffsign.retarget.body.landmarks import landmark_points, landmarks
from diffsign.retarget.body.load import load_body
from diffsign.retarget.body.model import (
    joint_transforms,
    pose_vertices,
    rotation_matrices,
    shape_body,
)
from diffsign.retarget.body.phenotype import LABELS, phenotype_betas
from diffsign.retarget.body.skeleton import INDEX, JOINT_NAMES, PARENTS
from diffsign.retarget.body.smplx_file import read_smplx, write_smplx
from diffsign.retarget.rig.perform import perform


@pytest.fixture(scope="module")
def body():
    return load_body("open")


def random_pose(seed, scale=0.4):
    return np.random.default_rng(seed).normal(0, scale, (2, 165)).astype(np.float32)


def test_layout(body):
    vertices = len(body.v_template)
    assert vertices == 19158
    assert len(JOINT_NAMES) == len(PARENTS) == 55
    assert all(parent < joint for joint, parent in enumerate(PARENTS))
    np.testing.assert_allclose(body.weights.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(body.J_regressor.sum(1), 1, atol=1e-5)
    assert body.faces.max() < vertices
    assert {"body", "eye_left", "teeth_upper", "lashes", "tights", "hair"} <= set(body.group_names)


def test_rest_is_a_t_pose_with_flat_hands(body):
    joints = shape_body(body, phenotype_betas(body, {}))[1]
    for side, sign in (("left", 1), ("right", -1)):
        chain = [INDEX[f"{side}_{name}"] for name in ("shoulder", "elbow", "wrist", "middle1")]
        steps = np.diff(joints[chain], axis=0)
        directions = steps / np.linalg.norm(steps, axis=1, keepdims=True)
        np.testing.assert_allclose(directions, [[sign, 0, 0]] * 3, atol=0.02)
        index, pinky = (joints[INDEX[f"{side}_{name}1"]] for name in ("index", "pinky"))
        assert index[2] > pinky[2], "the palm faces down, the index finger is in front"
        assert abs(index[1] - pinky[1]) < 0.01


def test_left_and_right_mirror_each_other(body):
    joints = shape_body(body, np.zeros(1))[1]
    for name, joint in INDEX.items():
        if name.startswith("left_"):
            mirrored = joints[INDEX["right_" + name[5:]]] * [-1, 1, 1]
            np.testing.assert_allclose(joints[joint], mirrored, atol=2e-3)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**16))
def test_our_forward_model_is_the_package_smplx(body, smplx_witness, seed):
    import torch

    random = np.random.default_rng(seed)
    betas = random.normal(0, 1, 10).astype(np.float32)
    poses, actions = random_pose(seed), random.uniform(0, 1, (2, 52)).astype(np.float32)
    trans = random.normal(0, 1, (2, 3)).astype(np.float32)
    vertices, joints = shape_body(body, betas)
    ours = pose_vertices(body, vertices, joints, poses, trans, actions)
    parts = np.split(poses, [3, 66, 69, 72, 75, 120], axis=1)
    names = ["global_orient", "body_pose", "jaw_pose", "leye_pose", "reye_pose"]
    names += ["left_hand_pose", "right_hand_pose"]
    given_poses = {n: torch.from_numpy(p) for n, p in zip(names, parts, strict=True)}
    output = smplx_witness(
        betas=torch.from_numpy(betas)[None].expand(2, -1),
        expression=torch.from_numpy(actions),
        transl=torch.from_numpy(trans),
        **given_poses,
    )
    # The witness moves the joints with the expression, we do not: only the eyes and jaw differ.
    np.testing.assert_allclose(ours, output.vertices.detach().numpy(), atol=3e-3)
    np.testing.assert_allclose(
        joint_transforms(joints, poses, trans)[1], output.joints.detach().numpy()[:, :55], atol=3e-3
    )


@pytest.fixture(scope="module")
def smplx_witness(body, tmp_path_factory):
    import smplx

    path = tmp_path_factory.mktemp("smplx") / "SMPLX_NEUTRAL.npz"
    write_smplx(path, body)
    return smplx.SMPLX(
        str(path),
        num_betas=10,
        num_expression_coeffs=52,
        use_pca=False,
        flat_hand_mean=True,
        use_face_contour=False,
        batch_size=2,
    )


def test_smplx_file_round_trip(body, tmp_path):
    path = tmp_path / "model.npz"
    write_smplx(path, body)
    again = read_smplx(path)
    np.testing.assert_array_equal(again.v_template, body.v_template)
    np.testing.assert_array_equal(again.weights, body.weights)
    with pytest.raises(UserError, match="pickles"):
        read_smplx(tmp_path / "model.pkl")
    with pytest.raises(UserError, match="SMPLX_NEUTRAL"):
        read_smplx(tmp_path)


@given(st.lists(st.floats(-3, 3, width=32), min_size=3, max_size=3))
def test_rotations_are_rotations(rotvec):
    matrix = rotation_matrices(np.array(rotvec, np.float64))
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(matrix), 1, atol=1e-9)


def test_phenotypes_move_the_body_their_way(body):
    def height(**phenotype):
        vertices = shape_body(body, phenotype_betas(body, phenotype))[0][:13380]
        return np.ptp(vertices[:, 1])

    def waist(**phenotype):
        vertices = shape_body(body, phenotype_betas(body, phenotype))[0][:13380]
        band = vertices[np.abs(vertices[:, 1] - 0.28) < 0.03]
        return np.ptp(band[np.abs(band[:, 0]) < 0.4], axis=0)[[0, 2]].sum()

    assert height(height=0.9) > height(height=0.1) + 0.1
    assert height(age=0.34) < height(age=0.67) - 0.1
    assert waist(weight=1.0) > waist(weight=0.0) + 0.05
    with pytest.raises(UserError, match="taller"):
        phenotype_betas(body, {"taller": 1})


def test_another_phenotype_keeps_the_fitted_skeleton(body):
    fitted = np.zeros(body.beta_count, np.float32)
    fitted[:6] = [0.5, -1, 0.8, 0.3, -0.5, 1]
    wanted = phenotype_betas(body, {"gender": 1.0, "weight": 0.8})
    betas = betas_for(body, {"gender": 1.0, "weight": 0.8}, fitted)
    bones = [
        np.diff(shape_body(body, b)[1][[INDEX["left_shoulder"], INDEX["left_elbow"]]], axis=0)
        for b in (fitted, betas, wanted)
    ]
    assert np.abs(bones[1] - bones[0]).max() < 0.006
    assert np.linalg.norm(betas - wanted) < np.linalg.norm(fitted - wanted)
    poses, trans = random_pose(1), np.zeros((2, 3), np.float32)
    moved = trans_for(body, fitted, betas, trans, poses)
    necks = [
        joint_transforms(shape_body(body, b)[1], poses, t)[1][:, INDEX["neck"]]
        for b, t in ((fitted, trans), (betas, moved))
    ]
    np.testing.assert_allclose(necks[0], necks[1], atol=0.03)


def test_a_performance_stands_where_the_source_stands(body):
    motion = sample_motion(body, phenotype_betas(body, {"gender": 0.9}))
    betas = betas_for(body, {"gender": 0.1, "weight": 0.9, "muscle": 0.8}, motion.betas)
    performed = perform(motion, body, betas, keep_contacts=False)
    np.testing.assert_array_equal(performed.poses, motion.poses)
    upper = [INDEX[name] for name in ("neck", "left_wrist", "right_wrist", "head")]
    apart = np.linalg.norm(
        motion.camera.project(performed.joints[:, upper])
        - motion.camera.project(motion.joints[:, upper]),
        axis=-1,
    )
    assert np.median(apart) < 6
    again = perform(motion, body, motion.betas, keep_contacts=False)
    np.testing.assert_allclose(again.joints, motion.joints, atol=1e-5)


def test_points_of_the_face_follow_its_actions(body):
    vertices, joints = shape_body(body, np.zeros(1))
    marks = landmarks(body)

    def points(**actions):
        values = np.zeros((1, 52), np.float32)
        for name, value in actions.items():
            values[0, LABEL[name]] = value
        posed = pose_vertices(body, vertices, joints, np.zeros((1, 165)), np.zeros((1, 3)), values)
        return landmark_points(marks, posed, joints[None], np.zeros((1, 165)))["face"][0]

    LABEL = {name: index for index, name in enumerate(body.action_names)}
    rest, open_mouth, blink = points(), points(jawOpen=1), points(eyeBlinkLeft=1)
    brows = points(browInnerUp=1, browOuterUpLeft=1, browOuterUpRight=1)
    assert (rest[14] - open_mouth[14])[1] > 0.02, "13 and 14 are the inner lips"
    assert abs((rest[13] - open_mouth[13])[1]) < 0.004
    lids = rest[386] - rest[374]
    shut = blink[386] - blink[374]
    assert 0.006 < lids[1] < 0.016 and abs(shut[1]) < 0.005, "386 and 374 are the left lids"
    assert np.allclose(blink[159], rest[159], atol=1e-3), "159 is the right lid"
    assert all(brows[i][1] > rest[i][1] + 0.002 for i in (105, 107, 334, 336))


def test_every_label_is_accepted(body):
    for label in LABELS:
        assert phenotype_betas(body, {label: 0.8}).shape == (body.beta_count,)


def test_unknown_body():
    with pytest.raises(UserError, match="open or smplx"):
        load_body("smpl")
    with pytest.raises(UserError, match="--body-path"):
        load_body("smplx")
