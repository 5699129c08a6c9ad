"""The noise that a clip's frames start from.

Kinds: "fixed" gives every frame the same noise, so that flicker is small but texture sticks to the
screen; "fresh" gives each frame its own, so that nothing sticks and everything flickers. A frame's
noise depends on nothing but the seed, its number and the shape, so frames can be painted in any
order, in batches of any size, on any device.
"""

from collections.abc import Sequence

import numpy as np

from ..errors import UserError

KINDS = ("fixed", "fresh")


def clip_noise(
    kind: str, seed: int, frames: Sequence[int], shape: tuple[int, int, int]
) -> np.ndarray:
    """Standard normal noise, (len(frames), *shape) float32, shape = (channels, height, width).

    Raises:
        UserError: `kind` is not one of KINDS.
    """
    if kind not in KINDS:
        raise UserError(f"There is no noise {kind!r}: use {' or '.join(KINDS)}.")
    sources = (np.random.default_rng(key) for key in keys(kind, seed, frames))
    return np.stack([source.standard_normal(shape, np.float32) for source in sources])


def keys(kind: str, seed: int, frames: Sequence[int]) -> list[tuple[int, int]]:
    """For each frame the pair of integers that seeds all its random numbers."""
    return [(seed, 1 + frame if kind == "fresh" else 0) for frame in frames]
