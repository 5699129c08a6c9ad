"""Colours: sRGB hex in records, linear RGB in materials."""

import re

import numpy as np

_HEX = re.compile(r"#[0-9a-fA-F]{6}")


def is_hex(text: object) -> bool:
    """Whether `text` is a colour such as "#c68642"."""
    return isinstance(text, str) and _HEX.fullmatch(text) is not None


def srgb_to_linear(srgb: np.ndarray) -> np.ndarray:
    """Linear RGB of sRGB values in 0..1, any shape (IEC 61966-2-1)."""
    srgb = np.asarray(srgb, float)
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def linear_to_srgb(linear: np.ndarray) -> np.ndarray:
    """sRGB values in 0..1 of linear RGB, any shape; values outside 0..1 are clipped."""
    linear = np.clip(np.asarray(linear, float), 0.0, 1.0)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def hex_to_srgb(colour: str) -> np.ndarray:
    """(3,) sRGB in 0..1 of "#rrggbb"."""
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255.0


def hex_to_linear(colour: str) -> np.ndarray:
    """(3,) linear RGB of "#rrggbb"."""
    return srgb_to_linear(hex_to_srgb(colour))


def srgb_to_hex(srgb: np.ndarray) -> str:
    """ "#rrggbb" of (3,) sRGB in 0..1, clipped."""
    red, green, blue = (round(float(c) * 255) for c in np.clip(srgb, 0.0, 1.0))
    return f"#{red:02x}{green:02x}{blue:02x}"


def mix(first: str, second: str, share: float) -> str:
    """The hex colour `share` of the way from `first` to `second`, in sRGB."""
    return srgb_to_hex((1 - share) * hex_to_srgb(first) + share * hex_to_srgb(second))


def natural_lips(skin: str) -> str:
    """An unpainted lip colour for a skin colour: redder, and darker the lighter the skin is.

    Light skin has rosy lips, dark skin has brown lips close to its own lightness.
    """
    red, green, blue = hex_to_srgb(skin)
    light = float(0.3 * red + 0.6 * green + 0.1 * blue)
    rose = hex_to_srgb("#b25550") if light > 0.4 else hex_to_srgb("#7a3f3a")
    share = 0.62 if light > 0.4 else 0.55
    return srgb_to_hex((1 - share) * np.array([red, green, blue]) * 0.9 + share * rose)
