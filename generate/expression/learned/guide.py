"""What the network is told of the target: a coarse motion and a sketch, both from face points.

The same for training and for painting. Points are known from facial actions, gaze and head pose,
so no pixel of the source's face takes part.
"""

from __future__ import annotations

import cv2
import numpy as np

from ..face_points import (
    BROW,
    CONTROLS,
    EYE_RING,
    IRIS,
    LIPS_INNER,
    LIPS_OUTER,
)
from ..field import dense_field

SKETCH_LAYERS = 5
_CONTROLS = list(dict.fromkeys(CONTROLS))
_FINE = 4  # bits of a pixel that OpenCV draws at


def coarse_motion(points: np.ndarray, shift: np.ndarray, side: int) -> np.ndarray:
    """(side,side,2) float32, shares of the side: how far the content of each pixel came.

    points: (478,2) where the face points must lie, pixels of the crop; shift: (478,2) pixels that
    they come.
    """
    inside = ((points[_CONTROLS] > 0) & (points[_CONTROLS] < side)).all(-1)
    chosen = np.array(_CONTROLS)[inside]
    if len(chosen) < 3:
        return np.zeros((side, side, 2), np.float32)
    return dense_field(points[chosen], shift[chosen], (side, side)) / np.float32(side)


def sketch(points: np.ndarray, side: int) -> np.ndarray:
    """(side,side,5) float32 0..1: eyes, irises, brows, lips and the mouth's inside, filled.

    points: (478,2) pixels of the crop of `side` pixels.
    """
    layers = np.zeros((SKETCH_LAYERS, side, side), np.uint8)
    for which in ("right", "left"):
        _fill(layers[0], points[list(EYE_RING[which])])
        centre = points[IRIS[which][0]]
        radius = np.linalg.norm(points[list(IRIS[which][1:])] - centre, axis=-1).mean()
        middle = np.round((centre - 0.5) * 2**_FINE).astype(int)
        cv2.circle(layers[1], middle.tolist(), int(radius * 2**_FINE), 255, -1, cv2.LINE_AA, _FINE)
        _fill(layers[2], points[list(BROW[which])])
    layers[1] &= layers[0]
    _fill(layers[3], points[list(LIPS_OUTER)])
    _fill(layers[4], points[list(LIPS_INNER)])
    return np.moveaxis(layers, 0, -1).astype(np.float32) / 255


def _fill(layer: np.ndarray, ring: np.ndarray) -> None:
    fixed = np.round((ring - 0.5) * 2**_FINE).astype(np.int32)
    cv2.fillPoly(layer, [fixed], (255,), lineType=cv2.LINE_AA, shift=_FINE)
