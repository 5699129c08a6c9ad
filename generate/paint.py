"""Paint a signer over a pass set: the frames that the diffusion model makes.

Each frame starts from the beauty render under noise, is held in place by the conditioning images
and takes its looks from the appearance image and the text. What is the same for a whole clip (text
and image embeddings, noise) is computed once.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UserError
from . import hardware
from .canvas import Canvas, plan_canvas
from .frames import (
    FrameInputs,
    Passes,
    frame_key,
    frame_path,
    is_painted,
    read_inputs,
    write_frame,
)
from .loading import Generator, load_generator, model_hashes
from .options import PaintOptions, Settings, choose_checkpoint, resolve_settings
from .windows import windows

if TYPE_CHECKING:
    from PIL import Image

    from .sampling import Guidance

__all__ = ["PaintOptions", "Passes", "paint"]

# Counts up when the same settings come to give other frames, so that no old one is kept.
_REVISION = 2

Progress = Callable[[int, int], None]


def paint(
    passes: Passes,
    appearance: "Image.Image | Sequence[Image.Image] | None",
    caption: str,
    options: PaintOptions,
    out_dir: str | Path,
    progress: Progress | None = None,
    generator: Generator | None = None,
    garment: "Image.Image | None" = None,
) -> dict[str, Any]:
    """Paint every frame of `passes` into out_dir/00000.png ...; frames that still hold are kept.

    Args:
        passes: the pass set; the frames have its size.
        appearance: the image that the signer's looks come from, several of one person, or None.
        caption: the avatar's own description; the checkpoint says where it is used.
        progress: called as progress(frames done, all frames).
        generator: a loaded checkpoint, to use instead of `options.model`.
        garment: an image that the clothes come from, while `appearance` rules all else.

    Returns:
        What was used, JSON-able: the model and its weights' hashes, every setting, versions,
        counts, and notes for the user.

    Raises:
        UserError: unknown or missing model, impossible settings, missing pass images, too little
            memory for one frame, a full disk.
    """
    started = time.perf_counter()
    out_dir = Path(out_dir)
    looks = _Looks(_several(appearance), garment)
    if generator is None:
        checkpoint, reason = choose_checkpoint(options)
    else:
        checkpoint, reason = generator.checkpoint, "given by the caller"
    settings = resolve_settings(
        options,
        checkpoint,
        caption,
        bool(looks),
        None if generator is None else generator.precision,
    )
    weights = model_hashes(checkpoint)
    made_by = {
        "revision": _REVISION,
        "settings": asdict(settings),
        "weights": weights,
        "appearance": [_image_hash(image) for image in looks.person],
        "garment": None if garment is None else _image_hash(garment),
    }
    kinds = tuple(net.kind for net in checkpoint.controlnets)
    count = _Count(len(passes), progress)
    apart = garment is not None and checkpoint.adapter is not None
    read = partial(
        read_inputs,
        passes,
        kinds=kinds,
        outline=settings.keep_background,
        surface=settings.noise == "surface",
        clothes=apart,
    )

    def brush() -> _Brush:
        loaded = generator or load_generator(checkpoint, options.device, settings.precision)
        return _brush(passes, looks, settings, loaded)

    used: dict[str, Any] = {}
    if checkpoint.motion is not None:
        spans = _unpainted_windows(len(passes), read, made_by, out_dir, count)
        used = _paint_windows(spans, brush, out_dir, count)
    else:
        jobs = _unpainted(len(passes), read, made_by, out_dir, count)
        first = next(jobs, None)
        if first is not None:  # else no model need be loaded
            used = _paint_all(chain([first], jobs), brush(), options.batch, out_dir, count)
    notes = list(used.pop("notes", ()))
    if looks and checkpoint.adapter is None:
        notes.append(f"{checkpoint.name} has no IP-Adapter: the image only dressed the avatar.")
    return {
        "model": checkpoint.name,
        "model_reason": reason,
        "weights": weights,
        **asdict(settings),
        "appearance": made_by["appearance"],
        "garment": made_by["garment"],
        "frames": len(passes),
        "painted": 0,
        **used,
        "seconds": round(time.perf_counter() - started, 3),
        "notes": notes,
    }


@dataclass(frozen=True)
class _Looks:
    """Images of the person, which may show one as well as several, and of the clothes."""

    person: "tuple[Image.Image, ...]"
    garment: "Image.Image | None"

    def __bool__(self) -> bool:
        return bool(self.person) or self.garment is not None


@dataclass(frozen=True)
class _Job:
    """A frame to paint: its number, its key and its images."""

    frame: int
    key: str
    inputs: FrameInputs


@dataclass(frozen=True)
class _Brush:
    """Everything that is the same for all frames of a clip."""

    generator: Generator
    settings: Settings
    guidance: "Guidance"
    canvas: Canvas


class _Count:
    """Counts finished frames and reports them."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._done, self._total, self._progress = 0, total, progress
        self.add(0)

    def add(self, frames: int) -> None:
        self._done += frames
        if self._progress is not None:
            self._progress(self._done, self._total)


def _unpainted(
    total: int,
    read: Callable[[int], FrameInputs],
    made_by: dict[str, Any],
    out_dir: Path,
    count: _Count,
) -> Iterator[_Job]:
    """The frames that are not there yet, read one after another; counts those that are."""
    for frame in range(total):
        inputs = read(frame)
        key = frame_key(made_by, inputs)
        if is_painted(frame_path(out_dir, frame), key):
            count.add(1)
        else:
            yield _Job(frame, key, inputs)


def _unpainted_windows(
    total: int,
    read: Callable[[int], FrameInputs],
    made_by: dict[str, Any],
    out_dir: Path,
    count: _Count,
) -> Iterator[list[tuple[_Job, float]]]:
    """The windows that hold a frame which is not there yet, with their weights."""
    counted = 0
    for frames, weights in windows(total):
        jobs = []
        for frame in frames:
            inputs = read(frame)
            jobs.append(_Job(frame, frame_key(made_by, inputs), inputs))
        there = [is_painted(frame_path(out_dir, job.frame), job.key) for job in jobs]
        count.add(
            sum(known and job.frame >= counted for known, job in zip(there, jobs, strict=True))
        )
        counted = frames.stop
        if not all(there):
            yield list(zip(jobs, weights, strict=True))


def _brush(passes: Passes, looks: _Looks, settings: Settings, generator: Generator) -> _Brush:
    from .sampling import embed_guidance

    size = passes.camera
    return _Brush(
        generator,
        settings,
        embed_guidance(generator, settings, looks.person, looks.garment),
        plan_canvas(size.width, size.height, settings.size, generator.multiple),
    )


def _paint_all(
    jobs: Iterator[_Job], brush: _Brush, batch: int | None, out_dir: Path, count: _Count
) -> dict[str, Any]:
    """Paint `jobs` in batches, which are halved when memory runs out."""
    device, working = brush.generator.device, brush.canvas.working
    batch = batch or hardware.batch_size(device, *working)
    painted = 0
    waiting = list(islice(jobs, batch))
    while waiting:
        now = waiting[:batch]
        if _in_memory(partial(_paint_batch, now, brush, out_dir)):
            painted += len(now)
            count.add(len(now))
            waiting = waiting[len(now) :]
            waiting += islice(jobs, max(0, batch - len(waiting)))
        elif batch > 1:
            batch //= 2
        else:
            raise _too_little_memory(brush, 1)
    return _used(brush, painted, batch)


def _too_little_memory(brush: _Brush, frames: int) -> UserError:
    width, height = brush.canvas.working
    what = "one frame" if frames == 1 else f"a window of {frames} frames"
    return UserError(
        f"The memory does not suffice to paint {what} of {width}x{height} on "
        f"{brush.generator.device}: use --model mini or a smaller --size."
    )


def _used(brush: _Brush, painted: int, batch: int) -> dict[str, Any]:
    return {
        "painted": painted,
        "device": brush.generator.device,
        "working_size": list(brush.canvas.working),
        "batch": batch,
        "versions": _versions(),
        "notes": brush.guidance.notes,
    }


def _paint_windows(
    spans: Iterator[list[tuple[_Job, float]]],
    load: Callable[[], _Brush],
    out_dir: Path,
    count: _Count,
) -> dict[str, Any]:
    """Paint windows, each at once; a frame is written when its last window has been painted."""
    begun: dict[int, tuple[np.ndarray, float]] = {}
    painted = most = 0
    brush: _Brush | None = None
    for span in spans:
        brush = brush or load()
        pictures: list[np.ndarray] = []
        if not _in_memory(partial(_paint_window, span, brush, pictures)):
            raise _too_little_memory(brush, len(span))
        most = max(most, len(span))
        for (job, weight), picture in zip(span, pictures, strict=True):
            before, so_far = begun.pop(job.frame, (np.zeros(picture.shape), 0.0))
            mixed = before + weight * picture
            if weight + so_far < 0.999:
                begun[job.frame] = mixed, weight + so_far
            elif not is_painted(frame_path(out_dir, job.frame), job.key):
                write_frame(
                    frame_path(out_dir, job.frame), np.rint(mixed).astype(np.uint8), job.key
                )
                painted += 1
                count.add(1)
        begun = {frame: held for frame, held in begun.items() if frame >= span[0][0].frame}
    return {} if brush is None else _used(brush, painted, most)


def _paint_window(
    span: list[tuple[_Job, float]], brush: _Brush, pictures: list[np.ndarray]
) -> None:
    from .sampling import paint_frames

    frames, inputs = [job.frame for job, _ in span], [job.inputs for job, _ in span]
    pictures += paint_frames(
        brush.generator, brush.settings, brush.guidance, brush.canvas, frames, inputs
    )


def _paint_batch(jobs: list[_Job], brush: _Brush, out_dir: Path) -> None:
    from .sampling import paint_frames

    frames, inputs = [job.frame for job in jobs], [job.inputs for job in jobs]
    painted = paint_frames(
        brush.generator, brush.settings, brush.guidance, brush.canvas, frames, inputs
    )
    for job, pixels in zip(jobs, painted, strict=True):
        write_frame(frame_path(out_dir, job.frame), pixels, job.key)


def _in_memory(action: Callable[[], None]) -> bool:
    """Do it; False if memory ran out, after what was taken has been given back."""
    try:
        action()
    except (RuntimeError, MemoryError) as error:
        if not hardware.is_out_of_memory(error):
            raise
    else:
        return True
    # Outside the except block, whose traceback would hold on to the batch's tensors.
    hardware.free_memory()
    return False


def _several(
    images: "Image.Image | Sequence[Image.Image] | None",
) -> "tuple[Image.Image, ...]":
    from PIL import Image

    if images is None:
        return ()
    return (images,) if isinstance(images, Image.Image) else tuple(images)


def _image_hash(image: "Image.Image") -> str:
    pixels = np.asarray(image.convert("RGB"))
    return hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("torch", "diffusers", "transformers")}
