"""The motion file at hand, read once for as long as it does not change."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from ..errors import UserError
from ..retarget.motion import Motion


def load(path: str) -> Motion:
    """The motion in a file.

    Raises:
        UserError: there is none.
    """
    if not path:
        raise UserError("There is no motion yet: fit a source, or name a motion.npz, under Source.")
    file = Path(path)
    changed = file.stat().st_mtime_ns if file.is_file() else 0
    return _load(path, changed)


@lru_cache(maxsize=2)
def _load(path: str, changed: int) -> Motion:
    return Motion.load(path)


def summary(path: str) -> str:
    """One line on a motion file, or why it is none."""
    try:
        motion = load(path)
    except UserError as error:
        return str(error)
    seconds = motion.frame_count / motion.fps
    return f"{motion.frame_count} frames, {motion.fps:.4g} fps, {seconds:.1f} s"
