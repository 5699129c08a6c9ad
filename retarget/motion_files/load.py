"""Fitted motion from whatever tool made it, told apart by its content."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import UserError
from ..body.load import load_body
from ..keypoints.canvas import frame_rate
from ..keypoints.people import Note, silent
from ..motion import Motion
from .hands import read_hand_space
from .parameters import to_motion
from .plain_pickle import read_pickle
from .readers import is_motion, read_fields

_PICKLES = (".pkl", ".pickle", ".p")
_NUMBERS = re.compile(r"\d+")
_OWN = {"camera.npy", "joints.npy", "facial_actions.npy"}


def is_motion_file(path: str | Path) -> bool:
    """Whether a path is fitted motion rather than a clip or keypoints; reads names alone."""
    path = Path(path)
    if path.is_dir():
        return bool(_frame_files(path))
    if path.suffix.lower() in _PICKLES:
        return True
    return path.suffix.lower() == ".npz" and "keypoints.npy" not in _members(path)


def load_motion(
    path: str | Path,
    body: str = "open",
    body_path: str | Path | None = None,
    fps: float | None = None,
    note: Note = silent,
) -> Motion:
    """Read a fitted motion: DiffSign's own, AMASS, SMPL-X names, SMPLify-X or SignAvatars.

    Pickles are read without executing anything in them (:mod:`.plain_pickle`). Motions without a
    camera get one that frames the upper body.

    Args:
        path: the file, or a folder with one `.pkl` (or `.npz`) per frame.
        body: the body to perform it, 'open' or 'smplx'.
        body_path: the user's SMPL-X file or folder: for the body 'smplx', and for files whose hands
            are relative to its mean hand or a code.
        fps: frames per second, by default what the file says, or else 25.
        note: told in a sentence what was assumed or left out.

    Raises:
        UserError: missing, of another kind, unsafe, or in need of the SMPL-X model.
    """
    path = Path(path)
    if path.is_file() and path.suffix.lower() == ".npz" and _members(path) >= _OWN:
        return Motion.load(path)
    frames = _frames(path, note)
    name = str(path)
    space = read_hand_space(body_path) if body_path is not None else None

    def rate(named: float | None) -> float:
        return frame_rate(fps or named, name, note)

    parameters = read_fields(frames, space, rate, name)
    performer = load_body(body, body_path) if body == "smplx" else load_body(body)
    return to_motion(parameters, performer, path.name, note)


def _frames(path: Path, note: Note) -> list[Mapping[str, Any]]:
    """The fields of a file; of each file of a folder; or of each entry of a list in a file."""
    if path.is_dir():
        files = _frame_files(path)
        if not files:
            raise UserError(f"{path} holds no .pkl or .npz: name the folder of fitted frames.")
        numbers = [_numbers(file, path) for file in files]
        if len(files) > 1 and all(len(n) for n in numbers):
            steps = {b[0] - a[0] for a, b in pairwise(numbers)}
            if len(steps) > 1:
                note(f"Frames are missing in {path}: the others follow each other without a gap.")
        return [_fields(_content(file), str(file)) for file in files]
    if not path.exists():
        raise UserError(f"There is no file {path}: check the name of the motion.")
    content = _content(path)
    if isinstance(content, (list, tuple)) and content:
        return [_fields(entry, str(path)) for entry in content]
    return [_fields(content, str(path))]


def _fields(content: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(content, Mapping):
        raise UserError(f"{name} holds no named fields, so it is no motion that is known here.")
    if not is_motion(content):
        inner = [value for value in content.values() if is_motion(value)]
        if len(inner) == 1:  # such as {"params": {...}}
            return inner[0]
    return content


def _content(path: Path) -> Any:
    if path.suffix.lower() != ".npz":
        return read_pickle(path)
    fields: dict[str, Any] = {}
    try:
        with np.load(path, allow_pickle=False) as data:
            for key in data.files:
                try:
                    fields[key] = data[key]
                except ValueError:  # pickled objects are not opened; no parameter is one
                    continue
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is no .npz that can be read ({error}): copy it again.") from None
    return fields


def _frame_files(folder: Path) -> list[Path]:
    """The files of a folder of fitted frames, in order; results/<frame>/000.pkl is SMPLify-X's."""
    for pattern in ("*.pkl", "*/*.pkl", "*.npz"):
        files = sorted(folder.glob(pattern), key=lambda f: (_numbers(f, folder), str(f)))
        if files:
            return files
    return []


def _numbers(file: Path, folder: Path) -> list[int]:
    return [int(number) for number in _NUMBERS.findall(str(file.relative_to(folder)))]


def _members(path: Path) -> set[str]:
    """The names in an .npz; none where it is not one."""
    try:
        with zipfile.ZipFile(path) as archive:
            return set(archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return set()
