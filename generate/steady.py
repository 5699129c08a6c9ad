"""Steadying a painted clip along the exact motion of its surfaces.

What painting adds to a render (its residual) belongs to the surface: it should move with it. The
passes hold where every point was in the frame before and will be in the frame after, so the
residuals of neighbouring frames can be fetched from exactly the same skin or cloth and averaged. No
flow is estimated, and a point that a neighbour did not show is never fetched: each step is walked
back, and must return to where it began, so one finger is not smeared over another. The render's own
light and edges, which rightly change with the pose, are not touched.

After blind video temporal consistency (Lai et al. 2018), with a mesh's motion in place of optical
flow and a window in place of a network: a frame depends on its neighbours within `reach` alone, so
any range of frames can be made again with the same result.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from ..errors import UserError
from ..files import atomic_path

REACH = 6
"""Frames before and after that are averaged: a quarter of a second each way at 25 fps."""

_RETURN_WITHIN = 0.75
"""Pixels by which a step, walked back, may miss its start."""

_ENOUGH = 3.0
"""Sum of weights from which a pixel needs nobody beside it; the own one of a pixel is 1."""

_LIGHT_NOISE = 3.0
"""Levels of brightness that tell two surfaces apart no more."""

_STEP = 0.02
"""Metres of depth between pixels side by side that make an edge."""

_FAR = 1e3

_BESIDE = 2
"""Pixels to each side that a pixel with too little weight joins."""


class Passes(Protocol):
    """What steadying needs of a pass set (`render.pass_set.PassSet`)."""

    def __len__(self) -> int: ...
    def beauty_srgb(self, index: int, /) -> np.ndarray: ...
    def frame(self, index: int, /, *wanted: str) -> dict[str, np.ndarray]: ...


@dataclass(frozen=True)
class SteadyFrame:
    """One frame of a clip.

    residual: (H,W,3) float32, painted minus render, in 8-bit levels.
    motion: (H,W,4) float32 pixels to the frame before (x, y) and to the frame after.
    object: (H,W) index of the piece. depth: (H,W) metres, infinite on the background.
    light: (H,W) float32, the render's brightness in 8-bit levels.
    """

    residual: np.ndarray
    motion: np.ndarray
    object: np.ndarray
    depth: np.ndarray
    light: np.ndarray

    @cached_property
    def inner(self) -> np.ndarray:
        """(H,W) bool: pixels that show one surface alone, and no edge of it."""
        inner = np.ones(self.object.shape, bool)
        for axis in (0, 1):
            for shift in (-1, 1):
                beside = (np.roll(self.object, shift, axis), np.roll(self.depth, shift, axis))
                inner &= _same_surface(self.object, self.depth, *beside)
        return inner


def steady_residual(
    index: int, frame_at: Callable[[int], SteadyFrame], count: int, reach: int = REACH
) -> np.ndarray:
    """The residual (H,W,3) of frame `index` of `count`, averaged along the motion.

    Weights fall off over time like a Gaussian that ends at `reach`; what a neighbour does not show
    has no weight.
    """
    here = frame_at(index)
    total = here.residual.copy()
    weights = np.ones(here.object.shape, np.float32)
    for direction in (-1, 1):
        x, y = _grid(here.object.shape)
        seen = np.ones(here.object.shape, bool)
        for step in range(1, reach + 1):
            other = index + direction * step
            if not 0 <= other < count:
                break
            x, y, seen = _stepped(
                x, y, seen, frame_at(other - direction), frame_at(other), direction
            )
            if not seen.any():
                break
            weight = np.exp(-2 * (step / reach) ** 2).astype(np.float32) * seen
            total += weight[..., None] * _sampled(frame_at(other).residual, x, y)
            weights += weight
    total, weights = _joined(total, weights, here)
    return _at_edges(total / weights[..., None], here)


def steady(
    passes: Passes,
    frames_dir: str | Path,
    out_dir: str | Path,
    reach: int = REACH,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, float]:
    """Steady every frame of frames_dir/00000.png ... into out_dir.

    Memory does not grow with the clip's length.

    Returns:
        `change`: mean absolute change of a pixel in 8-bit levels.

    Raises:
        UserError: a painted frame is missing or not of the passes' size.
    """
    frames_dir, out_dir = Path(frames_dir), Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    count, change = len(passes), 0.0
    kept: OrderedDict[int, SteadyFrame] = OrderedDict()

    def frame_at(index: int) -> SteadyFrame:
        if index not in kept:
            kept[index] = _read(passes, frames_dir, index)
            while len(kept) > 2 * reach + 2:
                kept.popitem(last=False)
        return kept[index]

    for index in range(count):
        for ahead in range(max(0, index - reach), min(count, index + reach + 1)):
            frame_at(ahead)
        residual = steady_residual(index, frame_at, count, reach)
        change += float(np.abs(residual - frame_at(index).residual).mean()) / count
        pixels = passes.beauty_srgb(index) + residual
        with atomic_path(out_dir / f"{index:05d}.png") as partial:
            picture = Image.fromarray(np.rint(np.clip(pixels, 0, 255)).astype(np.uint8))
            picture.save(partial, format="PNG", compress_level=4)
        if progress is not None:
            progress(index + 1, count)
    return {"change": change}


def _read(passes: Passes, folder: Path, index: int) -> SteadyFrame:
    path = folder / f"{index:05d}.png"
    try:
        with Image.open(path) as picture:
            painted = np.asarray(picture.convert("RGB"), np.float32)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error}): paint the frames again.") from None
    layers = passes.frame(index, "motion", "object", "depth")
    render = passes.beauty_srgb(index).astype(np.float32)
    if painted.shape != render.shape:
        raise UserError(f"{path} is not of the passes' size: paint the frames again.")
    return SteadyFrame(painted - render, **layers, light=render.mean(axis=2))


def _grid(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.indices(shape, np.float32)
    return columns, rows


def _stepped(
    x: np.ndarray,
    y: np.ndarray,
    seen: np.ndarray,
    start: SteadyFrame,
    end: SteadyFrame,
    direction: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places (x, y) in frame `start` carried one frame on, and whether they are still seen."""
    there, back = (slice(0, 2), slice(2, 4)) if direction < 0 else (slice(2, 4), slice(0, 2))
    moved = _sampled(start.motion[..., there], x, y)
    before = _nearest(x, y, start.object.shape)
    x, y = x + moved[..., 0], y + moved[..., 1]
    after = _nearest(x, y, end.object.shape)
    returned = _sampled(end.motion[..., back], x, y)
    miss = np.hypot(moved[..., 0] + returned[..., 0], moved[..., 1] + returned[..., 1])
    height, width = end.object.shape
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    same = (start.object[before] == end.object[after]) & end.inner[after]
    return x, y, seen & inside & same & (miss < _RETURN_WITHIN)


def _nearest(x: np.ndarray, y: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of the nearest pixels."""
    height, width = shape
    row = np.clip(np.rint(y), 0, height - 1).astype(np.int32)
    return row, np.clip(np.rint(x), 0, width - 1).astype(np.int32)


def _same_surface(
    first_object: np.ndarray, first_depth: np.ndarray, object: np.ndarray, depth: np.ndarray
) -> np.ndarray:
    """Where two pixels show the same piece, without a step in depth between them."""
    first, second = np.nan_to_num(first_depth, posinf=_FAR), np.nan_to_num(depth, posinf=_FAR)
    return (first_object == object) & (np.abs(first - second) < _STEP)


def _joined(
    total: np.ndarray, weights: np.ndarray, frame: SteadyFrame
) -> tuple[np.ndarray, np.ndarray]:
    """Sums and weights, where inner pixels that found little over time join those beside them.

    Without this they would keep the noise that is gone all around them. A pixel joins those of its
    own surface alone, and the more of them the less it found.
    """
    rows, columns = np.nonzero(frame.inner & (weights < _ENOUGH))
    here = frame.object[rows, columns], frame.depth[rows, columns]
    sums, counts = total[rows, columns], weights[rows, columns]
    share = 1 - counts / _ENOUGH
    for beside in _beside(rows, columns, weights.shape):
        same = _same_surface(*here, frame.object[beside], frame.depth[beside])
        joins = share * (same & frame.inner[beside])
        sums = sums + joins[:, None] * total[beside]
        counts = counts + joins * weights[beside]
    total, weights = total.copy(), weights.copy()
    total[rows, columns], weights[rows, columns] = sums, counts
    return total, weights


def _at_edges(residual: np.ndarray, frame: SteadyFrame) -> np.ndarray:
    """The residual with pixels on an edge made from the inner ones beside them.

    An edge pixel mixes two surfaces in a share that its brightness in the render tells: a straight
    line through the brightness and residual of the inner pixels (a guided filter; He et al. 2010),
    never beyond the residuals that it lies between.
    """
    rows, columns = np.nonzero(~frame.inner)
    count = np.zeros(len(rows), np.float32)
    light, square = count.copy(), count.copy()
    mean, both = (np.zeros((len(rows), 3), np.float32) for _ in range(2))
    low, high = np.full_like(mean, np.inf), np.full_like(mean, -np.inf)
    for beside in _beside(rows, columns, frame.object.shape):
        weight, bright, value = frame.inner[beside], frame.light[beside], residual[beside]
        count += weight
        light += weight * bright
        square += weight * bright**2
        mean += weight[:, None] * value
        inner = weight[:, None]
        low = np.minimum(low, np.where(inner, value, np.inf))
        high = np.maximum(high, np.where(inner, value, -np.inf))
        both += (weight * bright)[:, None] * value
    found = count > 0
    count = np.maximum(count, 1)
    light, mean = light / count, mean / count[:, None]
    variance = square / count - light**2 + _LIGHT_NOISE**2
    slope = (both / count[:, None] - light[:, None] * mean) / variance[:, None]
    line = np.clip(mean + slope * (frame.light[rows, columns] - light)[:, None], low, high)
    result = residual.copy()
    result[rows[found], columns[found]] = line[found]
    return result


def _beside(
    rows: np.ndarray, columns: np.ndarray, shape: tuple[int, ...]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For each pixel about the given ones, its rows and columns; beyond the border, the border."""
    steps = range(-_BESIDE, _BESIDE + 1)
    for down, right in product(steps, steps):
        if (down, right) != (0, 0):
            row = np.clip(rows + down, 0, shape[0] - 1)
            yield row, np.clip(columns + right, 0, shape[1] - 1)


def _sampled(values: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    import cv2

    return cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
