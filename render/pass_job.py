"""The passes of some frames of one clip. Runs inside Blender (see `worker`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..files import atomic_path
from ..retarget.motion import Motion
from . import cycles, scene
from .avatar.avatar import Avatar
from .avatar.colours import hex_to_linear, linear_to_srgb
from .frame_file import write_frame
from .lighting import RIGS, backdrop
from .pass_set import BEAUTY_FILE, FRAME_FILE
from .posed import pose_joints
from .worker import Report


def run(job: dict[str, Any], scratch: Path, report: Report) -> None:
    """Render the motion's frames job["frames"] into job["out"], reporting {"frame": number} each.

    A frame's EXR is written after its picture, so a frame that has its EXR is whole.
    """
    out = Path(job["out"])
    motion = Motion.load(job["motion"])
    avatar = Avatar.load(Path(job["avatar"]))
    rig = RIGS[job["lights"]]
    camera = motion.camera.scaled(job["width"], job["height"])
    stage = scene.build_stage(avatar, rig)
    scene.animate(stage, motion.poses, motion.trans, motion.facial_actions)
    scene.set_camera(stage.scene, camera)
    aim = scene.chest_world(avatar, pose_joints(avatar, motion.poses, motion.trans))
    background = hex_to_linear(job["background"])
    scene.set_lights(stage.scene, rig, aim, background)
    behind = backdrop(rig, background, camera.width, camera.height)
    cycles.prepare(stage.scene, job["threads"])
    quality = cycles.Quality(job["samples"], job["denoise"])
    for frame in job["frames"]:
        layers = cycles.render_data(stage.scene, frame, scratch)
        picture = cycles.render_picture(stage.scene, frame, scratch, quality)
        layers["beauty"] = cycles.pin_background(picture, layers["depth"], behind)
        place = frame - job["first"]
        write_picture(out / BEAUTY_FILE.format(place), to_srgb_bytes(layers["beauty"]))
        write_frame(out / FRAME_FILE.format(place), layers, job["hash"])
        report({"frame": frame})


def to_srgb_bytes(linear: np.ndarray) -> np.ndarray:
    """Linear RGB to 8-bit sRGB, as Blender's Standard view transform does it."""
    return np.floor(linear_to_srgb(linear) * 255 + 0.5).astype(np.uint8)


def write_picture(path: Path, picture: np.ndarray) -> None:
    """Write a (H, W, 3) or (H, W) uint8 PNG, atomically."""
    from PIL import Image

    with atomic_path(path) as partial:
        Image.fromarray(picture).save(partial, compress_level=3)
