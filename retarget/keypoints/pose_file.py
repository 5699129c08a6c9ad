"""The sign-language community's `.pose` files (package pose-format), read and written.

Written files have the parts, names and units that pose-format's own MediaPipe writer gives them:
586 points, x and y in pixels, z in image widths, and world landmarks as metres times the width (x)
and the height (y) of the image. What others have written differs: fewer points, z in pixels, the
whole body moved and scaled to another canvas. Points are found by their names, and units by their
size, so that all of it arrives in the units of `Keypoints`.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import UserError
from ...files import atomic_path
from ...frame_rate import fps_fraction
from .people import Note, one_person, silent
from .record import Keypoints, missing, tidy

if TYPE_CHECKING:
    from pose_format import Pose

_COMPONENTS = {
    "POSE_LANDMARKS": "body",
    "FACE_LANDMARKS": "face",
    "LEFT_HAND_LANDMARKS": "left_hand",
    "RIGHT_HAND_LANDMARKS": "right_hand",
    "POSE_WORLD_LANDMARKS": "body_world",
}
_IMAGE_PARTS = ("body", "face", "left_hand", "right_hand")
_IRIS_POINTS = 10
_SHOULDERS, _HIPS = (11, 12), (23, 24)

# z is in image widths where 9 in 10 points of the body lie within this many shoulder widths: in
# widths they come to some hundredths of the shoulders, in pixels to more than one.
_FLAT = 0.3
# A world in which the shoulders are wider than this is no longer in metres.
_WIDEST_SHOULDERS = 2.0
# A world whose hips lie farther from its origin, in shoulder widths, was moved with the image.
_MOVED = 0.2


def write_pose(path: str | Path, keypoints: Keypoints) -> None:
    """Write a `.pose` file, version 0.2, as pose-format's MediaPipe Holistic writer does.

    Raises:
        UserError: the disk is full or the folder cannot be written.
    """
    from pose_format import Pose
    from pose_format.numpy import NumPyPoseBody
    from pose_format.pose_header import PoseHeader, PoseHeaderDimensions
    from pose_format.utils.holistic import holistic_components

    width, height = keypoints.width, keypoints.height
    header = PoseHeader(
        version=0.2,
        dimensions=PoseHeaderDimensions(width, height, 0),
        components=holistic_components("XYZC", _IRIS_POINTS),
    )
    scales = {name: np.array([1, 1, 1 / width]) for name in _IMAGE_PARTS}
    scales["body_world"] = np.array([width, height, 1])
    parts = keypoints.parts()
    names = [_COMPONENTS[component.name] for component in header.components]
    points = np.concatenate([parts[name][..., :3] * scales[name] for name in names], axis=1)
    confidence = np.concatenate([parts[name][..., 3] for name in names], axis=1)
    body = NumPyPoseBody(keypoints.fps, points[:, None].astype(np.float32), confidence[:, None])
    with atomic_path(path) as partial, partial.open("wb") as file:
        Pose(header, body).write(file)


def read_pose(path: str | Path, person: int | None = None, note: Note = silent) -> Keypoints:
    """Read a `.pose` file of MediaPipe Holistic, with all or some of its points.

    Points that the file does not have are missing (confidence 0). Where z was scaled together with
    the image its unit is lost; it is then taken to be the width of the canvas, and world landmarks
    are left out.

    Args:
        path: the file.
        person: which of several people, from the left, from 1; by default the largest.
        note: told who was taken of several.

    Raises:
        UserError: missing, not a `.pose` file, cut short, no frames, not of MediaPipe Holistic,
            not in pixels, or no such person.
    """
    path = Path(path)
    pose = _load(path)
    width, height = pose.header.dimensions.width, pose.header.dimensions.height
    people = _people(pose)
    if len(people) == 1 and person in (None, 1):
        parts = people[0]
    else:
        frames = [
            [{name: part[frame] for name, part in one.items()} for one in people]
            for frame in range(len(pose.body.data))
        ]
        parts = one_person(frames, person, str(path), note)
    _image_units(parts, width, path)
    _world_units(parts["body_world"], width, height)
    fps = float(fps_fraction(pose.body.fps))
    return Keypoints(fps, width, height, **parts)


def _load(path: Path) -> Pose:
    from pose_format import Pose

    if not path.exists():
        raise UserError(f"There is no file {path}: check the name of the .pose file.")
    if path.is_dir():
        raise UserError(f"{path} is a folder, not a .pose file: name the file in it.")
    try:
        pose = Pose.read(path.read_bytes())
    except PermissionError:
        raise UserError(f"{path} cannot be read: change its permissions.") from None
    except (
        *(ValueError, TypeError, IndexError, ArithmeticError, MemoryError),
        *(struct.error, NotImplementedError),
    ):
        raise UserError(
            f"{path} is not a .pose file, or is cut short: write it again with pose-format."
        ) from None
    names = [component.name for component in pose.header.components]
    if "POSE_LANDMARKS" not in names:
        raise UserError(
            f"{path} holds {', '.join(names) or 'nothing'}, not MediaPipe Holistic: "
            "make it with pose-format's videos_to_poses --format mediapipe, or give the video."
        )
    if pose.body.data.shape[0] == 0 or pose.body.data.shape[1] == 0:
        raise UserError(f"{path} holds no frames: write it again with pose-format.")
    if not pose.body.fps > 0 or not np.isfinite(pose.body.fps):
        raise UserError(f"{path} names no frame rate: set body.fps with pose-format.")
    if not pose.header.dimensions.width or not pose.header.dimensions.height:
        raise UserError(
            f"{path} names no image size: set header.dimensions with pose-format to the video's."
        )
    return pose


def _people(pose: Pose) -> list[dict[str, np.ndarray]]:
    """The parts (T, N, 4) of everybody, clean, still in the file's units."""
    confidence = np.nan_to_num(np.ma.filled(np.ma.asarray(pose.body.confidence), 0))
    values = np.ma.filled(np.ma.asarray(pose.body.data, dtype=np.float32), np.nan)
    frames, count, number = values.shape[:3]
    points = np.zeros((frames, count, number, 4), np.float32)
    people = [missing(frames) for _ in range(count)]
    start = 0
    for component in pose.header.components:
        rows = slice(start, start + len(component.points))
        start = rows.stop
        for axis, letter in enumerate("XYZ"):
            column = component.format.find(letter)
            if 0 <= column < values.shape[3]:
                points[:, :, rows, axis] = values[:, :, rows, column]
        points[:, :, rows, 3] = confidence[:, :, rows]
        name = _COMPONENTS.get(component.name)
        if name:
            there, taken = _places(name, component.points)
            for index, parts in enumerate(people):
                parts[name][:, there] = tidy(points[:, index, rows][:, taken])
    return people


def _places(part: str, names: list[str]) -> tuple[list[int], list[int]]:
    """Slots of a part for the points of a file, and which of its points they are."""
    slots = {name: slot for slot, name in enumerate(_point_names(part))}
    pairs = [(slots[name], index) for index, name in enumerate(names) if name in slots]
    return [slot for slot, _ in pairs], [index for _, index in pairs]


def _point_names(part: str) -> list[str]:
    from pose_format.utils.holistic import holistic_components

    components: list[Any] = holistic_components("XYZC", _IRIS_POINTS)
    return next(list(c.points) for c in components if _COMPONENTS[c.name] == part)


def _image_units(parts: dict[str, np.ndarray], width: int, path: Path) -> None:
    """Bring z of the image's parts to pixels about their own origins, in place."""
    body = parts["body"]
    seen = body[..., 3] > 0
    if not seen.any():
        return
    shoulders = _span(body, _SHOULDERS) or float(np.ptp(body[seen][:, 0])) / 2
    if shoulders < 2:
        raise UserError(
            f"{path} is normalised, its points are not in pixels of a "
            f"{width} pixels wide image: give the file as the detector wrote it."
        )
    origin = _z_origin(parts)
    depth = float(np.percentile(np.abs(body[seen][:, 2] - origin), 90))
    unit = width if depth < _FLAT * shoulders else 1
    for name in _IMAGE_PARTS:
        part = parts[name]
        part[..., 2] = np.where(part[..., 3] > 0, (part[..., 2] - origin) * unit, 0)


def _z_origin(parts: dict[str, np.ndarray]) -> float:
    """The z of wrists in the hands, or else of the hips: 0 unless the file was moved."""
    wrists = np.concatenate([parts[hand][:, 0] for hand in ("left_hand", "right_hand")])
    anchors = wrists[wrists[:, 3] > 0]
    if not len(anchors):
        hips = parts["body"][:, list(_HIPS)]
        anchors = hips[(hips[..., 3] > 0).all(axis=1)].mean(axis=1)
    if not len(anchors):
        return 0.0
    return float(np.median(anchors[:, 2]))


def _world_units(world: np.ndarray, width: int, height: int) -> None:
    """Bring world landmarks to metres, in place, or leave them out where that cannot be."""
    shoulders = _span(world, _SHOULDERS)
    if not shoulders:
        return
    hips = world[:, list(_HIPS)]
    hips = hips[(hips[..., 3] > 0).all(axis=1)]
    if len(hips) and np.abs(np.median(hips.mean(axis=1)[:, :2], axis=0)).max() > _MOVED * shoulders:
        world[:] = 0
    elif shoulders > _WIDEST_SHOULDERS:
        world[..., :2] /= (width, height)


def _span(points: np.ndarray, pair: tuple[int, int]) -> float | None:
    """The median distance in the image of two points over the frames that have both."""
    both = (points[:, list(pair), 3] > 0).all(axis=1)
    if not both.any():
        return None
    ends = points[both][:, list(pair), :2]
    return float(np.median(np.linalg.norm(ends[:, 0] - ends[:, 1], axis=-1)))
