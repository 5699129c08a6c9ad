"""Face points of whole frames, found crop by crop and checked against where the head must be."""

import cv2
import numpy as np

from .crop import Box, cut
from .detector import CROP_SIDE, Detector
from .face_points import FEATURES, face_scale

# Farther from the projected head than this (in eye distances), it is something else.
STRAY = 0.45


def points_in_box(
    image: np.ndarray, box: Box, expected: np.ndarray, detect: Detector
) -> np.ndarray | None:
    """Detected face points (478,2) in pixels of the whole (H,W,3) RGB picture, or None.

    expected: (478,2) the projected points; a find whose features lie, in the median, more than
    0.45 eye distances from them is taken for a false one.
    """
    crop = cut(image, box)
    enlarge = CROP_SIDE / box.side
    how = cv2.INTER_CUBIC if enlarge > 1 else cv2.INTER_AREA
    found = detect(cv2.resize(crop, (CROP_SIDE, CROP_SIDE), interpolation=how))
    if found is None:
        return None
    points = found / enlarge + (box.x0, box.y0)
    return points if residual(points, expected) < STRAY * face_scale(expected) else None


def residual(points: np.ndarray, target: np.ndarray) -> float:
    """Median distance in pixels over brows, lids and lips between two (478,2) sets of points."""
    features = list(FEATURES)
    return float(np.median(np.linalg.norm(points[features] - target[features], axis=-1)))
