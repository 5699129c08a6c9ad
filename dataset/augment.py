"""Changes of a motion: mirrored, faster or slower, a little unlike itself. numpy and scipy only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation, Slerp

from ..retarget.body.model import Body, joint_transforms, shape_body
from ..retarget.body.skeleton import INDEX, JOINT_NAMES
from ..retarget.motion import Motion
from .limits import JointLimits

_NOISE_SECONDS = 0.15
"""Standard deviation of the smoothing: wandering, no trembling."""

_STILL = ("pelvis", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
          "right_ankle", "left_foot", "right_foot", "jaw", "left_eye_smplhf", "right_eye_smplhf",
          "spine1", "spine2")  # fmt: skip
_HALVINGS = 4


def mirrored(motion: Motion, body: Body) -> Motion:
    """The motion as a mirror shows it: left and right hand, arm and half of the face swapped.

    The picture is mirrored too: what was at u is at width - u. The body is taken to be symmetric.
    """
    other = np.array([INDEX[_other_side(name)] for name in JOINT_NAMES])
    rotvecs = motion.poses.reshape(motion.frame_count, -1, 3)[:, other]
    poses = (rotvecs * [1.0, -1.0, -1.0]).reshape(motion.frame_count, -1)
    rest = shape_body(body, motion.betas)[1]
    flip = np.array([-1.0, 1.0, 1.0])
    trans = (motion.trans + rest[0]) * flip - rest[0]
    names = list(motion.facial_action_names)
    faces = [names.index(_other_side(name)) for name in names]
    actions = motion.facial_actions[:, faces]
    camera = replace(motion.camera, cx=motion.camera.width - motion.camera.cx)
    confidence = dict(motion.confidence)
    confidence["left_hand"], confidence["right_hand"] = (
        motion.confidence["right_hand"],
        motion.confidence["left_hand"],
    )
    return replace(
        motion,
        poses=poses.astype(np.float32),
        trans=trans.astype(np.float32),
        facial_actions=actions,
        expression=actions if motion.body == "open" else motion.expression,
        joints=joint_transforms(rest, poses, trans)[1].astype(np.float32),
        camera=camera,
        confidence=confidence,
    )


def wandering(
    motion: Motion, body: Body, degrees: float, limits: JointLimits, rng: np.random.Generator
) -> Motion:
    """The motion with smooth noise on spine, neck, arms and fingers, none beyond its limits.

    degrees: standard deviation of the rotation about each axis. Where noise would take a joint
    farther out of its range than the motion itself has it, it is halved until it does not.
    """
    count = motion.frame_count
    noise = rng.normal(0, 1, (count, len(JOINT_NAMES), 3))
    sigma = _NOISE_SECONDS * motion.fps
    if count > 1:
        noise = gaussian_filter1d(noise, sigma, axis=0, mode="nearest")
        # what smoothing takes away of the deviation, for white noise far from the ends
        noise *= np.sqrt(2 * np.sqrt(np.pi) * max(sigma, 0.3))
    noise = np.radians(degrees) * np.clip(noise, -3, 3)
    noise[:, [INDEX[name] for name in _STILL]] = 0
    before = motion.poses.reshape(count, -1, 3).astype(np.float64)
    allowed = np.maximum(limits.over(motion.poses), 1e-4)
    strength = np.ones(len(JOINT_NAMES))
    for attempt in range(_HALVINGS + 1):
        poses = _turned(before, noise * strength[:, None])
        worse = (limits.over(poses.reshape(count, -1)) > allowed + 1e-6).any(axis=0)
        if not worse.any():
            break
        # of the whole clip, so that the noise stays smooth; at last none at all
        strength[limits.joints[worse]] *= 0.5 if attempt < _HALVINGS - 1 else 0.0
    rest = shape_body(body, motion.betas)[1]
    flat = poses.reshape(count, -1).astype(np.float32)
    joints = joint_transforms(rest, flat, motion.trans)[1].astype(np.float32)
    return replace(motion, poses=flat, joints=joints)


def frame_times(
    count: int, stride: int, speed: float, most: int | None, place: float
) -> np.ndarray:
    """(K,) places in a clip of `count` frames that the sample shows, in frames.

    place: 0..1, where in the clip the sample lies, of what room there is.
    """
    step = stride * speed
    shown = int((count - 1) / step + 1e-9) + 1
    shown = min(shown, most or shown)
    room = (count - 1) - (shown - 1) * step
    start = place * room
    if step == int(step):
        start = float(int(start))
    return start + step * np.arange(shown)


def resampled(motion: Motion, times: np.ndarray, fps: float) -> Motion:
    """The motion at places (K,) between its frames; joints turn along the shortest way."""
    if motion.frame_count == 1:
        return replace(motion.part(0, 1), fps=fps)
    last = motion.frame_count - 1
    times = np.clip(times, 0, last)
    if np.array_equal(times, np.round(times)):
        rows = times.astype(int)
        return replace(
            motion,
            trans=motion.trans[rows],
            poses=motion.poses[rows],
            expression=motion.expression[rows],
            facial_actions=motion.facial_actions[rows],
            joints=motion.joints[rows],
            confidence={name: values[rows] for name, values in motion.confidence.items()},
            fps=fps,
        )
    frames = np.arange(motion.frame_count)
    rotvecs = motion.poses.reshape(motion.frame_count, -1, 3).astype(np.float64)
    poses = np.stack(
        [
            Slerp(frames, Rotation.from_rotvec(rotvecs[:, joint]))(times).as_rotvec()
            for joint in range(rotvecs.shape[1])
        ],
        axis=1,
    )
    return replace(
        motion,
        poses=poses.reshape(len(times), -1).astype(np.float32),
        trans=_between(motion.trans, times),
        expression=_between(motion.expression, times),
        facial_actions=_between(motion.facial_actions, times),
        joints=_between(motion.joints, times),
        confidence={name: _between(values, times) for name, values in motion.confidence.items()},
        fps=fps,
    )


def _between(values: np.ndarray, times: np.ndarray) -> np.ndarray:
    low = np.minimum(times.astype(int), len(values) - 2)
    share = (times - low).reshape(-1, *[1] * (values.ndim - 1))
    return (values[low] * (1 - share) + values[low + 1] * share).astype(np.float32)


def _turned(rotvecs: np.ndarray, noise: np.ndarray) -> np.ndarray:
    turned = Rotation.from_rotvec(rotvecs.reshape(-1, 3)) * Rotation.from_rotvec(
        noise.reshape(-1, 3)
    )
    found = turned.as_rotvec().reshape(rotvecs.shape)
    return np.where((noise == 0).all(axis=-1, keepdims=True), rotvecs, found)


def _other_side(name: str) -> str:
    """left_wrist -> right_wrist, mouthSmileLeft -> mouthSmileRight; others are their own."""
    for one, two in (("left_", "right_"), ("right_", "left_")):
        if name.startswith(one):
            return two + name.removeprefix(one)
    for one, two in (("Left", "Right"), ("Right", "Left")):
        if name.endswith(one):
            return name.removesuffix(one) + two
    return name
