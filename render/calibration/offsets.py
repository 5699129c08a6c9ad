"""Where a detector sees a point that rides on a joint: an offset in 3-D from views in 2-D.

One picture gives two numbers of an offset's three; many poses turn the joint that carries it, so
together they give all three. A robust linear least squares (Geman-McClure weights, Gauss-Newton for
the perspective) with a weak pull to no offset.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PRIOR_METRES = 0.03
"""An offset is expected to be about this long, each way."""

STEPS = 8
MIRROR = np.diag([-1.0, 1.0, 1.0])
_ROBUST = 2.5  # scatters from which a detection counts little
_MEDIAN_OF_RAYLEIGH = 1.1774


@dataclass(frozen=True)
class Views:
    """One point in V pictures.

    Attributes:
        places: (V, 3) camera-frame metres of what the point is named after.
        rotations: (V, 3, 3) of the joint that carries its offset, from the rest pose.
        pixels: (V, 2) where it was detected, from the principal point. focal: (V,) pixels.
        held_out: (V,) bool, the views that only test.
    """

    places: np.ndarray
    rotations: np.ndarray
    pixels: np.ndarray
    focal: np.ndarray
    held_out: np.ndarray

    def mirrored(self) -> Views:
        """The same for the point's partner on the other side."""
        return Views(self.places, self.rotations @ MIRROR, self.pixels, self.focal, self.held_out)

    def errors(self, offset: np.ndarray) -> np.ndarray:
        """(V,) metres in the plane of the point, between detection and the offset point."""
        places = self.places + self.rotations @ offset
        depth = places[:, 2:]
        return np.linalg.norm(self.pixels * depth / self.focal[:, None] - places[:, :2], axis=1)


def joined(views: list[Views]) -> Views:
    """All views as one set."""
    names = ("places", "rotations", "pixels", "focal", "held_out")
    return Views(*(np.concatenate([getattr(v, name) for v in views]) for name in names))


def solve_offset(views: Views, prior: float = PRIOR_METRES) -> np.ndarray:
    """The offset (3,) in metres, in the axes of the rest pose, from the views not held out."""
    use = ~views.held_out
    places, rotations, focal = views.places[use], views.rotations[use], views.focal[use]
    offset = np.zeros(3)
    for _ in range(STEPS):
        moved = places + rotations @ offset
        depth = moved[:, 2]
        seen = views.pixels[use] * (depth / focal)[:, None]
        residual = seen - moved[:, :2]
        # Rows: d(metres in the plane) / d(offset).
        rows = rotations[:, :2] - (moved[:, :2] / depth[:, None])[..., None] * rotations[:, 2:]
        square = (residual**2).sum(1)
        scatter = max(float(np.sqrt(np.median(square))) / _MEDIAN_OF_RAYLEIGH, 1e-4)
        weight = 1 / (1 + square / (_ROBUST * scatter) ** 2) ** 2 / scatter**2
        normal = np.einsum("v,vki,vkj->ij", weight, rows, rows) + np.eye(3) / prior**2
        right = np.einsum("v,vki,vk->i", weight, rows, residual + rows @ offset)
        offset = np.linalg.solve(normal, right)
    return offset


def scatter(errors: np.ndarray) -> float:
    """The standard deviation each way of distances in a plane, by their median."""
    return float(np.median(errors)) / _MEDIAN_OF_RAYLEIGH
