"""The panel for Blender: a thin rim around `retarget/rig`, `render` and the command line.

`register` and `unregister` are what the extension (see `build`) calls; they load Blender's modules,
importing this package does not.
"""

from __future__ import annotations


def register(package: str = __package__) -> None:
    """Register everything. package: the add-on's name as Blender knows it."""
    from . import registration

    registration.register(package)


def unregister() -> None:
    """Take everything back: classes, settings, caches, and the job that may run."""
    from . import registration

    registration.unregister()
