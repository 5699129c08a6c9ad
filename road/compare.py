"""compare.mp4: source, conditioning and signer side by side, frame for frame."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from ..retarget.keypoints.record import Keypoints

GAP_PX = 4
_GAP_COLOUR = 24
_DARK = (18, 20, 24)
_BODY_LINKS = (
    (11, 12),
    (11, 13),
    (13, 15),
    (12, 14),
    (14, 16),
    (11, 23),
    (12, 24),
    (23, 24),
)
"""Pairs of MediaPipe pose points: shoulders, arms, trunk."""
_HAND_FINGERS = ((0, 1, 2, 3, 4), (0, 5, 6, 7, 8), (0, 9, 10, 11, 12), (0, 13, 14, 15, 16))
_HAND_LINKS = tuple(
    link for finger in (*_HAND_FINGERS, (0, 17, 18, 19, 20)) for link in pairwise(finger)
)
_BODY_COLOUR = (120, 190, 255)
_LEFT_COLOUR = (255, 176, 87)
_RIGHT_COLOUR = (126, 217, 140)
_FACE_COLOUR = (232, 232, 238)


def side_by_side(
    sources: Iterator[np.ndarray],
    conditionings: Iterator[np.ndarray],
    signers: Iterator[np.ndarray],
) -> Iterator[np.ndarray]:
    """Join three pictures (H, W, 3) uint8 per frame, all as tall as the signer's.

    Ends with the shortest of the three.
    """
    for source, conditioning, signer in zip(sources, conditionings, signers, strict=False):
        height = signer.shape[0]
        yield join([to_height(picture, height) for picture in (source, conditioning, signer)])


def join(panels: Sequence[np.ndarray], axis: int = 1) -> np.ndarray:
    """Pictures (H, W, 3) uint8 in a row (axis 1, equally tall) or a column (axis 0), gaps between.

    The gap is 4 pixels.
    """
    shape = list(panels[0].shape)
    shape[axis] = GAP_PX
    gap = np.full(shape, _GAP_COLOUR, np.uint8)
    parts = [part for panel in panels for part in (gap, panel)][1:]
    return np.concatenate(parts, axis=axis)


def read_pictures(paths: list[Path]) -> Iterator[np.ndarray]:
    """The pictures (H, W, 3) uint8 of image files, one after the other."""
    for path in paths:
        with Image.open(path) as picture:
            yield np.asarray(picture.convert("RGB"))


def overlay(grounds: Iterator[np.ndarray], lines: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """`lines` drawn on black, laid over `grounds` wherever they are not black."""
    for ground, line in zip(grounds, lines, strict=False):
        yield np.where(line.any(axis=-1, keepdims=True), line, ground)


def draw_keypoints(keypoints: "Keypoints", height: int) -> Iterator[np.ndarray]:
    """The detected points of each frame on a dark ground, `height` pixels tall.

    It stands for the source picture where the source is a .pose file.
    """
    scale = height / keypoints.height
    size = (max(1, round(keypoints.width * scale)), height)
    width = max(1, round(height / 256))
    for frame in range(len(keypoints.body)):
        picture = Image.new("RGB", size, _DARK)
        pen = ImageDraw.Draw(picture)
        _draw_dots(pen, keypoints.face[frame], scale, _FACE_COLOUR, width / 2)
        for points, links, colour in (
            (keypoints.body[frame], _BODY_LINKS, _BODY_COLOUR),
            (keypoints.left_hand[frame], _HAND_LINKS, _LEFT_COLOUR),
            (keypoints.right_hand[frame], _HAND_LINKS, _RIGHT_COLOUR),
        ):
            for start, end in links:
                if points[start, 3] > 0 and points[end, 3] > 0:
                    ends = [tuple(points[i, :2] * scale) for i in (start, end)]
                    pen.line(ends, fill=colour, width=2 * width)
        yield np.asarray(picture)


def _draw_dots(
    pen: ImageDraw.ImageDraw,
    points: np.ndarray,
    scale: float,
    colour: tuple[int, int, int],
    radius: float,
) -> None:
    for x, y in points[points[:, 3] > 0, :2] * scale:
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def to_height(picture: np.ndarray, height: int) -> np.ndarray:
    """A picture (H, W, 3) uint8 brought to another height, its shape kept."""
    if picture.shape[0] == height:
        return picture
    width = max(1, round(picture.shape[1] * height / picture.shape[0]))
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS))
