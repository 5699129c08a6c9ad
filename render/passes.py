"""Render a clip's passes: geometry, motion, indices and a quick picture of every frame.

Blender runs in a child process; while it renders the next frame, the points and the conditioning
pictures of the last are made here. Every frame is whole or absent on disk and carries the hash of
what made it, so a run that was stopped goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UserError
from ..files import atomic_path, sha256, write_json
from ..retarget.motion import Camera, Motion
from .avatar.avatar import Avatar
from .avatar.parts import PARTS
from .blender_process import run_job
from .conditioning import DEFAULT_MAPS, DRAWERS, DepthRange, FrameSource, draw
from .frame_file import LAYERS, frame_job, read_frame
from .lighting import RIGS
from .pass_job import write_picture
from .pass_set import (
    BEAUTY_FILE,
    CONDITIONING_FILE,
    FORMAT,
    FRAME_FILE,
    INDEX_FILE,
    POINTS_FILE,
    VERSION,
    PassSet,
    read_pass_set,
)
from .points import POINT_SETS, project_points
from .posed import pose_avatar
from .signer_points import signer_points

__all__ = ["PassOptions", "PassSet", "read_pass_set", "render_passes"]

RENDER_VERSION = 1
"""Raise it when the same job would give other pixels: frames made before are then made anew."""

LARGEST_SIDE = 8192
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class PassOptions:
    """Settings of a render.

    width, height: pixels; the motion's camera's own where None. samples: per pixel, of the beauty
    picture. denoise: with OpenImageDenoise. first, count: which of the motion's frames (all where
    count is None). background: "#rrggbb", the signer's own where None. lights: a name in RIGS.
    maps: the conditioning pictures to draw. threads: of Blender; all cores where None.
    """

    width: int | None = None
    height: int | None = None
    samples: int = 4
    denoise: bool = True
    first: int = 0
    count: int | None = None
    background: str | None = None
    lights: str = "plain"
    maps: tuple[str, ...] = DEFAULT_MAPS
    threads: int | None = None


def render_passes(
    motion_path: str | Path,
    avatar_path: str | Path,
    out_dir: str | Path,
    options: PassOptions | None = None,
    progress: Progress | None = None,
) -> Path:
    """Render the passes of a motion into a folder; what is there already is kept.

    Returns:
        The path of passes.json, which is written last (see `pass_set` for all files).

    Raises:
        UserError: the motion, the avatar or an option cannot be used.
        RuntimeError: Blender failed; the message ends with its log.
    """
    motion_path, avatar_path, out = Path(motion_path), Path(avatar_path), Path(out_dir)
    motion = Motion.load(motion_path)
    avatar = Avatar.load(avatar_path)
    options = _checked(options or PassOptions(), motion, avatar)
    frames = range(options.first, options.first + (options.count or 0))
    camera = motion.camera.scaled(options.width or 0, options.height or 0)
    job_hash = _job_hash(motion_path, avatar_path, options)
    painter = _Painter(out, motion, avatar, camera, options)

    places = {number: index for index, number in enumerate(frames)}
    missing = [number for number, index in places.items() if not _rendered(out, index, job_hash)]
    done = 0

    def finish(number: int) -> None:
        nonlocal done
        painter.paint(number, places[number])
        done += 1
        if progress is not None:
            progress(done, len(frames))

    for number in frames:
        if number not in missing:
            finish(number)
    if missing:
        job = {
            "job": "passes",
            "motion": str(motion_path),
            "avatar": str(avatar_path),
            "out": str(out),
            "first": options.first,
            "frames": missing,
            "hash": job_hash,
            **{name: getattr(options, name) for name in _JOB_OPTIONS},
        }
        for event in run_job(job):
            finish(event["frame"])
    with atomic_path(out / POINTS_FILE) as partial, open(partial, "wb") as file:
        np.savez_compressed(file, **painter.points)  # type: ignore[arg-type]
    index = _index(motion, avatar, camera, options, painter.depth_range, job_hash)
    write_json(out / INDEX_FILE, index)
    return out / INDEX_FILE


_JOB_OPTIONS = ("width", "height", "samples", "denoise", "background", "lights", "threads")


class _Painter:
    """Makes the points and conditioning pictures of one rendered frame after another."""

    def __init__(
        self, out: Path, motion: Motion, avatar: Avatar, camera: Camera, options: PassOptions
    ) -> None:
        self.out, self.camera, self.maps = out, camera, options.maps
        frames = slice(options.first, options.first + (options.count or 0))
        clip = motion.part(frames.start, frames.stop)
        self.depth_range = clip_depth_range(avatar, clip, camera)
        self.places = signer_points(avatar, clip)
        self.points = {
            name: np.zeros((clip.frame_count, POINT_SETS[name].count, 3), np.float32)
            for name in self.places
        } | {f"{name}_xyz": places.astype(np.float32) for name, places in self.places.items()}

    def paint(self, number: int, index: int) -> None:
        """Points of the frame `index` of this set, and its pictures where they are missing."""
        found = read_frame(self.out / FRAME_FILE.format(index), ("depth", "normal"))
        for name, places in self.places.items():
            self.points[name][index] = project_points(
                places[index], self.camera, found["depth"], POINT_SETS[name].slack
            )
        points = {name: self.points[name][index] for name in self.places}
        beauty = np.zeros((self.camera.height, self.camera.width, 3), np.uint8)
        if "canny" in self.maps:
            beauty = PassSet(self.out, {"frame_count": index + 1}).beauty_srgb(index)
        source = FrameSource(found["depth"], found["normal"], beauty, points, self.depth_range)
        for name in self.maps:
            path = self.out / CONDITIONING_FILE.format(index, name=name)
            write_picture(path, draw(name, source))


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


def _checked(options: PassOptions, motion: Motion, avatar: Avatar) -> PassOptions:
    """The options with every default filled in.

    Raises:
        UserError: an option that cannot be used.
    """
    width = options.width or motion.camera.width
    height = options.height or motion.camera.height
    if not (4 <= width <= LARGEST_SIDE and 4 <= height <= LARGEST_SIDE):
        raise UserError(
            f"Passes of {width}x{height} pixels cannot be rendered: use 4 to {LARGEST_SIDE}."
        )
    count = motion.frame_count - options.first if options.count is None else options.count
    if options.first < 0 or count < 1 or options.first + count > motion.frame_count:
        raise UserError(
            f"Frames {options.first} to {options.first + count} are not all in the motion, "
            f"which has {motion.frame_count}."
        )
    if options.samples < 1:
        raise UserError(f"{options.samples} samples cannot be rendered: use 1 or more.")
    if options.lights not in RIGS:
        raise UserError(f"There are no lights {options.lights!r}: use {' or '.join(RIGS)}.")
    for name in options.maps:
        if name not in DRAWERS:
            raise UserError(f"There is no conditioning map {name!r}: use {', '.join(DRAWERS)}.")
    background = options.background or avatar.signer.background
    avatar.signer.with_changes(background=background)
    return replace(options, width=width, height=height, count=count, background=background)


def _job_hash(motion_path: Path, avatar_path: Path, options: PassOptions) -> str:
    """The hash of all that decides a frame's pixels; which frames are wanted is no part of it."""
    settings = {name: getattr(options, name) for name in _JOB_OPTIONS if name != "threads"}
    parts = [RENDER_VERSION, sha256(motion_path), sha256(avatar_path), options.first, settings]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _rendered(out: Path, index: int, job_hash: str) -> bool:
    beauty = out / BEAUTY_FILE.format(index)
    return beauty.is_file() and frame_job(out / FRAME_FILE.format(index)) == job_hash


def _index(
    motion: Motion,
    avatar: Avatar,
    camera: Camera,
    options: PassOptions,
    depth_range: DepthRange,
    job_hash: str,
) -> dict[str, Any]:
    """The content of passes.json; its schema is in `pass_set`."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "fps": motion.fps,
        "width": camera.width,
        "height": camera.height,
        "frame_count": options.count,
        "first_frame": options.first,
        "camera": {name: getattr(camera, name) for name in ("fx", "fy", "cx", "cy")},
        "frame": "camera frame: x right, y down, z forward, metres, the camera at the origin; "
        "the centre of the top-left pixel is (0.5, 0.5)",
        "layers": {name: asdict(layer) for name, layer in LAYERS.items()},
        "parts": list(PARTS),
        "objects": {str(piece.object_index): piece.name for piece in avatar.pieces},
        "depth_range": asdict(depth_range),
        "points": POINTS_FILE,
        "point_sets": {name: entry.count for name, entry in POINT_SETS.items()},
        "conditioning": list(options.maps),
        "files": {
            "frame": FRAME_FILE,
            "beauty": BEAUTY_FILE,
            "conditioning": CONDITIONING_FILE,
        },
        "signer": asdict(avatar.signer),
        "options": asdict(options),
        "job": job_hash,
    }
