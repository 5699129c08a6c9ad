"""What shows when the mouth opens: teeth and tongue."""

from __future__ import annotations

import numpy as np

from .avatar import Material
from .draft import Draft, plain
from .shape import Shape
from .sheet import body_sheet, subdivided

_TEETH = np.array([0.62, 0.57, 0.49])
_TONGUE = np.array([0.36, 0.10, 0.09])


def mouth_drafts(shape: Shape) -> tuple[Draft, Draft]:
    """The teeth, both rows, and the tongue; both take the mouth's facial actions."""
    body = shape.body
    teeth, _ = body_sheet(
        shape.vertices, body.faces[body.group_faces("teeth_upper", "teeth_lower")]
    )
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
