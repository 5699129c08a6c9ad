"""What was done to a frame, and the frame's file that carries it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Literal, TypedDict

import numpy as np
from PIL import Image, PngImagePlugin

from ...errors import UserError
from ...files import atomic_path
from .warp import FaceTask

_VERSION = 4  # of the algorithm: frames made by another one are made again
_NOTE = "diffsign-expression"  # the PNG text that holds a frame's key and report


class FrameReport(TypedDict):
    """What was done to one frame. Errors in pixels are medians over brows, lids and lips."""

    frame: int
    status: Literal["enhanced", "skipped", "off"]
    reason: str | None  # why a frame was skipped
    detected: bool  # was the face found in the painted frame?
    before_px: float | None  # from the target, as the detector sees both
    after_px: float | None
    action_error_before: float | None  # mean over the moving actions, of what the solver reads
    action_error: float | None
    unreached: dict[str, float]  # actions that stay off by more than 0.2: says less wanted


def frame_report(
    frame: int,
    status: Literal["enhanced", "skipped", "off"],
    reason: str | None = None,
    detected: bool = False,
    before: float | None = None,
    after: float | None = None,
    actions: tuple[float, float] | None = None,
    unreached: dict[str, float] | None = None,
) -> FrameReport:
    """A frame's report; `actions` is the error of the facial actions before and after."""
    return FrameReport(
        frame=frame,
        status=status,
        reason=reason,
        detected=detected,
        before_px=_rounded(before),
        after_px=_rounded(after),
        action_error_before=_rounded(actions[0] if actions else None),
        action_error=_rounded(actions[1] if actions else None),
        unreached=unreached or {},
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else round(float(value), 3)


def task_key(image: np.ndarray, task: FaceTask, maker: str) -> str:
    """A hash of everything that an enhanced frame is made from; maker: what makes it."""
    digest = hashlib.blake2b(f"{_VERSION} {maker}".encode(), digest_size=16)
    for array in (image, task.render, task.part, task.visible):
        digest.update(np.ascontiguousarray(array).tobytes())
    for array in (task.projected, task.target, task.shift):
        digest.update(np.round(array, 2).tobytes())
    return digest.hexdigest()


def joint_key(keys: list[str], wanted: np.ndarray) -> str:
    """A hash for frames that are made together, for the actions (F,52) that they are to say."""
    digest = hashlib.blake2b(" ".join(keys).encode(), digest_size=16)
    digest.update(np.round(np.asarray(wanted, float), 3).tobytes())
    return digest.hexdigest()


def known_report(path: Path, key: str) -> FrameReport | None:
    """The report in an enhanced frame that was made from the same inputs, else None."""
    try:
        with Image.open(path) as image:
            note = json.loads(image.info.get(_NOTE, "null"))
            image.load()
    except (OSError, ValueError, SyntaxError):
        return None
    return note["report"] if note and note.get("key") == key else None


def write_frame(path: Path, picture: np.ndarray, key: str, report: FrameReport) -> None:
    """Write an enhanced frame with its key and report, whole or not at all."""
    note = PngImagePlugin.PngInfo()
    note.add_text(_NOTE, json.dumps({"key": key, "report": report}))
    with atomic_path(path) as partial:
        Image.fromarray(picture).save(partial, pnginfo=note, compress_level=2)


def read_painted(path: Path, size: tuple[int, int]) -> np.ndarray:
    """A painted frame (H,W,3) uint8; UserError where it is not of `size` (width, height)."""
    with Image.open(path) as image:
        if image.size != size:
            raise UserError(f"{path} is not of the size of the other frames: paint it again.")
        return np.asarray(image.convert("RGB"))
