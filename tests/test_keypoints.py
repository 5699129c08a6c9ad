"""Keypoints: detection, .pose files, OpenPose's folders."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diffsign.errors import UserError
from diffsign.retarget.keypoints.correspondence import BODY25_TO_POSE, FACE70_TO_MESH
from diffsign.retarget.keypoints.openpose import read_openpose
from diffsign.retarget.keypoints.pose_file import read_pose, write_pose
from diffsign.retarget.keypoints.record import Keypoints, missing, tidy
from diffsign.retarget.keypoints.smoothing import smooth
from diffsign.retarget.keypoints.source import load_keypoints
from diffsign.video import read_frames, write_video

SHARED = Path(__file__).parents[2] / "shared" / "data"
SHOULDERS, HIPS = [11, 12], [23, 24]


def shared(name: str) -> Path:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"the shared data {name} are not here")
    return path


def invented(count: int = 12, seed: int = 0, width: int = 640, height: int = 480) -> Keypoints:
    """A person of plausible size whose points are noise, with missing hands and points."""
    rng = np.random.default_rng(seed)
    parts = missing(count)
    points: np.ndarray
    for name, points in parts.items():
        if name == "body_world":
            points[..., :3] = rng.uniform(-0.8, 0.8, (*points.shape[:2], 3))
        else:
            points[..., :3] = rng.uniform(0, 400, (*points.shape[:2], 3))
            points[..., 2] -= 200
        points[..., 3] = rng.uniform(0.05, 1, points.shape[:2])
    body, world = parts["body"], parts["body_world"]
    body[:, SHOULDERS, 0], body[:, SHOULDERS, 1] = [400, 240], 200
    world[:, SHOULDERS, :2] = [[0.17, -0.5], [-0.17, -0.5]]
    for points in (body, world):
        points[:, HIPS, 2] = 0
    world[:, HIPS, :2] = [[0.1, 0], [-0.1, 0]]
    for hand in ("left_hand", "right_hand"):
        parts[hand][:, 0, 2] = 0  # the wrist is the origin of a hand's depth
    parts["left_hand"][3:6] = 0
    parts["face"][7:8] = 0
    body[2:3, 30] = 0
    return Keypoints(30000 / 1001, width, height, **parts)


def assert_same(a: Keypoints, b: Keypoints, tolerance: float = 1e-3) -> None:
    assert (a.width, a.height, a.frame_count) == (b.width, b.height, b.frame_count)
    assert a.fps == pytest.approx(b.fps, abs=1e-9)
    for name, part in a.parts().items():
        np.testing.assert_allclose(b.parts()[name], part, atol=tolerance, err_msg=name)


# --- the record ----------------------------------------------------------------------------------


def test_missing_points_are_all_zeros() -> None:
    points: Any = np.ma.masked_array(np.full((5, 4), 2.0), mask=False)
    points[0, 0] = np.nan
    points[1, 2] = np.inf
    points[2, 3] = 0
    points[3] = np.ma.masked
    clean = tidy(points)
    assert clean.dtype == np.float32 and not np.ma.isMaskedArray(clean)
    assert not clean[:4].any()
    assert clean[4].tolist() == [2, 2, 2, 1], "confidence stays within 1"


def test_parts_must_agree() -> None:
    parts = missing(4)
    parts["face"] = parts["face"][:, :468]
    with pytest.raises(ValueError, match="face"):
        Keypoints(25, 10, 10, **parts)


# --- .pose ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("size", [(640, 480), (64, 48), (1080, 1920)])
def test_write_then_read_gives_the_same(tmp_path: Path, seed: int, size: tuple[int, int]) -> None:
    keypoints = invented(seed=seed, width=size[0], height=size[1])
    write_pose(tmp_path / "a.pose", keypoints)
    again = read_pose(tmp_path / "a.pose")
    assert_same(keypoints, again)
    write_pose(tmp_path / "b.pose", again)
    assert_same(again, read_pose(tmp_path / "b.pose"), 1e-4)


def test_one_frame_and_hands_never_seen(tmp_path: Path) -> None:
    parts = invented(1).parts()
    parts["left_hand"] = parts["right_hand"] = np.zeros((1, 21, 4))
    keypoints = Keypoints(25, 640, 480, **parts)
    write_pose(tmp_path / "one.pose", keypoints)
    assert_same(keypoints, read_pose(tmp_path / "one.pose"))


def load(path: Path) -> Any:
    from pose_format import Pose

    return Pose.read(path.read_bytes())


def test_the_file_is_as_pose_formats_own(tmp_path: Path) -> None:
    theirs = load(shared("poses/ase_D.pose"))
    keypoints = invented()
    write_pose(tmp_path / "a.pose", keypoints)
    ours = load(tmp_path / "a.pose")
    assert ours.header.version == pytest.approx(0.2)
    assert ours.body.data.shape == (12, 1, 586, 3)
    for mine, their in zip(ours.header.components, theirs.header.components, strict=True):
        assert (mine.name, mine.points, mine.format) == (their.name, their.points, their.format)
        assert [tuple(x) for x in mine.limbs] == [tuple(x) for x in their.limbs]
    # units: pixels, z in image widths, world in metres times width and height
    np.testing.assert_allclose(ours.body.data[0, 0, 5, :2], keypoints.body[0, 5, :2], rtol=1e-6)
    assert ours.body.data[0, 0, 5, 2] == pytest.approx(keypoints.body[0, 5, 2] / 640)
    world = keypoints.body_world[0, 5, :3] * [640, 480, 1]
    np.testing.assert_allclose(ours.body.data[0, 0, 586 - 33 + 5], world, rtol=1e-5)


def rewrite(source: Path, target: Path, change: Callable[[Any], None]) -> Path:
    """A copy of a .pose file with its data (T, P, N, 3), confidence and header changed."""
    pose = load(source)
    change(pose)
    with target.open("wb") as file:
        pose.write(file)
    return target


def test_depth_in_pixels_is_kept(tmp_path: Path) -> None:
    keypoints = invented()
    write_pose(tmp_path / "a.pose", keypoints)

    def to_pixels(pose: Any) -> None:
        pose.body.data.data[:, :, :553, 2] *= 640
        pose.body.data.data[:, :, 553:, :2] /= (640, 480)

    assert_same(keypoints, read_pose(rewrite(tmp_path / "a.pose", tmp_path / "b.pose", to_pixels)))


def test_a_file_moved_to_another_canvas(tmp_path: Path) -> None:
    keypoints = invented()
    write_pose(tmp_path / "a.pose", keypoints)

    def move(pose: Any) -> None:
        pose.body.data = pose.body.data + 250

    moved = read_pose(rewrite(tmp_path / "a.pose", tmp_path / "b.pose", move))
    for name in ("body", "face", "left_hand", "right_hand"):
        expected = keypoints.parts()[name].copy()
        expected[..., :2] += 250 * (expected[..., 3:] > 0)
        np.testing.assert_allclose(moved.parts()[name], expected, atol=0.05, err_msg=name)
    assert not moved.body_world.any(), "metres cannot be told from moved values"


def test_nan_and_several_people(tmp_path: Path) -> None:
    keypoints = invented()
    write_pose(tmp_path / "a.pose", keypoints)

    def crowd(pose: Any) -> None:
        from pose_format.numpy import NumPyPoseBody

        data = np.asarray(pose.body.data.filled(0))
        data[4, 0, 40] = np.nan
        stranger = np.full_like(data, 99)
        pose.body = NumPyPoseBody(
            pose.body.fps,
            np.concatenate([stranger, data], axis=1),
            np.concatenate([pose.body.confidence * 0.1, pose.body.confidence], axis=1),
        )

    again = read_pose(rewrite(tmp_path / "a.pose", tmp_path / "b.pose", crowd))
    expected = keypoints.parts()
    expected["face"] = expected["face"].copy()
    expected["face"][4, 7] = 0
    assert_same(Keypoints(keypoints.fps, 640, 480, **expected), again)


@pytest.mark.parametrize("letter", "DFGINS")
def test_letters_of_the_alphabet(letter: str) -> None:
    keypoints = load_keypoints(shared(f"poses/ase_{letter}.pose"))
    assert (keypoints.width, keypoints.height, keypoints.fps) == (500, 500, 25)
    assert keypoints.seen("body").all() and keypoints.seen("face").all()
    assert keypoints.seen("right_hand").all() and not keypoints.seen("left_hand").any()
    wrist = keypoints.right_hand[:, 0] - keypoints.body[:, 16]
    assert np.median(np.linalg.norm(wrist[:, :2], axis=1)) < 40
    assert np.abs(keypoints.right_hand[..., 2]).max() < 150, "about the wrist, in pixels"


@pytest.mark.parametrize("word", ["essen", "kinder", "pizza"])
def test_reduced_files_find_their_places(word: str) -> None:
    path = shared(f"poses/sgg_{word}.pose")
    keypoints, raw = load_keypoints(path), load(path)
    assert keypoints.frame_count == len(raw.body.data)
    assert set(np.flatnonzero(keypoints.body[0, :, 3])) == {11, 12, 13, 14, 15, 16, 23, 24}
    assert (keypoints.face[0, :, 3] > 0).sum() == 128
    np.testing.assert_allclose(keypoints.body[5, 11, :2], raw.body.data[5, 0, 0, :2], rtol=1e-6)
    nose_to_chin = keypoints.face[:, 152, 1] - keypoints.face[:, 10, 1]
    assert (nose_to_chin > 20).all(), "chin below the forehead"
    assert not keypoints.body_world.any()


def sentence(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        load_keypoints(path)
    text = str(caught.value)
    assert "\n" not in text and text.endswith(".")
    return text


def test_bad_pose_files(tmp_path: Path) -> None:
    assert "no file" in sentence(tmp_path / "missing.pose")
    path = tmp_path / "bad.pose"
    for content in (b"", b"hello", b"\x00" * 50, np.random.default_rng(0).bytes(5000)):
        path.write_bytes(content)
        sentence(path)
    write_pose(path, invented())
    whole = path.read_bytes()
    for share in (0.01, 0.3, 0.9, 0.999):
        path.write_bytes(whole[: int(len(whole) * share)])
        assert "cut short" in sentence(path)


def test_pose_files_of_other_kinds(tmp_path: Path) -> None:
    path = tmp_path / "a.pose"
    write_pose(path, invented())

    def rename(pose: Any) -> None:
        for component in pose.header.components:
            component.name = component.name.replace("LANDMARKS", "keypoints_2d")

    text = sentence(rewrite(path, tmp_path / "b.pose", rename))
    assert "POSE_keypoints_2d" in text and "MediaPipe" in text

    def normalise(pose: Any) -> None:
        pose.body.data = pose.body.data / 400

    assert "normalised" in sentence(rewrite(path, tmp_path / "c.pose", normalise))

    def no_rate(pose: Any) -> None:
        pose.body.fps = 0

    assert "frame rate" in sentence(rewrite(path, tmp_path / "d.pose", no_rate))


def test_a_pose_file_that_shows_nobody(tmp_path: Path) -> None:
    write_pose(tmp_path / "none.pose", Keypoints(25, 64, 64, **missing(10)))
    assert "No person" in sentence(tmp_path / "none.pose")


# --- OpenPose ------------------------------------------------------------------------------------


def test_a_folder_of_openpose_files() -> None:
    folder = shared("openpose")
    keypoints = read_openpose(folder, fps=24)
    assert (keypoints.frame_count, keypoints.width, keypoints.height) == (93, 1000, 1000)
    assert keypoints.seen("body").all() and keypoints.seen("face").all()
    body = keypoints.body
    assert (body[:, 11, 0] > body[:, 12, 0]).all(), "the signer's left is on the viewer's right"
    right = (keypoints.right_hand[:, 0, 3] > 0.3) & (body[:, 16, 3] > 0.3)
    gap = np.linalg.norm((keypoints.right_hand[:, 0] - body[:, 16])[right, :2], axis=1)
    assert right.sum() > 20 and np.median(gap) < 20
    chin, tip, brow = (keypoints.face[:, point, 1] for point in (152, 4, 105))
    assert (chin > tip).all() and (tip > brow).all()


def test_tables_are_one_to_one() -> None:
    assert len(FACE70_TO_MESH) == len(set(FACE70_TO_MESH)) == 70
    assert len(BODY25_TO_POSE) == len(set(BODY25_TO_POSE.values())) == 21


def person(x: float, confidence: float = 0.8) -> dict[str, list[float]]:
    def rows(count: int) -> list[float]:
        return [v for i in range(count) for v in (x + i, 100.0 + i, confidence)]

    return {
        "pose_keypoints_2d": rows(25),
        "hand_left_keypoints_2d": rows(21),
        "hand_right_keypoints_2d": rows(21),
        "face_keypoints_2d": rows(70),
    }


def openpose(folder: Path, frames: dict[int, list[dict[str, list[float]]]]) -> Path:
    folder.mkdir()
    for number, people in frames.items():
        path = folder / f"clip_{number:012d}_keypoints.json"
        path.write_text(json.dumps({"version": 1.3, "people": people}))
    return folder


def test_the_same_person_is_followed_and_gaps_are_missing(tmp_path: Path) -> None:
    a, b = person(100, 0.9), person(500, 0.5)
    folder = openpose(tmp_path / "op", {3: [b, a], 4: [person(490, 0.95), person(104, 0.6)], 7: []})
    keypoints = read_openpose(folder)
    assert keypoints.frame_count == 5
    assert keypoints.body[:2, 0, 0].tolist() == [100, 104]
    assert keypoints.seen("body").tolist() == [True, True, False, False, False]
    assert keypoints.left_hand[0, 20].tolist() == pytest.approx([120, 120, 0, 0.9])
    assert keypoints.face[0, 473, :2].tolist() == [169, 169]


def test_the_canvas_holds_all_points(tmp_path: Path) -> None:
    assert read_openpose(openpose(tmp_path / "a", {0: [person(1800)]})).width == 1869
    assert read_openpose(tmp_path / "a", size=(1920, 1080)).height == 1080


def test_bad_openpose(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "no files named" in sentence(tmp_path / "empty")
    folder = openpose(tmp_path / "coco", {0: [person(1)]})
    file = next(folder.iterdir())
    assert "folder" in sentence(file)
    for content in ("{", "[]", '{"people": [{"pose_keypoints_2d": [1, 2, 3]}]}', '{"people": [3]}'):
        file.write_text(content)
        assert file.name in sentence(folder)
    assert "No person" in sentence(openpose(tmp_path / "nobody", {0: [], 1: []}))


# --- smoothing -----------------------------------------------------------------------------------


def test_smoothing_does_not_move_in_time() -> None:
    time = np.arange(60) / 25
    tracks = np.ones((60, 1, 4), np.float32)
    tracks[:, 0, 0] = 300 * time**2 - 100 * time
    tracks[:, 0, 1] = 100 * np.sin(2 * np.pi * time)  # a hand that waves once a second
    smoothed = smooth(tracks, 25)
    np.testing.assert_allclose(smoothed[:, 0, 0], tracks[:, 0, 0], atol=1e-2)
    assert np.abs(smoothed - tracks)[2:-2].max() < 1


def test_smoothing_takes_jitter_out_and_leaves_gaps() -> None:
    rng = np.random.default_rng(0)
    tracks = np.ones((100, 2, 4), np.float32)
    tracks[..., :3] = 50 + rng.normal(0, 2, (100, 2, 3))
    tracks[40:50] = 0
    tracks[53:55] = 0
    smoothed = smooth(tracks, 25)
    shake = [np.diff(t[:40], 2, axis=0).std() for t in (tracks, smoothed)]
    assert shake[1] < 0.5 * shake[0]
    np.testing.assert_array_equal(smoothed[40:55], tracks[40:55])
    np.testing.assert_array_equal(smoothed[..., 3], tracks[..., 3])


# --- detection -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def interpreter() -> Iterator[tuple[Keypoints, list[tuple[int, int]]]]:
    ticks: list[tuple[int, int]] = []
    path = shared("clips/interpreter.mp4")
    yield load_keypoints(path, lambda done, total: ticks.append((done, total))), ticks


def test_the_interpreter_is_found(interpreter: tuple[Keypoints, list[tuple[int, int]]]) -> None:
    keypoints, ticks = interpreter
    assert (keypoints.frame_count, keypoints.fps) == (91, 25)
    assert (keypoints.width, keypoints.height) == (512, 512)
    assert ticks == [(i + 1, 91) for i in range(91)]
    assert keypoints.seen("body").mean() >= 0.95
    assert keypoints.seen("face").mean() >= 0.95
    # Both hands are in the picture from frame 14 to 53 and below its edge otherwise.
    assert keypoints.seen("left_hand")[15:53].all() and keypoints.seen("right_hand")[15:53].all()
    assert keypoints.seen("left_hand").sum() < 60


def test_left_is_the_signers_own(interpreter: tuple[Keypoints, list[tuple[int, int]]]) -> None:
    keypoints, _ = interpreter
    for hand, wrist, other in ((keypoints.left_hand, 15, 16), (keypoints.right_hand, 16, 15)):
        seen = hand[:, 0, 3] > 0
        near = np.linalg.norm((hand[:, 0] - keypoints.body[:, wrist])[seen, :2], axis=1)
        far = np.linalg.norm((hand[:, 0] - keypoints.body[:, other])[seen, :2], axis=1)
        assert np.median(near) < 25 < np.median(far)
    assert (keypoints.body[:, 11, 0] > keypoints.body[:, 12, 0]).all()
    assert (keypoints.face[:, 473, 0] > keypoints.face[:, 468, 0]).all(), "left iris, right iris"


def test_units_of_what_is_detected(interpreter: tuple[Keypoints, list[tuple[int, int]]]) -> None:
    keypoints, _ = interpreter
    world = keypoints.body_world
    shoulders = np.linalg.norm(world[:, 11, :3] - world[:, 12, :3], axis=1)
    assert 0.25 < np.median(shoulders) < 0.45, "metres"
    assert np.abs(world[:, HIPS, :3].mean(axis=1)).max() < 0.03, "about the hips"
    np.testing.assert_allclose(keypoints.left_hand[:, 0, 2], 0, atol=0.1)
    assert 15 < np.ptp(keypoints.left_hand[..., 2]) < 150, "pixels about the wrist"
    nose, ears = keypoints.body[:, 0, 2], keypoints.body[:, [7, 8], 2].mean(axis=1)
    assert (nose < ears).all(), "the nose is nearer than the ears"


def test_detected_keypoints_go_through_a_file(
    interpreter: tuple[Keypoints, list[tuple[int, int]]], tmp_path: Path
) -> None:
    write_pose(tmp_path / "k.pose", interpreter[0])
    assert_same(interpreter[0], load_keypoints(tmp_path / "k.pose"))


def test_nobody_in_the_clip(tmp_path: Path) -> None:
    write_video(tmp_path / "grey.mp4", [np.full((96, 96, 3), 90, np.uint8)] * 12, 25)
    text = sentence(tmp_path / "grey.mp4")
    assert "No person" in text and "0 of 12" in text and "grey.mp4" in text


def test_one_frame_is_detected_and_the_terminal_stays_clean(tmp_path: Path) -> None:
    frames = list(read_frames(shared("clips/interpreter.mp4")))
    blank = np.full_like(frames[0], 90)
    write_video(tmp_path / "one.mp4", [frames[30]], 25)
    write_video(tmp_path / "late.mp4", [blank, blank, *frames[30:34]], 25)
    script = (
        "import sys\n"
        "from diffsign.retarget.keypoints.source import load_keypoints\n"
        "for path in sys.argv[1:]:\n"
        "    found = load_keypoints(path)\n"
        "    print(found.frame_count, found.seen('left_hand').sum())\n"
    )
    names = [str(tmp_path / "late.mp4"), str(tmp_path / "one.mp4")]
    done = subprocess.run(
        [sys.executable, "-c", script, *names], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["6 4", "1 1"]
    assert done.stderr == ""
