"""A sample's annotations as arrays, read off its passes and its motion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..render.avatar.avatar import Avatar
from ..render.pass_set import PassSet
from ..render.view import View
from ..retarget.body.model import Body
from ..retarget.keypoints.record import Keypoints
from ..retarget.motion import Motion
from .wholebody import coco_visibility, foot_places, project_feet, wholebody

BOXES = ("person", "face", "left_hand", "right_hand")
_RANGES = {"face": slice(23, 91), "left_hand": slice(91, 112), "right_hand": slice(112, 133)}
MILLIMETRES = 1000.0


@dataclass(frozen=True)
class Annotations:
    """arrays: what every sample has (see docs/dataset.md). layers: masks (T, H, W) uint8, depth
    (T, H, W) uint16 millimetres, flow (T, H, W, 4) half floats, as far as wanted."""

    arrays: dict[str, np.ndarray]
    layers: dict[str, np.ndarray]


def annotate(
    passes: PassSet, avatar: Avatar, performance: Motion, body: Body, layers: set[str]
) -> Annotations:
    """Everything that is known about the frames of a rendered sample.

    performance: the motion in the source camera's frame, as the passes were rendered from it.
    """
    motion = seen_motion(passes, avatar, performance)
    feet_xyz = foot_places(motion, body)
    feet, masks, depths, flows = [], [], [], []
    wanted = ["depth", "part", *(["motion"] if "flow" in layers else [])]
    for index in range(len(passes)):
        frame = passes.frame(index, *wanted)
        feet.append(project_feet(feet_xyz[index], passes.camera, frame["depth"]))
        masks.append(frame["part"].astype(np.uint8))
        if "depth" in layers:
            depths.append(to_millimetres(frame["depth"]))
        if "flow" in layers:
            flows.append(frame["motion"].astype(np.float16))
    points = passes.points
    places = {name.removesuffix("_xyz"): v for name, v in points.items() if name.endswith("_xyz")}
    flat = wholebody(points, np.stack(feet))
    flat[..., 2] = coco_visibility(flat[..., 2])
    mask = np.stack(masks)
    found: dict[str, np.ndarray] = {
        "keypoints_2d": flat,
        "keypoints_3d": wholebody(places, feet_xyz),
        "boxes": _boxes(flat, mask),
        **camera_arrays(passes),
        "joints_3d": motion.joints.astype(np.float32),
        "poses": motion.poses.astype(np.float32),
        "trans": motion.trans.astype(np.float32),
        "betas": motion.betas.astype(np.float32),
        "facial_actions": motion.facial_actions.astype(np.float32),
    }
    kept = {"masks": mask} if "masks" in layers else {}
    kept |= {"depth": np.stack(depths)} if depths else {}
    kept |= {"flow": np.stack(flows)} if flows else {}
    return Annotations(found, kept)


def camera_arrays(passes: PassSet) -> dict[str, np.ndarray]:
    """intrinsics (3, 3) in pixels; from_source (4, 4): this camera's frame from the source's."""
    camera = passes.camera
    matrix = [[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]]
    return {
        "intrinsics": np.array(matrix, np.float64),
        "from_source": np.array(passes.info["from_source"], np.float64),
    }


def seen_motion(passes: PassSet, avatar: Avatar, performance: Motion) -> Motion:
    """The performance in the frame of the camera that the passes were rendered through."""
    matrix = np.array(passes.info["from_source"])
    return View(passes.camera, matrix[:3, :3], matrix[:3, 3]).of(performance, avatar)


def to_millimetres(depth: np.ndarray) -> np.ndarray:
    """uint16 millimetres of metres; 0 where there is nothing, as depth sensors write it."""
    near = np.where(np.isfinite(depth), depth, 0.0) * MILLIMETRES
    return np.clip(np.rint(near), 0, 65535).astype(np.uint16)


def detected_keypoints(passes: PassSet) -> Keypoints:
    """The points as a perfect detector would give them, for a `.pose` file.

    Confidence is 1 where a point is seen, 0.5 where it is hidden, 0 outside the picture; z is the
    depth from hips, wrist or the middle of the face, in pixels at that depth.
    """
    points, camera = passes.points, passes.camera
    names = {"body": "body33", "left_hand": "left_hand", "right_hand": "right_hand",
             "face": "face478"}  # fmt: skip
    parts = {}
    for name, key in names.items():
        flat, places = points[key], points[f"{key}_xyz"]
        rows = {"body": [23, 24], "face": list(range(places.shape[1]))}.get(name, [0])
        origin = places[:, rows, 2].mean(axis=1, keepdims=True)
        depth = (places[..., 2] - origin) * camera.fx / np.maximum(origin, 0.05)
        parts[name] = np.concatenate([flat[..., :2], depth[..., None], flat[..., 2:]], axis=-1)
    places = points["body33_xyz"]
    world = places - places[:, [23, 24]].mean(axis=1, keepdims=True)
    parts["body_world"] = np.concatenate([world, parts["body"][..., 3:]], axis=-1)
    return Keypoints(passes.fps, camera.width, camera.height, **parts)


def _boxes(points: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """(T, 4, 4) x0, y0, x1, y1 in pixels of BOXES: the person's mask, and the points of each part
    inside the picture; 0 where there is nothing."""
    found = np.zeros((len(points), len(BOXES), 4), np.float32)
    for frame, (flat, mask) in enumerate(zip(points, masks, strict=True)):
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if len(rows):
            found[frame, 0] = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
        for place, name in enumerate(BOXES[1:], start=1):
            part = flat[_RANGES[name]]
            inside = part[part[:, 2] > 0, :2]
            if len(inside) >= 2:
                found[frame, place] = [*inside.min(axis=0), *inside.max(axis=0)]
    return found
