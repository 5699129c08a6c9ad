"""What lies behind the signer: a colour, a green screen, nothing (alpha), a plate, or the HDRI.

A plain colour is Blender's own background, so that edges are antialiased and denoised against it.
Everything else is laid behind the signer afterwards, by the share of each pixel that the signer
covers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import UserError
from ..repeatable import arctan2
from ..retarget.motion import Camera
from .raster import rasterise

GREEN = "#00b140"
"""Chroma green of studios; even, so it has no glow."""

KINDS = ("colour", "green", "alpha", "plate", "hdri")
_FINER = 4
PLATE_FILE = "plate_{0:05d}.png"


@dataclass(frozen=True, eq=False)
class Backdrop:
    """behind: gives the background (H, W, 3), linear RGB, of a frame of the set. cut_out: the
    signer is rendered before nothing and laid over it. keeps_alpha: nothing is laid behind.
    exact_edges: cut out by `coverage`, because the picture's own alpha is of few samples."""

    behind: Callable[[int], np.ndarray]
    cut_out: bool = False
    keeps_alpha: bool = False
    exact_edges: bool = True


def backdrop_kind(text: str | None) -> str:
    """The kind that an option's word means: a word of KINDS, or else a file, a plate."""
    if text is None:
        return "colour"
    return text if text in KINDS and text != "plate" else "plate"


def coverage(vertices: np.ndarray, faces: np.ndarray, camera: Camera) -> np.ndarray:
    """(H, W) the share of each pixel that the faces cover, on a grid of 4 x 4 in each pixel."""
    fine = camera.scaled(_FINER * camera.width, _FINER * camera.height)
    mask = np.zeros(fine.width * fine.height, np.float32)
    mask[rasterise(vertices, faces, fine).pixel] = 1.0
    tall = mask.reshape(camera.height, _FINER, camera.width, _FINER)
    return tall.mean(axis=(1, 3))


def fill(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """The picture (H, W, 3) uint8 made to fill another size: scaled, then cropped to it."""
    from PIL import Image, ImageOps

    if picture.shape[:2] == (height, width):
        return picture
    image = Image.fromarray(picture)
    return np.asarray(ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS))


def read_plate(path: Path, width: int, height: int) -> tuple[Iterator[np.ndarray], str]:
    """Pictures (H, W, 3) uint8 of a plate, endless after its last; and how it was made to fit.

    path: a picture, or a video, whose frames are taken one by one.

    Raises:
        UserError: it is neither.
    """
    frames = _plate_frames(path)
    first = next(frames)
    tall, wide = first.shape[:2]
    note = ""
    if (wide, tall) != (width, height):
        cropped = wide * height != tall * width
        note = f"The plate of {wide}x{tall} was scaled {'and cropped ' if cropped else ''}to "
        note += f"{width}x{height}."

    def endless() -> Iterator[np.ndarray]:
        picture = fill(first, width, height)
        yield picture
        for found in frames:
            picture = fill(found, width, height)
            yield picture
        while True:
            yield picture

    return endless(), note


def _plate_frames(path: Path) -> Iterator[np.ndarray]:
    from PIL import Image, ImageOps, UnidentifiedImageError

    if not path.is_file():
        raise UserError(
            f"There is no backdrop {str(path)!r}: use green, alpha, hdri, a picture or a video."
        )
    try:
        with Image.open(path) as image:
            yield np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
            return
    except UnidentifiedImageError:
        pass
    except OSError as error:
        raise UserError(f"The backdrop {path} cannot be read ({error}).") from None
    from ..video import read_frames

    try:
        yield from read_frames(path)
    except UserError as error:
        raise UserError(f"The backdrop cannot be used: {error}") from None


def read_hdri(path: Path) -> np.ndarray:
    """The panorama (H, W, 3) float32, linear RGB, of an equirectangular picture.

    Raises:
        UserError: the file is missing or no picture.
    """
    import OpenImageIO as oiio

    if not path.is_file():
        raise UserError(f"There is no HDRI {path}: give a panorama (.hdr, .exr or a picture).")
    source = oiio.ImageInput.open(str(path))
    pixels = source.read_image(0, 0, 0, 3, "float") if source is not None else None
    if pixels is None or pixels.ndim != 3 or pixels.shape[2] != 3:
        oiio.geterror()
        raise UserError(f"The HDRI {path} is no picture that can be read: give .hdr or .exr.")
    if source.spec().get_string_attribute("oiio:ColorSpace").lower().startswith("srgb"):
        pixels = np.where(pixels <= 0.04045, pixels / 12.92, ((pixels + 0.055) / 1.055) ** 2.4)
    return np.nan_to_num(pixels.astype(np.float32))


def panorama_behind(
    panorama: np.ndarray, camera: Camera, world_from_camera: np.ndarray
) -> np.ndarray:
    """(H, W, 3): what the camera sees of a panorama, laid about the world as Blender does it."""
    across = (np.arange(camera.width) + 0.5 - camera.cx) / camera.fx
    down = (np.arange(camera.height) + 0.5 - camera.cy) / camera.fy
    rays = np.stack(np.broadcast_arrays(across[None], down[:, None], 1.0), axis=-1)
    x, y, z = np.moveaxis(rays @ world_from_camera.T, -1, 0)
    height, width = panorama.shape[:2]
    u = (0.5 - arctan2(y, x) / (2 * np.pi)) * width - 0.5
    v = (0.5 - arctan2(z, np.hypot(x, y)) / np.pi) * height - 0.5
    left, top = np.floor(u).astype(int), np.floor(v).astype(int)
    share_x, share_y = (u - left)[..., None], (v - top)[..., None]
    rows = [np.clip(top + k, 0, height - 1) for k in (0, 1)]
    columns = [(left + k) % width for k in (0, 1)]
    upper, lower = (
        panorama[row, columns[0]] * (1 - share_x) + panorama[row, columns[1]] * share_x
        for row in rows
    )
    return (upper * (1 - share_y) + lower * share_y).astype(np.float32)
