"""The settings of a render of passes, and what of them can be used."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..errors import UserError
from ..files import sha256
from ..retarget.motion import Motion
from .avatar.avatar import Avatar
from .backdrop import GREEN, backdrop_kind, read_hdri, read_plate
from .conditioning import DEFAULT_MAPS, DRAWERS
from .engines import DEVICES, ENGINES
from .lighting import RIGS
from .view import PRESETS, SOURCE, Viewpoint, read_camera

RENDER_VERSION = 5
"""Raise it when the same job would give other pixels: frames made before are then made anew."""

SMALLEST_SIDE, LARGEST_SIDE = 4, 8192
SHORTEST_FOCAL, LONGEST_FOCAL = 8.0, 1000.0


@dataclass(frozen=True)
class PassOptions:
    """Settings of a render.

    camera, orbit, focal, width, height: see `view.Viewpoint`. samples: per pixel, of the beauty
    picture. denoise: with OpenImageDenoise. first, count: which of the motion's frames (all where
    count is None). background: "#rrggbb", the signer's own where None. backdrop: what lies behind
    the signer instead: "green", "alpha", "hdri", or the path of a picture or video. hdri: the path
    of a panorama that lights the scene instead of lamps. lights: a name in RIGS. maps: the
    conditioning pictures to draw. engine: a name in ENGINES. device: "auto" uses a graphics card
    where Cycles finds one. workers: how many Blenders share the frames, by cores and memory where
    None; threads: of each.
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
    camera: str = SOURCE
    orbit: tuple[float, float] = (0.0, 0.0)
    focal: float | None = None
    backdrop: str | None = None
    hdri: str | None = None
    engine: str = "cycles"
    device: str = "auto"
    workers: int | None = None

    @property
    def viewpoint(self) -> Viewpoint:
        return Viewpoint(self.camera, self.orbit, self.focal, self.width, self.height)


def checked(options: PassOptions, motion: Motion, avatar: Avatar) -> PassOptions:
    """The options with the frames and the background filled in.

    Raises:
        UserError: an option that cannot be used.
    """
    check_options(options)
    count = motion.frame_count - options.first if options.count is None else options.count
    if options.first < 0 or count < 1 or options.first + count > motion.frame_count:
        raise UserError(
            f"Frames {options.first} to {options.first + count} are not all in the motion, "
            f"which has {motion.frame_count}."
        )
    background = options.background or avatar.signer.background
    if options.backdrop == "green":
        background = GREEN
    avatar.signer.with_changes(background=background)
    return replace(options, count=count, background=background)


def check_options(options: PassOptions) -> None:
    """Refuse what no motion and no avatar can mend.

    Raises:
        UserError: an option that cannot be used.
    """
    sides = [side for side in (options.width, options.height) if side is not None]
    if not all(SMALLEST_SIDE <= side <= LARGEST_SIDE for side in sides):
        raise UserError(
            f"Passes of {'x'.join(map(str, sides))} pixels cannot be rendered: use "
            f"{SMALLEST_SIDE} to {LARGEST_SIDE}."
        )
    if options.camera != SOURCE and options.camera not in PRESETS:
        read_camera(options.camera)
    if options.samples < 1:
        raise UserError(f"{options.samples} samples cannot be rendered: use 1 or more.")
    if options.workers is not None and options.workers < 1:
        raise UserError(f"{options.workers} workers cannot render: use 1 or more.")
    for name, known, what in (
        (options.lights, RIGS, "light"),
        (options.engine, ENGINES, "engine"),
        (options.device, DEVICES, "device"),
    ):
        if name not in known:
            raise UserError(f"There is no {what} {name!r}: use {', '.join(known)}.")
    for name in options.maps:
        if name not in DRAWERS:
            raise UserError(f"There is no conditioning map {name!r}: use {', '.join(DRAWERS)}.")
    if not np.isfinite(options.orbit).all():
        raise UserError("The orbit must be two numbers of degrees, such as 30,10.")
    focal = options.focal
    if focal is not None and not SHORTEST_FOCAL <= focal <= LONGEST_FOCAL:
        raise UserError(
            f"A focal length of {focal:g} mm cannot be used: give {SHORTEST_FOCAL:g} to "
            f"{LONGEST_FOCAL:g}."
        )
    if options.backdrop == "hdri" and options.hdri is None:
        raise UserError("The backdrop hdri shows the panorama that lights the scene: give --hdri.")
    if options.hdri is not None:
        read_hdri(Path(options.hdri))
    if backdrop_kind(options.backdrop) == "plate":
        read_plate(Path(str(options.backdrop)), SMALLEST_SIDE, SMALLEST_SIDE)


def job_hash(motion_path: Path, avatar_path: Path, options: PassOptions) -> str:
    """The hash of all that decides a frame's pixels; which frames are wanted is no part of it."""
    left_out = ("threads", "workers", "count", "maps", "first", "device")
    settings = {name: value for name, value in vars(options).items() if name not in left_out}
    files = [Path(value) for value in option_files(options)]
    parts = [RENDER_VERSION, sha256(motion_path), sha256(avatar_path), options.first, settings]
    parts += [sha256(path) for path in files]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def option_files(options: PassOptions) -> list[str]:
    """The paths of the files that the options name."""
    named = [options.camera, options.backdrop, options.hdri]
    return [name for name in named if name is not None and Path(name).is_file()]
