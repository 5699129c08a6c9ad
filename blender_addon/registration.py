"""What Blender is told of, in order, and taken back in the reverse order."""

from __future__ import annotations

import bpy

from . import (
    avatar_operators,
    characters,
    dataset_operators,
    export_operators,
    fit_operators,
    generate_operators,
    jobs,
    operator,
    panels,
    pass_operators,
    preferences,
    retarget_operators,
    settings,
)

_MODULES = (
    settings,
    operator,
    preferences,
    fit_operators,
    avatar_operators,
    retarget_operators,
    pass_operators,
    generate_operators,
    export_operators,
    dataset_operators,
    panels,
)


def register(package: str) -> None:
    preferences.set_package(package)
    for module in _MODULES:
        for each in module.CLASSES:
            bpy.utils.register_class(each)
    bpy.types.Scene.diffsign = bpy.props.PointerProperty(type=settings.DIFFSIGN_PG_scene)


def unregister() -> None:
    jobs.finish()
    characters.forget()
    operator.forget()
    del bpy.types.Scene.diffsign
    for module in reversed(_MODULES):
        for each in reversed(module.CLASSES):
            bpy.utils.unregister_class(each)
