"""One frame of a set of passes, from its picture to its files. Runs beside Blender, in a thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ..files import atomic_path
from ..retarget.motion import Motion
from .avatar.avatar import Avatar
from .avatar.colours import linear_to_srgb
from .backdrop import Backdrop, coverage
from .camera import WORLD_FROM_CAMERA
from .conditioning import DepthRange, FrameSource, draw
from .cycles import Box, pin_background
from .frame_file import write_frame
from .pass_set import BEAUTY_FILE, CONDITIONING_FILE, FRAME_FILE
from .points import POINT_SETS, project_points
from .posed import pose_avatar
from .surface import Surface

_MARGIN_PIXELS = 8
_BOX_STEP = 16


@dataclass(frozen=True, eq=False)
class FrameJob:
    """What the frames of one set are made from.

    out: the set's folder. avatar, motion: in the view's camera frame. turn: (3, 3), the view's
    step from the source camera. places: camera-frame points (T, N, 3) by set. first: the motion's
    frame that frame 0 of the set shows.
    """

    out: Path
    avatar: Avatar
    motion: Motion
    turn: np.ndarray
    backdrop: Backdrop
    places: Mapping[str, np.ndarray]
    maps: tuple[str, ...]
    depth_range: DepthRange
    first: int
    hash: str


class FrameMaker:
    """Makes the layers, pictures and points of a clip's frames."""

    def __init__(self, job: FrameJob) -> None:
        self.job = job
        self._surface = Surface(job.avatar, job.motion.camera, WORLD_FROM_CAMERA @ job.turn.T)
        self._posed = lru_cache(maxsize=8)(self._pose)

    def _pose(self, frame: int) -> np.ndarray:
        clip = self.job.motion.part(frame, frame + 1)
        return pose_avatar(self.job.avatar, clip.poses, clip.trans, clip.facial_actions)[0]

    def box(self, frame: int) -> Box | None:
        """The part of the picture that the avatar lies in, with room about it; None: nothing."""
        vertices = self._posed(frame)
        camera = self.job.motion.camera
        if vertices[:, 2].min() < 0.05:
            return Box(0, 0, camera.width, camera.height)
        pixels = camera.project(vertices)
        size = np.array([camera.width, camera.height])
        low = np.floor((pixels.min(axis=0) - _MARGIN_PIXELS) / _BOX_STEP) * _BOX_STEP
        high = np.ceil((pixels.max(axis=0) + _MARGIN_PIXELS) / _BOX_STEP) * _BOX_STEP
        left, top = np.clip(low, 0, size).astype(int).tolist()
        right, bottom = np.clip(high, 0, size).astype(int).tolist()
        return Box(left, top, right, bottom) if right > left and bottom > top else None

    def finish(self, frame: int, picture: np.ndarray | None, box: Box | None) -> dict[str, Any]:
        """Write the frame's files, its EXR last; what the parent must know of it.

        picture: the box's part (h, w, 4), linear RGB before black, and alpha; of Cycles with a
        plain background, before that background, its alpha without meaning.
        """
        last = self.job.motion.frame_count - 1
        here = self._posed(frame)
        before = self._posed(max(frame - 1, 0)) if frame > 0 else here
        after = self._posed(frame + 1) if frame < last else here
        layers = self._surface.layers(here, before, after)
        place = frame - self.job.first
        layers |= self._beauty(place, layers["depth"], here, picture, box)
        beauty = to_srgb_bytes(layers["beauty"])
        stored = beauty
        if "alpha" in layers:
            stored = with_alpha(layers["beauty"], layers["alpha"])
        write_picture(self.job.out / BEAUTY_FILE.format(place), stored)
        points = {
            name: project_points(
                places[place], self.job.motion.camera, layers["depth"], POINT_SETS[name].slack
            )
            for name, places in self.job.places.items()
        }
        source = FrameSource(
            layers["depth"], layers["normal"], beauty, points, self.job.depth_range
        )
        for name in self.job.maps:
            path = self.job.out / CONDITIONING_FILE.format(place, name=name)
            write_picture(path, draw(name, source))
        write_frame(self.job.out / FRAME_FILE.format(place), layers, self.job.hash)
        return {"frame": frame, "points": {k: np.round(v, 4).tolist() for k, v in points.items()}}

    def _beauty(
        self,
        place: int,
        depth: np.ndarray,
        vertices: np.ndarray,
        picture: np.ndarray | None,
        box: Box | None,
    ) -> dict[str, np.ndarray]:
        behind = self.job.backdrop.behind(place)
        whole = np.zeros((*depth.shape, 4), np.float32)
        if not self.job.backdrop.cut_out:
            whole[..., :3] = behind
        if picture is not None and box is not None:
            whole[box.top : box.bottom, box.left : box.right] = picture
        colour = whole[..., :3]
        if not self.job.backdrop.cut_out:
            return {"beauty": pin_background(colour, depth, behind)}
        alpha = whole[..., 3]
        if self.job.backdrop.exact_edges:
            alpha = coverage(vertices, self._surface.faces, self.job.motion.camera)
        if self.job.backdrop.keeps_alpha:
            return {"beauty": colour, "alpha": alpha}
        return {"beauty": colour + (1 - alpha[..., None]) * behind}


def to_srgb_bytes(linear: np.ndarray) -> np.ndarray:
    """Linear RGB to 8-bit sRGB, as Blender's Standard view transform does it."""
    place = np.clip(np.asarray(linear, np.float32), 0.0, 1.0) * np.float32(_LAST) + np.float32(0.5)
    return _srgb_table()[place.astype(np.uint16)]


_LAST = 65535


@cache
def _srgb_table() -> np.ndarray:
    """8-bit sRGB of 65536 even steps of linear light; steps in the dark are a twentieth of one."""
    return np.floor(linear_to_srgb(np.arange(_LAST + 1) / _LAST) * 255 + 0.5).astype(np.uint8)


def with_alpha(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """(H, W, 4) uint8 sRGB with straight alpha, of linear RGB before black and its alpha."""
    share = np.clip(alpha, 0, 1)[..., None]
    straight = np.where(share > 1e-3, colour / np.maximum(share, 1e-3), 0.0)
    opacity = np.floor(share * 255 + 0.5).astype(np.uint8)
    return np.concatenate([to_srgb_bytes(straight), opacity], axis=2)


def write_picture(path: Path, picture: np.ndarray) -> None:
    """Write a (H, W), (H, W, 3) or (H, W, 4) uint8 PNG, atomically."""
    with atomic_path(path) as partial:
        if find_spec("PIL") is None:
            _write_in_blender(partial, picture)
        else:
            from PIL import Image

            # Runs alone (zlib's Z_RLE): smaller here than the fastest search, and faster.
            Image.fromarray(picture).save(partial, compress_level=1, compress_type=3)


def _write_in_blender(path: Path, picture: np.ndarray) -> None:
    """The same by OpenImageIO, which Blender brings with it."""
    import OpenImageIO as oiio

    height, width = picture.shape[:2]
    pixels = np.ascontiguousarray(picture.reshape(height, width, -1))
    output = oiio.ImageOutput.create(str(path))
    spec = oiio.ImageSpec(width, height, pixels.shape[2], "uint8")
    spec.attribute("png:compressionLevel", 1)
    spec.attribute("oiio:UnassociatedAlpha", 1)
    if not (output.open(str(path), spec) and output.write_image(pixels) and output.close()):
        raise OSError(f"{path} cannot be written: {output.geterror()}")
