"""Glasses are taken off before a face is warped and put on again after it.

Their frames lie across brows and lids, and thin as they are would hold all that is near them back.
The skin behind them is filled in from around (Telea 2004); only what the warp brings out from
behind a frame is ever seen of it.
"""

from __future__ import annotations

import cv2
import numpy as np

from ...render.avatar.parts import PART_INDEX
from .regions import distance_to

_MARGIN = 0.02  # of the eye distance: how far a frame's own pixels and its shade reach
_FILL_FROM = 3  # pixels


def taken_off(picture: np.ndarray, part: np.ndarray, scale: float) -> np.ndarray:
    """The picture (H,W,3 uint8) without the frames of glasses; itself where there are none.

    part: (H,W) part index; scale: eye distance in pixels.
    """
    frames = part == PART_INDEX["glasses"]
    if not frames.any():
        return picture
    hidden = distance_to(frames) <= _reach(scale) + 1
    return cv2.inpaint(picture, hidden.astype(np.uint8), _FILL_FROM, cv2.INPAINT_TELEA)


def put_on(picture: np.ndarray, before: np.ndarray, part: np.ndarray, scale: float) -> np.ndarray:
    """The picture with the frames of glasses of the picture before, softly ended around them."""
    frames = part == PART_INDEX["glasses"]
    if not frames.any():
        return picture
    alpha = np.clip(_reach(scale) + 1 - distance_to(frames), 0, 1)[..., None]
    mixed = picture + (before.astype(np.float32) - picture) * alpha
    return np.where(alpha >= 1, before, np.round(mixed)).astype(np.uint8)


def _reach(scale: float) -> float:
    return max(1.0, _MARGIN * scale)
