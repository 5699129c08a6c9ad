"""Conditioning pictures for ControlNets, drawn from the passes and the projected points.

Every picture is (H, W, 3) uint8 RGB; divided by 255 it is what a ControlNet of Stable Diffusion
1.5 expects. Nothing is detected again: depth and normals are the renderer's, points are projected
from the posed body.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from .face_mesh import draw_face_mesh
from .openpose import draw_openpose

DEPTH_FLOOR = 0.2
PERSON = (150, 5, 61)
WALL = (120, 120, 120)
FACING = (128, 128, 255)
CANNY_THRESHOLDS = (100, 200)


@dataclass(frozen=True)
class DepthRange:
    """Nearest and farthest depth of the signer over a whole clip, metres along the camera's z."""

    near: float
    far: float

    def __post_init__(self) -> None:
        if not 0 < self.near <= self.far:
            raise ValueError(f"depth range must satisfy 0 < near <= far, not {self}")


def draw_depth(depth: np.ndarray, clip_range: DepthRange) -> np.ndarray:
    """Depth as the depth ControlNet reads it: inverse depth, near white, background 0.

    The network was taught on MiDaS, whose output is affine in inverse depth. Here the clip's
    nearest point is white and its farthest is DEPTH_FLOOR, so that the signer stands out from the
    background, which is black. The range belongs to the clip: one per frame would flicker.

    Args:
        depth: (H, W) metres along the camera's z, infinite on the background.
    """
    seen = np.isfinite(depth)
    inverse = 1.0 / depth[seen]
    nearest, farthest = 1.0 / clip_range.near, 1.0 / clip_range.far
    spread = max(nearest - farthest, 1e-9)
    level = np.clip((inverse - farthest) / spread, 0.0, 1.0)
    grey = np.zeros((*depth.shape, 3), np.uint8)
    grey[seen] = _to_bytes(DEPTH_FLOOR + (1.0 - DEPTH_FLOOR) * level)[:, None]
    return grey


def draw_normal(normal: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Normals as the normalbae ControlNet reads them: R=(1-nx)/2, G=(1+ny)/2, B=(1+nz)/2.

    The estimator behind it (NormalBae) predicts every pixel, walls too; the background is
    therefore drawn as a wall that faces the camera, not as black, which is no normal at all.

    Args:
        normal: (H, W, 3) camera space, x right, y up, z to the viewer, unit length.
        seen: (H, W) bool, where there is a surface.
    """
    picture = np.full(normal.shape, FACING, np.uint8)
    there = np.asarray(normal[seen], np.float32)  # half the memory to move, and bytes are wanted
    lengths = np.sqrt(np.einsum("pc,pc->p", there, there))[:, None]
    unit = np.where(
        lengths > 1e-6, there / np.maximum(lengths, 1e-6), np.array([0, 0, 1], np.float32)
    )
    picture[seen] = _to_bytes((1.0 + unit * np.array([-1.0, 1.0, 1.0], np.float32)) / 2.0)
    return picture


def draw_segmentation(seen: np.ndarray) -> np.ndarray:
    """ADE20K colours: the signer is a person, everything else wall."""
    return np.where(seen[..., None], np.array(PERSON, np.uint8), np.array(WALL, np.uint8))


def draw_canny(picture: np.ndarray) -> np.ndarray:
    """Canny edges of an RGB picture, white on black, thresholds 100 and 200."""
    import cv2

    edges = cv2.Canny(np.ascontiguousarray(picture), *CANNY_THRESHOLDS)
    return np.repeat(edges[..., None], 3, axis=2)


@dataclass(frozen=True)
class FrameSource:
    """What the conditioning of one frame is drawn from.

    depth (H,W) metres, inf background; normal (H,W,3) camera space; beauty (H,W,3) uint8 sRGB;
    points by name (N,3); depth_range of the whole clip.
    """

    depth: np.ndarray
    normal: np.ndarray
    beauty: np.ndarray
    points: Mapping[str, np.ndarray]
    depth_range: DepthRange


def _draw_openpose(source: FrameSource) -> np.ndarray:
    height, width = source.depth.shape
    return draw_openpose(source.points, width, height)


def _draw_face_mesh(source: FrameSource) -> np.ndarray:
    height, width = source.depth.shape
    return draw_face_mesh(source.points["face478"], width, height)


DRAWERS: dict[str, Callable[[FrameSource], np.ndarray]] = {
    "depth": lambda source: draw_depth(source.depth, source.depth_range),
    "normal": lambda source: draw_normal(source.normal, np.isfinite(source.depth)),
    "openpose": _draw_openpose,
    "canny": lambda source: draw_canny(source.beauty),
    "mediapipe_face": _draw_face_mesh,
    "seg": lambda source: draw_segmentation(np.isfinite(source.depth)),
}
"""Every map by name; `draw` looks it up here."""

DEFAULT_MAPS = ("depth", "normal", "openpose")


def draw(name: str, source: FrameSource) -> np.ndarray:
    """The conditioning picture `name` (a key of DRAWERS) of one frame."""
    if name not in DRAWERS:
        raise ValueError(f"no conditioning map {name!r}; there are {', '.join(DRAWERS)}")
    return DRAWERS[name](source)


def _to_bytes(unit: np.ndarray) -> np.ndarray:
    """0..1 to 0..255, halves up: a normal of 0 is 128."""
    return np.floor(np.clip(unit, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
