"""Paint a signer over a pass set: the frames that the diffusion model makes.

Each frame starts from the beauty render under noise, is held in place by the conditioning images
and takes its looks from the appearance image and the text. What is the same for a whole clip (text
and image embeddings, noise) is computed once.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UserError
from . import hardware
from .canvas import plan_canvas
from .checkpoints import resolve_model
from .frames import (
    Passes,
    frame_key,
    frame_path,
    input_hash,
    is_painted,
    read_inputs,
    write_frame,
)
from .loading import Generator, load_generator, model_hashes
from .options import PaintOptions, Settings, resolve_settings

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["PaintOptions", "Passes", "paint"]

# Counts up when the same settings come to give other frames, so that no old one is kept.
_REVISION = 1

Progress = Callable[[int, int], None]


def paint(
    passes: Passes,
    appearance: "Image.Image | None",
    caption: str,
    options: PaintOptions,
    out_dir: str | Path,
    progress: Progress | None = None,
    generator: Generator | None = None,
) -> dict[str, Any]:
    """Paint every frame of `passes` into out_dir/00000.png ...; frames that still hold are kept.

    Args:
        passes: the pass set; the frames have its size.
        appearance: the image that the signer's looks come from, or None.
        caption: the avatar's own description; the checkpoint says where it is used.
        progress: called as progress(frames done, all frames).
        generator: a loaded checkpoint, to use instead of `options.model`.

    Returns:
        What was used, JSON-able: the model and its weights' hashes, every setting, versions,
        counts, and notes for the user.

    Raises:
        UserError: unknown or missing model, impossible settings, missing pass images, too little
            memory for one frame, a full disk.
    """
    started = time.perf_counter()
    out_dir = Path(out_dir)
    if generator is None:
        checkpoint, reason = resolve_model(options.model)
    else:
        checkpoint, reason = generator.checkpoint, "given by the caller"
    settings = resolve_settings(
        options,
        checkpoint,
        caption,
        appearance is not None,
        None if generator is None else generator.precision,
    )
    weights = model_hashes(checkpoint)
    kinds = tuple(net.kind for net in checkpoint.controlnets)
    made_by = {
        "revision": _REVISION,
        "settings": asdict(settings),
        "weights": weights,
        "appearance": _image_hash(appearance),
    }
    total = passes.frame_count
    keys = [frame_key(made_by, input_hash(passes, frame, kinds)) for frame in range(total)]
    todo = [
        frame for frame in range(total) if not is_painted(frame_path(out_dir, frame), keys[frame])
    ]
    if progress is not None:
        progress(total - len(todo), total)
    used: dict[str, Any] = {}
    if todo:
        generator = generator or load_generator(checkpoint, options.device, settings.precision)
        used = _paint_all(
            passes, appearance, settings, options.batch, out_dir, keys, todo, progress, generator
        )
    notes = list(used.pop("notes", ()))
    if appearance is not None and checkpoint.adapter is None:
        notes.append(f"{checkpoint.name} has no IP-Adapter: the image only dressed the avatar.")
    return {
        "model": checkpoint.name,
        "model_reason": reason,
        "weights": weights,
        **asdict(settings),
        "appearance": made_by["appearance"],
        "frames": total,
        "painted": len(todo),
        **used,
        "seconds": round(time.perf_counter() - started, 3),
        "notes": notes,
    }


def _paint_all(
    passes: Passes,
    appearance: "Image.Image | None",
    settings: Settings,
    batch: int | None,
    out_dir: Path,
    keys: list[str],
    todo: list[int],
    progress: Progress | None,
    generator: Generator,
) -> dict[str, Any]:
    """Paint the frames `todo`, in batches that are halved when memory runs out."""
    from .sampling import embed_guidance, paint_frames

    guidance = embed_guidance(generator, settings, appearance)
    canvas = plan_canvas(passes.width, passes.height, settings.size, generator.multiple)
    batch = batch or hardware.batch_size(generator.device, *canvas.working)

    def paint_some(frames: list[int]) -> None:
        inputs = [read_inputs(passes, frame, generator.kinds) for frame in frames]
        painted = paint_frames(generator, settings, guidance, canvas, frames, inputs)
        for frame, pixels in zip(frames, painted, strict=True):
            write_frame(frame_path(out_dir, frame), pixels, keys[frame])

    left = list(todo)
    while left:
        if _in_memory(paint_some, left[:batch]):
            left = left[batch:]
            if progress is not None:
                progress(passes.frame_count - len(left), passes.frame_count)
        elif batch > 1:
            batch //= 2
        else:
            raise UserError(
                f"The memory does not suffice to paint one frame of {canvas.working[0]}x"
                f"{canvas.working[1]} on {generator.device}: use --model mini or a smaller --size."
            )
    return {
        "device": generator.device,
        "working_size": list(canvas.working),
        "batch": batch,
        "versions": _versions(),
        "notes": guidance.notes,
    }


def _in_memory(paint_some: Callable[[list[int]], None], frames: list[int]) -> bool:
    """Paint `frames`; False if memory ran out, after what was taken has been given back."""
    try:
        paint_some(frames)
    except (RuntimeError, MemoryError) as error:
        if not hardware.is_out_of_memory(error):
            raise
    else:
        return True
    # Outside the except block, whose traceback would hold on to the batch's tensors.
    hardware.free_memory()
    return False


def _image_hash(image: "Image.Image | None") -> str | None:
    if image is None:
        return None
    pixels = np.asarray(image.convert("RGB"))
    return hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("torch", "diffusers", "transformers")}
