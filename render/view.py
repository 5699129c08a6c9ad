"""From where a signing is seen: the fitted camera, or any other.

A view is a rigid step from the source camera's frame into a new camera's, with that camera's
pinhole. The motion itself is moved into the new frame, so that all after it (projected points,
depth range, passes) stands in its own camera's frame as before. The source camera is taken to
stand upright: its y is down.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UserError
from ..retarget.body.model import rotation_matrices
from ..retarget.motion import Camera, Motion
from .avatar.avatar import Avatar
from .camera import SENSOR_WIDTH_MM
from .posed import pose_avatar, pose_joints

UP = np.array([0.0, -1.0, 0.0])
STEEPEST_DEGREES = 85.0
PRESET_FOCAL_MM = 50.0
_FRAMES_LOOKED_AT = 48
_VERTEX_STEP = 11
_LOWER = ("hip", "knee", "ankle", "foot")
HEAD = ("head", "neck", "jaw", "left_eye_smplhf", "right_eye_smplhf")


@dataclass(frozen=True)
class Preset:
    """azimuth and elevation in degrees from the signer's own front (azimuth to the right in the
    picture); filled: the share of the picture that the framed part fills; head: frame it alone."""

    azimuth: float
    elevation: float
    filled: float = 0.9
    head: bool = False


PRESETS = {
    "front": Preset(0, 0),
    "three-quarter": Preset(35, 5),
    "side": Preset(90, 0),
    "close": Preset(0, 0, 0.62, head=True),
}
SOURCE = "source"


@dataclass(frozen=True)
class Viewpoint:
    """What is wanted of the camera.

    camera: "source", a name in PRESETS, or the path of a camera file (see `read_camera`). orbit:
    degrees (azimuth, elevation) by which it then goes round the signer's chest, azimuth to the
    right in the picture. focal: millimetres on a sensor whose longer side is 36 mm; the camera's
    own where None. width, height: pixels; the motion's camera's own where None.
    """

    camera: str = SOURCE
    orbit: tuple[float, float] = (0.0, 0.0)
    focal: float | None = None
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True)
class View:
    """x_new = turn @ x_source + shift (metres), seen through `camera`."""

    camera: Camera
    turn: np.ndarray
    shift: np.ndarray

    @property
    def matrix(self) -> list[list[float]]:
        """4x4, rows first: the new camera's frame from the source camera's."""
        full = np.eye(4)
        full[:3, :3], full[:3, 3] = self.turn, self.shift
        return full.tolist()

    def is_source(self, source: Camera) -> bool:
        """Whether the picture shows what the source camera's shows, at whatever size."""
        still = np.allclose(self.turn, np.eye(3)) and np.allclose(self.shift, 0)
        again = self.camera.scaled(source.width, source.height)
        lens, own = (np.array([c.fx, c.fy, c.cx, c.cy]) for c in (again, source))
        return bool(still and np.allclose(lens, own, atol=0.5))

    def of(self, motion: Motion, avatar: Avatar) -> Motion:
        """The avatar's motion in this view's frame, with its camera."""
        from scipy.spatial.transform import Rotation

        root = int(np.flatnonzero(avatar.parents < 0)[0])
        pelvis = avatar.joints[root]
        poses = motion.poses.astype(np.float64).copy()
        turned = self.turn @ rotation_matrices(poses[:, :3])
        poses[:, :3] = Rotation.from_matrix(turned).as_rotvec()
        trans = (motion.trans + pelvis) @ self.turn.T + self.shift - pelvis
        joints = motion.joints @ self.turn.T + self.shift
        return replace(motion, poses=poses, trans=trans, joints=joints, camera=self.camera)


def choose_view(wanted: Viewpoint, motion: Motion, avatar: Avatar) -> View:
    """The view that is wanted of this avatar's performance.

    Raises:
        UserError: no such camera, or its file cannot be used.
    """
    source = motion.camera
    width, height = wanted.width or source.width, wanted.height or source.height
    own = resized(source, width, height)
    view = View(own, np.eye(3), np.zeros(3))
    if wanted.camera in PRESETS:
        view = _framed(PRESETS[wanted.camera], wanted, own, motion, avatar)
    elif wanted.camera != SOURCE:
        view = _from_file(wanted.camera, wanted, own, motion, avatar)
    if any(wanted.orbit):
        view = _orbited(view, wanted.orbit, _chest(motion, avatar))
    if wanted.focal is not None:
        view = replace(view, camera=with_focal(view.camera, wanted.focal))
    return view


def resized(camera: Camera, width: int, height: int) -> Camera:
    """The same view in a picture of another size: nothing is lost, nothing stretched.

    Where the shape differs, more is seen at two sides; pixels keep their shape.
    """
    if width * camera.height == height * camera.width:
        return camera.scaled(width, height)
    scale = min(width / camera.width, height / camera.height)
    return Camera(
        camera.fx * scale,
        camera.fy * scale,
        (camera.cx - camera.width / 2) * scale + width / 2,
        (camera.cy - camera.height / 2) * scale + height / 2,
        width,
        height,
    )


def with_focal(camera: Camera, focal: float) -> Camera:
    """The camera zoomed to a focal length in millimetres (longer side of the picture: 36 mm)."""
    pixels = focal / SENSOR_WIDTH_MM * max(camera.width, camera.height)
    return replace(camera, fx=pixels * camera.fx / camera.fy, fy=pixels)


@dataclass(frozen=True)
class PlacedCamera:
    """azimuth, elevation: degrees about the signer's front; distance: metres from the chest;
    focal: millimetres."""

    distance: float
    azimuth: float = 0.0
    elevation: float = 0.0
    focal: float = PRESET_FOCAL_MM


def read_camera(path: str | Path) -> View | PlacedCamera:
    """A camera file: JSON of one of two forms, or the passes.json of an earlier render.

    By matrix: `{"camera": {"fx", "fy", "cx", "cy"}, "width", "height", "from_source": 4x4}`, as
    passes.json has it. By place: the fields of `PlacedCamera`; all but distance may be left out.

    Raises:
        UserError: the file is missing or says no camera.
    """
    if not Path(path).is_file():
        raise UserError(
            f"There is no camera {str(path)!r}: use {SOURCE}, {', '.join(PRESETS)}, or a JSON file."
        )
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
        return _by_matrix(found) if "from_source" in found else _by_place(found)
    except (TypeError, KeyError, ValueError, AttributeError, OSError):
        raise UserError(
            f"{path} is no camera: it needs camera, width, height and from_source as in "
            "passes.json, or azimuth, elevation, distance and focal."
        ) from None


def _by_matrix(found: dict[str, Any]) -> View:
    pinhole = {name: float(found["camera"][name]) for name in ("fx", "fy", "cx", "cy")}
    camera = Camera(**pinhole, width=int(found["width"]), height=int(found["height"]))
    matrix = np.array(found["from_source"], float).reshape(4, 4)
    turn = matrix[:3, :3]
    rigid = np.allclose(turn @ turn.T, np.eye(3), atol=1e-4) and np.linalg.det(turn) > 0
    finite = np.isfinite(matrix).all() and np.isfinite(list(pinhole.values())).all()
    if not (rigid and finite and min(camera.fx, camera.fy, camera.width, camera.height) > 0):
        raise ValueError("the matrix is no rigid step, or the picture has no size")
    return View(camera, turn, matrix[:3, 3])


def _by_place(found: dict[str, Any]) -> PlacedCamera:
    placed = PlacedCamera(**{name: float(value) for name, value in found.items()})
    if not (np.isfinite(list(vars(placed).values())).all() and placed.distance > 0 < placed.focal):
        raise ValueError("distance and focal must be positive")
    return placed


def _from_file(path: str, wanted: Viewpoint, own: Camera, motion: Motion, avatar: Avatar) -> View:
    found = read_camera(path)
    if isinstance(found, View):
        camera = found.camera
        size = wanted.width or camera.width, wanted.height or camera.height
        return replace(found, camera=resized(camera, *size))
    camera = with_focal(_centred(own), found.focal)
    back = _direction(_facing(motion, avatar), found.azimuth, found.elevation)
    return _looking_at(camera, _chest(motion, avatar), back, found.distance)


def _framed(preset: Preset, wanted: Viewpoint, own: Camera, motion: Motion, avatar: Avatar) -> View:
    """The camera in the preset's direction, as near as the whole clip's framed part allows."""
    camera = with_focal(_centred(own), wanted.focal or PRESET_FOCAL_MM)
    moves = (lambda joint: joint in HEAD) if preset.head else is_upper
    points = _vertices_moved_by(moves, motion, avatar)
    return framed(preset, camera, points, _facing(motion, avatar))


def framed(preset: Preset, camera: Camera, points: np.ndarray, facing: np.ndarray) -> View:
    """The view from the preset's direction that has all points (K, 3) in its picture.

    Args:
        camera: with its axis through the middle. points: metres, source frame. facing: (3,) where
            the signer's chest faces, level, a unit vector in that frame.
    """
    back = _direction(facing, preset.azimuth, preset.elevation)
    turn = _turn(-back)
    seen = points @ turn.T
    middle = (seen.min(axis=0) + seen.max(axis=0)) / 2
    away = seen - middle
    reach = np.array([camera.width / camera.fx, camera.height / camera.fy]) / 2 * preset.filled
    distance = float((np.abs(away[:, :2]) / reach - away[:, 2:]).max())
    return _looking_at(camera, middle @ turn, back, distance)


def _centred(camera: Camera) -> Camera:
    """Square pixels, and the axis through the middle of the picture."""
    return replace(camera, fx=camera.fy, cx=camera.width / 2, cy=camera.height / 2)


def _orbited(view: View, orbit: tuple[float, float], chest: np.ndarray) -> View:
    """The view turned about the chest (source frame), what it shows staying where it is."""
    from scipy.spatial.transform import Rotation

    azimuth, elevation = np.radians(orbit)
    right = view.turn[0]
    forward = view.turn[2]
    pitch = np.arcsin(np.clip(-forward @ UP, -1, 1))  # now above the signer by so much
    limit = np.radians(STEEPEST_DEGREES)
    elevation = np.clip(pitch + elevation, -limit, limit) - pitch
    round_ = Rotation.from_rotvec(azimuth * UP) * Rotation.from_rotvec(-elevation * right)
    # The world is turned against the camera's way round the chest.
    turn = view.turn @ round_.as_matrix().T
    shift = view.shift + view.turn @ chest - turn @ chest
    return View(view.camera, turn, shift)


def _looking_at(camera: Camera, target: np.ndarray, back: np.ndarray, distance: float) -> View:
    turn = _turn(-back)
    return View(camera, turn, -turn @ (target + back * distance))


def _turn(forward: np.ndarray) -> np.ndarray:
    """Rows: the axes x right, y down, z forward of an upright camera that looks along forward."""
    right = np.cross(forward, UP)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(forward, right), forward])


def _direction(facing: np.ndarray, azimuth: float, elevation: float) -> np.ndarray:
    """From the signer to the camera, a unit vector in the source camera's frame."""
    limit = np.radians(STEEPEST_DEGREES)
    around, above = np.radians(azimuth), np.clip(np.radians(elevation), -limit, limit)
    left = np.cross(UP, facing)  # the signer's left is the picture's right
    level = np.cos(around) * facing + np.sin(around) * left
    return np.cos(above) * level + np.sin(above) * UP


def _facing(motion: Motion, avatar: Avatar) -> np.ndarray:
    """Where the chest faces on average, level, a unit vector in the source camera's frame."""
    joints = pose_joints(avatar, motion.poses, motion.trans).mean(axis=0)
    names = list(avatar.joint_names)
    return facing_of(joints[names.index("left_shoulder")], joints[names.index("right_shoulder")])


def facing_of(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The same of the two shoulders (3,), in the source camera's frame."""
    facing = np.cross(left - right, UP)
    length = np.linalg.norm(facing)
    return facing / length if length > 1e-3 else np.array([0.0, 0.0, -1.0])


def _chest(motion: Motion, avatar: Avatar) -> np.ndarray:
    joints = pose_joints(avatar, motion.poses, motion.trans)
    return joints[:, list(avatar.joint_names).index("spine3")].mean(axis=0)


def is_upper(joint: str) -> bool:
    return not any(word in joint for word in _LOWER)


def _vertices_moved_by(chosen: Callable[[str], bool], motion: Motion, avatar: Avatar) -> np.ndarray:
    """(K, 3) source-frame places, over the clip, of vertices that mostly follow chosen joints."""
    owner = avatar.weights.argmax(axis=1)
    wanted = np.array([chosen(name) for name in avatar.joint_names])
    ids = np.flatnonzero(wanted[owner])[::_VERTEX_STEP]
    step = max(1, motion.frame_count // _FRAMES_LOOKED_AT)
    moved = pose_avatar(
        avatar, motion.poses[::step], motion.trans[::step], motion.facial_actions[::step], ids
    )
    return moved.reshape(-1, 3).astype(np.float64)
