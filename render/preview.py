"""A quick look at an avatar through OpenGL (pyrender): depth, mask and a shaded picture.

It shares neither Blender nor its rig with the passes: vertices are posed in numpy and drawn through
the pinhole. It is therefore their witness, and serves where a picture must be there in no time.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import UserError
from ..retarget.motion import Camera, Motion
from .avatar.avatar import Avatar
from .avatar.colours import linear_to_srgb
from .posed import pose_avatar

NEAR_METRES, FAR_METRES = 0.05, 50.0
SEE_THROUGH = 0.5
"""Surfaces less opaque than this are left out, as the passes look through them."""

FINER = 3
"""Times finer than asked that is drawn: OpenGL's depth is that of one sample somewhere in a pixel,
so the middle one of nine small pixels is taken."""


@dataclass(frozen=True)
class Preview:
    """colour (H, W, 3) uint8 sRGB; depth (H, W) metres along the camera's z, inf background."""

    colour: np.ndarray
    depth: np.ndarray

    @property
    def mask(self) -> np.ndarray:
        """(H, W) bool, where the signer is."""
        return np.isfinite(self.depth)


class MeshView:
    """Draws triangles with a colour per vertex through a pinhole; keep it for many frames.

    Close it, or use it in `with`. camera: whose image size is drawn. finer: times finer that is
    drawn before it is brought to that size (see `FINER`).

    Raises:
        UserError: this machine has no OpenGL without a window.
    """

    def __init__(self, camera: Camera, finer: int = FINER) -> None:
        os.environ.setdefault("PYOPENGL_PLATFORM", "egl")  # PyOpenGL reads it when it is imported
        try:
            import pyrender

            self._finer = finer
            self._camera = camera.scaled(finer * camera.width, finer * camera.height)
            self._renderer = pyrender.OffscreenRenderer(self._camera.width, self._camera.height)
        except Exception as error:  # PyOpenGL raises whatever its platform's library does
            raise UserError(
                f"No preview: OpenGL without a window does not start here ({error}); install "
                "libegl1 and libgl1-mesa-dri, or set PYOPENGL_PLATFORM=osmesa."
            ) from error

    def __enter__(self) -> MeshView:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        self._renderer.delete()

    def draw(self, vertices: np.ndarray, faces: np.ndarray, colours: np.ndarray) -> Preview:
        """One picture of vertices (N, 3) in camera metres, faces (F, 3), colours (N, 3) uint8."""
        colour, depth = self._renderer.render(self._scene(vertices, faces, colours))
        finer = self._finer
        middle = depth[finer // 2 :: finer, finer // 2 :: finer]
        small = colour.reshape(len(middle), finer, -1, finer, 3).mean(axis=(1, 3))
        return Preview(small.astype(np.uint8), np.where(middle > 0, middle, np.inf))

    def _scene(self, vertices: np.ndarray, faces: np.ndarray, colours: np.ndarray) -> Any:
        import pyrender
        import trimesh

        mesh = trimesh.Trimesh(
            vertices, faces, vertex_colors=colours, process=False, validate=False
        )
        scene = pyrender.Scene(bg_color=(0.5, 0.5, 0.5, 1.0), ambient_light=(0.45, 0.45, 0.45))
        scene.add(pyrender.Mesh.from_trimesh(mesh, smooth=True))
        eye = np.diag([1.0, -1.0, -1.0, 1.0])  # OpenGL's camera has y up and looks along -z
        camera = self._camera
        scene.add(
            pyrender.IntrinsicsCamera(
                camera.fx, camera.fy, camera.cx, camera.cy, znear=NEAR_METRES, zfar=FAR_METRES
            ),
            pose=eye,
        )
        scene.add(pyrender.DirectionalLight(intensity=2.5), pose=eye)
        return scene


class Previewer:
    """Draws one avatar's frames; keep it for many frames, and close it (or use it in `with`).

    Raises:
        UserError: this machine has no OpenGL without a window.
    """

    def __init__(self, avatar: Avatar, camera: Camera) -> None:
        self._view = MeshView(camera)
        self._avatar = avatar
        self._faces = np.concatenate([_solid_faces(avatar, i) for i in range(len(avatar.pieces))])
        self._colours = (linear_to_srgb(avatar.colours) * 255 + 0.5).astype(np.uint8)

    def __enter__(self) -> Previewer:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        self._view.close()

    def draw(self, motion: Motion, frame: int) -> Preview:
        """One frame of a motion, through this previewer's camera."""
        clip = motion.part(frame, frame + 1)
        vertices = pose_avatar(self._avatar, clip.poses, clip.trans, clip.facial_actions)[0]
        return self._view.draw(vertices, self._faces, self._colours)


def _solid_faces(avatar: Avatar, piece: int) -> np.ndarray:
    """The faces (F, 3) of a piece that are not see-through."""
    opaque = np.array([material.alpha >= SEE_THROUGH for material in avatar.materials])
    entry = avatar.pieces[piece]
    return entry.faces[opaque[entry.face_material]]
