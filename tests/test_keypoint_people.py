"""Several people in one source: who is who, who is taken, and what the user is told."""

import json
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from diffsign.errors import UserError
from diffsign.retarget.keypoints.people import follow, one_person
from diffsign.retarget.keypoints.pose_file import read_pose, write_pose
from diffsign.retarget.keypoints.record import Keypoints, missing
from diffsign.retarget.keypoints.source import load_keypoints
from diffsign.retarget.keypoints.video_people import blanked, strip_of
from diffsign.video import probe, read_frames, write_video


def person(x: float, size: float = 200.0, confidence: float = 0.9) -> dict[str, np.ndarray]:
    """Somebody standing at x, `size` pixels tall."""
    parts = {name: part[0] for name, part in missing(1).items()}
    rng = np.random.default_rng(1)
    parts["body"][:, :2] = [x, 300] + size * rng.uniform(-0.5, 0.5, (33, 2))
    parts["body"][:, 3] = confidence
    return parts


def middle(keypoints: np.ndarray) -> float:
    return float(np.median(keypoints[..., 0]))


@settings(deadline=None)
@given(st.lists(st.permutations([0, 1, 2]), min_size=2, max_size=12))
def test_the_order_in_a_frame_does_not_matter(orders: list[list[int]]) -> None:
    places = [100, 400, 700]
    frames = [[person(places[k] + 8 * frame) for k in order] for frame, order in enumerate(orders)]
    tracks = follow(frames)
    assert len(tracks) == 3
    for number, track in enumerate(tracks):
        assert track == [order.index(number) for order in orders]


def test_people_who_pass_each_other_keep_their_names() -> None:
    frames = []
    for frame in range(30):
        left = person(100 + 20 * frame, 200)
        right = person(700 - 20 * frame, 260)
        frames.append([left, right] if frame % 2 else [right, left])
    notes: list[str] = []
    body = one_person(frames, None, "a.json", notes.append)["body"]
    x = np.median(body[..., 0], axis=1)
    assert (np.diff(x) < 0).all(), "the larger walks to the left throughout"
    assert len(notes) == 1 and "2 people" in notes[0] and "the largest" in notes[0]


def test_a_person_is_chosen_from_the_left() -> None:
    frames = [[person(500, 300), person(100, 150)] for _ in range(5)]
    notes: list[str] = []
    assert middle(one_person(frames, 1, "a", notes.append)["body"]) < 200
    assert middle(one_person(frames, 2, "a", notes.append)["body"]) > 400
    assert "number 1 from the left is taken, as asked for." in notes[0]
    for wrong in (0, 3, -1):
        with pytest.raises(UserError, match="2 people"):
            one_person(frames, wrong, "a")


def test_errors_that_flash_up_are_nobody() -> None:
    frames = [[person(300)] for _ in range(60)]
    frames[20].append(person(900, 100, 0.3))
    notes: list[str] = []
    one_person(frames, None, "a", notes.append)
    assert len(follow(frames)) == 1 and not notes


def test_somebody_enters_late_and_is_lost_for_a_while() -> None:
    seen = [*range(10, 20), *range(26, 40)]
    frames = [[person(300 + frame)] if frame in seen else [] for frame in range(40)]
    body = one_person(frames, None, "a")["body"]
    assert np.flatnonzero((body[..., 3] > 0).any(axis=1)).tolist() == seen
    assert len(follow(frames)) == 1


def test_nobody_at_all() -> None:
    parts = one_person([[], []], None, "a")
    assert not any(part.any() for part in parts.values())
    with pytest.raises(UserError, match="nobody"):
        one_person([[], []], 2, "a")


def clip(x: float, size: float, frames: int = 6) -> Keypoints:
    parts = missing(frames)
    parts["body"][:] = person(x, size)["body"]
    return Keypoints(25, 1000, 600, **parts)


def test_a_pose_file_of_two(tmp_path: Path) -> None:
    from pose_format import Pose
    from pose_format.numpy import NumPyPoseBody

    poses = []
    for name, keypoints in (("a", clip(700, 200)), ("b", clip(200, 330))):
        write_pose(tmp_path / f"{name}.pose", keypoints)
        poses.append(Pose.read((tmp_path / f"{name}.pose").read_bytes()))
    data = np.concatenate([np.asarray(pose.body.data.filled(0)) for pose in poses], axis=1)
    confidence = np.concatenate([pose.body.confidence for pose in poses], axis=1)
    data[3:], confidence[3:] = data[3:, ::-1].copy(), confidence[3:, ::-1].copy()
    both = Pose(poses[0].header, NumPyPoseBody(25, data, confidence))
    with (tmp_path / "both.pose").open("wb") as file:
        both.write(file)
    notes: list[str] = []
    larger = load_keypoints(tmp_path / "both.pose", note=notes.append)
    assert np.median(larger.body[..., 0], axis=1).max() < 300, "the same throughout"
    assert "2 people" in notes[0] and "both.pose" in notes[0]
    assert middle(read_pose(tmp_path / "both.pose", 2).body) > 600
    with pytest.raises(UserError, match="--person 3"):
        read_pose(tmp_path / "both.pose", 3)


def test_openpose_of_two(tmp_path: Path) -> None:
    def rows(one: dict[str, np.ndarray]) -> dict[str, list[float]]:
        return {"pose_keypoints_2d": one["body"][:25, [0, 1, 3]].ravel().tolist()}

    for frame in range(4):
        people = [rows(person(200, 150)), rows(person(700, 300))]
        path = tmp_path / f"x_{frame:012d}_keypoints.json"
        path.write_text(json.dumps({"people": people[:: (-1) ** frame]}))
    notes: list[str] = []
    taken = load_keypoints(tmp_path, person=1, fps=30, size=(1280, 720), note=notes.append)
    assert (taken.fps, taken.width, taken.height) == (30, 1280, 720) and len(notes) == 1
    seen = taken.body[..., 3] > 0
    assert np.median(taken.body[seen][:, 0]) < 300
    notes.clear()
    load_keypoints(tmp_path, note=notes.append)
    told = " ".join(notes)
    assert "2 people" in told and "--fps" in told and "--image-size" in told


# --- videos --------------------------------------------------------------------------------------


def two_signers(path: Path, count: int = 14) -> None:
    """The sample clip twice: a smaller copy on the left."""
    clip_path = Path(__file__).parents[1] / "assets" / "sample.mp4"
    frames = []
    for frame in islice(read_frames(clip_path), 40, 40 + count):
        small = np.full_like(frame, 90)
        small[152:, 76:436] = np.asarray(Image.fromarray(frame).resize((360, 360)))
        frames.append(np.concatenate([small, frame], axis=1))
    write_video(path, frames, 25)


def test_a_video_of_two(tmp_path: Path) -> None:
    two_signers(tmp_path / "two.mp4")
    found = {}
    for person in (None, 1, 2):
        notes: list[str] = []
        keypoints = load_keypoints(tmp_path / "two.mp4", person=person, note=notes.append)
        found[person] = keypoints.body[:, 11:13, 0].mean()
        assert "2 people" in notes[0] and keypoints.seen("right_hand").all()
        widths = keypoints.body[:, 11, 0] - keypoints.body[:, 12, 0]
        assert np.ptp(widths) < 30, "the same person throughout"
    assert found[1] < 300 and found[2] > 700 and found[None] == pytest.approx(found[2], abs=1)
    with pytest.raises(UserError, match="--person 3"):
        load_keypoints(tmp_path / "two.mp4", person=3)


def test_a_video_of_one_is_left_alone(tmp_path: Path) -> None:
    clip_path = Path(__file__).parents[1] / "assets" / "sample.mp4"
    write_video(tmp_path / "one.mp4", islice(read_frames(clip_path), 30, 36), 25)
    notes: list[str] = []
    assert strip_of(probe(tmp_path / "one.mp4"), None, notes.append) is None and not notes
    with pytest.raises(UserError, match="one person"):
        load_keypoints(tmp_path / "one.mp4", person=2)


def test_outside_the_strip_is_grey() -> None:
    frames = [np.full((4, 10, 3), 200, np.uint8)] * 2
    strip = np.array([[0.0, 10.0], [3.2, 7.5]])
    whole, part = blanked(iter(frames), strip)
    assert (whole == 200).all()
    assert (part[:, 3:8] == 200).all() and (part[:, :3] == 128).all() and (part[:, 8:] == 128).all()
