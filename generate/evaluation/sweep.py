"""One look at every frame of a clip: similarities in time, small pictures, cut-out faces."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ...retarget.keypoints.record import Keypoints
from ...video import probe, read_frames
from ..expression.crop import cut, face_boxes
from .ssim import WINDOW, Moments, moments, ssim_of
from .unavailable import Unavailable

THUMBNAIL_SIDE = 299  # what Inception looks at; the other networks look at less
FACE_SIDE = 128
_MOST_THUMBNAILS = 256
_MOST_FACES = 600
_SSIM_SIDE = 512


@dataclass(frozen=True)
class Sweep:
    """What a clip of T frames shows.

    successive, to_first: (T,) SSIM to the frame before and to the first, NaN in the first frame.
    thumbnails: (N, 299, 299, 3) uint8 RGB of up to 256 frames evenly spread, whole frames squeezed.
    faces: frame number to (128, 128, 3) uint8, of the first 600 frames in which a face is found.
    """

    successive: np.ndarray
    to_first: np.ndarray
    thumbnails: np.ndarray
    faces: dict[int, np.ndarray]

    def require_faces(self) -> dict[int, np.ndarray]:
        """The faces; Unavailable where there is none."""
        if not self.faces:
            raise Unavailable("no face is found")
        return self.faces


def sweep(video: Path, keypoints: Keypoints | None) -> Sweep:
    """Look at every frame of `video`; without its keypoints no face is cut out.

    SSIM is taken at a longer side of at most 512 pixels. Raises UserError for an unreadable clip.
    """
    info = probe(video)
    count = info.frame_count
    wanted = set(np.linspace(0, count - 1, min(count, _MOST_THUMBNAILS)).round().astype(int))
    boxes = face_boxes(seen_faces(keypoints)) if keypoints is not None else []
    grow = info.width / keypoints.width if keypoints is not None else 1.0
    successive, to_first = np.full(count, np.nan), np.full(count, np.nan)
    thumbnails: list[np.ndarray] = []
    faces: dict[int, np.ndarray] = {}
    first: Moments | None = None
    before: Moments | None = None
    for index, frame in enumerate(read_frames(video)):
        now = moments(_at_most(frame, _SSIM_SIDE))
        if before is not None and first is not None and min(now.luma.shape) >= WINDOW:
            successive[index], to_first[index] = ssim_of(now, before), ssim_of(now, first)
        first, before = first or now, now
        if index in wanted:
            side = (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
            thumbnails.append(cv2.resize(frame, side, interpolation=cv2.INTER_AREA))
        box = boxes[index] if index < len(boxes) else None
        if box is not None and len(faces) < _MOST_FACES:
            scaled = type(box)(*(round(value * grow) for value in (box.x0, box.y0, box.side)))
            face = cut(frame, scaled)
            faces[index] = cv2.resize(face, (FACE_SIDE,) * 2, interpolation=cv2.INTER_AREA)
    return Sweep(successive, to_first, np.array(thumbnails), faces)


def seen_faces(keypoints: Keypoints) -> np.ndarray:
    """Pixels (T, 478, 2) of the face's points, NaN in frames without a face."""
    seen = keypoints.seen("face")[:, None, None]
    return np.where(seen, keypoints.face[..., :2], np.nan)


def _at_most(frame: np.ndarray, side: int) -> np.ndarray:
    longer = max(frame.shape[:2])
    if longer <= side:
        return frame
    size = [max(1, round(length * side / longer)) for length in frame.shape[1::-1]]
    return cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
