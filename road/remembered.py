"""What a run's folder remembers for later commands: its source, and how its passes were seen."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..files import read_json, sha256, write_json
from .lock import STATE_FOLDER
from .options import Viewing

SOURCE_NOTE = "source.json"
VIEWING_NOTE = "viewing.json"


def remember_source(folder: Path, clip: Path, private: bool) -> None:
    """Note where the motion comes from; of a private clip nothing, so that nobody finds it."""
    source: dict[str, Any] = {"clip": str(clip.resolve()), "sha256": sha256(clip)}
    if private:
        source = {"private": True}
    write_json(folder / STATE_FOLDER / SOURCE_NOTE, source)


def source_clip(folder: Path) -> Path | None:
    """What the motion in `folder` came from, if it still stands where it stood, unchanged."""
    note = folder / STATE_FOLDER / SOURCE_NOTE
    if not note.is_file():
        return None
    source = read_json(note)
    if source.get("private"):
        return None
    clip = Path(source["clip"])
    return clip if clip.exists() and sha256(clip) == source["sha256"] else None


def is_private(folder: Path) -> bool:
    """Whether the motion in `folder` is there to be anonymised (`run_anonymize`)."""
    note = folder / STATE_FOLDER / SOURCE_NOTE
    return note.is_file() and bool(read_json(note).get("private"))


def remember_viewing(folder: Path, viewing: Viewing) -> None:
    """Note the viewing as JSON values, its files by their whole paths."""
    values = asdict(viewing)
    for name in ("camera", "backdrop", "hdri", "avatar", "rig"):
        if values[name] is not None and Path(values[name]).is_file():
            values[name] = str(Path(values[name]).resolve())
    write_json(folder / STATE_FOLDER / VIEWING_NOTE, values)


def viewing_before(folder: Path) -> Viewing:
    """What the passes in `folder` were last seen like."""
    note = folder / STATE_FOLDER / VIEWING_NOTE
    if not note.is_file():
        return Viewing()
    values = read_json(note)
    for name in ("hdri", "avatar", "rig"):
        if values.get(name) is not None:
            values[name] = Path(values[name])
    return Viewing(**values)
