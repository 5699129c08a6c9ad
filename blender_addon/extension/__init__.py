"""DiffSign in Blender. All code comes with the wheel beside this file (see blender_addon/build)."""

import sys


def register() -> None:
    from diffsign import blender_addon

    blender_addon.register(__package__)


def unregister() -> None:
    from diffsign import blender_addon

    blender_addon.unregister()
    # So that an updated extension loads its own new wheel when it is enabled again.
    for name in [name for name in sys.modules if name.split(".")[0] == "diffsign"]:
        del sys.modules[name]
