"""Leave a Blender scene's settings as they were found. Runs inside Blender."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

Snapshot = list[tuple[Any, dict[str, Any]]]


@contextmanager
def kept(scene: Any) -> Iterator[None]:
    """Whatever the block sets, the scene's settings are afterwards as they were before.

    Settings of rendering, engines, colour, layers and output, the world, the frame, and the pass
    indices of objects and materials.
    """
    before = settings(scene)
    world, frame, subframe = scene.world, scene.frame_current, scene.frame_subframe
    try:
        yield
    finally:
        scene.world = world
        # Twice: some settings can only be had once another, later one, is back.
        for _ in range(2):
            for owner, values in before:
                for name, value in _values(owner, values).items():
                    if value != values[name]:
                        with suppress(TypeError, AttributeError, ValueError):
                            setattr(owner, name, values[name])
        scene.frame_set(frame, subframe=subframe)


def settings(scene: Any) -> Snapshot:
    """Every simple setting that a render may touch, owner by owner."""
    owners = [
        scene.render.image_settings,
        scene.render,
        scene.cycles,
        scene.eevee,
        scene.display,
        scene.display.shading,
        scene.view_settings,
        scene.display_settings,
        *scene.view_layers,
        *(layer.cycles for layer in scene.view_layers),
    ]
    found = [(owner, _values(owner)) for owner in owners]
    for thing in (*scene.objects, *_materials(scene)):
        found.append((thing, _values(thing, ("pass_index",))))
    return found


def _materials(scene: Any) -> list[Any]:
    slots = [slot for thing in scene.objects for slot in thing.material_slots]
    return [slot.material for slot in slots if slot.material is not None]


def _values(owner: Any, names: Iterable[str] | None = None) -> dict[str, Any]:
    """The owner's simple settings, or those named, by name."""
    found = {}
    for entry in owner.bl_rna.properties:
        name = entry.identifier
        if name in _LEFT_ALONE or (names is not None and name not in names):
            continue
        if entry.is_readonly or entry.type in ("POINTER", "COLLECTION"):
            continue
        value = getattr(owner, name)
        found[name] = tuple(value) if getattr(entry, "is_array", False) else value
    return found


_LEFT_ALONE = ("preview_pause", "wireframe_color_type", "background_type")
"""Settings of windows, which complain without one and which no render touches."""
