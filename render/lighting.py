"""Light rigs as data: soft area lights and an even world, placed about the signer.

PLAIN lights the beauty render, the starting point of the generator. SOFT lights the targets that
the mini model learns from: larger lights, a rim, skin that lets light in. The others are for
whoever makes data: light as a variable.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

GLOW_CENTRE = (0.5, 0.56)
GLOW_REACH = 0.75
"""Where the background is brightest, in shares of the picture from its bottom left corner, and how
far from there it is darkest."""


@dataclass(frozen=True)
class AreaLight:
    """A square lamp that points at the signer's chest.

    azimuth, elevation: degrees, from the viewer's direction; positive azimuth is to the right in
    the picture, positive elevation is up. distance and size in metres. power in watts.
    """

    name: str
    azimuth: float
    elevation: float
    distance: float
    size: float
    power: float
    colour: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class LightRig:
    """Lamps, the even light from everywhere (`ambient`, radiance), and two looks that cost time.

    subsurface: light enters the skin. fine: bump textures (weave, pores) are used.
    glow: how much brighter the background is in the middle of the picture than its own colour.
    """

    lamps: tuple[AreaLight, ...]
    ambient: float
    subsurface: bool = False
    fine: bool = False
    glow: float = 0.0


PLAIN = LightRig(
    lamps=(
        AreaLight("key", azimuth=-38, elevation=32, distance=2.2, size=1.1, power=50),
        AreaLight("fill", azimuth=48, elevation=8, distance=2.4, size=1.6, power=18),
        AreaLight("back", azimuth=155, elevation=38, distance=1.9, size=0.8, power=14),
    ),
    ambient=0.22,
)

SOFT = LightRig(
    lamps=(
        AreaLight("key", -32, 34, 2.2, 2.0, 56, (1.0, 0.97, 0.93)),
        AreaLight("fill", 52, 10, 2.4, 2.4, 18, (0.93, 0.96, 1.0)),
        AreaLight("rim_right", 140, 30, 1.8, 0.9, 22, (1.0, 0.98, 0.95)),
        AreaLight("rim_left", -150, 35, 1.8, 0.9, 14, (0.95, 0.97, 1.0)),
    ),
    ambient=0.24,
    subsurface=True,
    fine=True,
    glow=0.22,
)

FLAT = LightRig(
    lamps=(
        AreaLight("left", -45, 12, 2.4, 2.4, 34),
        AreaLight("right", 45, 12, 2.4, 2.4, 34),
    ),
    ambient=0.5,
)
"""The even light of an interpreters' studio: no shadow hides a handshape."""

WINDOW = LightRig(
    lamps=(
        AreaLight("window", -78, 14, 2.0, 2.2, 78, (0.94, 0.97, 1.0)),
        AreaLight("room", 60, 5, 2.6, 2.4, 10, (1.0, 0.95, 0.88)),
    ),
    ambient=0.2,
)

CONTRAST = LightRig(
    lamps=(
        AreaLight("key", -50, 42, 2.0, 0.5, 62),
        AreaLight("rim", 150, 30, 1.8, 0.6, 30),
    ),
    ambient=0.07,
)

RIGS = {"plain": PLAIN, "soft": SOFT, "flat": FLAT, "window": WINDOW, "contrast": CONTRAST}


def backdrop(rig: LightRig, background: np.ndarray, width: int, height: int) -> np.ndarray:
    """The background (height, width, 3) that the camera sees behind the signer; linear RGB.

    background: (3,) linear RGB.

    A rig's glow multiplies the colour by 1 + glow in the middle, smoothly down to 1 - glow.
    """
    across = (np.arange(width) + 0.5) / width - GLOW_CENTRE[0]
    up = 1 - (np.arange(height) + 0.5) / height - GLOW_CENTRE[1]
    share = np.clip(np.hypot(across[None], up[:, None]) / GLOW_REACH, 0, 1)
    fall = share * share * (3 - 2 * share)
    return background * (1 + rig.glow - 2 * rig.glow * fall)[..., None]
