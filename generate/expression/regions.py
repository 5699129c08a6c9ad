"""Which pixels of a face crop may move, which are taken from the render, and which are taboo."""

from collections.abc import Mapping

import cv2
import numpy as np

from .face_points import EYE_RING, LIPS_INNER, LIPS_OUTER

REACH = 0.5  # of the way to what is in front, at most
IN_FRONT = ("left_hand", "right_hand")


def distance_to(mask: np.ndarray) -> np.ndarray:
    """(H,W) pixels from every pixel to the nearest one in the mask; 0 in it, huge if empty."""
    if not mask.any():
        return np.full(mask.shape, 1e6, np.float32)
    return cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def in_front(part: np.ndarray, index: Mapping[str, int], margin: float) -> np.ndarray:
    """(H,W) bool: hands, with a margin of pixels around them."""
    mask = np.isin(part, [index[name] for name in IN_FRONT if name in index])
    return distance_to(mask) <= margin if mask.any() else mask


def stiffened(field: np.ndarray, stiff: np.ndarray, softness: float) -> np.ndarray:
    """The field (H,W,2), most of it taken away in a region (H,W bool) with soft edges (pixels).

    For hair: it may follow the jaw that it hangs beside a little, but not the brows under it.
    """
    weight = cv2.GaussianBlur(stiff.astype(np.float32), (0, 0), max(softness, 0.5))
    return field * (1 - 0.7 * weight)[..., None]


def held_back(field: np.ndarray, taboo: np.ndarray) -> np.ndarray:
    """The field shortened so that no pixel reaches into the taboo region, zero inside it."""
    room = distance_to(taboo)
    length = np.linalg.norm(field, axis=-1)
    return field * np.minimum(1.0, REACH * room / np.maximum(length, 1e-6))[..., None]


def polygon(ring: np.ndarray, shape: tuple[int, ...], grow: float = 0.0) -> np.ndarray:
    """(H,W) bool: the inside of a ring (N,2) of pixels, grown by `grow` pixels."""
    mask = np.zeros(shape, np.uint8)
    fixed = np.round((ring - 0.5) * 16).astype(np.int32)  # cv2 counts from pixel centres
    cv2.fillPoly(mask, [fixed], (1,), lineType=cv2.LINE_8, shift=4)
    inside = mask.astype(bool)
    return distance_to(inside) <= grow if grow and inside.any() else inside


def feathered(mask: np.ndarray, width: float) -> np.ndarray:
    """(H,W) float 0..1: 1 in the mask, falling smoothly to 0 at `width` pixels outside it."""
    ramp = np.clip(1 - distance_to(mask) / max(width, 1e-6), 0, 1)
    return (ramp * ramp * (3 - 2 * ramp)).astype(np.float32)


def eye_polygon(points: np.ndarray, side: str, shape: tuple[int, ...], grow: float) -> np.ndarray:
    """(H,W) bool: what the lids of one eye enclose, grown by pixels. points (478,2) in the crop."""
    return polygon(points[list(EYE_RING[side])], shape, grow)


def mouth_polygon(points: np.ndarray, shape: tuple[int, ...], grow: float) -> np.ndarray:
    """(H,W) bool: what the inner lips enclose, grown by pixels, never beyond the outer lips."""
    inner = polygon(points[list(LIPS_INNER)], shape, max(grow, 1.0))
    return inner & polygon(points[list(LIPS_OUTER)], shape, 1.0)
