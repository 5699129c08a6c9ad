"""Find a body: the open one (built once, then cached) or the user's own SMPL-X file."""

from __future__ import annotations

import functools
import os
from pathlib import Path

from ...errors import UserError
from ...files import atomic_path
from .model import Body, read_body, write_body

OPEN_BODY_VERSION = 2


def cache_folder() -> Path:
    """Where built bodies are kept: ``$DIFFSIGN_CACHE`` or the user's cache folder."""
    import platformdirs

    override = os.environ.get("DIFFSIGN_CACHE")
    return Path(override) if override else Path(platformdirs.user_cache_dir("diffsign"))


def open_body_path() -> Path:
    """The file of the built open body (it need not exist yet)."""
    return cache_folder() / f"open_body_v{OPEN_BODY_VERSION}.npz"


@functools.lru_cache(maxsize=2)
def load_body(name: str = "open", path: str | Path | None = None) -> Body:
    """The body called name.

    Args:
        name: 'open' (the package anny, built and cached on first use, about a minute), or
            'smplx' (the user's licensed file or its folder at path).

    Raises:
        UserError: an unknown name, or no usable file at path.
    """
    if name == "open":
        cached = open_body_path()
        if not cached.is_file():
            from .open_body import build_open_body

            cached.parent.mkdir(parents=True, exist_ok=True)
            body = build_open_body()
            with atomic_path(cached) as temporary:
                write_body(Path(temporary), body)
        return read_body(cached)
    if name == "smplx":
        from .smplx_file import read_smplx

        if path is None:
            raise UserError("--body smplx needs --body-path: the SMPL-X model file or its folder.")
        return read_smplx(Path(path))
    raise UserError(f"Unknown body {name!r}: use open or smplx.")
