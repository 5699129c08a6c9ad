"""Light rigs as data: soft area lights and an even world, placed about the signer.

Two rigs matter. PLAIN lights the beauty render, the starting point of the generator. SOFT lights
the targets that the mini model learns from: larger lights, a rim, skin that lets light in.
"""

from __future__ import annotations

from dataclasses import dataclass


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
    """

    lamps: tuple[AreaLight, ...]
    ambient: float
    subsurface: bool = False
    fine: bool = False


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
)

RIGS = {"plain": PLAIN, "soft": SOFT}
