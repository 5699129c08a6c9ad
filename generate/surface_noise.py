"""Noise that lies on the signer's surface and moves with it.

Noise that is the same in every frame makes texture stick to the screen, and noise that is new in
every frame makes it flicker. Here every small patch of the surface has its own standard normal
value for the whole clip, and a latent pixel takes those of the patches that it sees. After the
integral noise of Chang et al. 2024 ("How I warped your noise"), with the mesh's own surface in
place of a warped grid, so nothing is estimated and nothing drifts.

Each patch is given to one latent pixel alone, the one that sees most of it, and a pixel's sum is
divided by its own deviation: so the noise of every frame is exactly standard normal and white,
which bilinear warping would break. The value of a patch follows from the seed and its number by
hashing (SplitMix64 and the Box-Muller transform), so frames can be painted in any order.
"""

from dataclasses import dataclass

import numpy as np

PATCH_PIXELS = 2.0
"""About how many pixels of the frame a patch measures."""

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_OFFSET = 1 << 15
_BACKGROUND_BIT = np.uint64(1 << 62)
_EMPTY_BIT = np.uint64(1 << 63)


@dataclass(frozen=True)
class Cells:
    """Where the latent pixels lie in a frame.

    of_pixel: (H, W) int, for every pixel of the frame the latent pixel that it falls into.
    shape: (height, width) of the latents.
    """

    of_pixel: np.ndarray
    shape: tuple[int, int]


def patch_size(depth: float, focal: float) -> float:
    """Edge of a patch in metres: a power of two, so that clips of one scene share their noise.

    Args:
        depth: metres at which the signer stands. focal: pixels.
    """
    return float(2.0 ** np.round(np.log2(PATCH_PIXELS * depth / focal)))


def patches(rest: np.ndarray, object_index: np.ndarray, size: float) -> np.ndarray:
    """For every pixel the number of the patch that it sees, (H, W) uint64.

    Surfaces are cut by a grid in their rest pose; the background by one on the screen.

    Args:
        rest: (H, W, 3) metres, where the surface that a pixel sees lies in the rest pose.
        object_index: (H, W), 0 on the background. size: of a patch in metres.
    """
    place = np.floor(rest / size).astype(np.int64) + _OFFSET
    number = object_index.astype(np.uint64) << np.uint64(48)
    for axis in range(3):
        number |= (place[..., axis].astype(np.uint64) & np.uint64(0xFFFF)) << np.uint64(16 * axis)
    rows, columns = np.indices(object_index.shape)
    screen = (rows // int(PATCH_PIXELS)) * (1 << 20) + columns // int(PATCH_PIXELS)
    return np.where(object_index == 0, _BACKGROUND_BIT | screen.astype(np.uint64), number)


def surface_noise(patch: np.ndarray, cells: Cells, channels: int, seed: int) -> np.ndarray:
    """Standard normal, white noise of one frame, (channels, height, width) float32.

    Args:
        patch: (H, W) uint64 from :func:`patches`.
    """
    count = cells.shape[0] * cells.shape[1]
    numbers, index = np.unique(patch.ravel(), return_inverse=True)
    pairs, seen = np.unique(index * count + cells.of_pixel.ravel(), return_counts=True)
    owned, cell = np.divmod(pairs, count)
    # The pairs of a patch stand together; of those the one that sees most of it comes last.
    order = np.lexsort((cell, seen, owned))
    owned, cell, seen = owned[order], cell[order], seen[order]
    last = np.append(owned[1:] != owned[:-1], True)
    owned, cell, seen = owned[last], cell[last], seen[last]
    variance = np.bincount(cell, seen.astype(np.float64) ** 2, count)
    empty = variance == 0
    result = np.empty((channels, count), np.float32)
    lonely = _EMPTY_BIT | np.flatnonzero(empty).astype(np.uint64)
    for channel in range(channels):
        values = _normal(numbers[owned], seed, channel)
        total = np.bincount(cell, seen * values, count)
        result[channel] = total / np.sqrt(np.where(empty, 1, variance))
        result[channel, empty] = _normal(lonely, seed, channel)
    return result.reshape(channels, *cells.shape)


def _normal(numbers: np.ndarray, seed: int, channel: int) -> np.ndarray:
    """A standard normal value for every number, by seed and channel."""
    stream = _mixed(np.array([seed, channel], np.uint64) + np.array([1, 1 << 32], np.uint64))
    key = numbers ^ stream[0] ^ (stream[1] << np.uint64(1))
    first, second = _uniform(_mixed(key)), _uniform(_mixed(key + _GOLDEN))
    return np.sqrt(-2 * np.log(first)) * np.cos(2 * np.pi * second)


def _uniform(bits: np.ndarray) -> np.ndarray:
    """In (0, 1], from the upper 53 bits."""
    return ((bits >> np.uint64(11)).astype(np.float64) + 1) * 2.0**-53


def _mixed(values: np.ndarray) -> np.ndarray:
    """SplitMix64 (Steele et al. 2014)."""
    with np.errstate(over="ignore"):
        z = values + _GOLDEN
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))
