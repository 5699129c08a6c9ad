"""OpenPose's folder of JSON files (BODY_25 + hands + face) as keypoints."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import UserError
from .canvas import canvas, frame_rate
from .correspondence import BODY25_TO_POSE, FACE70_TO_MESH
from .people import Note, one_person, silent
from .record import Keypoints, missing, tidy

_NAME = re.compile(r"(\d+)_keypoints\.json$")
_PARTS = {
    "body": ("pose_keypoints_2d", 25),
    "left_hand": ("hand_left_keypoints_2d", 21),
    "right_hand": ("hand_right_keypoints_2d", 21),
    "face": ("face_keypoints_2d", 70),
}


def read_openpose(
    folder: str | Path,
    fps: float | None = None,
    size: tuple[int, int] | None = None,
    person: int | None = None,
    note: Note = silent,
) -> Keypoints:
    """Read a folder of `*_<frame number>_keypoints.json`.

    Points go to the place of their MediaPipe counterpart (`correspondence`), z is 0; what has no
    counterpart stays missing. A frame without a file, or without a person, is missing.

    Args:
        folder: the files of one clip.
        fps: frames per second; the files do not tell, 25 by default.
        size: (width, height) of the image in pixels; the files do not tell. By default
            1000 x 1000, or larger where points lie beyond.
        person: which of several people, from the left, from 1; by default the largest.
        note: told what was assumed or chosen.

    Raises:
        UserError: no such folder, no such files in it, a file that is not OpenPose's, or no such
            person.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}: name the folder of OpenPose's JSON files.")
    files = openpose_files(folder)
    if not files:
        raise UserError(
            f"{folder} holds no files named ..._<number>_keypoints.json: name the folder that "
            "OpenPose wrote with --write_json."
        )
    first = min(files)
    frames: list[list[dict[str, np.ndarray]]] = [[] for _ in range(max(files) - first + 1)]
    for number, path in files.items():
        frames[number - first] = [_placed(person) for person in _people(path)]
    parts = one_person(frames, person, str(folder), note)
    width, height = canvas(parts, size, str(folder), note)
    return Keypoints(frame_rate(fps, str(folder), note), width, height, **parts)


def openpose_files(folder: Path) -> dict[int, Path]:
    """OpenPose's files in a folder by frame number."""
    return {int(match[1]): path for path in folder.iterdir() if (match := _NAME.search(path.name))}


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


def _placed(person: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The points at their places in the parts of `Keypoints`."""
    parts = {name: part[0] for name, part in missing(1).items()}
    columns = [0, 1, 3]
    parts["body"][np.ix_(list(BODY25_TO_POSE.values()), columns)] = person["body"][
        list(BODY25_TO_POSE)
    ]
    parts["face"][np.ix_(list(FACE70_TO_MESH), columns)] = person["face"]
    for hand in ("left_hand", "right_hand"):
        parts[hand][:, columns] = person[hand]
    return {name: tidy(part) for name, part in parts.items()}
