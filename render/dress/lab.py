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


def delta_e_2000(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(...,) CIEDE2000 distance of (..., 3) Lab colours (Sharma, Wu, Dalal 2005; k = 1).

    Nearer to what eyes see than `delta_e` for dark and for strong colours; for reports.
    """
    first, second = np.asarray(first, float), np.asarray(second, float)
    mean_chroma = (np.hypot(*_ab(first)) + np.hypot(*_ab(second))) / 2
    grow = 1.5 - 0.5 * np.sqrt(mean_chroma**7 / (mean_chroma**7 + 25.0**7))
    light1, light2 = first[..., 0], second[..., 0]
    (a1, b1), (a2, b2) = _ab(first), _ab(second)
    chroma1, chroma2 = np.hypot(grow * a1, b1), np.hypot(grow * a2, b2)
    hue1, hue2 = (np.degrees(np.arctan2(b, grow * a)) % 360 for a, b in ((a1, b1), (a2, b2)))
    grey = chroma1 * chroma2 == 0
    turn = np.where(grey, 0.0, (hue2 - hue1 + 180) % 360 - 180)
    # Half a turn apart there are two middles: the published formula takes this one.
    turn = np.where((turn == -180) & (hue2 > hue1), 180.0, turn)
    hue = np.where(grey, hue1 + hue2, (hue1 + turn / 2) % 360)
    delta_hue = 2 * np.sqrt(chroma1 * chroma2) * np.sin(np.radians(turn) / 2)
    light, chroma = (light1 + light2) / 2, (chroma1 + chroma2) / 2
    weight = (
        1
        - 0.17 * np.cos(np.radians(hue - 30))
        + 0.24 * np.cos(np.radians(2 * hue))
        + 0.32 * np.cos(np.radians(3 * hue + 6))
        - 0.20 * np.cos(np.radians(4 * hue - 63))
    )
    light_scale = 1 + 0.015 * (light - 50) ** 2 / np.sqrt(20 + (light - 50) ** 2)
    chroma_scale, hue_scale = 1 + 0.045 * chroma, 1 + 0.015 * chroma * weight
    bend = np.radians(60) * np.exp(-(((hue - 275) / 25) ** 2))
    rotation = -2 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7)) * np.sin(bend)
    parts = (
        (light2 - light1) / light_scale,
        (chroma2 - chroma1) / chroma_scale,
        delta_hue / hue_scale,
    )
    squared = sum(part**2 for part in parts) + rotation * parts[1] * parts[2]
    return np.sqrt(np.maximum(squared, 0.0))


def _ab(lab: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return lab[..., 1], lab[..., 2]
