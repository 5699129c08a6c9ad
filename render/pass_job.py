"""The passes of some frames of one clip. Runs inside Blender (see `worker`).

Blender makes the pictures; meanwhile a thread makes the data layers and files of the frame before.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..retarget.motion import Motion
from . import cycles, engines, scene, scene_lights
from .avatar.avatar import Avatar
from .avatar.colours import hex_to_linear, srgb_to_linear
from .backdrop import PLATE_FILE, Backdrop, panorama_behind, read_hdri
from .camera import WORLD_FROM_CAMERA
from .conditioning import DepthRange
from .cycles import Quality
from .lighting import RIGS, LightRig, backdrop
from .pass_frame import FrameJob, FrameMaker, to_srgb_bytes, write_picture
from .posed import pose_joints
from .worker import Report

__all__ = ["run", "to_srgb_bytes", "write_picture"]


def run(job: dict[str, Any], scratch: Path, report: Report) -> None:
    """Render the motion's frames job["frames"] into job["out"], reporting {"frame": number} each.

    A frame's EXR is written last, so a frame that has its EXR is whole.
    """
    motion = Motion.load(job["motion"])
    avatar = Avatar.load(Path(job["avatar"]))
    turn = np.array(job["turn"])
    rig = RIGS[job["lights"]]
    if job["backdrop"] == "green":
        rig = replace(rig, glow=0.0)
    behind = _backdrop(job, motion, turn, rig)
    maker = FrameMaker(
        FrameJob(
            Path(job["out"]),
            avatar,
            motion,
            turn,
            behind,
            _places(job["places"]),
            tuple(job["maps"]),
            DepthRange(**job["depth_range"]),
            job["first"],
            job["hash"],
        )
    )
    stage = scene.build_stage(avatar, rig)
    scene.animate(stage, motion.poses, motion.trans, motion.facial_actions)
    scene.set_camera(stage.scene, motion.camera)
    aim = scene.chest_world(avatar, pose_joints(avatar, motion.poses, motion.trans))
    scene_lights.set_lights(stage.scene, rig, aim, hex_to_linear(job["background"]), turn=turn)
    if job["hdri"]:
        scene_lights.set_panorama(stage.scene, job["hdri"], turn)
    used = engines.prepare(
        stage.scene, job["engine"], job["device"], job["threads"], behind.cut_out
    )
    if job["engine"] == "cycles":
        cycles.one_quality(stage.scene)
    report({"note": f"Rendering with {used}."})
    quality = Quality(job["samples"], job["denoise"])

    def picture(frame: int) -> tuple[Any, ...]:
        box = maker.box(frame)
        if box is None:
            return frame, None, None
        return frame, engines.render_picture(stage.scene, frame, scratch, quality, box), box

    for event in _one_behind(job["frames"], picture, maker.finish):
        report(event)


def _one_behind(
    frames: list[int], first: Callable[[int], tuple[Any, ...]], then: Callable[..., Any]
) -> Any:
    """The results of `then(*first(frame))`, `then` in a thread while the next `first` runs."""
    with ThreadPoolExecutor(1) as pool:
        waiting: Future[Any] | None = None
        for frame in frames:
            made = first(frame)
            if waiting is not None:
                yield waiting.result()
            waiting = pool.submit(then, *made)
        if waiting is not None:
            yield waiting.result()


def _places(path: str) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as data:
        return {name: data[name] for name in data.files}


def _backdrop(job: dict[str, Any], motion: Motion, turn: np.ndarray, rig: LightRig) -> Backdrop:
    """What the job lays behind the signer (`passes` writes the plate's files)."""
    camera, kind = motion.camera, job["backdrop"]
    exact = job["engine"] == "cycles"
    # A panorama that lights the scene is what Cycles' camera sees, so the signer is cut out of it.
    cut_out = kind in ("alpha", "plate", "hdri") or bool(job["hdri"]) or not exact
    if kind == "plate":
        folder, last = Path(job["plate"]), job["plate_count"] - 1
        return Backdrop(lambda k: _read_linear(folder, min(k, last)), cut_out, False, exact)
    if kind == "alpha":
        still = np.zeros((camera.height, camera.width, 3), np.float32)
    elif kind == "hdri":
        still = panorama_behind(read_hdri(Path(job["hdri"])), camera, WORLD_FROM_CAMERA @ turn.T)
    else:
        colour = hex_to_linear(job["background"])
        still = backdrop(rig, colour, camera.width, camera.height).astype(np.float32)
    return Backdrop(lambda _: still, cut_out, kind == "alpha", exact)


def _read_linear(folder: Path, place: int) -> np.ndarray:
    from PIL import Image

    with Image.open(folder / PLATE_FILE.format(place)) as picture:
        return srgb_to_linear(np.asarray(picture.convert("RGB")) / 255.0).astype(np.float32)
