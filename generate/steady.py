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
from collections.abc import Callable
from dataclasses import dataclass
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


class Passes(Protocol):
    """What steadying needs of a pass set (`render.pass_set.PassSet`)."""

    def __len__(self) -> int: ...
    def beauty_srgb(self, index: int, /) -> np.ndarray: ...
    def frame(self, index: int, /, *wanted: str) -> dict[str, np.ndarray]: ...


@dataclass(frozen=True)
class SteadyFrame:
    """One frame: residual (H,W,3) float32, painted minus render, in 8-bit levels; motion (H,W,4)
    float32 pixels to the frame before (x, y) and the frame after; object (H,W) piece index."""

    residual: np.ndarray
    motion: np.ndarray
    object: np.ndarray


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
    return total / weights[..., None]


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
    layers = passes.frame(index, "motion", "object")
    render = passes.beauty_srgb(index).astype(np.float32)
    if painted.shape != render.shape:
        raise UserError(f"{path} is not of the passes' size: paint the frames again.")
    return SteadyFrame(painted - render, layers["motion"], layers["object"])


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
    column, row, _ = _nearest(x, y, start.object.shape)
    moved = start.motion[row, column, there]
    x, y = x + moved[..., 0], y + moved[..., 1]
    end_column, end_row, inside = _nearest(x, y, end.object.shape)
    returned = end.motion[end_row, end_column, back]
    miss = np.hypot(moved[..., 0] + returned[..., 0], moved[..., 1] + returned[..., 1])
    same = start.object[row, column] == end.object[end_row, end_column]
    return x, y, seen & inside & same & (miss < _RETURN_WITHIN)


def _nearest(
    x: np.ndarray, y: np.ndarray, shape: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    height, width = shape
    column, row = np.rint(x).astype(np.int32), np.rint(y).astype(np.int32)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    return np.clip(column, 0, width - 1), np.clip(row, 0, height - 1), inside


def _sampled(values: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    import cv2

    return cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
