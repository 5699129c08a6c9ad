"""How much disk a run takes, before it starts and while it goes on."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..errors import UserError
from .recipe import Recipe

_PIXEL_BYTES = {"mp4": 0.12, "jpg": 0.35, "png": 1.6, "masks": 0.03, "depth": 0.4, "flow": 2.0}
_FRAME_BYTES = {"annotations": 5_000, "pose": 10_500, "coco": 5_500}
_SAMPLE_BYTES = 20_000
"""Measured on samples of 256x256 pixels; deliberately on the high side."""

RESERVE_BYTES = 200 * 2**20


def sample_bytes(recipe: Recipe, frames: int) -> float:
    """About how much one sample of so many frames takes, with its share of the exports."""
    width, height = recipe.size
    outputs = recipe.outputs
    layers = [name for name in ("masks", "depth", "flow") if getattr(outputs, name)]
    pixel = sum(_PIXEL_BYTES[name] for name in (outputs.frames, *layers))
    others = ["annotations", *(name for name in ("pose", "coco") if getattr(outputs, name))]
    return _SAMPLE_BYTES + frames * (pixel * width * height + sum(_FRAME_BYTES[n] for n in others))


def check_space(out: Path, needed: float) -> None:
    """Refuse a run that the disk cannot hold; a shard is on it twice while it is written.

    Raises:
        UserError: it cannot.
    """
    folder = out
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < needed + RESERVE_BYTES:
        raise UserError(
            f"The disk that holds {out} has {free / 1e9:.1f} GB free and the rest of this run "
            f"takes about {(needed + RESERVE_BYTES) / 1e9:.1f} GB: free some space, or make fewer "
            "samples; the same command goes on where it stopped."
        )
