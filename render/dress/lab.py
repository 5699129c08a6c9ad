"""CIELAB (D65, 2 degrees), in which distances between colours are what eyes see."""

from __future__ import annotations

import numpy as np

from ..avatar.colours import hex_to_srgb, linear_to_srgb, srgb_to_hex, srgb_to_linear

_TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
_FROM_XYZ = np.linalg.inv(_TO_XYZ)
_WHITE = _TO_XYZ.sum(axis=1)
_EPSILON, _KAPPA = 216 / 24389, 24389 / 27


def srgb_to_lab(srgb: np.ndarray) -> np.ndarray:
    """(..., 3) Lab of (..., 3) sRGB, either uint8 or floats in 0..1 (CIE 15:2004)."""
    srgb = np.asarray(srgb)
    values = srgb / 255.0 if srgb.dtype == np.uint8 else srgb.astype(float)
    xyz = srgb_to_linear(values) @ _TO_XYZ.T / _WHITE
    f = np.where(xyz > _EPSILON, np.cbrt(xyz), (_KAPPA * xyz + 16) / 116)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def lab_to_srgb(lab: np.ndarray) -> np.ndarray:
    """(..., 3) sRGB in 0..1 of (..., 3) Lab; colours outside sRGB are clipped per channel."""
    lab = np.asarray(lab, float)
    y = (lab[..., 0] + 16) / 116
    f = np.stack([y + lab[..., 1] / 500, y, y - lab[..., 2] / 200], axis=-1)
    xyz = np.where(f**3 > _EPSILON, f**3, (116 * f - 16) / _KAPPA) * _WHITE
    return linear_to_srgb(xyz @ _FROM_XYZ.T)


def hex_to_lab(colour: str) -> np.ndarray:
    """(3,) Lab of "#rrggbb"."""
    return srgb_to_lab(hex_to_srgb(colour))


def lab_to_hex(lab: np.ndarray) -> str:
    """ "#rrggbb" of (3,) Lab, clipped to sRGB."""
    return srgb_to_hex(lab_to_srgb(lab))


def delta_e(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(...,) distance of (..., 3) Lab colours (CIE 1976); 2 is just noticeable side by side."""
    return np.linalg.norm(np.asarray(first, float) - np.asarray(second, float), axis=-1)
