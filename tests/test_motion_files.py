"""Motion files of other tools in, BVH and .pose out."""

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from diffsign.errors import UserError
from diffsign.render.sample_clip import sample_motion
from diffsign.retarget.body.load import load_body
from diffsign.retarget.body.model import Body, joint_transforms, shape_body
from diffsign.retarget.body.phenotype import phenotype_betas
from diffsign.retarget.body.skeleton import INDEX, JOINT_NAMES, PARENTS
from diffsign.retarget.body.smplx_file import write_smplx
from diffsign.retarget.keypoints.pose_file import read_pose
from diffsign.retarget.motion import Motion
from diffsign.retarget.motion_files.bvh import rest_offsets, write_bvh
from diffsign.retarget.motion_files.fitted_pose import fitted_keypoints, write_fitted_pose
from diffsign.retarget.motion_files.load import is_motion_file, load_motion
from diffsign.retarget.motion_files.parameters import SMPLX_PELVIS

FRAMES = 24
MEAN_HAND = np.linspace(-0.4, 0.5, 45).astype(np.float32)


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body("open")


@pytest.fixture(scope="module")
def truth(body: Body) -> Motion:
    motion = sample_motion(body, phenotype_betas(body, {"gender": 0.2, "height": 0.6}))
    return motion.part(30, 30 + FRAMES)


@pytest.fixture(scope="module")
def model(body: Body, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SMPL-X file: the open body, with a mean hand and mixed components."""
    folder = tmp_path_factory.mktemp("model")
    write_smplx(folder / "plain.npz", body)
    with np.load(folder / "plain.npz") as data:
        arrays = dict(data)
    components = np.linalg.qr(np.random.default_rng(0).normal(size=(45, 45)))[0]
    for side in "lr":
        arrays[f"hands_mean{side}"] = MEAN_HAND
        arrays[f"hands_components{side}"] = components.astype(np.float32)
    np.savez(folder / "SMPLX_NEUTRAL.npz", **arrays)
    return folder


def turned(motion: Motion, turn: np.ndarray, shift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Poses and pelvis places of the motion in a world to which `turn` leads from the camera."""
    poses = motion.poses.astype(np.float64).copy()
    root = Rotation.from_matrix(turn) * Rotation.from_rotvec(poses[:, :3])
    poses[:, :3] = root.as_rotvec()
    return poses, motion.joints[:, 0] @ turn.T + shift


def assert_same_angles(again: Motion, truth: Motion) -> None:
    """Root as seen from the front, and everything below it exactly."""
    np.testing.assert_allclose(again.poses[:, 3:], truth.poses[:, 3:], atol=1e-5)
    for frame in (5, FRAMES - 1):
        ways = [
            Rotation.from_rotvec(m.poses[frame, :3]) * Rotation.from_rotvec(m.poses[0, :3]).inv()
            for m in (again, truth)
        ]
        assert ways[0].magnitude() == pytest.approx(ways[1].magnitude(), abs=1e-3)


def assert_framed(motion: Motion) -> None:
    upper = [INDEX[n] for n in ("head", "left_wrist", "right_wrist", "pelvis", "left_index3")]
    pixels = motion.camera.project(motion.joints[:, upper])
    assert (pixels > 5).all() and (pixels < 507).all()
    head, pelvis = pixels[:, 0], pixels[:, 3]
    assert (head[:, 1] + 150 < pelvis[:, 1]).all(), "upright, and not tiny"
    left, right = (motion.joints[:, INDEX[f"{s}_shoulder"], 0] for s in ("left", "right"))
    assert (left > right + 0.2).all(), "seen from the front"
    assert (motion.joints[..., 2] > 0.5).all()


Z_UP = np.array([[0.6, 0, 0.8], [-0.8, 0, 0.6], [0, -1.0, 0]])  # and turned about the vertical
Y_UP = np.diag([1.0, -1, -1])


@pytest.mark.parametrize("turn", [Z_UP, Y_UP, np.eye(3)], ids=["z up", "y up", "y down"])
@pytest.mark.parametrize("spelling", ["mocap_frame_rate", "mocap_framerate"])
def test_amass(tmp_path: Path, truth: Motion, turn: np.ndarray, spelling: str) -> None:
    assert np.linalg.det(turn) == pytest.approx(1)
    poses, places = turned(truth, turn, np.array([3.0, -2, 1]))
    arrays = {"poses": poses, "trans": places, "betas": np.ones(16), "gender": np.array("female")}
    np.savez(
        tmp_path / "a.npz", **arrays, **{spelling: np.float64(120)}, dmpls=np.zeros((FRAMES, 8))
    )
    notes: list[str] = []
    again = load_motion(tmp_path / "a.npz", note=notes.append)
    assert is_motion_file(tmp_path / "a.npz")
    assert (again.fps, again.body, again.frame_count) == (120, "open", FRAMES)
    assert_same_angles(again, truth)
    assert_framed(again)
    way, real = (m.joints[:, 0] - m.joints[:1, 0] for m in (again, truth))
    np.testing.assert_allclose(np.linalg.norm(way, axis=1), np.linalg.norm(real, axis=1), atol=1e-4)
    assert not again.betas.any() and "neutral" in " ".join(notes)
    assert again.source == {"reader": "amass", "file": "a.npz"}
    again.save(tmp_path / "own.npz")
    np.testing.assert_array_equal(load_motion(tmp_path / "own.npz").poses, again.poses)


def test_amass_of_smplh_and_smpl(tmp_path: Path, truth: Motion) -> None:
    poses, places = turned(truth, Z_UP, np.zeros(3))
    smplh = np.concatenate([poses[:, :66], poses[:, 75:]], axis=1)
    np.savez(tmp_path / "h.npz", poses=smplh, trans=places, mocap_framerate=60)
    again = load_motion(tmp_path / "h.npz")
    np.testing.assert_allclose(again.poses[:, 75:], truth.poses[:, 75:], atol=1e-5)
    assert not again.poses[:, 66:75].any() and again.confidence["left_hand"].all()
    np.savez(tmp_path / "s.npz", poses=poses[:, :72] * 0.9, trans=places, mocap_framerate=60)
    again = load_motion(tmp_path / "s.npz")
    assert not again.poses[:, 75:].any() and not again.confidence["left_hand"].any()
    parts = {"root_orient": poses[:, :3], "pose_body": poses[:, 3:66], "pose_hand": poses[:, 75:]}
    np.savez(tmp_path / "p.npz", **parts, trans=places, fps=30)
    np.testing.assert_allclose(
        load_motion(tmp_path / "p.npz").poses[:, 75:], truth.poses[:, 75:], atol=1e-5
    )


def smplify(truth: Motion, frame: int, **more: Any) -> dict[str, Any]:
    pose = truth.poses[frame : frame + 1]
    return {
        "camera_rotation": np.eye(3, dtype=np.float32)[None],
        "camera_translation": truth.joints[frame : frame + 1, 0] * [1, 1, 10] - SMPLX_PELVIS,
        "betas": np.zeros((1, 10), np.float32),
        "global_orient": pose[:, :3],
        "body_pose": pose[:, 3:66],
        "jaw_pose": pose[:, 66:69],
        "leye_pose": pose[:, 69:72],
        "reye_pose": pose[:, 72:75],
        "left_hand_pose": pose[:, 75:120] - MEAN_HAND,
        "right_hand_pose": pose[:, 120:] - MEAN_HAND,
        "expression": np.ones((1, 10), np.float32),
        **more,
    }


@pytest.mark.parametrize("nested", [False, True])
def test_smplify_x_of_one_pickle_per_frame(
    tmp_path: Path, truth: Motion, model: Path, nested: bool
) -> None:
    for frame in range(FRAMES):
        path = tmp_path / (f"{frame + 8}/000.pkl" if nested else f"img_{frame + 8}.pkl")
        path.parent.mkdir(exist_ok=True)
        fields = smplify(truth, frame, H=720, W=1280, focal_length=4000.0)
        path.write_bytes(pickle.dumps(fields, 2))
    notes: list[str] = []
    assert is_motion_file(tmp_path)
    again = load_motion(tmp_path, body_path=model, note=notes.append)
    np.testing.assert_allclose(again.poses[:, 3:], truth.poses[:, 3:], atol=1e-5)
    np.testing.assert_allclose(again.joints[:, 0], truth.joints[:, 0] * [1, 1, 10], atol=1e-4)
    camera = again.camera
    assert (camera.fx, camera.cx, camera.cy, camera.width) == (4000, 640, 360, 1280)
    assert again.fps == 25 and "--fps" in notes[0] and len(notes) == 2
    assert load_motion(tmp_path, body_path=model, fps=50).fps == 50


def test_smplify_x_without_an_image_size_is_framed(
    tmp_path: Path, truth: Motion, model: Path
) -> None:
    frames = [smplify(truth, frame) for frame in range(FRAMES)]
    (tmp_path / "all.pkl").write_bytes(pickle.dumps(frames))
    again = load_motion(tmp_path / "all.pkl", body_path=model, fps=25)
    assert_framed(again)
    assert again.camera.fx == pytest.approx(again.camera.fy)


def test_the_users_own_body_takes_the_shape(tmp_path: Path, truth: Motion, model: Path) -> None:
    betas = np.zeros((1, 10), np.float32)
    betas[0, :3] = [1, -1, 0.5]
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(smplify(truth, 0, betas=betas)))
    again = load_motion(tmp_path / "a.pkl", body="smplx", body_path=model, fps=25)
    assert again.body == "smplx"
    np.testing.assert_allclose(again.betas[:10], betas[0])
    performer = load_body("smplx", model)
    joints = shape_body(performer, again.betas)[1]
    posed = joint_transforms(joints, again.poses, again.trans)[1]
    np.testing.assert_allclose(posed, again.joints, atol=1e-5)
    np.testing.assert_array_equal(again.expression, np.ones((1, 10)))


def test_hands_as_a_code(tmp_path: Path, truth: Motion, model: Path) -> None:
    with np.load(model / "SMPLX_NEUTRAL.npz") as data:
        components = data["hands_componentsl"]
    code = (truth.poses[:1, 75:120] - MEAN_HAND) @ components.T
    whole = smplify(truth, 0, left_hand_pose=code[:, :44], right_hand_pose=code[:, :12])
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(whole))
    with pytest.raises(UserError, match=r"code of 44 principal components.*--body-path"):
        load_motion(tmp_path / "a.pkl")
    again = load_motion(tmp_path / "a.pkl", body_path=model)
    expected = code[:, :44] @ components[:44] + MEAN_HAND
    np.testing.assert_allclose(again.poses[:, 75:120], expected, atol=1e-5)


def test_hands_about_the_mean_and_vposer_say_what_is_needed(tmp_path: Path, truth: Motion) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(smplify(truth, 0)))
    with pytest.raises(UserError, match=r"mean hand.*--body-path.*flat_hand_mean"):
        load_motion(path)
    path.write_bytes(pickle.dumps(smplify(truth, 0, flat_hand_mean=True)))
    assert load_motion(path).frame_count == 1
    path.write_bytes(pickle.dumps(smplify(truth, 0, body_pose=np.zeros((1, 32)))))
    with pytest.raises(UserError, match="VPoser code of 32"):
        load_motion(path)


def signavatars(truth: Motion) -> dict[str, Any]:
    rows = np.zeros((FRAMES, 182), np.float32)
    rows[:, :66] = truth.poses[:, :66]
    rows[:, 66:111] = truth.poses[:, 75:120] - MEAN_HAND
    rows[:, 111:156] = truth.poses[:, 120:] - MEAN_HAND
    rows[:, 156:159] = truth.poses[:, 66:69]
    rows[:, 159:169] = 0.3
    rows[:, 179:182] = [0.1, 0.2, 30]
    return {
        "smplx": rows,
        "unsmooth_smplx": rows,
        "width": 640,
        "height": 480,
        "focal": np.full((FRAMES, 2), 9000.0),
        "princpt": np.tile([330.0, 250.0], (FRAMES, 1)),
        "left_valid": np.arange(FRAMES) > 4,
        "right_valid": np.ones(FRAMES),
        "total_valid_index": np.arange(FRAMES),
    }


@pytest.mark.parametrize("torch_tensors", [False, True])
def test_signavatars(tmp_path: Path, truth: Motion, model: Path, torch_tensors: bool) -> None:
    fields = signavatars(truth)
    if torch_tensors:
        import torch

        fields["smplx"] = torch.from_numpy(fields["smplx"])
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(fields))
    with pytest.raises(UserError, match="--body-path"):
        load_motion(tmp_path / "a.pkl")
    again = load_motion(tmp_path / "a.pkl", body_path=model, fps=24)
    expected = truth.poses.copy()
    expected[:, 69:75] = 0  # it has no eyes
    np.testing.assert_allclose(again.poses[:, 3:], expected[:, 3:], atol=1e-5)
    camera = again.camera
    assert (camera.fx, camera.cx, camera.cy, camera.width, camera.height) == (
        9000,
        330,
        250,
        640,
        480,
    )
    pelvis = SMPLX_PELVIS + np.array([0.1, 0.2, 30])
    np.testing.assert_allclose(again.joints[:, 0], np.tile(pelvis, (FRAMES, 1)), atol=1e-4)
    assert again.confidence["left_hand"].sum() == FRAMES - 5


def test_a_strangers_pickle_runs_nothing(tmp_path: Path, truth: Motion) -> None:
    import os

    class Evil:
        def __reduce__(self) -> Any:
            return os.system, (f"touch {tmp_path / 'created'}",)

    for name in ("a.pkl", "b.pkl"):
        fields = signavatars(truth) if name == "a.pkl" else smplify(truth, 0)
        (tmp_path / name).write_bytes(pickle.dumps({**fields, "note": Evil()}))
        with pytest.raises(UserError, match="system"):
            load_motion(tmp_path / name)
    with pytest.raises(UserError, match="system"):
        load_motion(tmp_path)
    assert not (tmp_path / "created").exists()


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({}, "no motion"),
        ({"verts": np.zeros(3)}, "verts"),
        ({"poses": np.zeros((4, 100)), "trans": np.zeros((4, 3))}, "100 numbers"),
        ({"poses": np.zeros((4, 40)), "trans": np.zeros((4, 3))}, "40 numbers"),
        ({"poses": np.zeros((4, 165))}, "lacks trans"),
        ({"poses": np.zeros((4, 165)), "trans": np.zeros((3, 3))}, "trans of shape"),
        ({"poses": np.full((4, 165), np.nan), "trans": np.zeros((4, 3))}, "NaN"),
        ({"poses": np.zeros((0, 165)), "trans": np.zeros((0, 3))}, "poses"),
        ({"poses": np.array([{"x": 1}], object), "trans": np.zeros((1, 3))}, "no motion"),
    ],
)
def test_bad_npz_is_one_sentence(tmp_path: Path, arrays: dict[str, Any], words: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(UserError) as caught:
        load_motion(tmp_path / "a.npz")
    text = str(caught.value)
    assert words in text and "a.npz" in text and "\n" not in text


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"PK nonsense")
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "a.npz", tmp_path / "empty", tmp_path / "none.pkl"):
        with pytest.raises(UserError) as caught:
            load_motion(path)
        assert path.name in str(caught.value)
    (tmp_path / "list.pkl").write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(UserError, match="no named fields"):
        load_motion(tmp_path / "list.pkl")
    np.savez(tmp_path / "k.npz", keypoints=np.zeros((3, 133, 3)))
    assert not is_motion_file(tmp_path / "k.npz") and not is_motion_file(tmp_path / "empty")
    assert not is_motion_file(tmp_path / "clip.mp4")


# --- BVH -----------------------------------------------------------------------------------------


def read_bvh(path: Path) -> tuple[list[str], list[int], np.ndarray, float, np.ndarray]:
    """A small parser of its own: names, parents, offsets, frame time, world places (T, J, 3)."""
    words = path.read_text().split()
    names: list[str] = []
    parents: list[int] = []
    offsets: list[list[float]] = []
    channels: list[list[str]] = []
    stack: list[int] = []
    at = 0
    while words[at] != "MOTION":
        word = words[at]
        if word in ("ROOT", "JOINT"):
            parents.append(stack[-1] if stack else -1)
            names.append(words[at + 1])
            stack.append(len(names) - 1)
            at += 3
        elif word == "End":
            assert words[at + 3] == "OFFSET" and words[at + 7] == "}"
            at += 8
        elif word == "OFFSET":
            offsets.append([float(w) for w in words[at + 1 : at + 4]])
            at += 4
        elif word == "CHANNELS":
            count = int(words[at + 1])
            channels.append(words[at + 2 : at + 2 + count])
            at += 2 + count
        elif word == "}":
            stack.pop()
            at += 1
        else:
            at += 1
    frames = int(words[at + 2])
    step = float(words[at + 5])
    values = np.array(words[at + 6 :], float).reshape(frames, -1)
    world = np.zeros((frames, len(names), 3))
    for frame, row in enumerate(values):
        turns: list[np.ndarray] = []
        column = 0
        for joint, parent in enumerate(parents):
            place, turn = np.array(offsets[joint]), np.eye(3)
            for channel in channels[joint]:
                if channel.endswith("position"):
                    place["XYZ".index(channel[0])] += row[column]
                else:
                    axis = np.eye(3)["XYZ".index(channel[0])]
                    turn = turn @ Rotation.from_rotvec(np.radians(row[column]) * axis).as_matrix()
                column += 1
            if parent >= 0:
                place = world[frame, parent] + turns[parent] @ place
                turn = turns[parent] @ turn
            world[frame, joint] = place
            turns.append(turn)
    return names, parents, np.array(offsets), step, world


def test_bvh_round_trip(tmp_path: Path, truth: Motion, body: Body) -> None:
    write_bvh(truth, tmp_path / "a.bvh")
    names, parents, offsets, step, world = read_bvh(tmp_path / "a.bvh")
    assert sorted(names) == sorted(JOINT_NAMES) and 1 / step == pytest.approx(truth.fps, rel=1e-6)
    order = [JOINT_NAMES.index(name) for name in names]
    for joint, parent in zip(order, parents, strict=True):
        assert PARENTS[joint] == (order[parent] if parent >= 0 else -1)
    expected = truth.joints[:, order] * [100, -100, -100]
    np.testing.assert_allclose(world, expected, atol=0.02)
    joints = shape_body(body, truth.betas)[1]
    rest = joints - joints[[max(p, 0) for p in PARENTS]]
    np.testing.assert_allclose(rest_offsets(truth), rest, atol=1e-4)
    np.testing.assert_allclose(offsets, 100 * rest[order], atol=0.02)


def test_bvh_stands_upright(tmp_path: Path, truth: Motion) -> None:
    write_bvh(truth, tmp_path / "a.bvh")
    names, _, _, _, world = read_bvh(tmp_path / "a.bvh")
    head, pelvis = (world[:, names.index(name)] for name in ("head", "pelvis"))
    assert (head[:, 1] - pelvis[:, 1] > 40).all(), "centimetres, y up"


def test_bvh_of_turns_through_half_a_circle(tmp_path: Path, truth: Motion) -> None:
    poses = truth.poses.copy()
    poses[:, 60:63] = np.linspace(0, 1, FRAMES)[:, None] * [0, 3.1, 0]  # the left wrist
    joints = shape_body(load_body("open"), truth.betas)[1]
    posed = joint_transforms(joints, poses, truth.trans)[1].astype(np.float32)
    write_bvh(replace(truth, poses=poses, joints=posed), tmp_path / "a.bvh")
    names, _, _, _, world = read_bvh(tmp_path / "a.bvh")
    order = [JOINT_NAMES.index(name) for name in names]
    np.testing.assert_allclose(world, posed[:, order] * [100, -100, -100], atol=0.02)


# --- .pose ---------------------------------------------------------------------------------------


def test_fitted_pose(tmp_path: Path, truth: Motion, body: Body) -> None:
    faint = np.linspace(0.2, 1, FRAMES).astype(np.float32)
    motion = replace(truth, confidence={**truth.confidence, "left_hand": faint})
    write_fitted_pose(motion, body, tmp_path / "a.pose")
    again, expected = read_pose(tmp_path / "a.pose"), fitted_keypoints(motion, body)
    for name, part in expected.parts().items():
        np.testing.assert_allclose(again.parts()[name], part, atol=2e-2, err_msg=name)
    wrist = truth.camera.project(truth.joints[:, INDEX["left_wrist"]])
    assert np.linalg.norm(again.body[:, 15, :2] - wrist, axis=1).max() < 25
    np.testing.assert_allclose(again.left_hand[:, 5, 3], faint, atol=1e-6)
    shoulders = again.body_world[:, 11, :3] - again.body_world[:, 12, :3]
    assert 0.2 < np.linalg.norm(shoulders, axis=1).mean() < 0.5
