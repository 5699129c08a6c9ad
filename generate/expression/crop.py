"""Where the face is in every frame: a square box that glides instead of jumping."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d


@dataclass(frozen=True)
class Box:
    """A square of pixels that may reach over the picture's edges: columns x0..x0+side."""

    x0: int
    y0: int
    side: int

    def inside(self, width: int, height: int) -> tuple[slice, slice]:
        """The rows and columns of a (height, width) picture that the box covers."""
        return (
            slice(max(self.y0, 0), min(self.y0 + self.side, height)),
            slice(max(self.x0, 0), min(self.x0 + self.side, width)),
        )


def face_boxes(points: np.ndarray, room: float = 1.7, sigma: float = 2.0) -> list[Box | None]:
    """Square boxes around the projected face, stabilised over time.

    points: (T,478,2+) pixels; frames with points that are not finite get None. room: side over
    the face's longer extent. sigma: width in frames of the Gaussian over centre and size; it is
    centred, so the box does not lag, and it is widened again where the head outruns it.
    """
    xy = np.asarray(points, float)[..., :2]
    known = np.isfinite(xy).all(axis=(1, 2))
    if not known.any():
        return [None] * len(xy)
    low, high = xy[known].min(1), xy[known].max(1)
    centre, extent = (low + high) / 2, (high - low).max(1)
    times = np.arange(len(xy))
    tracks = np.column_stack([centre, np.log(np.maximum(extent, 1.0))])
    filled = np.column_stack([np.interp(times, times[known], track) for track in tracks.T])
    smooth = gaussian_filter1d(filled, sigma, axis=0, mode="nearest")
    half = np.exp(smooth[:, 2]) * room / 2
    boxes: list[Box | None] = [None] * len(xy)
    for frame, first, last in zip(times[known], low, high, strict=True):
        x, y = smooth[frame, :2]
        need = 1.1 * np.max(np.abs(np.stack([first, last]) - (x, y)))
        reach = max(half[frame], need)
        boxes[frame] = Box(round(x - reach), round(y - reach), max(round(2 * reach), 2))
    return boxes


def cut(image: np.ndarray, box: Box) -> np.ndarray:
    """The box's pixels of an (H,W,C) picture; beyond its edges the border is repeated."""
    height, width = image.shape[:2]
    rows = np.clip(np.arange(box.y0, box.y0 + box.side), 0, height - 1)
    columns = np.clip(np.arange(box.x0, box.x0 + box.side), 0, width - 1)
    return image[rows[:, None], columns[None, :]]
