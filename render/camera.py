"""Blender's camera that sees exactly what a fitted pinhole sees.

Blender stands the signer up in its own world (X right, Y away from the camera, Z up); its camera
sits at the origin and looks along +Y. A pinhole with any focal lengths, principal point and size
becomes a lens, a shift and, where fx and fy differ, a pixel aspect.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UserError

if TYPE_CHECKING:
    from ..retarget.motion import Camera

SENSOR_WIDTH_MM = 36.0
NEAR_METRES = 0.02
FAR_METRES = 200.0

WORLD_FROM_CAMERA = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
"""Blender's world from the camera frame (x right, y down, z forward): X=x, Y=z, Z=-y."""

VIEW_FROM_WORLD = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
"""Camera-space normals (x right, y up, z to the viewer) from Blender's world."""


@dataclass(frozen=True)
class BlenderCamera:
    """Blender's settings for one pinhole: lens in mm on a sensor fitted to the width."""

    lens_mm: float
    shift_x: float
    shift_y: float
    aspect_x: float
    aspect_y: float
    width: int
    height: int


def blender_camera(camera: Camera) -> BlenderCamera:
    """The settings that make Blender's projection equal `camera.project`.

    With the sensor fitted to the width, Blender's pixel is SENSOR_WIDTH/width wide and
    aspect_y/aspect_x times as tall, and both shifts are in fractions of the width.
    """
    tall = camera.fx / camera.fy
    return BlenderCamera(
        lens_mm=camera.fx * SENSOR_WIDTH_MM / camera.width,
        shift_x=(camera.width / 2 - camera.cx) / camera.width,
        shift_y=(camera.cy - camera.height / 2) * tall / camera.width,
        aspect_x=1.0 if tall >= 1 else 1 / tall,
        aspect_y=tall if tall >= 1 else 1.0,
        width=camera.width,
        height=camera.height,
    )


def set_lens(data: Any, wanted: BlenderCamera) -> None:
    """Give Blender's camera data the lens; picture size and pixel aspect are the scene's."""
    data.type = "PERSP"
    data.sensor_fit = "HORIZONTAL"
    data.sensor_width = SENSOR_WIDTH_MM
    data.lens = wanted.lens_mm
    data.shift_x, data.shift_y = wanted.shift_x, wanted.shift_y
    data.clip_start, data.clip_end = NEAR_METRES, FAR_METRES


def scene_camera(scene: Any) -> Camera:
    """The pinhole of a Blender scene's own camera, in the frame that stands.

    Raises:
        UserError: the scene has no camera, or none with a perspective.
    """
    from ..retarget.motion import Camera

    if scene.camera is None or scene.camera.type != "CAMERA":
        raise UserError("The scene has no camera: add one, and make it the scene's camera.")
    data, render = scene.camera.data, scene.render
    if data.type != "PERSP":
        raise UserError(f"The camera {scene.camera.name!r} has no perspective: set its type to it.")
    width = render.resolution_x * render.resolution_percentage // 100
    height = render.resolution_y * render.resolution_percentage // 100
    tall = render.pixel_aspect_y / render.pixel_aspect_x
    upright = data.sensor_fit == "VERTICAL" or (data.sensor_fit == "AUTO" and width < height * tall)
    sensor = data.sensor_height if data.sensor_fit == "VERTICAL" else data.sensor_width
    side = height * tall if upright else width
    fx = data.lens / sensor * side
    return Camera(
        fx=fx,
        fy=fx / tall,
        cx=width / 2 - data.shift_x * side,
        cy=height / 2 + data.shift_y * side / tall,
        width=width,
        height=height,
    )


def unproject(camera: Camera, depth: np.ndarray) -> np.ndarray:
    """Camera-frame points (H, W, 3) at the pixel centres of a depth map (H, W) in metres."""
    height, width = depth.shape
    u = (np.arange(width) + 0.5 - camera.cx) / camera.fx
    v = (np.arange(height) + 0.5 - camera.cy) / camera.fy
    return np.stack([u[None] * depth, v[:, None] * depth, depth], axis=-1)
