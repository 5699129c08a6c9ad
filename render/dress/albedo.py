"""From the colour that a picture shows to the one that a record holds.

A picture shows lit colours; a record holds the colours of surfaces. The light of a picture is
unknown, but one thing can be asked of the record: rendered under the project's plain lights it
shall look like the picture. So the render was measured with `measure_image` on signers whose
records are known, and the line that came out (in linear RGB: seen = gain * albedo + offset) is
inverted here. Faces turn to the key light and gain; hair shades itself and loses; cloth keeps.
Nothing is done against coloured light: a signer asked for by a warm picture looks warm.
"""

from __future__ import annotations

import numpy as np

from ..avatar.colours import hex_to_linear, linear_to_srgb, srgb_to_hex

SEEN: dict[str, tuple[float, float]] = {
    "skin": (1.27, 0.030),
    "lip_colour": (1.05, 0.022),
    "top_colour": (1.00, 0.010),
    "bottom_colour": (1.00, 0.010),
    "hair_colour": (0.65, 0.010),
}
"""Gain and offset by field, linear RGB; fields that are not named are kept as they are seen."""
DARKEST, LIGHTEST = 0.006, 0.85
"""Linear reflectance of soot and of fresh white paint: nothing worn goes beyond them."""


def albedo_of(field: str, colour: str) -> str:
    """The record's "#rrggbb" for a colour seen in a picture."""
    if field not in SEEN:
        return colour
    seen = hex_to_linear(colour)
    gain, offset = SEEN[field]
    albedo = np.clip((seen - offset) / gain, DARKEST, LIGHTEST)
    return srgb_to_hex(linear_to_srgb(albedo))
