"""Proportions of a face and body that speak for how old and of which gender somebody looks."""

from __future__ import annotations

import numpy as np

from .face_regions import FaceRegions
from .person import Person


def face_shape(person: Person, face: FaceRegions) -> dict[str, float]:
    """Named lengths on MediaPipe's mesh over the face's height or width, and those of the body.

    Lengths are taken in space, so that a turned head keeps them. Shoulders and neck are NaN
    where they are not seen.
    """
    points = person.face
    assert points is not None
    depth = np.zeros(len(points)) if person.depth is None else person.depth
    mesh = np.column_stack([points, depth])

    def length(*pairs: tuple[int, int]) -> float:
        return float(np.mean([np.linalg.norm(mesh[a] - mesh[b]) for a, b in pairs]))

    height, width = length((10, 152)), length((234, 454))
    return {
        "aspect": height / width,
        "jaw": length((172, 397)) / width,
        "jawlow": length((150, 379)) / width,
        "chin": length((17, 152)) / height,
        "brow_eye": length((105, 159), (334, 386)) / height,
        "brow_inner": length((107, 133), (336, 362)) / height,
        "brow_thick": length((105, 52), (334, 282), (66, 65), (296, 295)) / height,
        "nosew": length((129, 358)) / width,
        "nosel": length((168, 2)) / height,
        "mouthw": length((61, 291)) / width,
        "lips": 2 * length((0, 13), (14, 17)) / height,
        "philtrum": length((2, 0)) / height,
        "eyew": length((33, 133), (263, 362)) / width,
        "eyedist": length((133, 362)) / width,
        "eyeh": length((159, 145), (386, 374)) / height,
        "cheek": length((123, 352)) / width,
        "forehead": length((10, 9)) / height,
        **_body_shape(person, face),
    }


def _body_shape(person: Person, face: FaceRegions) -> dict[str, float]:
    body, points = person.body, person.face
    assert points is not None
    found = {"shoulder": np.nan, "drop": np.nan, "neck": _neck_width(person, face)}
    if body is not None and (body[11:13, 2] > 0.5).all():
        left, right = body[11, :2], body[12, :2]
        found["shoulder"] = float(np.linalg.norm(left - right)) / face.height
        found["drop"] = float((points[152] - (left + right) / 2) @ face.up) / face.height
    return found


def _neck_width(person: Person, face: FaceRegions) -> float:
    """The narrowest width of the person below the chin, in face widths."""
    right = np.array([-face.up[1], face.up[0]])
    reach = np.arange(0, 1.2, 0.01) * face.width
    widths = []
    for below in np.linspace(0.53, 0.85, 12):
        middle = face.centre - face.up * below * face.height
        width = 0.0
        for side in (1, -1):
            points = (middle + side * reach[:, None] * right).astype(int)
            x = np.clip(points[:, 0], 0, person.mask.shape[1] - 1)
            y = np.clip(points[:, 1], 0, person.mask.shape[0] - 1)
            inside = person.mask[y, x]
            width += float(reach[-1] if inside.all() else reach[np.argmin(inside)])
        widths.append(width / face.width)
    return min(widths)
