"""What shows when the mouth opens: teeth and tongue."""

from __future__ import annotations

import numpy as np

from .avatar import Material
from .draft import Draft, plain
from .shape import Shape
from .sheet import body_sheet, subdivided

_TEETH = np.array([0.62, 0.57, 0.49])
_EYE_DISTANCE = 0.0614  # metres, of the size for which steps here are given
_UPPER_STEP = np.array([0.0, -0.0022, 0.0015])
"""The helper's upper teeth end above the lips' line: so they show when the mouth opens."""
_TONGUE = np.array([0.36, 0.10, 0.09])


def mouth_drafts(shape: Shape) -> tuple[Draft, Draft]:
    """The teeth, both rows, and the tongue; both take the mouth's facial actions."""
    body = shape.body
    teeth, ids = body_sheet(
        shape.vertices, body.faces[body.group_faces("teeth_upper", "teeth_lower")]
    )
    upper = np.isin(ids, body.faces[body.group_faces("teeth_upper")])
    eyes = shape.joint("left_eye_smplhf") - shape.joint("right_eye_smplhf")
    size = eyes[0] / _EYE_DISTANCE
    teeth = teeth.moved(teeth.vertices + size * upper[:, None] * _UPPER_STEP)
    tongue, _ = body_sheet(shape.vertices, body.faces[body.group_faces("tongue")])
    return (
        plain(
            "teeth",
            subdivided(teeth),
            _TEETH,
            Material("teeth", "mouth", "teeth", tuple(_TEETH), 0.25, 0.5, 0.05),
            two_sided=True,
        ),
        plain(
            "tongue",
            tongue,
            _TONGUE,
            Material("tongue", "mouth", "mouth", tuple(_TONGUE), 0.35, 0.5),
        ),
    )
