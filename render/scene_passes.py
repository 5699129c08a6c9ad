"""The passes of a Blender scene as it stands: any character, any camera. Runs inside Blender.

What `passes` makes of an avatar's clip, this makes of whatever the scene shows through its own
camera, for the add-on. Cycles makes the data layers; the scene is left as it was found.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UserError
from ..files import write_json
from . import cycles, engines
from .avatar.parts import PARTS
from .camera import scene_camera
from .conditioning import DEFAULT_MAPS, DRAWERS, DepthRange, FrameSource, draw
from .cycles import Box, Quality
from .frame_file import LAYERS, read_frame, write_frame
from .pass_frame import to_srgb_bytes, write_picture
from .pass_set import (
    BEAUTY_FILE,
    CONDITIONING_FILE,
    FORMAT,
    FRAME_FILE,
    INDEX_FILE,
    POINTS_FILE,
    VERSION,
)
from .points import POINT_SETS, project_points
from .scene_settings import kept

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class ScenePasses:
    """Settings: samples and denoise of the picture; engine, device: see `engines`; maps: the
    conditioning pictures to draw (openpose and mediapipe_face need places)."""

    samples: int = 16
    denoise: bool = True
    engine: str = "cycles"
    device: str = "auto"
    maps: tuple[str, ...] = DEFAULT_MAPS


def render_into(
    scene: Any,
    out: str | Path,
    frames: Sequence[int] | None = None,
    options: ScenePasses | None = None,
    places: Mapping[str, np.ndarray] | None = None,
    progress: Progress | None = None,
) -> Path:
    """Render a scene's passes through its camera into a folder, as `pass_set` describes it.

    Args:
        frames: the scene's own range where None.
        places: points (T, N, 3) in the world, metres, by their names in `points.POINT_SETS`, for
            the pose maps.

    Returns:
        The path of passes.json.

    Raises:
        UserError: the scene has no camera with a perspective, it sees nothing, or an option is
            not known.
    """
    options, places, out = options or ScenePasses(), places or {}, Path(out)
    numbers = range(scene.frame_start, scene.frame_end + 1) if frames is None else frames
    for name in options.maps:
        if name not in DRAWERS:
            raise UserError(f"There is no conditioning map {name!r}: use {', '.join(DRAWERS)}.")
    if options.engine not in engines.ENGINES:
        raise UserError(f"There is no engine {options.engine!r}: use {engines.ENGINES}.")
    camera = scene_camera(scene)
    points = {
        name: np.zeros((len(numbers), POINT_SETS[name].count, 3), np.float32) for name in places
    }
    metres = {name: np.zeros_like(found) for name, found in points.items()}
    near, far = np.inf, -np.inf
    with kept(scene), tempfile.TemporaryDirectory(prefix="diffsign-") as scratch:
        objects = _number_objects(scene)
        for index, number in enumerate(numbers):
            layers = _frame_layers(scene, number, Path(scratch), options)
            depth = layers["depth"]
            seen = depth[np.isfinite(depth)]
            if len(seen):
                near, far = min(near, float(seen.min())), max(far, float(seen.max()))
            turn, eye = cycles.camera_pose(scene)
            for name, world in places.items():
                metres[name][index] = (world[index] - eye) @ turn * [1.0, -1.0, -1.0]
                slack = POINT_SETS[name].slack
                points[name][index] = project_points(metres[name][index], camera, depth, slack)
            write_picture(out / BEAUTY_FILE.format(index), to_srgb_bytes(layers["beauty"]))
            write_frame(out / FRAME_FILE.format(index), layers, "scene")
            if progress is not None:
                progress(index + 1, len(numbers))
        fps = scene.render.fps / scene.render.fps_base
    if not np.isfinite(near):
        raise UserError("The scene's camera sees no surface in these frames: point it at one.")
    clip_range = DepthRange(near, far)
    _draw_maps(out, len(numbers), options.maps, points, clip_range)
    _save_points(out, points, metres)
    content = {
        "format": FORMAT,
        "version": VERSION,
        "fps": fps,
        "width": camera.width,
        "height": camera.height,
        "frame_count": len(numbers),
        "first_frame": int(numbers[0]),
        "camera": {name: getattr(camera, name) for name in ("fx", "fy", "cx", "cy")},
        "source_view": False,
        "frame": "camera frame: x right, y down, z forward, metres, the camera at the origin; "
        "the centre of the top-left pixel is (0.5, 0.5)",
        "layers": {name: asdict(layer) for name, layer in LAYERS.items()},
        "parts": list(PARTS),
        "objects": objects,
        "depth_range": asdict(clip_range),
        "points": POINTS_FILE,
        "point_sets": {name: POINT_SETS[name].count for name in points},
        "conditioning": list(options.maps),
        "files": {
            "frame": FRAME_FILE,
            "beauty": BEAUTY_FILE,
            "conditioning": CONDITIONING_FILE,
        },
        "signer": None,
        "options": asdict(options),
        "job": "scene",
    }
    write_json(out / INDEX_FILE, content)
    return out / INDEX_FILE


def _frame_layers(
    scene: Any, number: int, scratch: Path, options: ScenePasses
) -> dict[str, np.ndarray]:
    """Every layer of one frame: the data by Cycles, then the picture by the wanted engine."""
    cycles.prepare(scene)
    layers = cycles.render_data(scene, number, scratch)
    engines.prepare(scene, options.engine, options.device, None, cut_out=False)
    height, width = layers["depth"].shape
    quality = Quality(options.samples, options.denoise)
    whole = Box(0, 0, width, height)
    layers["beauty"] = engines.render_picture(scene, number, scratch, quality, whole)[..., :3]
    return layers


def _number_objects(scene: Any) -> dict[str, str]:
    """Names by pass index; objects are numbered where the scene's own are not."""
    meshes = [thing for thing in scene.objects if thing.type in ("MESH", "CURVES", "CURVE")]
    if not any(thing.pass_index for thing in meshes):
        for index, thing in enumerate(meshes, start=1):
            thing.pass_index = index
    return {str(thing.pass_index): thing.name for thing in meshes}


def _draw_maps(
    out: Path,
    count: int,
    maps: tuple[str, ...],
    points: Mapping[str, np.ndarray],
    clip_range: DepthRange,
) -> None:
    """The conditioning pictures, once the clip's depth range is known."""
    drawn = [name for name in maps if points or name not in ("openpose", "mediapipe_face")]
    for index in range(count):
        found = read_frame(out / FRAME_FILE.format(index), ("depth", "normal", "beauty"))
        own = {name: values[index] for name, values in points.items()}
        beauty = to_srgb_bytes(found["beauty"])
        source = FrameSource(found["depth"], found["normal"], beauty, own, clip_range)
        for name in drawn:
            path = out / CONDITIONING_FILE.format(index, name=name)
            write_picture(path, draw(name, source))


def _save_points(
    out: Path, points: Mapping[str, np.ndarray], metres: Mapping[str, np.ndarray]
) -> None:
    from ..files import atomic_path

    arrays = {**points, **{f"{name}_xyz": values for name, values in metres.items()}}
    with atomic_path(out / POINTS_FILE) as partial, open(partial, "wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
