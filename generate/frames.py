"""The painter's inputs and outputs on disk: pass images in, finished frames out.

A finished frame is a PNG that carries, as a text chunk, the key of everything that made it. So a
frame says itself whether it can stay when painting is resumed, and nothing can get out of step.
"""

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image, PngImagePlugin

from ..errors import UserError
from ..files import atomic_path

_CHUNK = "diffsign-key"


class Passes(Protocol):
    """What the painter needs of a pass set (`render.passes.PassSet`).

    In `folder` lie `beauty/00000.png` (sRGB) and `conditioning/<kind>/00000.png`, one per frame.
    """

    @property
    def folder(self) -> Path: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def frame_count(self) -> int: ...


@dataclass(frozen=True)
class FrameInputs:
    """The images of one frame, each (H,W,3) uint8, and the hash of their files."""

    beauty: np.ndarray
    conditioning: dict[str, np.ndarray]


def input_hash(passes: Passes, frame: int, kinds: Sequence[str]) -> str:
    """A hash of the bytes of a frame's input images, without decoding them.

    Raises:
        UserError: an image is missing.
    """
    digest = hashlib.sha256()
    for path in _paths(passes, frame, kinds):
        digest.update(hashlib.sha256(_read(path)).digest())
    return digest.hexdigest()


def read_inputs(passes: Passes, frame: int, kinds: Sequence[str]) -> FrameInputs:
    """Decode a frame's beauty render and its conditioning images of `kinds`.

    Raises:
        UserError: an image is missing, broken or not of the pass set's size.
    """
    images = []
    for path in _paths(passes, frame, kinds):
        try:
            with Image.open(io.BytesIO(_read(path))) as image:
                pixels = np.asarray(image.convert("RGB"))
        except (OSError, SyntaxError) as error:
            raise UserError(
                f"{path} is not a readable image ({error}): remove it and render the passes again."
            ) from None
        if pixels.shape != (passes.height, passes.width, 3):
            raise UserError(
                f"{path} is {pixels.shape[1]}x{pixels.shape[0]}, but the passes are "
                f"{passes.width}x{passes.height}: render them again."
            )
        images.append(pixels)
    return FrameInputs(images[0], dict(zip(kinds, images[1:], strict=True)))


def frame_path(folder: Path, frame: int) -> Path:
    """Where frame number `frame` lies."""
    return folder / f"{frame:05d}.png"


def frame_key(settings: dict[str, Any], inputs: str) -> str:
    """One hash for everything that determines a frame: JSON-able settings and its inputs' hash."""
    text = json.dumps(settings, sort_keys=True)
    return hashlib.sha256(f"{text}\n{inputs}".encode()).hexdigest()


def is_painted(path: Path, key: str) -> bool:
    """Whether a finished frame lies at `path` that was made from exactly `key`."""
    try:
        with Image.open(path) as image:
            return image.info.get(_CHUNK) == key
    except (OSError, SyntaxError):
        return False


def write_frame(path: Path, pixels: np.ndarray, key: str) -> None:
    """Write (H,W,3) uint8 as a PNG that carries `key`, atomically."""
    note = PngImagePlugin.PngInfo()
    note.add_text(_CHUNK, key)
    with atomic_path(path) as partial:
        Image.fromarray(pixels).save(partial, pnginfo=note, compress_level=4)


def _paths(passes: Passes, frame: int, kinds: Sequence[str]) -> list[Path]:
    name = f"{frame:05d}.png"
    folder = Path(passes.folder)
    return [folder / "beauty" / name, *(folder / "conditioning" / kind / name for kind in kinds)]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path} is missing: render the passes again.") from None
