"""The faces of a clip as they were painted and as they must be: boxes, points, tasks."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from PIL import Image

from ...retarget.motion import Camera
from .crop import Box, face_boxes
from .detector import Detector
from .face_points import face_scale
from .field import steady
from .measure import points_in_box
from .report import read_painted
from .warp import FaceTask, visible_share

SEEN_ENOUGH = 0.35
LEAST_SIDE = 24


class Passes(Protocol):
    """What enhancement reads of a pass set (`render.pass_set.PassSet`)."""

    @property
    def points(self) -> Mapping[str, np.ndarray]:
        """Projected points; 'face478' is (T,478,3): x, y in pixels of the render, visible 0/1;
        'face478_xyz' (T,478,3) metres in the camera's frame."""
        ...

    @property
    def camera(self) -> Camera:
        """The camera of the pictures."""
        ...

    def beauty_srgb(self, index: int) -> np.ndarray:
        """The beauty render of a frame, (H,W,3) uint8."""
        ...

    def frame(self, index: int, *wanted: str) -> Mapping[str, np.ndarray]:
        """The wanted layers of a frame; 'part' is (H,W), indices of `render.avatar.parts.PARTS`."""
        ...


@dataclass(frozen=True, eq=False)
class Faces:
    """The faces of T frames, in pixels of the painted frames.

    size: width, height of those. projected (T,478,2) the avatar's points; visible (T,478) bool.
    painted, rendered: (T,478,2) points detected in the painted and the rendered face, NaN where
    none was found. target: (T,478,2) where the detector would see the projected points.
    shift: (T,478,2) from painted to target, calmed over time.
    """

    size: tuple[int, int]
    projected: np.ndarray
    visible: np.ndarray
    boxes: list[Box | None]
    painted: np.ndarray
    rendered: np.ndarray
    target: np.ndarray
    shift: np.ndarray

    def reason_to_skip(self, index: int) -> str | None:
        """Why the face of a frame cannot be enhanced, or None."""
        box = self.boxes[index]
        width, height = self.size
        if box is None:
            return "the face was not projected"
        middle = (box.x0 + box.side / 2, box.y0 + box.side / 2)
        if not (0 <= middle[0] < width and 0 <= middle[1] < height):
            return "the face is out of the picture"
        if box.side < LEAST_SIDE:
            return "the face is too small"
        if visible_share(self.visible[index]) < SEEN_ENOUGH:
            return "the face is turned away or covered"
        return None


def find_faces(passes: Passes, paths: list[Path], detect: Detector, pool: Executor) -> Faces:
    """Find the face in every painted and rendered frame, in the pool's threads."""
    points = np.asarray(passes.points["face478"], float)
    with Image.open(paths[0]) as first:
        size = first.size
    render_size = passes.beauty_srgb(int(paths[0].stem)).shape[1::-1]
    projected = points[..., :2] * (np.array(size) / render_size)
    boxes = face_boxes(projected)
    painted = np.full_like(projected, np.nan)
    rendered = np.full_like(projected, np.nan)
    visible = points[..., 2] > 0.5

    def find(path: Path) -> None:
        index = int(path.stem)
        box = boxes[index]
        if box is None or visible_share(visible[index]) < SEEN_ENOUGH:
            return
        render = resized(passes.beauty_srgb(index), size, cv2.INTER_AREA)
        for store, image in ((painted, read_painted(path, size)), (rendered, render)):
            found = points_in_box(image, box, projected[index], detect)
            if found is not None:
                store[index] = found

    list(pool.map(find, paths))
    target = projected + _filled(rendered - projected)
    shift = steady(target - painted, tolerance=0.03 * face_scale(projected))
    return Faces(size, projected, visible, boxes, painted, rendered, target, shift)


def face_task(
    passes: Passes, faces: Faces, index: int, image: np.ndarray
) -> tuple[FaceTask, tuple[slice, slice]]:
    """The task of a frame whose painted picture is `image`, and the rows and columns of its crop.

    The crop owns its pixels, so that the whole pictures can be let go.
    """
    box, size = faces.boxes[index], faces.size
    assert box is not None
    part = np.asarray(passes.frame(index, "part")["part"]).astype(np.uint8)
    rows, columns = box.inside(*size)
    origin = (columns.start, rows.start)
    found = bool(np.isfinite(faces.shift[index]).all())
    task = FaceTask(
        painted=image[rows, columns].copy(),
        render=resized(passes.beauty_srgb(index), size, cv2.INTER_AREA)[rows, columns].copy(),
        part=resized(part, size, cv2.INTER_NEAREST)[rows, columns].copy(),
        projected=faces.projected[index] - origin,
        visible=faces.visible[index],
        target=faces.target[index] - origin,
        shift=faces.shift[index] if found else np.zeros_like(faces.shift[index]),
        found=found,
    )
    return task, (rows, columns)


def resized(image: np.ndarray, size: tuple[int, int], how: int) -> np.ndarray:
    """The image at `size` (width, height); itself where it has it."""
    return image if image.shape[1::-1] == size else cv2.resize(image, size, interpolation=how)


def _filled(bias: np.ndarray) -> np.ndarray:
    """The detector's bias (T,478,2), NaN filled from the nearest frames, zero if never known."""
    known = np.isfinite(bias).all((1, 2))
    if not known.any():
        return np.zeros_like(bias)
    frames = np.arange(len(bias))
    nearest = frames[known][np.abs(frames[:, None] - frames[known]).argmin(1)]
    return bias[nearest]
