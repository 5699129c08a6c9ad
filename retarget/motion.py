"""The motion of one signer over a whole clip: the contract between fitting and everything after it.

A :class:`Motion` holds SMPL-X parameters under the key names of AMASS, in the camera's frame
(x right, y down, z forward, metres, camera at the origin). numpy alone is needed here, so the
module runs inside Blender.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UserError
from ..files import atomic_path

CONFIDENCE_PARTS = ("body", "left_hand", "right_hand", "face")
POSE_WIDTH = 165
ACTION_COUNT = 52
FORMAT_VERSION = 1


@dataclass(frozen=True)
class Camera:
    """A pinhole camera: focal lengths and principal point in pixels, image size in pixels.

    The centre of the top-left pixel is at (0.5, 0.5).
    """

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int

    def project(self, points: np.ndarray) -> np.ndarray:
        """Pixels (..., 2) of camera-frame points (..., 3) in metres."""
        points = np.asarray(points)
        depth = points[..., 2:]
        return points[..., :2] / depth * [self.fx, self.fy] + [self.cx, self.cy]

    def scaled(self, width: int, height: int) -> Camera:
        """The same view at another image size."""
        sx, sy = width / self.width, height / self.height
        return Camera(self.fx * sx, self.fy * sy, self.cx * sx, self.cy * sy, width, height)


@dataclass(frozen=True)
class Motion:
    """One signer's clip in SMPL-X parameters, in the camera's frame.

    Attributes:
        trans: (T, 3) metres; added after the root rotation about the pelvis, as in SMPL-X.
        poses: (T, 165) axis-angle in radians: root 3, body 63, jaw 3, eyes 3 + 3, left hand 45,
            right hand 45. Hands are relative to the flat hand (``flat_hand_mean`` True).
        betas: (B,) one shape for the clip.
        expression: (T, E) in the body's expression space; the open body's space is its 52
            facial actions, so there it equals ``facial_actions``.
        facial_actions: (T, 52) ARKit weights in [0, 1]. On the open body they are all of the face:
            they turn the eyeballs and open the jaw, so the poses of jaw and eyes are 0 in a fit
            (`retarget.fit.gaze.eye_poses` gives bodies without these actions their eye poses);
            never both, or the eyes turn twice.
        facial_action_names: the 52 names in order.
        joints: (T, 55, 3) metres in the camera's frame.
        joint_names: the 55 SMPL-X names.
        camera: the fitted camera.
        confidence: per part (body, left_hand, right_hand, face) a (T,) weight in [0, 1].
        fps: frames per second.
        body: 'open' or 'smplx', the model that ``betas`` and ``expression`` belong to.
        source: where it came from (file, hash, fitter, options); JSON values only.
    """

    trans: np.ndarray
    poses: np.ndarray
    betas: np.ndarray
    expression: np.ndarray
    facial_actions: np.ndarray
    facial_action_names: tuple[str, ...]
    joints: np.ndarray
    joint_names: tuple[str, ...]
    camera: Camera
    confidence: dict[str, np.ndarray]
    fps: float
    gender: str = "neutral"
    body: str = "open"
    source: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        frames = len(self.trans)
        shapes = {
            "trans": (frames, 3),
            "poses": (frames, POSE_WIDTH),
            "facial_actions": (frames, ACTION_COUNT),
            "joints": (frames, len(self.joint_names), 3),
        }
        for name, shape in shapes.items():
            found = getattr(self, name).shape
            if found != shape:
                raise ValueError(f"Motion.{name} has shape {found}, expected {shape}")
        for part in CONFIDENCE_PARTS:
            if self.confidence[part].shape != (frames,):
                raise ValueError(f"Motion.confidence[{part!r}] must have shape ({frames},)")

    @property
    def frame_count(self) -> int:
        return len(self.trans)

    def part(self, start: int, stop: int) -> Motion:
        """The frames start to stop (exclusive) alone."""
        return replace(
            self,
            **{
                name: getattr(self, name)[start:stop]
                for name in ("trans", "poses", "expression", "facial_actions", "joints")
            },
            confidence={part: values[start:stop] for part, values in self.confidence.items()},
        )

    def save(self, path: str | Path) -> None:
        """Write ``motion.npz`` (AMASS key names, no pickled objects), atomically."""
        camera = self.camera
        arrays = {
            "format_version": np.int64(FORMAT_VERSION),
            "trans": self.trans.astype(np.float32),
            "poses": self.poses.astype(np.float32),
            "betas": self.betas.astype(np.float32),
            "expression": self.expression.astype(np.float32),
            "facial_actions": self.facial_actions.astype(np.float32),
            "facial_action_names": np.array(self.facial_action_names),
            "joints": self.joints.astype(np.float32),
            "joint_names": np.array(self.joint_names),
            "camera": np.array([camera.fx, camera.fy, camera.cx, camera.cy], np.float64),
            "image_size": np.array([camera.width, camera.height], np.int64),
            "mocap_frame_rate": np.float64(self.fps),
            "gender": np.array(self.gender),
            "surface_model_type": np.array("smplx"),
            "flat_hand_mean": np.array(True),
            "body": np.array(self.body),
            "source": np.array(json.dumps(self.source)),
        }
        for part in CONFIDENCE_PARTS:
            arrays[f"confidence_{part}"] = self.confidence[part].astype(np.float32)
        with atomic_path(Path(path)) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: str | Path) -> Motion:
        """Read a ``motion.npz``.

        Raises:
            UserError: the file is missing, is no motion, or lacks a field.
        """
        path = Path(path)
        if not path.is_file():
            raise UserError(f"No motion at {path}: run diffsign-retarget to make it.")
        try:
            with np.load(path, allow_pickle=False) as data:
                fx, fy, cx, cy = (float(value) for value in data["camera"])
                width, height = (int(value) for value in data["image_size"])
                return cls(
                    trans=data["trans"],
                    poses=data["poses"],
                    betas=data["betas"],
                    expression=data["expression"],
                    facial_actions=data["facial_actions"],
                    facial_action_names=tuple(data["facial_action_names"].tolist()),
                    joints=data["joints"],
                    joint_names=tuple(data["joint_names"].tolist()),
                    camera=Camera(fx, fy, cx, cy, width, height),
                    confidence={part: data[f"confidence_{part}"] for part in CONFIDENCE_PARTS},
                    fps=float(data["mocap_frame_rate"]),
                    gender=str(data["gender"]),
                    body=str(data["body"]),
                    source=json.loads(str(data["source"])),
                )
        except (KeyError, ValueError, OSError, EOFError) as error:
            raise UserError(
                f"{path} is no DiffSign motion ({error}): make it anew with diffsign-retarget."
            ) from error
