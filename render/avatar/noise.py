"""Smooth random fields in space, for skin, cloth and hair that are not uniform."""

from __future__ import annotations

import numpy as np


def value_noise(points: np.ndarray, cell: float, seed: int = 0) -> np.ndarray:
    """(n,) smooth noise in -1..1 at points (n,3), with features of about `cell` metres.

    Random values on a lattice, blended by smoothstep (value noise; Perlin 1985's fade).
    """
    scaled = np.asarray(points, float) / cell
    base = np.floor(scaled).astype(np.int64)
    local = scaled - base
    local = local * local * (3 - 2 * local)
    total = np.zeros(len(scaled))
    for corner in np.ndindex(2, 2, 2):
        weight = np.where(np.array(corner) == 1, local, 1 - local).prod(axis=1)
        total += weight * _hash(base + np.array(corner), seed)
    return total


def fractal_noise(points: np.ndarray, cell: float, seed: int = 0, octaves: int = 3) -> np.ndarray:
    """(n,) sum of value noise at halving cells, about -1..1."""
    total = np.zeros(len(points))
    scale = 0.0
    for octave in range(octaves):
        total += 0.5**octave * value_noise(points, cell / 2**octave, seed + 101 * octave)
        scale += 0.5**octave
    return total / scale


def _hash(lattice: np.ndarray, seed: int) -> np.ndarray:
    """(n,) values in -1..1 that depend on the integer lattice points (n,3) alone."""
    mixed = (
        lattice[:, 0] * 374761393
        + lattice[:, 1] * 668265263
        + lattice[:, 2] * 2147483647
        + seed * 1274126177
    )
    mixed = (mixed ^ (mixed >> 13)) * 1103515245 & 0x7FFFFFFF
    mixed = (mixed ^ (mixed >> 16)) * 12820163 & 0x7FFFFFFF
    return (mixed % 65536) / 32767.5 - 1.0


def smoothstep(value: np.ndarray | float, low: float, high: float) -> np.ndarray:
    """0 below `low`, 1 above `high`, an S-curve between; works with low > high as well."""
    share = np.clip((np.asarray(value, float) - low) / (high - low), 0.0, 1.0)
    return share * share * (3 - 2 * share)
