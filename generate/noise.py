"""The noise that a clip's frames start from.

Kinds: "none" starts from the render as it is: a network told of noise that is not there paints what
it would on average, so that nothing flickers and plain cloth has no stains, but little is made up;
for strengths up to 0.3. "fixed" gives every frame the same noise, so that flicker is small but
texture sticks to the screen; "fresh" gives each frame its own, so that nothing sticks and
everything flickers; "surface" lies on the signer and moves along (see `surface_noise`). A frame's
noise depends on nothing but the seed, its number, the shape and, on a surface, what it shows, so
frames can be painted in any order, in batches of any size, on any device.
"""

from collections.abc import Sequence

import numpy as np

from ..errors import UserError
from .surface_noise import Cells, surface_noise

KINDS = ("none", "fixed", "fresh", "surface")


def clip_noise(
    kind: str,
    seed: int,
    frames: Sequence[int],
    shape: tuple[int, int, int],
    patches: Sequence[np.ndarray | None] = (),
    of_pixel: np.ndarray | None = None,
) -> np.ndarray:
    """Noise, (len(frames), *shape) float32, shape = (channels, height, width): standard normal, or
    zeros for "none".

    Args:
        patches, of_pixel: for "surface": for every frame the patches that its pixels see, and the
            latent pixels that they fall into (see `surface_noise`).

    Raises:
        UserError: `kind` is not one of KINDS.
    """
    if kind not in KINDS:
        raise UserError(f"There is no noise {kind!r}: use {' or '.join(KINDS)}.")
    if kind == "none":
        return np.zeros((len(frames), *shape), np.float32)
    if kind == "surface":
        assert of_pixel is not None
        cells = Cells(of_pixel, shape[1:])
        seen = (patch for patch in patches if patch is not None)
        return np.stack([surface_noise(patch, cells, shape[0], seed) for patch in seen])
    sources = (np.random.default_rng(key) for key in keys(kind, seed, frames))
    return np.stack([source.standard_normal(shape, np.float32) for source in sources])


def keys(kind: str, seed: int, frames: Sequence[int]) -> list[tuple[int, int]]:
    """For each frame the pair of integers that seeds all its random numbers."""
    return [(seed, 1 + frame if kind == "fresh" else 0) for frame in frames]
