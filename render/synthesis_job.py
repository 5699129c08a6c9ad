"""Training samples of made-up signers. Runs inside Blender (see `worker` and `synthesis`).

A signer is dressed once and shown in several poses. All plain renders of a signer come before all
soft ones, because changing the lights and materials costs more than changing the frame.
"""

from __future__ import annotations

import traceback
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..files import write_json
from ..retarget.body.load import load_body
from ..retarget.motion import CONFIDENCE_PARTS, Camera, Motion
from . import cycles, scene, scene_lights
from .avatar.avatar import Avatar
from .avatar.build import build_avatar
from .avatar.colours import hex_to_linear
from .avatar.random_signer import random_signer
from .avatar.record import Signer
from .conditioning import DEFAULT_MAPS, DepthRange, FrameSource, draw
from .dress.caption import describe
from .lighting import PLAIN, SOFT, LightRig, backdrop
from .pass_job import to_srgb_bytes, write_picture
from .points import POINT_SETS, project_points
from .posed import pose_joints
from .shots import Shot, shot_of
from .signer_points import signer_points
from .worker import Report

BOX_MARGIN = 0.15


def run(job: dict[str, Any], scratch: Path, report: Report) -> None:
    """Render the samples job["groups"]: lists of sample numbers, a signer each.

    Reports {"sample": number} or {"failed": [numbers], "why": text} and goes on.
    """
    for group in job["groups"]:
        try:
            _render_signer(job, group, scratch, report)
        except Exception as error:
            traceback.print_exc()
            left = [n for n in group["numbers"] if not _record(job, n).is_file()]
            report({"failed": left, "why": f"{type(error).__name__}: {error}"})


def _render_signer(
    job: dict[str, Any], group: dict[str, Any], scratch: Path, report: Report
) -> None:
    signer = random_signer(group["signer"])
    avatar = build_avatar(signer, load_body("open"))
    shots = [shot_of(job["seed"], number, avatar, job["size"]) for number in group["numbers"]]
    motion = _motion(shots, avatar)
    places = signer_points(avatar, motion)
    plain, soft = _shaken(group["signer"])
    background = hex_to_linear(signer.background)
    quick = cycles.Quality(job["samples"])
    fine = cycles.Quality(job["target_samples"], smooth=True)
    records, depths = [], []

    stage = _dress_set(avatar, motion, plain, job["threads"])
    for index, shot in enumerate(shots):
        _aim(stage, plain, background, shot, motion.part(index, index + 1))
        layers = cycles.render_data(stage.scene, index, scratch, motion=False)
        picture = cycles.render_picture(stage.scene, index, scratch, quick)
        behind = backdrop(plain, background, job["size"], job["size"])
        picture = cycles.pin_background(picture, layers["depth"], behind)
        _write(job, shot, "beauty", to_srgb_bytes(picture))
        _write(job, shot, "part", layers["part"].astype(np.uint8))
        points = {
            name: project_points(found[index], shot.camera, layers["depth"], POINT_SETS[name].slack)
            for name, found in places.items()
        }
        depths.append(layers["depth"])
        depth_range = _depth_range(layers["depth"])
        beauty = np.zeros((1, 1, 3), np.uint8)
        source = FrameSource(layers["depth"], layers["normal"], beauty, points, depth_range)
        for name in DEFAULT_MAPS:
            _write(job, shot, name, draw(name, source))
        records.append(_describe(shot, signer, points, group["signer"]))

    stage = _dress_set(avatar, motion, soft, job["threads"])
    for index, shot in enumerate(shots):
        _aim(stage, soft, background, shot, motion.part(index, index + 1))
        picture = cycles.render_picture(stage.scene, index, scratch, fine)
        behind = backdrop(soft, background, job["size"], job["size"])
        picture = cycles.pin_background(picture, depths[index], behind)
        _write(job, shot, "target", to_srgb_bytes(picture))
        write_json(_record(job, shot.number), records[index])
        report({"sample": shot.number})


def _dress_set(avatar: Avatar, motion: Motion, rig: LightRig, threads: int) -> scene.Stage:
    stage = scene.build_stage(avatar, rig)
    scene.animate(stage, motion.poses, motion.trans, motion.facial_actions)
    cycles.prepare(stage.scene, threads)
    return stage


def _aim(
    stage: scene.Stage, rig: LightRig, background: np.ndarray, shot: Shot, clip: Motion
) -> None:
    """Put the shot's camera, and the lamps about where its chest is; clip: its one frame."""
    joints = pose_joints(stage.avatar, clip.poses, clip.trans)
    aim = scene.chest_world(stage.avatar, joints)
    scene.set_camera(stage.scene, shot.camera)
    scene_lights.set_lights(stage.scene, rig, aim, background)


def _motion(shots: list[Shot], avatar: Avatar) -> Motion:
    poses = np.stack([shot.pose.poses for shot in shots])
    trans = np.stack([shot.trans for shot in shots])
    actions = np.stack([shot.pose.facial_actions for shot in shots])
    return Motion(
        trans=trans,
        poses=poses,
        betas=np.zeros(0),
        expression=actions,
        facial_actions=actions,
        facial_action_names=avatar.action_names,
        joints=pose_joints(avatar, poses, trans),
        joint_names=avatar.joint_names,
        camera=shots[0].camera,
        confidence={part: np.ones(len(shots)) for part in CONFIDENCE_PARTS},
        fps=1.0,
    )


def _shaken(seed: list[int]) -> tuple[LightRig, LightRig]:
    """Both light rigs as they are for two signers in three; else moved and dimmed alike."""
    rng = np.random.default_rng([*seed, 1])
    if rng.random() < 2 / 3:
        return PLAIN, SOFT
    turn, power = rng.uniform(-18, 18), rng.uniform(0.8, 1.2)

    def shaken(rig: LightRig) -> LightRig:
        lamps = tuple(
            replace(lamp, azimuth=lamp.azimuth + turn, power=lamp.power * power)
            for lamp in rig.lamps
        )
        return replace(rig, lamps=lamps)

    return shaken(PLAIN), shaken(SOFT)


def _depth_range(depth: np.ndarray) -> DepthRange:
    seen = depth[np.isfinite(depth)]
    if seen.size == 0:
        raise ValueError("the signer is not in the picture")
    return DepthRange(float(seen.min()), float(seen.max()))


def _describe(
    shot: Shot, signer: Signer, points: dict[str, np.ndarray], signer_seed: list[int]
) -> dict[str, Any]:
    camera = shot.camera
    return {
        "id": shot.number,
        "signer_seed": signer_seed,
        "signer": asdict(signer),
        "caption": describe(signer),
        "boxes": {
            "face": _box(points["face478"], camera, above=0.45),
            "left_hand": _box(points["left_hand"], camera),
            "right_hand": _box(points["right_hand"], camera),
        },
        "hands": {
            hand: np.round(points[hand][:, :2], 1).tolist() for hand in ("left_hand", "right_hand")
        },
        "handshapes": shot.pose.handshapes,
        "camera": asdict(camera),
    }


def _box(points: np.ndarray, camera: Camera, above: float = 0.0) -> list[int] | None:
    """[x0, y0, x1, y1] about the points inside the picture, with a margin; None without points.

    above: how much of the height is added over the top, for a forehead that has no points.
    """
    inside = points[points[:, 2] > 0, :2]
    if len(inside) < 3:
        return None
    low, high = inside.min(axis=0), inside.max(axis=0)
    margin = BOX_MARGIN * (high - low).max()
    low = low - margin - [0.0, above * (high - low)[1]]
    high = high + margin
    limits = [camera.width, camera.height]
    x0, y0 = np.clip(np.floor(low), 0, limits).astype(int).tolist()
    x1, y1 = np.clip(np.ceil(high), 0, limits).astype(int).tolist()
    return [x0, y0, x1, y1]


def _write(job: dict[str, Any], shot: Shot, name: str, picture: np.ndarray) -> None:
    write_picture(Path(job["out"]) / f"{shot.number:06d}_{name}.png", picture)


def _record(job: dict[str, Any], number: int) -> Path:
    return Path(job["out"]) / f"{number:06d}.json"
