"""COCO-WholeBody's 133 points in each way of writing them, and the optional detector of them."""

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from diffsign.errors import UserError
from diffsign.retarget.keypoints.coco_wholebody import read_coco_wholebody
from diffsign.retarget.keypoints.correspondence import COCO133_TO_POSE
from diffsign.retarget.keypoints.record import Keypoints
from diffsign.retarget.keypoints.source import load_keypoints
from diffsign.video import write_video

FRAMES = 4


def points(frame: int = 0, x: float = 0.0) -> np.ndarray:
    """(133, 3): each point's place tells its number and frame."""
    number = np.arange(133)
    return np.stack([x + number + 300, 2 * number + frame + 10, np.full(133, 0.8)], axis=1)


def check(keypoints: Keypoints, frame: int = 2) -> None:
    expected = points(frame)
    assert keypoints.frame_count == FRAMES
    for coco, pose in COCO133_TO_POSE.items():
        np.testing.assert_allclose(keypoints.body[frame, pose, :2], expected[coco, :2], atol=1e-3)
    np.testing.assert_allclose(keypoints.left_hand[frame, :, :2], expected[91:112, :2], atol=1e-3)
    np.testing.assert_allclose(keypoints.right_hand[frame, :, :2], expected[112:, :2], atol=1e-3)
    chin, pupil = keypoints.face[frame, 152], keypoints.face[frame, 468]
    np.testing.assert_allclose(chin[:2], expected[23 + 8, :2], atol=1e-3)
    assert not pupil.any(), "the 68 points have no pupils"
    np.testing.assert_allclose(keypoints.left_hand[frame, :, 3], 0.8, atol=1e-6)


def annotation(image: int, table: np.ndarray) -> dict[str, Any]:
    parts = {"keypoints": (0, 17), "foot_kpts": (17, 23), "face_kpts": (23, 91)}
    parts |= {"lefthand_kpts": (91, 112), "righthand_kpts": (112, 133)}
    return {"image_id": image} | {k: table[a:b].ravel().tolist() for k, (a, b) in parts.items()}


def instance(table: np.ndarray) -> dict[str, Any]:
    return {"keypoints": table[:, :2].tolist(), "keypoint_scores": table[:, 2].tolist()}


def contents() -> dict[str, Any]:
    images = [{"id": 7 + k, "width": 1920, "height": 1080} for k in range(FRAMES)]
    annotations = [annotation(7 + k, points(k)) for k in range(FRAMES)]
    flat = [{"image_id": 7 + k, "keypoints": points(k).ravel().tolist()} for k in range(FRAMES)]
    frames = [{"frame_id": k + 1, "instances": [instance(points(k))]} for k in range(FRAMES)]
    return {
        "coco": {"info": {"fps": 30}, "images": images, "annotations": annotations[::-1]},
        "bare": annotations,
        "results": flat,
        "mmpose": {"meta_info": {"dataset_name": "coco_wholebody"}, "instance_info": frames},
        "frames": frames,
        "lists": [[instance(points(k))] for k in range(FRAMES)],
    }


@pytest.mark.parametrize("kind", ["coco", "bare", "results", "mmpose", "frames", "lists"])
def test_each_json_gives_the_same(tmp_path: Path, kind: str) -> None:
    (tmp_path / "k.json").write_text(json.dumps(contents()[kind]))
    notes: list[str] = []
    keypoints = load_keypoints(tmp_path / "k.json", note=notes.append)
    check(keypoints)
    if kind == "coco":
        assert (keypoints.fps, keypoints.width, keypoints.height) == (30, 1920, 1080) and not notes
    else:
        assert (keypoints.fps, keypoints.width) == (25, 1000)
        assert "--fps" in " ".join(notes) and "--image-size" in " ".join(notes)


def test_a_folder_of_one_file_per_frame(tmp_path: Path) -> None:
    for frame in range(FRAMES):
        file = tmp_path / f"img{frame + 8}.json"  # by number: 10 comes after 9
        file.write_text(json.dumps([instance(points(frame))]))
    check(load_keypoints(tmp_path, fps=24, size=(640, 480)))


@pytest.mark.parametrize("scored", [True, False])
@pytest.mark.parametrize("people", [None, 2])
def test_npz(tmp_path: Path, scored: bool, people: int | None) -> None:
    table = np.stack([points(k) for k in range(FRAMES)])
    if people:
        tiny = table * [0.2, 0.2, 1]
        table = np.stack([tiny, table], axis=1)
    arrays = (
        {"keypoints": table[..., :2], "scores": table[..., 2]} if scored else {"keypoints": table}
    )
    np.savez(tmp_path / "k.npz", **arrays, fps=50, width=1280, height=720)
    notes: list[str] = []
    keypoints = load_keypoints(tmp_path / "k.npz", note=notes.append)
    check(keypoints)
    assert (keypoints.fps, keypoints.width, keypoints.height) == (50, 1280, 720)
    assert len(notes) == (1 if people else 0)
    assert load_keypoints(tmp_path / "k.npz", fps=10).fps == 10


def test_frames_that_are_left_out_and_scores_beyond_one(tmp_path: Path) -> None:
    table = points(0) * [1, 1, 7]
    frames = [{"frame_id": k, "instances": [instance(table)]} for k in (3, 5)]
    frames.append({"frame_id": 6, "instances": []})
    (tmp_path / "k.json").write_text(json.dumps({"instance_info": frames}))
    keypoints = read_coco_wholebody(tmp_path / "k.json")
    assert keypoints.seen("body").tolist() == [True, False, True, False]
    assert keypoints.left_hand[..., 3].max() == 1


@pytest.mark.parametrize(
    "content",
    ["", "{", "3", "[]", "{}", '{"annotations": [{"image_id": 1}]}', '[{"keypoints": [[1, 2]]}]',
     '{"instance_info": [{"frame_id": 1, "instances": [3]}]}',
     '[{"image_id": 1, "keypoints": "x"}]'],
)  # fmt: skip
def test_bad_json_is_one_sentence(tmp_path: Path, content: str) -> None:
    (tmp_path / "k.json").write_text(content)
    with pytest.raises(UserError) as caught:
        load_keypoints(tmp_path / "k.json")
    assert "k.json" in str(caught.value) and "\n" not in str(caught.value)


def test_bad_npz_is_one_sentence(tmp_path: Path) -> None:
    for arrays in (
        {"keypoints": np.zeros((3, 17, 3))},
        {"poses": np.zeros(3)},
        {"keypoints": np.array([{}])},
    ):
        np.savez(tmp_path / "k.npz", **arrays)
        with pytest.raises(UserError, match=r"k\.npz does not hold COCO-WholeBody"):
            load_keypoints(tmp_path / "k.npz")
    with pytest.raises(UserError, match="no file"):
        load_keypoints(tmp_path / "none.npz")


def test_rtmlib_is_an_adapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[np.ndarray] = []

    class Wholebody:
        def __init__(self, **options: Any) -> None:
            assert options["to_openpose"] is False

        def __call__(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            shown.append(image)
            both = np.stack([points(len(shown) - 1), points(len(shown) - 1) * [0.2, 0.2, 1]])
            return both[..., :2], both[..., 2]

    fake = ModuleType("rtmlib")
    fake.Wholebody = Wholebody  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "rtmlib", fake)
    red = np.zeros((64, 64, 3), np.uint8)
    red[..., 0] = 200
    write_video(tmp_path / "a.mp4", [red] * FRAMES, 25)
    ticks: list[tuple[int, int]] = []
    notes: list[str] = []
    keypoints = load_keypoints(
        tmp_path / "a.mp4", lambda *tick: ticks.append(tick), detector="rtmlib", note=notes.append
    )
    check(keypoints)
    assert ticks[-1] == (FRAMES, FRAMES) and "2 people" in notes[0]
    assert shown[0][..., 2].mean() > 150 > shown[0][..., 0].mean(), "blue, green, red"


def test_rtmlib_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rtmlib", None)
    write_video(tmp_path / "a.mp4", [np.zeros((64, 64, 3), np.uint8)] * 2, 25)
    with pytest.raises(UserError, match=r"diffsign\[rtmlib\]"):
        load_keypoints(tmp_path / "a.mp4", detector="rtmlib")
