"""A smooth displacement of the picture that brings face points to their targets.

The field is affine on the Delaunay triangles of the control points, then softened. (A thin-plate
spline is smoother but overshoots where closed lips put points with opposite displacements on top
of each other.) It lives on the target's pixels: `picture(pixel - field(pixel))` is the moved
picture.
"""

import cv2
import numpy as np
from scipy.interpolate import LinearNDInterpolator

MAX_SHIFT = 0.4  # of the eye distance: a wide-open jaw moves by about as much
SOFTNESS = 0.006  # standard deviation of the softening, of the crop's width


def bounded(shifts: np.ndarray, limit: float | np.ndarray) -> np.ndarray:
    """(...,2) vectors, those longer than `limit` (broadcast to (...,1)) shortened to it."""
    length = np.linalg.norm(shifts, axis=-1, keepdims=True)
    return shifts * np.minimum(1.0, limit / np.maximum(length, 1e-9))


def steady(shifts: np.ndarray, tolerance: np.ndarray, reach: int = 2) -> np.ndarray:
    """Displacements over time with the detector's jitter taken out and quick moves kept.

    shifts: (T,N,2) pixels, NaN where a frame has none; tolerance: (T,) pixels of jitter. A
    bilateral window, centred: neighbours count only as far as they say nearly the same, so a
    blink of two frames is neither delayed nor flattened.
    """
    total = np.nan_to_num(shifts)
    weight = np.ones(shifts.shape[:2])
    count = len(shifts)
    for step in range(1, min(reach, count - 1) + 1):
        for offset in (-step, step):
            other = np.full_like(shifts, np.nan)
            first, last = max(0, -offset), count - max(0, offset)
            other[first:last] = shifts[first + offset : last + offset]
            apart = np.linalg.norm(other - shifts, axis=-1) / tolerance[:, None]
            near = np.nan_to_num(np.exp(-0.5 * apart**2 - 0.5 * step**2))
            total += near[..., None] * np.nan_to_num(other)
            weight += near
    return np.where(np.isnan(shifts), np.nan, total / weight[..., None])


def denoised(shifts: np.ndarray, jitter: float) -> np.ndarray:
    """(...,2) displacements with those of the size of the detector's jitter (pixels) shrunk away.

    Wiener's gain, length^2 / (length^2 + jitter^2): what already lies right is left alone, so it is
    not resampled for nothing.
    """
    power = (shifts**2).sum(-1, keepdims=True)
    return shifts * power / (power + jitter**2)


def dense_field(targets: np.ndarray, shifts: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The displacement (H,W,2) in pixels of every pixel of a crop, zero on the crop's rim.

    targets, shifts: (N,2) pixels in the crop, where a point must come to lie and how far it
    comes. shape: (H,W) of the crop.
    """
    height, width = shape
    around = np.linspace(0, 1, 9)
    rim = np.concatenate(
        [[(s * width, e * height) for s in around] for e in (0.0, 1.0)]
        + [[(e * width, s * height) for s in around[1:-1]] for e in (0.0, 1.0)]
    )
    affine = LinearNDInterpolator(
        np.concatenate([targets, rim]),
        np.concatenate([shifts, np.zeros_like(rim)]),
        fill_value=0.0,
    )
    rows, columns = np.mgrid[0:height, 0:width] + 0.5
    field = affine(columns, rows).astype(np.float32)
    return cv2.GaussianBlur(field, (0, 0), max(SOFTNESS * width, 0.5))


def moved(picture: np.ndarray, field: np.ndarray) -> np.ndarray:
    """The (H,W,3) uint8 picture moved by the field; where the field is zero, bit for bit itself."""
    height, width = picture.shape[:2]
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height))
    result = cv2.remap(
        picture,
        (columns - field[..., 0]).astype(np.float32),
        (rows - field[..., 1]).astype(np.float32),
        interpolation=cv2.INTER_LANCZOS4,
        borderMode=cv2.BORDER_REPLICATE,
    )
    still = np.abs(field).max(-1) < 0.02  # below the interpolation's own step of 1/32
    result[still] = picture[still]
    return result
