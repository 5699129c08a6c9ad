"""A motion at another frame rate, or smoother, in plain numpy: it runs inside Blender."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import UserError
from .body.model import rotation_matrices
from .motion import Motion
from .rig.rotations import rotation_vectors
from .rig.skeleton import continuous, matrices_of, quaternions_of

_REACH = 3.0  # standard deviations on either side that the kernel covers


def resampled(motion: Motion, fps: float) -> Motion:
    """The motion at another frame rate, beginning with the same instant and not outlasting it.

    Rotations go the shortest way at a constant speed (slerp), all else in straight lines.

    Raises:
        UserError: the rate is not positive.
    """
    if not fps > 0:
        raise UserError(f"The frame rate is {fps}: give a positive number of frames per second.")
    last = motion.frame_count - 1
    count = int(np.floor(last * fps / motion.fps + 1e-6)) + 1
    places = np.minimum(np.arange(count) * (motion.fps / fps), last)
    before = np.minimum(places.astype(int), max(last - 1, 0))
    after = np.minimum(before + 1, last)
    share = places - before

    def straight(values: np.ndarray) -> np.ndarray:
        weight = share.reshape(-1, *[1] * (values.ndim - 1))
        return (1 - weight) * values[before] + weight * values[after]

    def turned(quaternions: np.ndarray) -> np.ndarray:
        return _slerp(quaternions[before], quaternions[after], share[:, None, None])

    return replace(_changed(motion, straight, turned), fps=float(fps))


def smoothed(motion: Motion, seconds: float) -> Motion:
    """The motion under a Gaussian over time of that standard deviation; 0 leaves it as it is.

    Fast small movements weaken: 0.02 s takes jitter away, 0.1 s takes handshapes away.
    """
    if seconds <= 0 or motion.frame_count < 2:
        return motion
    width = seconds * motion.fps
    reach = max(1, int(np.ceil(_REACH * width)))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    norm = _convolved(np.ones((motion.frame_count, 1)), kernel)

    def averaged(values: np.ndarray) -> np.ndarray:
        flat = values.reshape(len(values), -1)
        return (_convolved(flat, kernel) / norm).reshape(values.shape)

    def turned(quaternions: np.ndarray) -> np.ndarray:
        mean = averaged(quaternions)
        return mean / np.linalg.norm(mean, axis=-1, keepdims=True)

    return _changed(motion, averaged, turned)


_Filter = Callable[[np.ndarray], np.ndarray]


def _changed(motion: Motion, straight: _Filter, turned: _Filter) -> Motion:
    """Every track of the motion filtered; rotations as continuous quaternions (T, 55, 4)."""
    vectors = motion.poses.reshape(motion.frame_count, -1, 3).astype(float)
    quaternions = continuous(quaternions_of(rotation_matrices(vectors)))
    poses = rotation_vectors(matrices_of(turned(quaternions)))
    names = ("trans", "expression", "facial_actions", "joints")
    tracks: dict[str, Any] = {n: straight(getattr(motion, n)).astype(np.float32) for n in names}
    return replace(
        motion,
        poses=poses.reshape(len(poses), -1).astype(np.float32),
        confidence={part: straight(values) for part, values in motion.confidence.items()},
        **tracks,
    )


def _slerp(start: np.ndarray, end: np.ndarray, share: np.ndarray) -> np.ndarray:
    cosine = np.clip((start * end).sum(-1, keepdims=True), -1, 1)
    angle = np.arccos(cosine)
    sine = np.maximum(np.sin(angle), 1e-9)
    near = angle < 1e-5
    first = np.where(near, 1 - share, np.sin((1 - share) * angle) / sine)
    second = np.where(near, share, np.sin(share * angle) / sine)
    mixed = first * start + second * end
    return mixed / np.linalg.norm(mixed, axis=-1, keepdims=True)


def _convolved(values: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Values (T, N) under a kernel (2R+1,) along time; beyond the ends there is nothing."""
    reach = len(kernel) // 2
    found = np.zeros(values.shape)
    for step in range(-reach, reach + 1):
        low, high = max(0, -step), min(len(values), len(values) - step)
        if low < high:
            found[low:high] += kernel[reach + step] * values[low + step : high + step]
    return found
