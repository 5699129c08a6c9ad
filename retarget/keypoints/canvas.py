"""The size of an image that a source of keypoints does not name."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from .people import Note

_CANVAS = 1000  # what readers of such files take by custom
FPS = 25.0


def canvas(
    parts: Mapping[str, np.ndarray], size: tuple[int, int] | None, name: str, note: Note
) -> tuple[int, int]:
    """(width, height): `size` where it is known, else 1000 x 1000 or as far as points lie."""
    if size is not None:
        return size
    found = [
        max(
            _CANVAS,
            math.ceil(max(float(part[..., axis].max(initial=0)) for part in parts.values())),
        )
        for axis in (0, 1)
    ]
    note(
        f"{name} names no image size: {found[0]} x {found[1]} is taken; "
        "--image-size WIDTHxHEIGHT gives it."
    )
    return found[0], found[1]


def frame_rate(fps: float | None, name: str, note: Note) -> float:
    """`fps` where it is known, else 25, and `note` is told."""
    if fps is not None:
        return fps
    note(f"{name} names no frame rate: {FPS:g} frames a second are taken; --fps gives it.")
    return FPS
