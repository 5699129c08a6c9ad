"""COCO-WholeBody's 133 points as keypoints: what DWPose, RTMPose and RTMW give.

Three ways of writing them are read, told apart by their content:

- annotations in COCO's own format (`image_id`, `keypoints`, `foot_kpts`, `face_kpts`,
  `lefthand_kpts`, `righthand_kpts`; `images` for their sizes), also as a bare list;
- predictions per frame as MMPose writes them (`instance_info` of `frame_id` and `instances` with
  `keypoints` (133, 2) and `keypoint_scores` (133)), as one file or as a folder of one per frame;
- `.npz` with `keypoints` (T, 133, 2 or 3) or (T, P, 133, 2 or 3), with `scores` where there is no
  third column, and `fps`, `width`, `height` where they are known.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import UserError
from .canvas import canvas, frame_rate
from .correspondence import (
    COCO133_FACE,
    COCO133_LEFT_HAND,
    COCO133_RIGHT_HAND,
    COCO133_TO_POSE,
    FACE70_TO_MESH,
)
from .people import Note, one_person, silent
from .record import Keypoints, missing, tidy

POINT_COUNT = 133
_ANNOTATION = (
    ("keypoints", 17),
    ("foot_kpts", 6),
    ("face_kpts", 68),
    ("lefthand_kpts", 21),
    ("righthand_kpts", 21),
)
_NUMBER = re.compile(r"(\d+)\D*$")
_Frames = list[list[np.ndarray]]
_Facts = dict[str, float]


def read_coco_wholebody(
    path: str | Path,
    fps: float | None = None,
    size: tuple[int, int] | None = None,
    person: int | None = None,
    note: Note = silent,
) -> Keypoints:
    """Read a clip of COCO-WholeBody points: a `.json`, a folder of them, or a `.npz`.

    Points go to the place of their MediaPipe counterpart (`correspondence`), z is 0; what has no
    counterpart stays missing. Scores above 1 (RTMW's can be) count as 1.

    Args:
        path: the file or folder.
        fps: frames per second, by default what the file says, or else 25.
        size: (width, height) in pixels, by default what the file says, or else 1000 x 1000 or
            larger where points lie beyond.
        person: which of several people, from the left, from 1; by default the largest.
        note: told what was assumed or chosen.

    Raises:
        UserError: nothing to read, content of another kind, or no such person.
    """
    path, name = Path(path), str(path)
    frames, facts = _read(path)
    people = [[keypoints_parts(points) for points in frame] for frame in frames]
    parts = one_person(people, person, name, note)
    if size is None and facts.get("width") and facts.get("height"):
        size = int(facts["width"]), int(facts["height"])
    width, height = canvas(parts, size, name, note)
    rate = frame_rate(fps or facts.get("fps"), name, note)
    return Keypoints(rate, width, height, **parts)


def keypoints_parts(points: np.ndarray) -> dict[str, np.ndarray]:
    """One person's (133, 3) x, y, score at their places in the parts of `Keypoints`, (N, 4)."""
    parts = {name: part[0] for name, part in missing(1).items()}
    columns = [0, 1, 3]
    parts["body"][np.ix_(list(COCO133_TO_POSE.values()), columns)] = points[list(COCO133_TO_POSE)]
    parts["face"][np.ix_(list(FACE70_TO_MESH[:68]), columns)] = points[COCO133_FACE]
    parts["left_hand"][:, columns] = points[COCO133_LEFT_HAND]
    parts["right_hand"][:, columns] = points[COCO133_RIGHT_HAND]
    return {name: tidy(part) for name, part in parts.items()}


def _read(path: Path) -> tuple[_Frames, _Facts]:
    if path.is_dir():
        return _checked(path, lambda: _folder(path))
    if not path.is_file():
        raise UserError(f"There is no file {path}: check the name of the keypoints.")
    if path.suffix.lower() == ".npz":
        return _checked(path, lambda: _npz(path))
    return _checked(path, lambda: _json(_content(path)))


def _checked(path: Path, read: Callable[[], tuple[_Frames, _Facts]]) -> tuple[_Frames, _Facts]:
    """Call `read`, and say in one sentence what is wrong with the content."""
    try:
        frames, facts = read()
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        IndexError,
        OSError,
        EOFError,
    ) as error:
        why = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise UserError(
            f"{path} does not hold COCO-WholeBody's 133 points ({why}): give MMPose's or DWPose's "
            "predictions, COCO annotations, or an .npz with keypoints (T, 133, 3)."
        ) from None
    if not frames:
        raise UserError(f"{path} holds no frames: write the keypoints again.")
    return frames, facts


def _content(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _folder(folder: Path) -> tuple[_Frames, _Facts]:
    """One file per frame, in the order of the numbers at the ends of their names."""
    files = sorted(folder.glob("*.json"), key=lambda file: (_number(file), file.name))
    if not files:
        raise ValueError("no .json files in it")
    frames: _Frames = []
    for file in files:
        content = _content(file)
        try:
            frames.append(
                _instances(content.get("instances") if isinstance(content, dict) else content)
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{file.name}: {error}") from None
    return frames, {}


def _number(file: Path) -> int:
    match = _NUMBER.search(file.stem)
    return int(match[1]) if match else 0


def _json(content: Any) -> tuple[_Frames, _Facts]:
    facts = _facts(content) if isinstance(content, dict) else {}
    if isinstance(content, dict) and "annotations" in content:
        return _annotated(content["annotations"], content.get("images", []), facts)
    entries = content["instance_info"] if isinstance(content, dict) else content
    if not isinstance(entries, list):
        raise ValueError("neither a list nor a dictionary of annotations or instances")
    if entries and all(isinstance(entry, dict) and "image_id" in entry for entry in entries):
        return _annotated(entries, [], facts)
    if entries and all(isinstance(entry, dict) and "instances" in entry for entry in entries):
        return _numbered(
            {int(e.get("frame_id", n)): e["instances"] for n, e in enumerate(entries)}
        ), facts
    return [_instances(entry if isinstance(entry, list) else [entry]) for entry in entries], facts


def _facts(content: dict[str, Any]) -> _Facts:
    """What a file says of its clip, at its top or under `info`."""
    found: _Facts = {}
    for place in (content.get("info"), content):
        for name in ("fps", "width", "height"):
            value = place.get(name) if isinstance(place, dict) else None
            if isinstance(value, (int, float)) and np.isfinite(value) and value > 0:
                found[name] = float(value)
    return found


def _numbered(entries: dict[int, Any]) -> _Frames:
    """Frames by their numbers, with those that are left out empty."""
    first = min(entries)
    frames: _Frames = [[] for _ in range(max(entries) - first + 1)]
    for number, instances in entries.items():
        frames[number - first] = _instances(instances)
    return frames


def _instances(instances: Any) -> list[np.ndarray]:
    """Everybody in a frame as MMPose writes them: (133, 3) each."""
    people = []
    for one in instances:
        points = _table(one["keypoints"], POINT_COUNT)
        scores = one.get("keypoint_scores", one.get("scores"))
        if scores is not None:
            flat = np.asarray(scores, np.float32).reshape(-1, 1)
            points = np.concatenate([points[:, :2], flat], axis=1)
        people.append(_with_score(points))
    return people


def _annotated(
    annotations: list[dict[str, Any]], images: list[dict[str, Any]], facts: _Facts
) -> tuple[_Frames, _Facts]:
    """Everybody in each image, in the order of `images`, or else of the images' numbers."""
    ids = [image["id"] for image in images] or sorted({entry["image_id"] for entry in annotations})
    places = {image_id: place for place, image_id in enumerate(ids)}
    frames: _Frames = [[] for _ in ids]
    for entry in annotations:
        if len(entry["keypoints"]) in (POINT_COUNT, 3 * POINT_COUNT):
            points = _table(entry["keypoints"], POINT_COUNT)
        else:
            points = np.concatenate(
                [_table(entry.get(key) or [0] * 3 * count, count) for key, count in _ANNOTATION]
            )
        frames[places[entry["image_id"]]].append(_with_score(points))
    sizes = {(image.get("width"), image.get("height")) for image in images}
    width, height = sizes.pop() if len(sizes) == 1 else (None, None)
    if isinstance(width, int) and isinstance(height, int):
        facts = {"width": width, "height": height, **facts}
    return frames, facts


def _table(numbers: Any, count: int) -> np.ndarray:
    """(count, 2 or 3) of nested or flat numbers."""
    table = np.asarray(numbers, dtype=np.float32)
    if table.size not in (2 * count, 3 * count):
        raise ValueError(f"{table.size} numbers where {count} points were expected")
    return table.reshape(count, -1)


def _with_score(points: np.ndarray) -> np.ndarray:
    """(N, 3): points without scores count as seen."""
    if points.shape[-1] == 3:
        return points
    return np.concatenate([points, np.ones((*points.shape[:-1], 1), np.float32)], axis=-1)


def _npz(path: Path) -> tuple[_Frames, _Facts]:
    with np.load(path, allow_pickle=False) as data:
        arrays = {name: data[name] for name in data.files}
    points = np.asarray(arrays["keypoints"], np.float32)
    if points.ndim == 3:
        points = points[:, None]
    if points.ndim != 4 or points.shape[2] != POINT_COUNT or points.shape[3] not in (2, 3):
        raise ValueError(f"keypoints are {arrays['keypoints'].shape}, not (T, 133, 3)")
    scores = arrays.get("scores", arrays.get("keypoint_scores"))
    if scores is not None:
        flat = np.asarray(scores, np.float32).reshape(*points.shape[:3], 1)
        points = np.concatenate([points[..., :2], flat], axis=-1)
    facts = {name: float(arrays[name]) for name in ("fps", "width", "height") if name in arrays}
    return [list(frame) for frame in _with_score(points)], facts
