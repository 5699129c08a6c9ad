"""A performance keeps the sign: places, touches, handshapes and palms on other bodies."""

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from diffsign.render.touch_clip import TOUCHES, touch_motion
from diffsign.retarget.body.load import load_body
from diffsign.retarget.body.model import joint_transforms, pose_vertices, shape_body
from diffsign.retarget.body.phenotype import phenotype_betas
from diffsign.retarget.body.skeleton import INDEX, LEFT_HAND, RIGHT_HAND
from diffsign.retarget.rig.apart import ways_apart
from diffsign.retarget.rig.arms import Reach, solve_arms
from diffsign.retarget.rig.perform import perform
from diffsign.retarget.rig.rotations import nearest_turns, rotation_vectors
from diffsign.retarget.rig.smooth import smooth_solution
from diffsign.retarget.rig.touch import gaps

WRISTS = [INDEX["left_wrist"], INDEX["right_wrist"]]
ARMS = {
    INDEX[f"{side}_{name}"]
    for side in ("left", "right")
    for name in ("collar", "shoulder", "elbow", "wrist")
}


@pytest.fixture(scope="module")
def body():
    return load_body("open")


@pytest.fixture(scope="module")
def chin(body):
    """The index finger goes to the chin and back."""
    return touch_motion(body, np.zeros(body.beta_count), TOUCHES[:1])


@pytest.fixture(scope="module")
def child(body):
    return phenotype_betas(body, {"age": 1 / 3})


def posed_at(body, motion, frame):
    clip = motion.part(frame, frame + 1)
    vertices, joints = shape_body(body, motion.betas)
    return pose_vertices(body, vertices, joints, clip.poses, clip.trans, clip.facial_actions)[0]


def gap_to(body, at, tip, bones):
    """The smallest signed distance of vertices to the skin of bones, by trimesh's triangles."""
    faces = body.faces[body.group_faces("body")]
    held = body.weights.argmax(1)
    corners = at[faces[np.isin(held, [INDEX[name] for name in bones])[faces].all(1)]]
    found = []
    for point in at[tip]:
        around = corners[np.argsort(np.linalg.norm(corners.mean(1) - point, axis=1))[:20]]
        on = trimesh.triangles.closest_point(around, np.repeat(point[None], 20, 0))
        best = np.linalg.norm(on - point, axis=1).argmin()
        normal = trimesh.triangles.normals(around[best : best + 1])[0][0]
        off = point - on[best]
        found.append(np.linalg.norm(off) * np.sign(off @ normal))
    return min(found)


TRUNK = ("spine1", "spine2", "spine3", "pelvis")


def test_the_finger_still_touches_the_chin_of_a_child(body, chin, child):
    touch = chin.frame_count // 2
    tip = np.flatnonzero(body.weights[:13380, INDEX["right_index3"]] > 0.9)[::4]
    for motion in (chin, perform(chin, body, child)):
        gap = gap_to(body, posed_at(body, motion, touch), tip, ("head", "jaw"))
        assert -0.004 < gap < 0.008


def test_a_hand_on_the_chest_lies_on_a_heavy_chest_and_not_in_it(body):
    chest = next(touch for touch in TOUCHES if touch.place == "chest")
    motion = touch_motion(body, np.zeros(body.beta_count), (chest,))
    heavy = phenotype_betas(body, {"weight": 1.0, "muscle": 0.3})
    fingers = [INDEX["right_wrist"], *RIGHT_HAND]
    hand = np.flatnonzero(body.weights[:13380, fingers].sum(1) > 0.98)[::3]
    gaps_of = {
        keep: gap_to(
            body,
            posed_at(body, perform(motion, body, heavy, keep), motion.frame_count // 2),
            hand,
            TRUNK,
        )
        for keep in (False, True)
    }
    assert gaps_of[False] < -0.015, "angles alone drown the hand"
    assert -0.005 < gaps_of[True] < 0.010


def test_face_and_spine_are_the_sources_and_fingers_and_palms_hardly_turn(body, chin, child):
    performed = perform(chin, body, child)
    change = np.abs(performed.poses - chin.poses).reshape(-1, 55, 3).max(axis=(0, 2))
    fingers = {*LEFT_HAND, *RIGHT_HAND}
    assert {joint for joint in range(55) if change[joint] > 1e-5} <= ARMS | fingers
    bent = [
        Rotation.from_rotvec(motion.poses.reshape(-1, 55, 3)[:, sorted(fingers)].reshape(-1, 3))
        for motion in (chin, performed)
    ]
    assert np.degrees((bent[0].inv() * bent[1]).magnitude()).max() < 2
    turned = []
    for motion in (chin, performed):
        joints = shape_body(body, motion.betas)[1]
        turned.append(joint_transforms(joints, motion.poses, motion.trans)[0][:, WRISTS])
    change = np.swapaxes(turned[0], -1, -2) @ turned[1]
    angle = np.arccos(np.clip((np.trace(change, axis1=-2, axis2=-1) - 1) / 2, -1, 1))
    assert np.degrees(angle).max() < 3


def test_on_the_same_body_nothing_changes(body, chin):
    again = perform(chin, body, chin.betas)
    np.testing.assert_allclose(again.joints, chin.joints, atol=0.004)


def test_movement_is_as_smooth_as_the_sources(body, chin, child):
    performed = perform(chin, body, child)

    def jolt(motion):
        return np.sqrt((np.diff(motion.joints[:, WRISTS], 2, axis=0) ** 2).sum(-1).mean())

    assert jolt(performed) < 1.3 * jolt(chin)


def test_long_clips_are_solved_in_windows_without_a_seam(body, chin, child):
    from dataclasses import replace

    from diffsign.retarget.rig import perform as room

    whole = perform(chin, body, child)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "_WINDOW", 20)
        patch.setattr(room, "_OVERLAP", 8)
        parts = perform(chin, body, child)
    assert replace(parts).frame_count == chin.frame_count
    assert np.linalg.norm(parts.joints - whole.joints, axis=-1).max() < 0.012


def test_a_motion_of_one_frame_is_performed(body, chin, child):
    assert perform(chin.part(0, 1), body, child).frame_count == 1


def random_arms(seed, frames=6):
    poses = np.zeros((frames, 55, 3))
    rng = np.random.default_rng(seed)
    poses[:, sorted(ARMS)] = rng.normal(0, 0.4, (frames, len(ARMS), 3))
    return poses.reshape(frames, -1)


@given(st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_wrists_that_are_where_they_were_need_no_other_arms(body, seed):
    joints = shape_body(body, np.zeros(1))[1]
    poses, trans = random_arms(seed), np.zeros((6, 3))
    rotations, positions = joint_transforms(joints, poses, trans)
    still = Reach(positions[:, WRISTS], np.zeros((6, 2, 3)), np.zeros((6, 2)))
    after = joint_transforms(joints, solve_arms(joints, poses, trans, still), trans)
    np.testing.assert_allclose(after[0], rotations, atol=0.02)
    np.testing.assert_allclose(after[1], positions, atol=0.004)


@given(st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_arms_reach_what_is_in_reach_and_keep_the_hands_turned(body, seed):
    joints = shape_body(body, np.zeros(1))[1]
    poses, trans = random_arms(seed), np.zeros((6, 3))
    rotations, positions = joint_transforms(joints, poses, trans)
    shoulders = positions[:, [INDEX["left_shoulder"], INDEX["right_shoulder"]]]
    goals = shoulders + 0.75 * (positions[:, WRISTS] - shoulders)
    reach = Reach(goals, np.zeros((6, 2, 3)), np.full((6, 2), 0.3))
    solved = solve_arms(joints, poses, trans, reach)
    turned, found = joint_transforms(joints, solved, trans)
    np.testing.assert_allclose(found[:, WRISTS], goals, atol=1e-6)
    np.testing.assert_allclose(turned[:, WRISTS], rotations[:, WRISTS], atol=1e-6)


vectors = st.lists(st.floats(-3, 3), min_size=3, max_size=3).map(np.array)


@given(vectors)
def test_rotation_vectors_are_those_of_scipy(vector):
    matrix = Rotation.from_rotvec(vector).as_matrix()
    found = Rotation.from_rotvec(rotation_vectors(matrix)).as_matrix()
    np.testing.assert_allclose(found, matrix, atol=1e-6)
    near = nearest_turns(rotation_vectors(matrix), vector)
    if 1e-3 < np.linalg.norm(vector) % (2 * np.pi) < 2 * np.pi - 1e-3:
        np.testing.assert_allclose(near, vector, atol=1e-4)


def test_gaps_are_signed_distances_to_a_sphere():
    ball = trimesh.creation.icosphere(4, 0.1)
    for radius in (0.08, 0.1, 0.13):
        probes = np.random.default_rng(0).normal(size=(50, 3))
        probes *= radius / np.linalg.norm(probes, axis=1, keepdims=True)
        near = np.linalg.norm(probes[:, None] - ball.vertices, axis=-1).argmin(1)
        aside = np.full(50, 0.006)
        found = gaps(probes, ball.vertices[near], ball.vertices[near] / 0.1, aside)
        np.testing.assert_allclose(found, radius - 0.1, atol=0.001)


def test_clouds_in_each_other_are_parted_by_no_more_than_needed():
    grid = np.stack(np.meshgrid(*[np.linspace(-0.04, 0.04, 17)] * 3), -1).reshape(-1, 3)
    left = np.repeat(grid[None] + [0.06, 0, 0], 12, 0)
    right = np.repeat(grid[None], 12, 0)
    ways = ways_apart(left, right, np.ones(12, bool), np.tile([0, 0, -1.0], (12, 1)))
    np.testing.assert_allclose(ways, np.tile([0.02, 0, 0], (12, 1)), atol=0.006)
    assert not ways_apart(left, right, np.zeros(12, bool), np.zeros((12, 3))).any()


def test_the_smooth_solution_is_that_of_the_whole_system():
    rng = np.random.default_rng(0)
    frames, size = 7, 4
    rows = rng.normal(size=(frames, 3, size))
    matrices, vectors = np.swapaxes(rows, 1, 2) @ rows, rng.normal(size=(frames, size))
    prior, smooth = rng.uniform(0.1, 1, size), rng.uniform(0.1, 1, size)
    bend = np.diff(np.eye(frames), 2, axis=0)
    whole = np.kron(bend.T @ bend, np.diag(smooth)) + np.kron(np.eye(frames), np.diag(prior))
    for frame in range(frames):
        at = slice(frame * size, (frame + 1) * size)
        whole[at, at] += matrices[frame]
    expected = np.linalg.solve(whole, vectors.reshape(-1)).reshape(frames, size)
    start = np.zeros((frames, size))
    found = smooth_solution(matrices, vectors, start, prior, smooth, 200)
    np.testing.assert_allclose(found, expected, atol=1e-4)
