"""What a camera sees of a clip, from the geometry alone, before anything is rendered."""

from __future__ import annotations

import numpy as np

from ..errors import UserError
from ..retarget.motion import Camera, Motion
from .avatar.avatar import Avatar
from .conditioning import DepthRange
from .posed import pose_avatar
from .surface import SEE_THROUGH

TOO_NEAR_METRES = 0.05
_FRAMES_TRIED = 8


def check_outside(avatar: Avatar, clip: Motion) -> None:
    """Refuse a camera that stands inside the signer, or that a part of it comes too near to.

    Raises:
        UserError: it does.
    """
    opaque = np.array([material.alpha >= SEE_THROUGH for material in avatar.materials])
    faces = np.concatenate([p.faces[opaque[p.face_material]] for p in avatar.pieces])
    step = max(1, clip.frame_count // _FRAMES_TRIED)
    for frame in range(0, clip.frame_count, step):
        still = clip.part(frame, frame + 1)
        vertices = pose_avatar(avatar, still.poses, still.trans, still.facial_actions)[0]
        near = float(np.linalg.norm(vertices, axis=1).min())
        if near < TOO_NEAR_METRES or winding(vertices[faces]) > 0.5:
            raise UserError(
                "The camera is inside the signer or touches it: move it away with another "
                "--camera, a smaller --orbit, or a longer distance in the camera file."
            )


def winding(corners: np.ndarray) -> float:
    """How often triangles (F, 3, 3) wind about the origin: 1 inside a closed surface, 0 outside.

    By solid angles (Van Oosterom and Strackee 1983), so openings count by their size alone.
    """
    a, b, c = (corners[:, k].astype(np.float64) for k in range(3))
    x, y, z = (np.linalg.norm(p, axis=1) for p in (a, b, c))
    volume = np.einsum("fi,fi->f", a, np.cross(b, c))
    ab, bc, ca = (np.einsum("fi,fi->f", p, q) for p, q in ((a, b), (b, c), (c, a)))
    angle = 2 * np.arctan2(volume, x * y * z + ab * z + bc * x + ca * y)
    return float(angle.sum() / (4 * np.pi))


def clip_depth_range(avatar: Avatar, motion: Motion, camera: Camera) -> DepthRange:
    """Nearest and farthest depth of the avatar inside the picture, over every frame.

    It is taken from the geometry, so that it is known before anything is rendered and does not
    depend on which frames were.

    Raises:
        UserError: the avatar is nowhere in the picture.
    """
    near, far = np.inf, -np.inf
    for start in range(0, motion.frame_count, 16):
        clip = motion.part(start, start + 16)
        vertices = pose_avatar(avatar, clip.poses, clip.trans, clip.facial_actions)
        points = vertices[vertices[..., 2] > 0.02]
        pixels = camera.project(points)
        inside = (pixels >= 0).all(axis=1) & (pixels <= [camera.width, camera.height]).all(axis=1)
        if inside.any():
            near = min(near, float(points[inside, 2].min()))
            far = max(far, float(points[inside, 2].max()))
    if not np.isfinite(near):
        raise UserError("The signer is never inside the picture: check the motion's camera.")
    return DepthRange(near, far)
