"""The painter's inputs and outputs: pass images in, finished frames out.

A finished frame is a PNG that carries, as a text chunk, the key of everything that made it. So a
frame says itself whether it can stay when painting is resumed, and nothing can get out of step.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image, PngImagePlugin

from ..errors import UserError
from ..files import atomic_path
from ..render.avatar.parts import PART_INDEX
from .surface_noise import patch_size, patches

_CHUNK = "diffsign-key"


class _Camera(Protocol):
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def fx(self) -> float: ...


class _DepthRange(Protocol):
    @property
    def near(self) -> float: ...
    @property
    def far(self) -> float: ...


class Passes(Protocol):
    """What painting needs of a pass set (`render.pass_set.PassSet`); images (H,W,3) uint8 sRGB."""

    @property
    def camera(self) -> _Camera: ...
    @property
    def depth_range(self) -> _DepthRange: ...
    def __len__(self) -> int: ...
    def beauty_srgb(self, index: int, /) -> np.ndarray: ...
    def conditioning(self, name: str, index: int, /) -> np.ndarray: ...
    def frame(self, index: int, /, *wanted: str) -> dict[str, np.ndarray]: ...


@dataclass(frozen=True)
class FrameInputs:
    """The images of one frame, each (H,W,3) uint8; conditioning by kind; and, None where nobody
    asks, where the signer is, (H,W) bool, the surface patches that the pixels see, (H,W) uint64
    (see `surface_noise`), and where the signer's clothes are, (H,W) bool."""

    beauty: np.ndarray
    conditioning: dict[str, np.ndarray]
    signer: np.ndarray | None = None
    patches: np.ndarray | None = None
    clothes: np.ndarray | None = None


def read_inputs(
    passes: Passes,
    frame: int,
    kinds: Sequence[str],
    outline: bool = False,
    surface: bool = False,
    clothes: bool = False,
) -> FrameInputs:
    """A frame's beauty render and its conditioning images of `kinds`; with `outline` also where
    the signer is, with `surface` the patches of its surface, with `clothes` where they are.

    Raises:
        UserError: an image is missing, broken or not of the pass set's size.
    """
    inputs = FrameInputs(
        passes.beauty_srgb(frame),
        {kind: passes.conditioning(kind, frame) for kind in kinds},
        passes.frame(frame, "object")["object"] > 0 if outline else None,
        _patches(passes, frame) if surface else None,
        _clothes(passes, frame) if clothes else None,
    )
    shape = (passes.camera.height, passes.camera.width, 3)
    for name, image in (("beauty", inputs.beauty), *inputs.conditioning.items()):
        if image.shape != shape:
            raise UserError(
                f"The {name} image of frame {frame} is {image.shape[1]}x{image.shape[0]}, but the "
                f"passes are {shape[1]}x{shape[0]}: render them again."
            )
    return inputs


def _patches(passes: Passes, frame: int) -> np.ndarray:
    layers = passes.frame(frame, "rest", "object")
    depths = passes.depth_range
    size = patch_size((depths.near * depths.far) ** 0.5, passes.camera.fx)
    return patches(layers["rest"], layers["object"], size)


def _clothes(passes: Passes, frame: int) -> np.ndarray:
    worn = [PART_INDEX[name] for name in ("top", "bottom", "shoes")]
    return np.isin(passes.frame(frame, "part")["part"], worn)


def frame_path(folder: Path, frame: int) -> Path:
    """Where frame number `frame` lies."""
    return folder / f"{frame:05d}.png"


def frame_key(settings: dict[str, Any], inputs: FrameInputs) -> str:
    """One hash of all that determines a frame beside its number: JSON-able settings, its images."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    others = (inputs.patches, inputs.clothes)
    for image in (inputs.beauty, *inputs.conditioning.values(), *others):
        if image is not None:
            digest.update(image.tobytes())
    return digest.hexdigest()


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
