"""MediaPipe face pictures for the ControlNet CrucibleAI/ControlNetMediaPipeFace.

The drawing follows that project's annotator (``laion_face_common.py``): contours of MediaPipe's
face mesh, two pixels thick at 512, a square for each pupil, on black.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from .openpose import REFERENCE_SIDE

# fmt: off
_OVAL = (
    (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
     148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109, 10),
)
# fmt: on
_LEFT_EYE = (
    (263, 249, 390, 373, 374, 380, 381, 382, 362),
    (263, 466, 388, 387, 386, 385, 384, 398, 362),
)
_LEFT_BROW = ((276, 283, 282, 295, 285), (300, 293, 334, 296, 336))
_RIGHT_EYE = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133),
    (33, 246, 161, 160, 159, 158, 157, 173, 133),
)
_RIGHT_BROW = ((46, 53, 52, 65, 55), (70, 63, 105, 66, 107))
_LIPS = (
    (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291),
    (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291),
    (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308),
    (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308),
)

CONTOURS = (
    ("oval", _OVAL, (10, 200, 10)),
    ("left_eye", _LEFT_EYE, (10, 200, 180)),
    ("left_brow", _LEFT_BROW, (10, 220, 180)),
    ("right_eye", _RIGHT_EYE, (180, 200, 10)),
    ("right_brow", _RIGHT_BROW, (180, 220, 10)),
    ("lips", _LIPS, (10, 180, 10)),
)
"""Name, chains of landmark numbers and RGB, in the order of drawing."""

PUPILS = ((468, (250, 200, 10)), (473, (10, 200, 250)))
"""Landmark and RGB: the right pupil, then the left."""

THICKNESS = 2
PUPIL_HALF = 2


def draw_face_mesh(face: np.ndarray, width: int, height: int) -> np.ndarray:
    """The MediaPipe face picture (height, width, 3) uint8 of landmarks (478, 3: x, y, visible).

    Points are pixels; a line is drawn where both its ends lie inside the picture.
    """
    import cv2

    canvas = np.zeros((height, width, 3), np.uint8)
    scale = min(width, height) / REFERENCE_SIDE
    thickness = max(1, round(THICKNESS * scale))
    for _, chains, colour in CONTOURS:
        for chain in chains:
            for first, second in pairwise(chain):
                if face[first, 2] > 0 and face[second, 2] > 0:
                    start = (int(face[first, 0]), int(face[first, 1]))
                    stop = (int(face[second, 0]), int(face[second, 1]))
                    cv2.line(canvas, start, stop, colour, thickness)
    half = max(1, round(PUPIL_HALF * scale))
    for landmark, colour in PUPILS:
        x, y, seen = face[landmark]
        if seen > 0:
            column, row = int(x), int(y)
            rows = slice(max(row - half, 0), max(row + half, 0))
            canvas[rows, max(column - half, 0) : max(column + half, 0)] = colour
    return canvas
