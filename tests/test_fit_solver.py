"""The fit's solver: its Jacobian, its linear algebra, its windows, and a slow witness of it all."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from diffsign.render.sample_clip import sample_motion
from diffsign.retarget.body.landmarks import landmark_points, landmarks
from diffsign.retarget.body.load import load_body
from diffsign.retarget.body.model import pose_vertices, shape_body
from diffsign.retarget.body.phenotype import phenotype_betas
from diffsign.retarget.body.skeleton import INDEX, LEFT_HAND, PARENTS, RIGHT_HAND
from diffsign.retarget.body.smplx_file import write_smplx
from diffsign.retarget.fit import windows
from diffsign.retarget.fit.banded import BlockBanded, factorised, solved
from diffsign.retarget.fit.camera import camera_for
from diffsign.retarget.fit.curvature import CURVATURES
from diffsign.retarget.fit.initial import FACING_CAMERA
from diffsign.retarget.fit.jacobian import layout_of, motions_of, rows
from diffsign.retarget.fit.limits import beyond_limits, joint_limits, own_angles
from diffsign.retarget.fit.objective import COST_NAMES, Objective, build_problem
from diffsign.retarget.fit.options import STAGES, TIME_COSTS, FitOptions
from diffsign.retarget.fit.points import rigged_points
from diffsign.retarget.fit.solve import fit_clip
from diffsign.retarget.fit.state import Parameters, start, state_of
from diffsign.retarget.fit.targets import targets_of
from diffsign.retarget.keypoints.record import Keypoints
from diffsign.retarget.motion import Camera

CAMERA = Camera(950.0, 950.0, 256.0, 256.0, 512, 512)


@pytest.fixture(scope="module")
def body():
    return load_body("open")


@pytest.fixture(scope="module")
def points(body):
    return rigged_points(body, landmarks(body), 16)


@pytest.fixture(scope="module")
def keypoints(body):
    """The sample motion as a perfect detector sees it."""
    motion = sample_motion(body, phenotype_betas(body, {"gender": 0.8}))
    vertices, joints = shape_body(body, motion.betas)
    posed = pose_vertices(body, vertices, joints, motion.poses, motion.trans, motion.facial_actions)
    places = landmark_points(landmarks(body), posed, motion.joints, motion.poses)
    parts = {}
    for name, part in places.items():
        depth = (part[..., 2:] - part[:, :1, 2:]) * motion.camera.fx / motion.trans[:, 2].mean()
        pixels = motion.camera.project(part)
        parts[name] = np.concatenate([pixels, depth, np.ones_like(depth)], -1)
    world = places["body"] - places["body"][:, 23:25].mean(1, keepdims=True)
    parts["body_world"] = np.concatenate([world, np.ones((*world.shape[:2], 1))], -1)
    return Keypoints(fps=25.0, width=512, height=512, **parts)


def some_frames(keypoints, frames):
    return replace(keypoints, **{name: part[frames] for name, part in keypoints.parts().items()})


def random_parameters(seed, frames=2):
    generator = torch.Generator().manual_seed(seed)
    return Parameters(
        0.5 * torch.randn(frames, 55, 3, generator=generator),
        torch.tensor([0.0, 0.0, 2.5]) + 0.1 * torch.randn(frames, 3, generator=generator),
        0.5 * torch.randn(16, generator=generator),
    )


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**16))
def test_the_jacobian_is_what_autograd_says(points, seed):
    parameters = random_parameters(seed)
    state = state_of(parameters, points, CAMERA)
    own = {3: np.eye(3), 16: np.eye(3)[:, 1:], 0: np.eye(3)}
    layout = layout_of(own, {25: np.eye(3)[:, 2:], 26: np.eye(3)})
    rotations, positions = state.rotations.numpy(), state.positions.numpy()
    motions = motions_of(
        layout, parameters.vectors.numpy(), rotations, positions, points, with_betas=True
    )
    measured = np.broadcast_to(np.eye(3), (2, len(points.joint), 3, 3))
    ours = rows(layout, motions, state.points.numpy(), points.joint, measured)[0]

    def first(rotvecs, trans, betas):
        return state_of(Parameters(rotvecs, trans, betas), points, CAMERA).points[0]

    turned, moved, shaped = torch.autograd.functional.jacobian(first, tuple(parameters.all()))
    angles = turned[:, :, 0].numpy()[:, :, layout.joint]
    expected = (angles * layout.axis).sum(-1).reshape(len(ours), -1)
    np.testing.assert_allclose(ours[:, 3:], expected, atol=3e-6)
    np.testing.assert_allclose(ours[:, :3], moved[:, :, 0].reshape(-1, 3), atol=1e-6)
    np.testing.assert_allclose(motions.point_betas[0], shaped, atol=1e-6)


@pytest.mark.parametrize("shared", [0, 2])
@pytest.mark.parametrize("frames", [1, 2, 7])
def test_the_banded_system_is_the_dense_one(frames, shared):
    size, random = 5, np.random.default_rng(frames)
    total = frames * size
    rectangular = random.normal(size=(60, total + shared))
    dense = rectangular.T @ rectangular + 200 * np.eye(total + shared)
    frame = np.arange(total) // size
    dense[:total, :total][np.abs(frame[:, None] - frame) > 2] = 0

    def block(lag, t):
        late = slice((t + lag) * size, (t + lag + 1) * size)
        inside = t + lag < frames
        return dense[late, t * size : (t + 1) * size] if inside else np.zeros((size, size))

    near, first, second = (np.stack([block(lag, t) for t in range(frames)]) for lag in range(3))
    border = dense[:total, total:].reshape(frames, size, shared)
    factor = factorised(BlockBanded(near, first, second, border, dense[total:, total:]), 0.0)
    right = random.normal(size=total + shared)
    own, common = solved(factor, right[:total].reshape(frames, size), right[total:])
    expected = np.linalg.solve(dense, right)
    np.testing.assert_allclose(np.concatenate([own.ravel(), common]), expected, atol=1e-9)


def test_every_cost_is_weighted_and_an_unknown_one_is_refused(points, keypoints):
    problem = build_problem(targets_of(keypoints), points, CAMERA)
    for stage in STAGES:
        assert set(stage.weights) <= set(COST_NAMES)
    assert set(CURVATURES) <= set(COST_NAMES) and set(TIME_COSTS) <= set(COST_NAMES)
    without = Objective(STAGES[0], problem, FitOptions(without=("depth",)))
    assert "depth" not in without.weights and "body" in without.weights
    with pytest.raises(ValueError, match="no cost called beauty"):
        Objective(STAGES[0], problem, FitOptions(without=("beauty",)))
    strange = replace(STAGES[0], weights={"body": 1.0, "colour": 1.0})
    with pytest.raises(ValueError, match="colour"):
        Objective(strange, problem)


def test_limits_are_mirrored_and_measured(body):
    poses = np.zeros((1, 55, 3))
    bent = np.radians(130)
    poses[0, INDEX["left_index2"]] = [0, 0, -bent]
    poses[0, INDEX["right_index2"]] = [0, 0, bent]
    over = beyond_limits(poses.reshape(1, -1), body)
    assert 10 < over["left_index2"][0] < 30
    assert over["left_index2"][0] == pytest.approx(over["right_index2"][0], abs=2)
    assert all(value[0] == 0 for name, value in over.items() if "index2" not in name)


def test_angles_of_a_finger_in_its_own_axes(body):
    rest = body.J_regressor @ body.v_template
    limits = joint_limits(rest)
    local = torch.eye(3).repeat(1, 55, 1, 1)
    row = limits.joints.index(INDEX["left_middle1"])
    axes = limits.axes[row].double()
    from scipy.spatial.transform import Rotation

    turn = Rotation.from_euler("ZYX", [70, 12, 5], degrees=True).as_matrix()
    local[0, INDEX["left_middle1"]] = axes @ torch.from_numpy(turn) @ axes.T
    twist, abduction, flexion = np.degrees(own_angles(local, limits)[0, row])
    assert (twist, abduction, flexion) == pytest.approx((5, 12, 70), abs=0.01)


def test_windows_cover_every_frame_once():
    for frames in (1, 150, 173, 175, 1000):
        kept = [t for w in windows.windows_of(frames) for t in range(w.keep_first, w.keep_stop)]
        assert kept == list(range(frames))
        for window in windows.windows_of(frames):
            assert window.keep_first - window.frozen == window.first
            assert window.stop - window.first <= windows.WINDOW + 3 * windows.LOOK_AHEAD + 2


def test_a_window_leaves_no_seam(keypoints, monkeypatch):
    whole = fit_clip(keypoints)
    monkeypatch.setattr(windows, "WINDOW", 28)
    monkeypatch.setattr(windows, "SAMPLE", 40)
    borders = [window.keep_first for window in windows.windows_of(keypoints.frame_count)][1:]
    assert len(borders) >= 2
    split = fit_clip(keypoints)
    # How large and how far the signer is comes from other frames; all else is the same.
    placed = [motion.joints[:, 12:] - motion.joints[:, 12:13] for motion in (split, whole)]
    apart = np.linalg.norm(placed[0] - placed[1], axis=-1)
    assert np.median(apart) < 0.02 and apart.max() < 0.06
    change = np.linalg.norm(np.diff(split.joints[:, 12:], n=2, axis=0), axis=-1)
    reference = np.linalg.norm(np.diff(whole.joints[:, 12:], n=2, axis=0), axis=-1)
    for border in borders:
        near = slice(border - 3, border + 2)
        assert change[near].mean() < 1.3 * reference[near].mean() + 0.001


def test_a_handshape_that_changes_within_two_frames_stays_sharp(body, keypoints):
    """Frames of an open and a closed hand, cut together: nothing is smeared past one frame."""
    held, other = some_frames(keypoints, slice(10, 11)), some_frames(keypoints, slice(36, 37))
    order = [0] * 12 + [1] * 12
    parts = {}
    for name, part in held.parts().items():
        parts[name] = np.repeat(part, 24, axis=0)
    hand = np.stack([(held, other)[k].right_hand[0] for k in order])
    hand[..., :2] += parts["right_hand"][:, :1, :2] - hand[:, :1, :2]
    parts["right_hand"] = hand
    motion = fit_clip(replace(keypoints, **parts))
    fingers = motion.poses.reshape(-1, 55, 3)[:, list(RIGHT_HAND[:12])]
    early, late = fingers[:8].mean(0), fingers[16:].mean(0)
    span = late - early
    share = ((fingers - early) * span).sum((1, 2)) / (span**2).sum()
    assert share[10] < 0.15 and share[13] > 0.85
    assert (share[:10] < 0.1).all() and (share[14:] > 0.9).all()


def plain_objective(stage, problem, parameters):
    """The witness: one frame, one joint, one point at a time; no batch, no levels."""
    total = 0.0
    targets, points = problem.targets, problem.points
    frames = len(parameters.trans)
    betas = parameters.betas.double().numpy()
    rest = points.joint_rest + points.joint_shapedirs @ betas
    local_points = points.rest + points.shapedirs @ betas
    camera = problem.camera
    longer = max(camera.width, camera.height)
    for frame in range(frames):
        rotation, position = {}, {}
        for joint, parent in enumerate(PARENTS):
            vector = parameters.vectors[frame, joint].double().numpy()
            turn = _finger(problem.limits, joint, vector) if joint >= 25 else _exponential(vector)
            if parent < 0:
                rotation[joint] = FACING_CAMERA @ turn
                position[joint] = rest[joint] + parameters.trans[frame].double().numpy()
            else:
                rotation[joint] = rotation[parent] @ turn
                position[joint] = position[parent] + rotation[parent] @ (rest[joint] - rest[parent])
        for point, joint in enumerate(points.joint):
            weight = float(targets.weights[frame, point])
            if point < 33:
                factor, scale = 0.02 * stage.weights["body"], 60.0
            elif point < 75:
                factor, scale = 0.02 * stage.weights["hands"], 30.0
            else:
                factor, scale = 0.01 * stage.weights["face"], 30.0
            place = position[joint] + rotation[joint] @ (local_points[point] - rest[joint])
            x = (camera.fx * place[0] / place[2] + camera.cx) / longer
            y = (camera.fy * place[1] / place[2] + camera.cy) / longer
            seen_x, seen_y = targets.pixels[frame, point].double().numpy()
            square = 1e6 * ((x - seen_x) ** 2 + (y - seen_y) ** 2)
            total += factor * weight * square / (1 + square / (scale * stage.tolerance) ** 2)
    return total / frames


def _exponential(vector):
    from scipy.linalg import expm

    x, y, z = vector
    return expm(np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]))


def _finger(limits, joint, vector):
    """Flexion, then abduction, then twist about the joint's own axes, as they are carried along."""
    bone, abduction, flexion = limits.axes[limits.joints.index(joint)].double().numpy().T
    return (
        _exponential((vector @ flexion) * flexion)
        @ _exponential((vector @ abduction) * abduction)
        @ _exponential((vector @ bone) * bone)
    )


def test_the_witness_agrees_on_the_objective(keypoints, points):
    few = some_frames(keypoints, slice(20, 23))
    camera = camera_for(few, None)
    problem = build_problem(targets_of(few), points, camera)
    parameters = start(few, camera, points)
    parameters.betas[:] = torch.linspace(-1, 1, 16)
    for stage in STAGES:
        terms = Objective(stage, problem).terms(state_of(parameters, points, camera))
        ours = float(sum(terms[name].mean() for name in ("body", "hands", "face")))
        assert ours == pytest.approx(plain_objective(stage, problem, parameters), rel=1e-4)


def test_the_witness_agrees_on_the_result(keypoints, points):
    """Plain gradient descent of the same objective, from the fast solver's result, finds nothing
    better and stays there."""
    few = some_frames(keypoints, slice(20, 26))
    camera = camera_for(few, None)
    problem = build_problem(targets_of(few), points, camera)
    found = windows.solve(problem, start(few, camera, points), FitOptions())
    objective = Objective(STAGES[-1], problem)
    before = float(objective(state_of(found, points, camera)))
    unknowns = [values.detach().clone().requires_grad_() for values in found.all()]
    optimiser = torch.optim.Adam(unknowns, lr=1e-3)
    for _ in range(300):
        optimiser.zero_grad()
        value = objective(state_of(Parameters(*unknowns), points, camera))
        value.backward()
        optimiser.step()
    assert float(value.detach()) > 0.85 * before
    there = state_of(Parameters(*unknowns), points, camera).positions.detach()
    here = state_of(found, points, camera).positions
    assert (there - here).norm(dim=-1).median() < 0.01


def test_single_points_may_be_missing(keypoints):
    random = np.random.default_rng(0)
    parts = {name: part.copy() for name, part in keypoints.parts().items()}
    for part in parts.values():
        part[random.random(part.shape[:2]) < 0.2] = 0
    motion = fit_clip(some_frames(replace(keypoints, **parts), slice(0, 20)))
    whole = fit_clip(some_frames(keypoints, slice(0, 20)))
    placed = [m.joints[:, 13:22] - m.joints[:, 12:13] for m in (motion, whole)]
    assert np.linalg.norm(placed[0] - placed[1], axis=-1).mean() < 0.03


def test_hands_that_nobody_sees_rest(keypoints):
    bare = replace(keypoints, left_hand=np.zeros_like(keypoints.left_hand))
    motion = fit_clip(some_frames(bare, slice(0, 12)))
    assert np.abs(motion.poses.reshape(-1, 55, 3)[:, list(LEFT_HAND)]).max() < 1e-3


def test_the_users_smplx_gets_the_same_answer(body, keypoints, tmp_path):
    """The open body's own SMPL-X file, fitted as the user's, and posed by the package smplx."""
    import smplx

    path = tmp_path / "SMPLX_NEUTRAL.npz"
    write_smplx(path, body)
    few = some_frames(keypoints, slice(15, 27))
    ours = fit_clip(few)
    theirs = fit_clip(few, FitOptions(body="smplx", body_path=str(path)))
    assert theirs.body == "smplx"
    apart = [motion.joints[:, 13:] - motion.joints[:, 12:13] for motion in (ours, theirs)]
    assert np.linalg.norm(apart[0] - apart[1], axis=-1).mean() < 0.01
    model = smplx.SMPLX(
        str(path), num_betas=16, use_pca=False, flat_hand_mean=True, batch_size=12,
        use_face_contour=False,
    )  # fmt: skip
    names = ["global_orient", "body_pose", "jaw_pose", "leye_pose", "reye_pose"]
    names += ["left_hand_pose", "right_hand_pose"]
    parts = np.split(theirs.poses, [3, 66, 69, 72, 75, 120], axis=1)
    given_poses = {n: torch.from_numpy(p) for n, p in zip(names, parts, strict=True)}
    betas = torch.from_numpy(theirs.betas[None, :16]).expand(12, -1)
    transl = torch.from_numpy(theirs.trans)
    posed = model(betas=betas, transl=transl, **given_poses).joints.detach().numpy()[:, :55]
    np.testing.assert_allclose(posed, theirs.joints, atol=3e-3)
