"""The camera of a clip: square pixels, the principal point in the middle, one for all frames."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...errors import UserError
from ..keypoints.record import Keypoints
from ..motion import Camera
from .options import DEFAULT_FOV


def camera_for(keypoints: Keypoints, fov: float | None) -> Camera:
    """The camera with a vertical field of view in degrees; None takes ``DEFAULT_FOV``.

    Raises:
        UserError: a field of view outside 5 to 120 degrees.
    """
    fov = DEFAULT_FOV if fov is None else fov
    if not 5 <= fov <= 120:
        raise UserError(f"--fov {fov:g} is no usable field of view: give 5 to 120 degrees.")
    return camera_of(keypoints.width, keypoints.height, fov)


def camera_of(width: int, height: int, fov: float) -> Camera:
    """The camera of a picture of so many pixels with a vertical field of view in degrees."""
    focal = height / 2 / np.tan(np.radians(fov) / 2)
    return Camera(focal, focal, width / 2, height / 2, width, height)


def zoomed(camera: Camera, log_focal: float) -> Camera:
    """The camera with its focal length changed by a factor, given as logarithm."""
    factor = float(np.exp(log_focal))
    return replace(camera, fx=camera.fx * factor, fy=camera.fy * factor)
