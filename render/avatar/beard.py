"""Where a beard grows."""

from __future__ import annotations

import numpy as np

from .masks import vertex_mask
from .shape import SKIN, Shape


def beard_field(shape: Shape) -> np.ndarray:
    """(V,) metres inside the beard's edge on the mean face; negative outside it."""
    points = shape.mean
    eye = shape.joint("left_eye_smplhf", mean=True)
    turn = np.degrees(np.arctan2(np.abs(points[:, 0]), points[:, 2] - 0.055))
    up = points[:, 1] - eye[1]
    top = np.interp(
        turn,
        [0, 12, 24, 32, 45, 62, 78, 90],
        np.array([-0.056, -0.055, -0.062, -0.066, -0.056, -0.036, -0.012, -0.008]),
    )
    bottom = np.interp(turn, [0, 40, 78, 100], [-0.132, -0.122, -0.07, -0.03])
    field = np.minimum(top - up, up - bottom)
    field = np.minimum(field, np.radians(88 - turn) * 0.07)
    field = np.minimum(field, 0.012 * (0.25 - vertex_mask(shape.body, "lips")))
    field = np.minimum(field, 0.01 * (0.5 - vertex_mask(shape.body, "inside-mouth")))
    field[SKIN.stop :] = -1
    return field
