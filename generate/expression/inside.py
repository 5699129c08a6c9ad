"""The inside of eyes and mouth, taken from the render and matched in colour to the painting.

No warp can open a closed mouth onto teeth and tongue, turn an iris or close a lid: the render
of the same avatar has them, exactly where they belong.
"""

from dataclasses import dataclass

import cv2
import numpy as np


def to_lab(rgb: np.ndarray) -> np.ndarray:
    """(H,W,3) uint8 sRGB to CIE Lab, float32: L 0..100, a and b about -128..127."""
    return cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)


def to_rgb(lab: np.ndarray) -> np.ndarray:
    """CIE Lab float32 to (H,W,3) float32 sRGB in 0..255, clipped to it."""
    return np.clip(cv2.cvtColor(lab.astype(np.float32), cv2.COLOR_LAB2RGB), 0, 1) * 255


@dataclass(frozen=True)
class Bounds:
    """How far colours may be moved: lightness by a factor in 1/gain..gain, chroma by +-chroma."""

    gain: float
    chroma: float


SKIN = Bounds(gain=2.0, chroma=30.0)  # lids and lips take the painted skin's colour
INNER = Bounds(gain=1.2, chroma=5.0)  # eyes and teeth take its light, not its complexion


def matched(
    render: np.ndarray,
    painted: np.ndarray,
    here: np.ndarray,
    there: np.ndarray,
    bounds: Bounds,
) -> np.ndarray:
    """The render (H,W,3 uint8) in the painting's light: (H,W,3) float32 in 0..255.

    here, there: (H,W) bool, the same skin in the render and in the painting. Lightness is scaled
    by the ratio of their means (as a change of exposure would: a dark mouth stays dark), chroma is
    shifted by the difference of means in proportion to lightness, both within the bounds.
    """
    source = to_lab(render)
    if min(here.sum(), there.sum()) < 12:
        return to_rgb(source)
    mean = source[here].mean(0)
    aim = to_lab(painted)[there].mean(0)
    gain = np.clip(aim[0] / max(mean[0], 1.0), 1 / bounds.gain, bounds.gain)
    shift = np.clip(aim[1:] - mean[1:], -bounds.chroma, bounds.chroma)
    amount = np.clip(source[..., :1] / max(mean[0], 1.0), 0, 1)
    light = np.clip(source[..., :1] * gain, 0, 100)
    return to_rgb(np.concatenate([light, source[..., 1:] + shift * amount], -1))


def blended(base: np.ndarray, over: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """base (H,W,3 uint8) with `over` (float 0..255) laid on by alpha (H,W); uint8.

    Where alpha is 0 the base stays bit for bit.
    """
    mixed = base + (over - base) * alpha[..., None]
    return np.where(alpha[..., None] > 0, np.clip(np.round(mixed), 0, 255), base).astype(np.uint8)
