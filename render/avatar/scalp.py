"""The scalp: where hair grows, and where a place on it is."""

from __future__ import annotations

import numpy as np

from .masks import vertex_mask
from .noise import value_noise
from .shape import SKIN, Shape
from .sheet import Sheet, body_sheet, clipped, subdivided

# Height of the hairline over the eye, metres on the mean head, by the angle (degrees) from
# straight ahead around the head's axis: forehead, temple, sideburn, round the ear, nape.
_TURN = np.array([0, 18, 30, 40, 48, 55, 60, 64, 70, 74, 80, 90, 98, 104, 112, 130, 150, 180.0])
_LINE = np.array(
    [74, 75, 74, 68, 56, 43, 30, -4, -10, 6, 14, 13, 2, -26, -54, -76, -88, -92.0]
) * 1e-3  # fmt: skip
_AXIS = 0.045  # z of the head's vertical axis on the mean body


def head_angles(mean: np.ndarray, shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """(n,) angle from straight ahead in degrees 0..180 (both sides alike), and height over the
    eyes in metres, of mean-body points."""
    eye = shape.joint("left_eye_smplhf", mean=True)
    turn = np.degrees(np.arctan2(np.abs(mean[:, 0]), mean[:, 2] - _AXIS))
    return turn, mean[:, 1] - eye[1]


def scalp_field(
    mean: np.ndarray, shape: Shape, lower: float = 0.0, sideburn: float = 0.0
) -> np.ndarray:
    """(n,) about how many metres mean-body points lie inside the hairline.

    lower: metres by which the nape's line comes down; sideburn: by which the sideburns do.
    """
    turn, height = head_angles(mean, shape)
    line = _LINE - lower * np.clip((_TURN - 115) / 30, 0, 1)
    line = line - sideburn * ((_TURN > 62) & (_TURN < 72))
    gap = height - np.interp(turn, _TURN, line)
    # The line is steep at temples and ears: divide by its slope for a distance.
    slope = np.interp(turn, _TURN, np.gradient(line, np.radians(_TURN))) / 0.08
    field = gap / np.hypot(1.0, slope)
    return field + 0.0022 * value_noise(mean, 0.012, 21) + 0.001 * value_noise(mean, 0.005, 22)


def scalp_sheet(shape: Shape, margin: float = 0.0, **line: float) -> tuple[Sheet, np.ndarray]:
    """The scalp's skin on the shaped head, subdivided and cut along the hairline moved out by
    `margin` metres, and (n,) how far inside the unmoved hairline its vertices lie."""
    faces = shape.skin_faces
    ears = vertex_mask(shape.body, "ears") > 0.35
    head = (shape.head_weight() > 0.2) & (scalp_field(shape.mean, shape, **line) > -0.03)
    head[SKIN.stop :] = False
    keep = head[faces].all(axis=1) & ~ears[faces].any(axis=1)
    sheet, _ = body_sheet(shape.vertices, faces[keep])
    sheet = subdivided(sheet)
    field = scalp_field(sheet.anchor @ shape.mean, shape, **line)
    sheet, matrix = clipped(sheet, field + margin)
    return sheet, matrix @ field
