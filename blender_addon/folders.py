"""The folder that DiffSign works in for this file, and what stands in it."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import Any

import bpy

from ..errors import UserError

FIT, PASSES, AVATARS = "fit", "passes", "avatars"


def absolute(path: str, what: str) -> Path:
    """A path of Blender's as one of the system's.

    Raises:
        UserError: it is empty, or relative to a file that was never saved.
    """
    if not path:
        raise UserError(f"No {what} is chosen: name it in the DiffSign panel.")
    if path.startswith("//") and not bpy.data.filepath:
        raise UserError(
            f"The {what} {path} stands beside this .blend file, which was never saved: save it, or "
            "name another folder."
        )
    return Path(bpy.path.abspath(path))


def existing(path: str, what: str) -> Path:
    """The same of a file or folder that is there."""
    found = absolute(path, what)
    if not found.exists():
        raise UserError(f"There is no {what} at {found}: check its name.")
    return found


def working(settings: Any) -> Path:
    """The folder, made and tried.

    Raises:
        UserError: it cannot be written.
    """
    folder = absolute(settings.folder, "folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=folder, prefix=".diffsign-part")
        os.close(handle)
        os.unlink(name)
    except OSError as error:
        raise UserError(
            f"Nothing can be written into {folder} ({error.strerror}): choose another folder under "
            "Source, or change its permissions."
        ) from error
    return folder


def named_after(path: Path) -> str:
    """A file's name without its suffix, fit for a folder."""
    return re.sub(r"[^\w.-]+", "_", path.stem) or "clip"
