"""The engines that make the beauty picture, and the graphics card where there is one.

The data layers never depend on them (see `surface`). Runs inside Blender.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UserError
from . import cycles
from .cycles import Box, Quality

ENGINES = ("cycles", "eevee", "workbench")
DEVICES = ("auto", "cpu", "gpu")
_CARD_KINDS = ("OPTIX", "CUDA", "HIP", "METAL", "ONEAPI")
"""Cycles' interfaces to graphics cards, the fastest first where a card has two."""


def _eevee() -> str:
    """What Blender calls it: 4.2 to 4.5 had two of them."""
    import bpy

    return "BLENDER_EEVEE_NEXT" if bpy.app.version < (5, 0, 0) else "BLENDER_EEVEE"


def prepare(scene: Any, engine: str, device: str, threads: int | None, cut_out: bool) -> str:
    """Set an engine up once for a scene.

    device: "auto" takes a graphics card where there is one. cut_out: before nothing, with alpha.

    Returns:
        What renders, in words.

    Raises:
        UserError: a graphics card is wanted and there is none.
    """
    if engine == "cycles":
        cycles.prepare(scene, threads)
        said = _choose_device(scene, device)
    else:
        cycles.prepare_output(scene, threads)
        name = _eevee() if engine == "eevee" else "BLENDER_WORKBENCH"
        scene.render.engine = name
        said = f"{engine} (OpenGL)"
        if engine == "workbench":
            _set_workbench(scene)
    scene.render.film_transparent = cut_out
    return said


def render_picture(scene: Any, frame: int, scratch: Path, quality: Quality, box: Box) -> np.ndarray:
    """The box's part (h, w, 4) of the picture: float32, linear RGB (premultiplied) and alpha."""
    if scene.render.engine == "CYCLES":
        cycles.set_quality(scene, quality)
    elif scene.render.engine == "BLENDER_WORKBENCH":
        scene.display.render_aa = _workbench_samples(quality.samples)
    else:
        scene.eevee.taa_render_samples = quality.samples
    return np.ascontiguousarray(cycles.render(scene, frame, scratch, box)["Combined"][..., :4])


def graphics_card(preferences: Any) -> tuple[str, list[str]] | None:
    """(kind, names) of the cards that Cycles can use; None where there is none."""
    for kind in _CARD_KINDS:
        try:
            found = preferences.get_devices_for_type(kind)
        except ValueError:  # this build of Blender knows no such kind
            continue
        names = [device.name for device in found if device.type == kind]
        if names:
            return kind, names
    return None


def _choose_device(scene: Any, device: str) -> str:
    import bpy

    if device == "cpu":
        return "cycles on the processor"
    preferences = bpy.context.preferences.addons["cycles"].preferences
    card = graphics_card(preferences)
    if card is None:
        if device == "gpu":
            raise UserError(
                "--device gpu: Blender finds no graphics card that Cycles can use here; leave the "
                "option out to render on the processor."
            )
        return "cycles on the processor"
    kind, names = card
    preferences.compute_device_type = kind
    for entry in preferences.devices:
        entry.use = entry.type == kind
    scene.cycles.device = "GPU"
    return f"cycles on {names[0]} ({kind})"


def _set_workbench(scene: Any) -> None:
    shading = scene.display.shading
    shading.light = "STUDIO"
    shading.color_type = "VERTEX"
    shading.show_cavity = False
    shading.show_shadows = False
    shading.show_specular_highlight = False
    shading.studio_light = "paint.sl"


def _workbench_samples(samples: int) -> str:
    for choice in (5, 8, 11, 16):
        if samples <= choice:
            return str(choice)
    return "32"
