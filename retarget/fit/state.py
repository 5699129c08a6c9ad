"""The unknowns of a fit, and what a set of them looks like through the camera."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch

from ..keypoints.record import Keypoints
from ..motion import Camera
from .initial import FACING_CAMERA, initial_rotations, initial_translation
from .kinematics import angle_matrices, forward, rotation_matrices
from .limits import FINGERS
from .options import BETAS_USED
from .points import RiggedPoints


@dataclass(frozen=True)
class Parameters:
    """The unknowns: vectors (T, 55, 3), trans (T, 3), betas (B,); the root faces the camera.

    A joint's vector is its rotation vector; a finger's is its angle vector, whose parts along the
    joint's own axes are twist, abduction and flexion (:class:`.limits.FingerRanges`): so the ranges
    of the fingers are bounds of single numbers.
    """

    vectors: torch.Tensor
    trans: torch.Tensor
    betas: torch.Tensor

    def all(self) -> list[torch.Tensor]:
        return [self.vectors, self.trans, self.betas]


@dataclass(frozen=True)
class State:
    """What a set of parameters looks like.

    Attributes:
        vectors: (T, 55, 3) as in :class:`Parameters`.
        local: (T, 55, 3, 3) local rotations; the root's holds the half turn to the camera.
        rotations, positions: (T, 55, 3, 3) and (T, 55, 3) of the posed joints in the camera's
            frame.
        points: (T, N, 3) camera-frame points. pixels: (T, N, 2) in units of the longer side.
        betas: (B,).
    """

    vectors: torch.Tensor
    local: torch.Tensor
    rotations: torch.Tensor
    positions: torch.Tensor
    points: torch.Tensor
    pixels: torch.Tensor
    betas: torch.Tensor

    def detached(self) -> State:
        """The same numbers without their history."""
        return State(**{f.name: getattr(self, f.name).detach() for f in fields(self)})


def start(keypoints: Keypoints, camera: Camera, points: RiggedPoints) -> Parameters:
    """A first pose read off the keypoints, on the mean body."""
    from scipy.spatial.transform import Rotation

    local = initial_rotations(keypoints, points.joint_rest)
    local[:, 0] = FACING_CAMERA.T @ local[:, 0]
    rotvecs = Rotation.from_matrix(local.reshape(-1, 3, 3)).as_rotvec()
    rotvecs = rotvecs.reshape(len(local), 55, 3).astype(np.float32)
    rotvecs[:, FINGERS] = points.fingers.vectors(rotvecs[:, FINGERS])
    trans = initial_translation(keypoints, camera, points.joint_rest).astype(np.float32)
    return Parameters(torch.from_numpy(rotvecs), torch.from_numpy(trans), torch.zeros(BETAS_USED))


def local_rotations(vectors: torch.Tensor, points: RiggedPoints) -> torch.Tensor:
    """Local rotations (T, 55, 3, 3) of vectors (T, 55, 3) as in :class:`Parameters`."""
    axes = torch.from_numpy(points.fingers.axes)
    turned = axes.transpose(-1, -2)
    fingers = angle_matrices((turned @ vectors[:, FINGERS, :, None])[..., 0])
    body = rotation_matrices(vectors[:, : FINGERS[0]])
    return torch.cat([body, axes @ fingers @ turned], 1)


def state_of(parameters: Parameters, points: RiggedPoints, camera: Camera) -> State:
    """Pose the body and project its points."""
    joint_rest = torch.from_numpy(points.joint_rest)
    joint_rest = joint_rest + torch.from_numpy(points.joint_shapedirs) @ parameters.betas
    rest = torch.from_numpy(points.rest) + torch.from_numpy(points.shapedirs) @ parameters.betas
    local = local_rotations(parameters.vectors, points)
    facing = torch.from_numpy(FACING_CAMERA.astype(np.float32))
    local = torch.cat([(facing @ local[:, 0])[:, None], local[:, 1:]], 1)
    rotations, positions = forward(local, joint_rest, parameters.trans)
    carried = rotations[:, points.joint] @ (rest - joint_rest[points.joint])[None, :, :, None]
    world = carried[..., 0] + positions[:, points.joint]
    longer = max(camera.width, camera.height)
    depth = world[..., 2:].clamp_min(0.1)
    focal = torch.tensor([camera.fx, camera.fy]) / longer
    centre = torch.tensor([camera.cx, camera.cy]) / longer
    pixels = world[..., :2] / depth * focal + centre
    return State(parameters.vectors, local, rotations, positions, world, pixels, parameters.betas)
