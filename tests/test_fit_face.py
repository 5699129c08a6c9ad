"""The face: actions, head, resting face and gaze, on exact truth and on a real clip."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import lsq_linear
from scipy.spatial.transform import Rotation

from diffsign.render.calibration.face import in_head, mirror_of, mirrored_action
from diffsign.render.sample_clip import sample_motion
from diffsign.retarget.body.landmarks import landmarks
from diffsign.retarget.body.load import load_body
from diffsign.retarget.body.model import joint_transforms, pose_vertices, shape_body
from diffsign.retarget.body.phenotype import phenotype_betas
from diffsign.retarget.body.skeleton import INDEX
from diffsign.retarget.fit.face import fit_face, solve_face
from diffsign.retarget.fit.face_lsq import bounded_lsq
from diffsign.retarget.fit.face_model import face_model, words
from diffsign.retarget.fit.face_solve import FaceView, solve_actions
from diffsign.retarget.fit.gaze import eye_poses, steady_gaze
from diffsign.retarget.keypoints.record import Keypoints, missing
from diffsign.retarget.motion import Camera

HEAD = INDEX["head"]


@pytest.fixture(scope="module")
def body():
    return load_body("open")


@pytest.fixture(scope="module")
def sample(body):
    return sample_motion(body, phenotype_betas(body, {"gender": 0.8, "weight": 0.6}))


def with_actions(motion, actions):
    return replace(motion, facial_actions=actions.astype(np.float32))


def sparse_actions(frames, seed=0, several=5):
    random = np.random.default_rng(seed)
    actions = np.zeros((frames, 52))
    for row in actions:
        row[random.choice(51, several, replace=False)] = random.uniform(0, 1, several)
    return actions


def face_points(body, motion):
    """(T, 478, 4) pixels, depth in pixels and confidence of the true face."""
    vertices, joints = shape_body(body, motion.betas)
    points = landmarks(body).face
    needed = np.unique(points.vertex_ids)
    posed = pose_vertices(
        body,
        vertices[needed],
        joints,
        motion.poses,
        motion.trans,
        motion.facial_actions,
        body.weights[needed],
        body.actiondirs[needed],
    )
    rows = np.searchsorted(needed, points.vertex_ids)
    places = np.einsum("nk,tnkd->tnd", points.vertex_weights, posed[:, rows])
    scale = motion.camera.fx / places[..., 2].mean()
    depth = (places[..., 2:] - places[:, :1, 2:]) * scale
    return np.concatenate([motion.camera.project(places), depth, np.ones_like(depth)], -1)


def keypoints_of(face, motion):
    parts = missing(len(face)) | {"face": face}
    return Keypoints(motion.fps, motion.camera.width, motion.camera.height, **parts)


def fitted(body, motion, face, betas=None, turn=None):
    """The fit of face points, from the true head or from one turned by a rotation."""
    betas = motion.betas if betas is None else betas
    joints = shape_body(body, betas)[1]
    rotations, positions = joint_transforms(joints, motion.poses, motion.trans)
    if turn is not None:
        rotations = rotations.copy()
        rotations[:, HEAD] = rotations[:, HEAD] @ turn.as_matrix()
    return fit_face(body, betas, rotations, positions, motion.camera, keypoints_of(face, motion))


def error(fit, motion):
    return np.abs(fit.actions - motion.facial_actions).mean()


def column(body, name):
    return body.action_names.index(name)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_bounded_least_squares_is_scipys(seed):
    random = np.random.default_rng(seed)
    matrix, target = random.normal(size=(3, 20, 6)), random.normal(size=(3, 20))
    gram = np.swapaxes(matrix, 1, 2) @ matrix
    right = np.einsum("tna,tn->ta", matrix, target)
    found = bounded_lsq(gram, right, np.zeros(6), sweeps=500)
    assert (found >= 0).all() and (found <= 1).all()
    for row in range(3):
        best = lsq_linear(matrix[row], target[row], (0, 1)).x
        ours, least = (((matrix[row] @ x - target[row]) ** 2).sum() for x in (found[row], best))
        assert ours < least + 1e-4 * (1 + least)


def test_a_price_is_what_has_to_be_gained():
    gram, right = np.eye(2)[None], np.array([[0.5, 0.1]])
    np.testing.assert_allclose(bounded_lsq(gram, right, np.array([0.2, 0.2])), [[0.3, 0.0]])


@pytest.mark.parametrize(("noise", "most"), [(0, 0.05), (2, 0.10)])
@pytest.mark.parametrize("case", ["sample", "random"])
def test_actions_of_exact_truth(body, sample, case, noise, most):
    motion = sample if case == "sample" else with_actions(sample, sparse_actions(85))
    face = face_points(body, motion)
    face[..., :2] += noise * np.random.default_rng(1).normal(size=face[..., :2].shape)
    assert error(fitted(body, motion, face), motion) < most


def test_an_error_of_the_head_is_mended_and_leaks_into_nothing(body, sample):
    face = face_points(body, sample)
    straight = fitted(body, sample, face)
    off = fitted(body, sample, face, turn=Rotation.from_euler("XYZ", [6, -5, 3], degrees=True))
    assert np.abs(off.actions - straight.actions).mean() < 0.02
    apart = Rotation.from_matrix(np.swapaxes(straight.turn, 1, 2) @ off.turn).magnitude()
    assert np.degrees(apart).max() < 2


def test_another_face_than_the_bodys_rests_too(body, sample):
    other = phenotype_betas(body, {"gender": 0.1, "weight": 0.9, "asian": 1.0, "caucasian": 0.0})
    _, positions = joint_transforms(shape_body(body, other)[1], sample.poses, sample.trans)
    signer = replace(sample, betas=other, joints=positions.astype(np.float32))
    fit = fitted(body, signer, face_points(body, signer), betas=sample.betas)
    assert error(fit, sample) < 0.06
    assert fit.actions[:2].max() < 0.45, "the clip begins at rest"


def test_blinks_stay_at_their_frame_and_whole(body, sample):
    fit = fitted(body, sample, face_points(body, sample))
    for side in ("Left", "Right"):
        ours, true = (
            m[:, column(body, f"eyeBlink{side}")] for m in (fit.actions, sample.facial_actions)
        )
        assert abs(int(ours.argmax()) - int(true.argmax())) <= 1
        assert ours.max() > 0.85
        assert np.corrcoef(ours, true)[0, 1] > 0.97


def test_a_smile_held_through_the_clip_is_a_smile(body, sample):
    actions = np.zeros((85, 52))
    for side in ("Left", "Right"):
        actions[:, column(body, f"mouthSmile{side}")] = 0.8
    motion = with_actions(sample, actions)
    found = fitted(body, motion, face_points(body, motion)).actions
    smile = found[:, column(body, "mouthSmileLeft")]
    assert np.median(smile) > 0.4
    assert found[:, column(body, "mouthFrownLeft")].max() < 0.1
    assert found[:, column(body, "eyeBlinkLeft")].max() < 0.1


def test_opposites_are_not_said_together(body, sample):
    """Even where both together would fit the points best, as noise often makes them."""
    actions = np.zeros((20, 52))
    actions[10:, [column(body, "jawLeft"), column(body, "jawRight")]] = 0.8
    motion = with_actions(sample.part(0, 20), actions)
    face = face_points(body, motion)
    rotations, positions = joint_transforms(
        shape_body(body, motion.betas)[1], motion.poses, motion.trans
    )
    view = FaceView(
        face[..., :2], face[..., 2], face[..., 3], rotations[:, HEAD], positions[:, HEAD],
        motion.camera,
    )  # fmt: skip
    found, _, _ = solve_actions(face_model(body, motion.betas), view, price=1e-3)
    assert found[:, [column(body, "jawLeft"), column(body, "jawRight")]].min(1).max() < 0.3


@pytest.mark.parametrize("frames", [1, 3])
def test_a_very_short_clip(body, sample, frames):
    motion = sample.part(0, frames)
    fit = fitted(body, motion, face_points(body, motion))
    assert np.isfinite(fit.actions).all() and fit.actions.mean() < 0.05


def test_frames_without_a_face_say_nothing_and_keep_the_bodys_head(body, sample):
    face = face_points(body, sample)
    face[10:20] = 0
    fit = fitted(body, sample, face)
    assert (fit.actions[10:20] == 0).all() and np.isnan(fit.pixels[10:20]).all()
    rotations, positions = joint_transforms(
        shape_body(body, sample.betas)[1], sample.poses, sample.trans
    )
    np.testing.assert_allclose(fit.turn[10:20], rotations[10:20, HEAD])
    nothing = solve_face(
        body, sample.betas, rotations, positions, sample.camera, keypoints_of(0 * face, sample)
    )
    assert (nothing == 0).all()


def test_points_without_depth(body, sample):
    face = face_points(body, sample)
    face[..., 2] = 0
    assert error(fitted(body, sample, face), sample) < 0.05


def test_gaze_is_one_turn_of_the_eyes(body):
    """What the actions do to an eyeball is what its joint's pose would do."""
    joints = body.J_regressor @ body.v_template
    iris = landmarks(body).face.take(list(range(473, 478)))
    front = np.einsum("nk,nkd->nd", iris.vertex_weights, body.v_template[iris.vertex_ids]).mean(0)
    dirs = np.einsum("nk,nkda->nda", iris.vertex_weights, body.actiondirs[iris.vertex_ids]).mean(0)
    for way in ("In", "Out", "Up", "Down"):
        actions = np.zeros((1, 52))
        actions[0, column(body, f"eyeLook{way}Left")] = 1
        pose = eye_poses(actions, body.action_names)[0, 0]
        centre = joints[INDEX["left_eye_smplhf"]]
        turned = Rotation.from_rotvec(pose).apply(front - centre) + centre
        moved = front + dirs[:, column(body, f"eyeLook{way}Left")]
        assert np.linalg.norm(turned - moved) < 0.0015, way


def test_gaze_is_carried_over_a_blink(body):
    actions = np.zeros((9, 52))
    look, blink = column(body, "eyeLookOutLeft"), column(body, "eyeBlinkLeft")
    actions[:, look] = [0.4, 0.4, 0.4, 0, 1, 0, 0.4, 0.4, 0.4]
    actions[3:6, blink] = 1
    steady = steady_gaze(actions, body.action_names)
    np.testing.assert_allclose(steady[:, look], 0.4)
    np.testing.assert_array_equal(steady[:, blink], actions[:, blink])


def test_the_dictionary_reaches_every_action(body):
    entries = words(body.action_names)
    alone = entries.actions[:, entries.actions.sum(0) == 1]
    assert (alone.sum(1) == 1).all()
    assert (entries.against == entries.against.T).all() and (entries.price > 0).all()


def test_calibration_finds_what_two_views_show():
    random = np.random.default_rng(0)
    true = random.normal(size=(7, 3))
    turns = Rotation.from_euler("YX", [[0, 0], [40, 20], [-30, 5]], degrees=True).as_matrix()
    found = in_head([(turn, true @ turn.T) for turn in turns], true)
    np.testing.assert_allclose(found, true, atol=1e-9)


def test_sides_of_the_face_are_partners(body):
    points = landmarks(body).face
    rest = np.einsum("nk,nkd->nd", points.vertex_weights, body.v_template[points.vertex_ids])
    partner = mirror_of(rest)
    assert (partner[partner] == np.arange(478)).all()
    assert partner[61] == 291 and partner[33] == 263 and partner[13] == 13
    swap = mirrored_action(body.action_names)
    assert body.action_names[swap[column(body, "jawLeft")]] == "jawRight"
    assert swap[column(body, "jawOpen")] == column(body, "jawOpen")


@pytest.fixture(scope="module")
def interpreter():
    clip = Path(__file__).parents[2] / "shared" / "data" / "clips" / "interpreter.mp4"
    if not clip.is_file():
        pytest.skip("the folder of real inputs is not beside this checkout")
    from diffsign.retarget.fit.solve import fit_clip
    from diffsign.retarget.keypoints.source import load_keypoints

    keypoints = load_keypoints(clip)
    return keypoints, fit_clip(keypoints)


def test_a_real_smile_with_open_eyes(body, interpreter):
    keypoints, motion = interpreter
    rotations, positions = joint_transforms(
        shape_body(body, motion.betas)[1], motion.poses, motion.trans
    )
    fit = fit_face(body, motion.betas, rotations, positions, motion.camera, keypoints)
    missed = np.linalg.norm(fit.pixels - keypoints.face[..., :2], axis=-1)
    assert np.median(missed) < 1
    smiling, before = fit.actions[60], fit.actions[30]
    raised = [column(body, f"browOuterUp{side}") for side in ("Left", "Right")]
    lowered = [column(body, f"browDown{side}") for side in ("Left", "Right")]
    assert smiling[raised].mean() > before[raised].mean() + 0.2
    assert smiling[lowered].max() < 0.1
    for side in ("Left", "Right"):
        assert smiling[column(body, f"mouthSmile{side}")] > 0.4
        assert smiling[column(body, f"eyeBlink{side}")] < 0.35
    jaw = column(body, "jawOpen")
    assert fit.actions[75, jaw] < 0.1 < fit.actions[60, jaw]


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("name, value", [("jawOpen", 0.6), ("mouthSmileLeft", 0.6)])
def test_exact_points_are_solved_with_and_without_depth(body, flat, name, value):
    """Without depth the head's distance once ran away, and every action with it."""
    model = face_model(body, np.zeros(0))
    camera = Camera(955.0, 955.0, 256.0, 256.0, 512, 512)
    turn, place = np.diag([1.0, -1.0, -1.0])[None], np.array([[0.02, 0.05, 0.9]])
    said = np.zeros((1, len(model.names)))
    said[:, model.column(name)] = value
    points = model.shown(said) @ np.swapaxes(turn, 1, 2) + place[:, None]
    depth = None if flat else points[..., 2] * camera.fx / 0.9
    view = FaceView(camera.project(points), depth, np.ones((1, 478)), turn, place, camera)
    found, after, _ = solve_actions(model, view, price=0.05, steps=8)
    np.testing.assert_allclose(found, said, atol=0.06)
    np.testing.assert_allclose(after.place, place, atol=0.005)
