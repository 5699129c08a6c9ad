"""Blender's camera that sees exactly what a fitted pinhole sees.

Blender stands the signer up in its own world (X right, Y away from the camera, Z up); its camera
sits at the origin and looks along +Y. A pinhole with any focal lengths, principal point and size
becomes a lens, a shift and, where fx and fy differ, a pixel aspect.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

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


def unproject(camera: Camera, depth: np.ndarray) -> np.ndarray:
    """Camera-frame points (H, W, 3) at the pixel centres of a depth map (H, W) in metres."""
    height, width = depth.shape
    u = (np.arange(width) + 0.5 - camera.cx) / camera.fx
    v = (np.arange(height) + 0.5 - camera.cy) / camera.fy
    return np.stack([u[None] * depth, v[:, None] * depth, depth], axis=-1)
