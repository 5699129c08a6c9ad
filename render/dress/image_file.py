"""Appearance images as people have them: any mode, rotated, with alpha, huge, or broken."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...errors import UserError

if TYPE_CHECKING:
    from PIL import Image

SMALLEST = 64
"""Pixels of the shorter side below which no face can be read."""
LARGEST = 2048
"""Pixels of the longer side above which an image is made smaller on loading."""
MOST_PIXELS = 120_000_000
"""Pixels above which a file is taken for a decompression bomb and not decoded."""
_MID_GREY = (128, 128, 128)


def load_appearance(path: str | Path) -> Image.Image:
    """The upright RGB picture of an image file, its longer side at most `LARGEST` pixels.

    EXIF rotation is applied; alpha is laid on mid grey; CMYK, palette, grey and 16-bit images
    become 8-bit sRGB; of an animation the first frame counts. Raises UserError for a file that
    is missing, no image, truncated, too small, or absurdly large.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    path = Path(path)
    if not path.exists():
        raise UserError(f"no appearance image at {path}; give the path of a picture (PNG, JPEG)")
    if path.is_dir():
        raise UserError(f"the appearance {path} is a folder; give the path of one picture in it")
    try:
        with warnings.catch_warnings():
            # The limit is checked here, before anything is decoded.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as opened:
                _check_size(path, opened.size)
                opened.draft("RGB", (LARGEST, LARGEST))
                opened.load()
                image = ImageOps.exif_transpose(_to_rgb(opened))
    except UserError:
        raise
    except UnidentifiedImageError:
        raise UserError(
            f"the appearance {path} is not an image that can be read; "
            "save it as PNG or JPEG and give that"
        ) from None
    except Image.DecompressionBombError:
        raise _too_large(path) from None
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, MemoryError) as error:
        raise UserError(
            f"the appearance {path} is damaged or cut short ({error}); "
            "copy it again, or save it anew as PNG"
        ) from None
    image.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
    if min(image.size) < SMALLEST:
        raise UserError(_too_small(path, image.size))
    return image


def _check_size(path: Path, size: tuple[int, int]) -> None:
    if min(size) < SMALLEST:
        raise UserError(_too_small(path, size))
    if size[0] * size[1] > MOST_PIXELS:
        raise _too_large(path)


def _too_small(path: Path, size: tuple[int, int]) -> str:
    return (
        f"the appearance {path} measures {size[0]}x{size[1]} pixels; "
        f"give a picture of at least {SMALLEST} pixels on each side"
    )


def _too_large(path: Path) -> UserError:
    return UserError(
        f"the appearance {path} has more than {MOST_PIXELS // 10**6} million pixels; "
        "scale it down and give that"
    )


def _to_rgb(image: Image.Image) -> Image.Image:
    """8-bit RGB of an image of any mode; keeps the EXIF block for the rotation."""
    from PIL import Image

    exif = image.getexif()
    if image.mode.startswith(("I", "F")):
        image = _grey_from_deep(image)
    elif image.mode in ("P", "PA", "LA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
    if image.mode == "RGBA":
        ground = Image.new("RGBA", image.size, (*_MID_GREY, 255))
        image = Image.alpha_composite(ground, image)
    rgb = image.convert("RGB")
    rgb.info = {"exif": exif.tobytes()} if len(exif) else {}
    return rgb


def _grey_from_deep(image: Image.Image) -> Image.Image:
    """8-bit grey of 16- and 32-bit grey: Pillow's own conversion clips instead of scaling."""
    from PIL import Image

    values = np.asarray(image, dtype=np.float64)
    top = float(values.max(initial=0.0))
    full = 1.0 if image.mode == "F" and top <= 1 else 255.0 if top <= 255 else max(65535.0, top)
    return Image.fromarray(np.clip(values / full * 255, 0, 255).round().astype(np.uint8))
