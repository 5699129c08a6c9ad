"""OpenPose skeletons as the SD1.5 openpose ControlNet was taught to read them.

Colours, joint order, drawing order and thicknesses are those of the annotator that made the
ControlNet's training images (huggingface/controlnet_aux, ``open_pose/util.py``), which draws with
OpenCV on whole pixels without antialiasing; so does this module. Its sizes are pixels on a picture
whose shorter side is 512, and scale with it.

Points are arrays (N, 3): x, y in pixels (the centre of the top-left pixel is (0.5, 0.5)) and a
visibility: 1 seen, 0.5 hidden behind something but inside the picture, 0 absent.
"""

from __future__ import annotations

import colorsys
from collections.abc import Mapping

import numpy as np

BODY_JOINTS = (
    "nose",
    "neck",
    "right_shoulder",
    "right_elbow",
    "right_wrist",
    "left_shoulder",
    "left_elbow",
    "left_wrist",
    "right_hip",
    "right_knee",
    "right_ankle",
    "left_hip",
    "left_knee",
    "left_ankle",
    "right_eye",
    "left_eye",
    "right_ear",
    "left_ear",
)

COLOURS = (
    (255, 0, 0),
    (255, 85, 0),
    (255, 170, 0),
    (255, 255, 0),
    (170, 255, 0),
    (85, 255, 0),
    (0, 255, 0),
    (0, 255, 85),
    (0, 255, 170),
    (0, 255, 255),
    (0, 170, 255),
    (0, 85, 255),
    (0, 0, 255),
    (85, 0, 255),
    (170, 0, 255),
    (255, 0, 255),
    (255, 0, 170),
    (255, 0, 85),
)
"""RGB of joint i; limb i takes colour i at 0.6."""

LIMBS = (
    (1, 2),
    (1, 5),
    (2, 3),
    (3, 4),
    (5, 6),
    (6, 7),
    (1, 8),
    (8, 9),
    (9, 10),
    (1, 11),
    (11, 12),
    (12, 13),
    (1, 0),
    (0, 14),
    (14, 16),
    (0, 15),
    (15, 17),
)

HAND_EDGES = tuple(
    (0 if joint == 0 else finger + joint, finger + joint + 1)
    for finger in (0, 4, 8, 12, 16)
    for joint in range(4)
)
"""Wrist to tip of each finger, thumb first: 0-1-2-3-4, 0-5-..-8, ..., 0-17-..-20."""

LIMB_DIMMING = 0.6
LIMB_HALF_WIDTH = 4
JOINT_RADIUS = 4
HAND_LINE = 2
HAND_RADIUS = 4
HAND_JOINT_COLOUR = (0, 0, 255)
FACE_RADIUS = 3
REFERENCE_SIDE = 512


def draw_openpose(points: Mapping[str, np.ndarray], width: int, height: int) -> np.ndarray:
    """The openpose picture (height, width, 3) uint8 of one frame, on black.

    Args:
        points: any of ``body18`` (18,3), ``left_hand`` and ``right_hand`` (21,3) and ``face70``
            (68 or 70, 3). Points are drawn where they lie inside the picture, hidden or not: the
            detector guesses hidden ones too, a ControlNet must know where a hidden finger is, and
            a jaw that flickers as hair moves over it helps nobody.
    """
    canvas = np.zeros((height, width, 3), np.uint8)
    if "body18" in points:
        _draw_body(canvas, points["body18"])
    for hand in ("left_hand", "right_hand"):
        if hand in points:
            _draw_hand(canvas, points[hand])
    if "face70" in points:
        _draw_face(canvas, points["face70"])
    return canvas


def hand_edge_colour(edge: int) -> tuple[int, int, int]:
    """RGB of hand edge i: hue i/20, full saturation and value (fractions cut, as OpenCV does)."""
    red, green, blue = colorsys.hsv_to_rgb(edge / len(HAND_EDGES), 1.0, 1.0)
    return round(red * 255), round(green * 255), round(blue * 255)


def limb_colour(limb: int) -> tuple[int, int, int]:
    """RGB of limb i: the colour at 0.6, cut to whole numbers as the annotator does."""
    red, green, blue = (int(float(c) * LIMB_DIMMING) for c in COLOURS[limb])
    return red, green, blue


def _draw_body(canvas: np.ndarray, joints: np.ndarray) -> None:
    import cv2

    half_width = _scaled(canvas, LIMB_HALF_WIDTH)
    radius = _scaled(canvas, JOINT_RADIUS)
    for limb, (first, second) in enumerate(LIMBS):
        if joints[first, 2] <= 0 or joints[second, 2] <= 0:
            continue
        (x0, y0), (x1, y1) = joints[first, :2], joints[second, :2]
        length = np.hypot(x1 - x0, y1 - y0)
        angle = np.degrees(np.arctan2(y0 - y1, x0 - x1))
        polygon = cv2.ellipse2Poly(
            (int((x0 + x1) / 2), int((y0 + y1) / 2)),
            (int(length / 2), half_width),
            int(angle),
            0,
            360,
            1,
        )
        cv2.fillConvexPoly(canvas, np.asarray(polygon), limb_colour(limb))
    for (x, y, seen), colour in zip(joints, COLOURS, strict=True):
        if seen > 0:
            cv2.circle(canvas, (int(x), int(y)), radius, colour, thickness=-1)


def _draw_hand(canvas: np.ndarray, joints: np.ndarray) -> None:
    import cv2

    line = _scaled(canvas, HAND_LINE)
    radius = _scaled(canvas, HAND_RADIUS)
    for edge, (first, second) in enumerate(HAND_EDGES):
        if joints[first, 2] > 0 and joints[second, 2] > 0:
            start = (int(joints[first, 0]), int(joints[first, 1]))
            stop = (int(joints[second, 0]), int(joints[second, 1]))
            cv2.line(canvas, start, stop, hand_edge_colour(edge), thickness=line)
    for x, y, seen in joints:
        if seen > 0:
            cv2.circle(canvas, (int(x), int(y)), radius, HAND_JOINT_COLOUR, thickness=-1)


def _draw_face(canvas: np.ndarray, dots: np.ndarray) -> None:
    import cv2

    radius = _scaled(canvas, FACE_RADIUS)
    for x, y, seen in dots:
        if seen > 0:
            cv2.circle(canvas, (int(x), int(y)), radius, (255, 255, 255), thickness=-1)


def _scaled(canvas: np.ndarray, size: int) -> int:
    """A drawing size of the 512-pixel convention on this canvas; never below one pixel."""
    return max(1, round(size * min(canvas.shape[:2]) / REFERENCE_SIDE))
