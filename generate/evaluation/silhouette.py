"""The outline of the generated signer, measured from the picture, against the rendered one.

The picture must speak for itself: the render's own mask laid over the painting would always
agree. Two witnesses are joined. MediaPipe's selfie segmentation knows what a person is but has
256 pixels and loses fingers; the distance from the background's colour is exact to the pixel but
knows nothing of persons: on renders of the avatar the first reaches an IoU of 0.989 with the exact
mask, both together 0.997. The background here is plain by design, so its colour (with a linear
gradient) is measured where the segmentation is sure that nobody is, colour draws the outline,
and the segmentation drops what is not the person and fills clothes of the background's colour.
Over a background that is not plain the segmentation alone decides.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import cv2
import numpy as np

_PLAIN = 8.0  # CIE Lab: a background with a larger spread than this is not plain
_JUST_DIFFERENT = 12.0  # CIE Lab distance from which a pixel is not background
_SPREADS = 4.0


def intersection_over_union(first: np.ndarray, second: np.ndarray) -> float:
    """Jaccard index of two bool masks (H, W): 0..1, higher is better; 1 where both are empty."""
    union = (first | second).sum()
    return float((first & second).sum() / union) if union else 1.0


@contextmanager
def person_finder() -> Iterator[Callable[[np.ndarray], np.ndarray]]:
    """Gives a function from an (H, W, 3) uint8 RGB picture to its person mask, (H, W) bool."""
    from ...retarget.keypoints.quiet import quiet_native_stderr

    with quiet_native_stderr():
        from mediapipe.python.solutions.selfie_segmentation import SelfieSegmentation

        segmentation = SelfieSegmentation(model_selection=0)
        segmentation.process(np.zeros((64, 64, 3), np.uint8))

    def find(image: np.ndarray) -> np.ndarray:
        likely = segmentation.process(np.ascontiguousarray(image)).segmentation_mask
        return person_mask(image, likely)

    with segmentation:
        yield find


def person_mask(image: np.ndarray, likely: np.ndarray) -> np.ndarray:
    """(H, W) bool from an (H, W, 3) uint8 RGB picture and a soft person mask (H, W) in 0..1."""
    lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    apart, spread = _apart_from_background(lab, likely < 0.1)
    if spread > _PLAIN:
        return likely > 0.5
    differs = apart > max(_JUST_DIFFERENT, _SPREADS * spread)
    _, pieces = cv2.connectedComponents((differs | (likely > 0.9)).astype(np.uint8))
    person = np.unique(pieces[(likely > 0.5) & (pieces > 0)])
    return np.isin(pieces, person)


def _apart_from_background(lab: np.ndarray, outside: np.ndarray) -> tuple[np.ndarray, float]:
    """Lab distance (H, W) of every pixel from the background, and the background's own spread."""
    rows, columns = np.nonzero(outside)
    if len(rows) < 100:
        return np.zeros(lab.shape[:2], np.float32), np.inf
    step = max(1, len(rows) // 4000)
    rows, columns = rows[::step], columns[::step]
    height, width = outside.shape
    ground = np.column_stack([np.ones(len(rows)), columns / width, rows / height])
    colours = lab[rows, columns]
    apart = np.linalg.norm(colours - np.median(colours, axis=0), axis=-1)
    for _ in range(3):  # a plane through what is not an outlier
        kept = apart <= max(3 * np.median(apart), 2.0)
        plane = np.linalg.lstsq(ground[kept], colours[kept], rcond=None)[0]
        apart = np.linalg.norm(colours - ground @ plane, axis=-1)
    plane = plane.astype(np.float32)
    x = np.arange(width, dtype=np.float32)[:, None] / width
    y = np.arange(height, dtype=np.float32)[:, None, None] / height
    behind = plane[0] + x * plane[1] + y * plane[2]
    return np.linalg.norm(lab - behind, axis=-1), float(np.median(apart))
