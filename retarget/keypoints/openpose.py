"""OpenPose's folder of JSON files (BODY_25 + hands + face) as keypoints."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import UserError
from .correspondence import BODY25_TO_POSE, FACE70_TO_MESH
from .record import Keypoints, missing

_NAME = re.compile(r"(\d+)_keypoints\.json$")
_CANVAS = 1000  # the files name no image size; this is what readers of them take by custom
_FPS = 25.0
_PARTS = {
    "body": ("pose_keypoints_2d", 25),
    "left_hand": ("hand_left_keypoints_2d", 21),
    "right_hand": ("hand_right_keypoints_2d", 21),
    "face": ("face_keypoints_2d", 70),
}


def read_openpose(
    folder: str | Path, fps: float = _FPS, width: int | None = None, height: int | None = None
) -> Keypoints:
    """Read a folder of `*_<frame number>_keypoints.json`.

    Points go to the place of their MediaPipe counterpart (`correspondence`), z is 0; what has no
    counterpart stays missing. A frame without a file, or without a person, is missing. Of several
    people the one with the most confident points in the first frame is followed.

    Args:
        folder: the files of one clip.
        fps: frames per second; the files do not tell.
        width, height: of the image in pixels; the files do not tell. By default 1000 x 1000, or
            larger where points lie beyond.

    Raises:
        UserError: no such folder, no such files in it, or a file that is not OpenPose's.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}: name the folder of OpenPose's JSON files.")
    files = {int(match[1]): path for path in folder.iterdir() if (match := _NAME.search(path.name))}
    if not files:
        raise UserError(
            f"{folder} holds no files named ..._<number>_keypoints.json: name the folder that "
            "OpenPose wrote with --write_json."
        )
    first = min(files)
    parts = missing(max(files) - first + 1)
    followed: np.ndarray | None = None
    for number in sorted(files):
        people = _people(files[number])
        if people:
            person = _follow(people, followed)
            followed = person["body"]
            _place(parts, number - first, person)
    return Keypoints(fps, width or _canvas(parts, 0), height or _canvas(parts, 1), **parts)


def _people(path: Path) -> list[dict[str, np.ndarray]]:
    """Everybody in a file: (N, 3) x, y, confidence by part."""
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        return [
            {name: _rows(person, *key) for name, key in _PARTS.items()}
            for person in content["people"]
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path} is not OpenPose's JSON of a BODY_25 person ({error}): run OpenPose with "
            "--model_pose BODY_25 --write_json, or remove the file."
        ) from None


def _rows(person: dict[str, Any], key: str, count: int) -> np.ndarray:
    numbers = np.asarray(person.get(key) or np.zeros(count * 3), dtype=np.float32)
    if numbers.shape != (count * 3,):
        raise ValueError(f"{key} has {numbers.size} numbers, not {count * 3}")
    return numbers.reshape(count, 3)


def _follow(
    people: list[dict[str, np.ndarray]], followed: np.ndarray | None
) -> dict[str, np.ndarray]:
    """The person nearest to the one followed so far, by the body points that both have."""

    def cost(person: dict[str, np.ndarray]) -> float:
        body = person["body"]
        if followed is not None:
            both = (body[:, 2] > 0) & (followed[:, 2] > 0)
            if both.any():
                return float(np.linalg.norm(body[both, :2] - followed[both, :2], axis=1).mean())
        return 1e6 - sum(float(part[:, 2].sum()) for part in person.values())

    return min(people, key=cost)


def _place(parts: dict[str, np.ndarray], frame: int, person: dict[str, np.ndarray]) -> None:
    columns = [0, 1, 3]
    body, face = person["body"], person["face"]
    parts["body"][frame, list(BODY25_TO_POSE.values())] = _with_z(body[list(BODY25_TO_POSE)])
    parts["face"][frame, list(FACE70_TO_MESH)] = _with_z(face)
    for hand in ("left_hand", "right_hand"):
        parts[hand][frame][:, columns] = person[hand]


def _with_z(rows: np.ndarray) -> np.ndarray:
    return np.insert(rows, 2, 0, axis=1)


def _canvas(parts: dict[str, np.ndarray], axis: int) -> int:
    farthest = max(float(part[..., axis].max()) for part in parts.values())
    return max(_CANVAS, math.ceil(farthest))
