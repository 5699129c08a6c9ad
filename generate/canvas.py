"""From the pass set's size to the model's working size and back, exactly.

A model works best near the area that it was trained at, on sides that its levels divide. A frame
of any size is scaled, keeping its shape, then padded by repeating its border; afterwards the
padding is cut off and the scaling undone.
"""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

# Nearer than this to the trained area, nothing is scaled: resampling would cost more detail than
# the model loses.
TOLERANCE = 0.25


@dataclass(frozen=True)
class Canvas:
    """Sizes in pixels: of the frame, of the scaled frame, and of the padded working image."""

    frame: tuple[int, int]
    scaled: tuple[int, int]
    working: tuple[int, int]

    @property
    def offset(self) -> tuple[int, int]:
        """Left and upper padding in pixels."""
        return tuple((w - s) // 2 for w, s in zip(self.working, self.scaled, strict=True))  # type: ignore[return-value]


def plan_canvas(width: int, height: int, size: int, multiple: int) -> Canvas:
    """The canvas for frames of width x height and a model trained at size x size.

    Args:
        multiple: what both working sides are divisible by.
    """
    factor = math.sqrt(size * size / (width * height))
    if abs(factor - 1) <= TOLERANCE:
        factor = 1.0
    scaled = (max(1, round(width * factor)), max(1, round(height * factor)))
    working = tuple(math.ceil(side / multiple) * multiple for side in scaled)
    return Canvas((width, height), scaled, working)  # type: ignore[arg-type]


def to_working(canvas: Canvas, image: np.ndarray) -> np.ndarray:
    """A frame (H,W,3) uint8 as the working image (H',W',3) uint8."""
    if canvas.scaled != canvas.frame:
        image = np.asarray(Image.fromarray(image).resize(canvas.scaled, Image.Resampling.LANCZOS))
    (left, top), (width, height) = canvas.offset, canvas.working
    right, bottom = width - left - canvas.scaled[0], height - top - canvas.scaled[1]
    return np.pad(image, ((top, bottom), (left, right), (0, 0)), mode="edge")


def to_frame(canvas: Canvas, image: np.ndarray) -> np.ndarray:
    """A working image (H',W',3) uint8 as the frame (H,W,3) uint8."""
    left, top = canvas.offset
    image = image[top : top + canvas.scaled[1], left : left + canvas.scaled[0]]
    if canvas.scaled != canvas.frame:
        image = np.asarray(Image.fromarray(image).resize(canvas.frame, Image.Resampling.LANCZOS))
    return np.ascontiguousarray(image)


def latent_of_pixel(canvas: Canvas, latents: tuple[int, int]) -> np.ndarray:
    """For every pixel of the frame, (H,W) int, the number of the latent pixel that it falls into.

    Args:
        latents: height and width of the working image's latents.
    """
    index = []
    for axis in (1, 0):
        centres = (np.arange(canvas.frame[axis]) + 0.5) * canvas.scaled[axis] / canvas.frame[axis]
        size = canvas.working[axis] / latents[1 - axis]
        index.append(((centres + canvas.offset[axis]) / size).astype(np.int64))
    return index[0][:, None] * latents[1] + index[1]


def squared(image: Image.Image) -> Image.Image:
    """An appearance image as a square, padded in the mean colour of its border.

    CLIP's own preprocessing cuts the middle square out, which takes the hair or the clothes off
    an upright portrait.
    """
    image = image.convert("RGB")
    side = max(image.size)
    if image.size == (side, side):
        return image
    pixels = np.asarray(image)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    square = Image.new("RGB", (side, side), tuple(int(c) for c in border.mean(axis=0).round()))
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return square
