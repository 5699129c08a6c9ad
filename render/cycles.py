"""One frame through Cycles: the data layers, and the picture. Runs inside Blender.

What Cycles does to each layer (read in its source, and tested): depth, position, object and
material index are written by a pixel's first sample alone; normal, UV and motion are averaged over
the samples. Antialiasing would therefore move the first group off the pixel's centre and smear the
second over edges. So a frame is rendered twice from one prepared scene: once with one sample
through the pixel's centre, for data, and once with antialiasing, for the picture.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

CENTRE_FILTER_PIXELS = 0.01
PICTURE_FILTER_PIXELS = 1.3
FAR_AWAY_METRES = 1e9
EDGE_PIXELS = 3


@dataclass(frozen=True)
class Quality:
    """samples per pixel; denoise with OpenImageDenoise, smooth: by its best network, not its
    fastest; bounces of light between surfaces."""

    samples: int
    denoise: bool = True
    smooth: bool = False
    bounces: int = 1


@dataclass(frozen=True)
class Box:
    """A part of the picture in pixels, from the top left: columns left to right (exclusive), rows
    top to bottom (exclusive)."""

    left: int
    top: int
    right: int
    bottom: int


def prepare(scene: Any, threads: int | None = None) -> None:
    """Set Cycles up once for a scene: CPU, persistent data, all layers, linear EXR out."""
    prepare_output(scene, threads)
    scene.render.engine = "CYCLES"
    cycles = scene.cycles
    cycles.device = "CPU"
    cycles.use_adaptive_sampling = False
    cycles.use_preview_denoising = False
    cycles.transparent_max_bounces = 6
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_indirect = 4.0
    cycles.use_light_tree = False  # a few lamps: sampling them in turn is cheaper
    cycles.sampling_pattern = "TABULATED_SOBOL"


def one_quality(scene: Any) -> None:
    """Sample by blue noise, which denoises better (6 % less error at 4 samples).

    Only for a scene whose pictures all have one number of samples: Cycles keeps the pattern of the
    first it saw, so that a picture would depend on those before it.
    """
    scene.cycles.sampling_pattern = "BLUE_NOISE"


def prepare_output(scene: Any, threads: int | None = None) -> None:
    """What every engine shares: one view layer, no effects, all in linear EXR."""
    render = scene.render
    render.use_multiview = False
    render.use_persistent_data = True
    render.use_motion_blur = False
    render.use_compositing = render.use_sequencer = False
    render.film_transparent = False
    render.threads_mode = "FIXED"
    render.threads = threads or os.cpu_count() or 1
    scene.view_settings.view_transform = "Standard"
    scene.view_settings.look = "None"
    image = render.image_settings
    image.file_format = "OPEN_EXR_MULTILAYER"
    image.color_depth = "32"
    image.exr_codec = "NONE"


@contextmanager
def _data_settings(scene: Any, motion: bool) -> Iterator[None]:
    """One sample through the centre of each pixel and every layer on; all layers off after."""
    layer = scene.view_layers[0]
    passes = ["z", "normal", "uv", "position", "object_index", "material_index"]
    passes += ["vector"] if motion else []
    cycles = scene.cycles
    cycles.samples = 1
    cycles.use_denoising = False
    cycles.max_bounces = 0
    cycles.pixel_filter_type = "BOX"
    cycles.filter_width = CENTRE_FILTER_PIXELS
    scene.render.filter_size = CENTRE_FILTER_PIXELS
    for name in passes:
        setattr(layer, f"use_pass_{name}", True)
    try:
        yield
    finally:
        for name in passes:
            setattr(layer, f"use_pass_{name}", False)


def render_data(
    scene: Any, frame: int, scratch: Path, motion: bool = True
) -> dict[str, np.ndarray]:
    """The data layers of one frame through the scene's camera, in the conventions of `pass_set`.

    Motion takes evaluating the neighbouring frames too; without it that layer is left out.

    Returns:
        depth (H,W) metres along the camera's z, inf on the background; normal (H,W,3) camera
        space, x right, y up, z to the viewer; normal_world (H,W,3) of the scene; position
        (H,W,3) metres in the camera's frame; uv (H,W,2); motion (H,W,4) pixels, x right, y down:
        where the point was in the frame before minus where it is, then where it will be minus
        where it is; object and part (H,W). All float32; all 0 on the background but depth.
    """
    with _data_settings(scene, motion):
        raw = render(scene, frame, scratch)
    turn, place = camera_pose(scene)
    depth = raw["Depth"][..., 0]
    seen = depth < FAR_AWAY_METRES
    mask = seen[..., None]
    layers = {
        "depth": np.where(seen, depth, np.inf).astype(np.float32),
        "normal": np.where(mask, raw["Normal"] @ turn, 0).astype(np.float32),
        "normal_world": np.where(mask, raw["Normal"], 0).astype(np.float32),
        "position": np.where(mask, (raw["Position"] - place) @ turn * _CAMERA_FROM_VIEW, 0).astype(
            np.float32
        ),
        "uv": np.where(mask, raw["UV"][..., :2], 0).astype(np.float32),
        "object": np.where(seen, raw["IndexOB"][..., 0], 0).astype(np.float32),
        "part": np.where(seen, raw["IndexMA"][..., 0], 0).astype(np.float32),
    }
    if motion:
        # Blender gives (before - now, now - after), y up.
        vector = raw["Vector"] * [1, -1, -1, 1]
        layers["motion"] = np.where(mask, vector, 0).astype(np.float32)
    return layers


_CAMERA_FROM_VIEW = np.array([1.0, -1.0, -1.0])


def camera_pose(scene: Any) -> tuple[np.ndarray, np.ndarray]:
    """(3, 3) the axes of the scene's camera (x right, y up, z to the viewer) as columns in the
    world, and its place (3,), both in the frame that stands."""
    import bpy

    found = scene.camera.evaluated_get(bpy.context.evaluated_depsgraph_get()).matrix_world
    matrix = np.array(found)
    axes = matrix[:3, :3]
    return axes / np.linalg.norm(axes, axis=0), matrix[:3, 3]


def render_picture(scene: Any, frame: int, scratch: Path, quality: Quality) -> np.ndarray:
    """The picture (H, W, 3) float32, linear RGB, antialiased."""
    set_quality(scene, quality)
    return np.ascontiguousarray(render(scene, frame, scratch)["Combined"][..., :3])


def _has_denoiser(cycles: Any) -> bool:
    """Whether this Blender was built with the denoiser: some distributions leave it out."""
    try:
        cycles.denoiser = "OPENIMAGEDENOISE"
    except TypeError:
        return False
    return True


def set_quality(scene: Any, quality: Quality) -> None:
    """Samples, denoising and filter of the pictures that follow."""
    cycles = scene.cycles
    cycles.samples = quality.samples
    cycles.max_bounces = cycles.diffuse_bounces = quality.bounces
    cycles.glossy_bounces = quality.bounces
    cycles.pixel_filter_type = "BLACKMAN_HARRIS"
    cycles.filter_width = PICTURE_FILTER_PIXELS
    cycles.use_denoising = quality.denoise and _has_denoiser(cycles)
    if cycles.use_denoising:
        cycles.denoiser = "OPENIMAGEDENOISE"
        cycles.denoising_input_passes = "RGB_ALBEDO_NORMAL"
        cycles.denoising_prefilter = "FAST"
        cycles.denoising_quality = "BALANCED" if quality.smooth else "FAST"


def pin_background(picture: np.ndarray, depth: np.ndarray, backdrop: np.ndarray) -> np.ndarray:
    """The picture with its background exactly as it should be: the denoiser shifts it a little.

    Pixels within EDGE_PIXELS of the signer are left alone: they are antialiased.

    Args:
        picture, backdrop: (H, W, 3) linear RGB. depth: (H, W), infinite on the background.
    """
    near = np.isfinite(depth)
    for _ in range(EDGE_PIXELS):
        grown = near.copy()
        grown[1:] |= near[:-1]
        grown[:-1] |= near[1:]
        grown[:, 1:] |= near[:, :-1]
        grown[:, :-1] |= near[:, 1:]
        near = grown
    return np.where(near[..., None], picture, backdrop).astype(np.float32)


def render(scene: Any, frame: int, scratch: Path, box: Box | None = None) -> dict[str, np.ndarray]:
    """Render one frame, or a part of its picture, and give every pass by Blender's name.

    It goes through a multilayer EXR in `scratch`, which is deleted again.
    """
    import bpy

    if scene.frame_current != frame:
        scene.frame_set(frame)
    path = scratch / "render.exr"
    scene.render.filepath = str(path)
    _set_box(scene.render, box)
    bpy.ops.render.render(write_still=True)
    try:
        return _read_layers(path, scene.view_layers[0].name)
    finally:
        path.unlink(missing_ok=True)


def _set_box(render: Any, box: Box | None) -> None:
    render.use_border = render.use_crop_to_border = box is not None
    if box is not None:
        # Blender rounds a border down to pixels: aim at the middle of the rounding.
        width = render.resolution_x * render.resolution_percentage // 100
        height = render.resolution_y * render.resolution_percentage // 100
        render.border_min_x, render.border_max_x = box.left / width, (box.right + 0.01) / width
        render.border_min_y = (height - box.bottom) / height
        render.border_max_y = (height - box.top + 0.01) / height


_ORDER = {"R": 0, "G": 1, "B": 2, "A": 3, "X": 0, "Y": 1, "Z": 2, "W": 3, "U": 0, "V": 1}


def _read_layers(path: Path, view_layer: str) -> dict[str, np.ndarray]:
    """A view layer's passes in a multilayer EXR by Blender's name, (H, W, channels) float32."""
    import OpenImageIO as oiio

    source = oiio.ImageInput.open(str(path))
    if source is None:
        raise RuntimeError(f"Blender wrote no picture: {oiio.geterror()}")
    names = source.spec().channelnames
    pixels = source.read_image("float")
    source.close()
    if pixels is None:
        raise RuntimeError(f"Blender's picture cannot be read: {source.geterror()}")
    grouped: dict[str, list[tuple[int, int]]] = {}
    for channel, name in enumerate(names):
        layer, part, letter = name.rsplit(".", 2)
        if layer == view_layer:
            place = 2 if part == "UV" and letter == "A" else _ORDER[letter.upper()]
            grouped.setdefault(part, []).append((place, channel))
    return {part: pixels[..., [c for _, c in sorted(found)]] for part, found in grouped.items()}
