"""The clips that a recipe names: files, rows of manifests, and made-up handshapes."""

from __future__ import annotations

import csv
import glob
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..files import sha256
from ..render.handshapes import HANDSHAPES
from .recipe import Clips, Recipe, refuse
from .yaml_lines import Lines

KNOWN_COLUMNS = ("id", "path", "gloss", "text", "language", "signer")


@dataclass(frozen=True)
class Clip:
    """One source of signing.

    id: unique, made of letters, digits, _ and -. path: absolute, None for a made-up one.
    sha256: of the file. handshape, number: what a made-up one shows, and which of several it is.
    labels: what is carried along. where: how an error names it.
    """

    id: str
    path: str | None
    sha256: str
    labels: dict[str, Any]
    where: str
    handshape: str | None = None
    number: int = 0
    fps: float | None = None
    licence: str | None = None
    consent: str | None = None

    @property
    def content(self) -> dict[str, Any]:
        """What decides its motion and labels: JSON values, no path of this machine."""
        left_out = ("path", "where")
        return {name: value for name, value in asdict(self).items() if name not in left_out}


def find_clips(recipe: Recipe, path: Path, lines: Lines) -> list[Clip]:
    """Every clip, in the recipe's order; `path` is the recipe's, which relative names start from.

    Raises:
        UserError: nothing is found, a manifest cannot be used, or two clips have one id.
    """
    clips: list[Clip] = []
    for index, entry in enumerate(recipe.clips):
        way = ("clips", index)
        if entry.files is not None:
            clips += _files(entry, path, lines, (*way, "files"))
        elif entry.manifest is not None:
            clips += _manifest(entry, path, lines, (*way, "manifest"))
        else:
            clips += _handshapes(entry, recipe.seed, path, lines, (*way, "handshapes"))
    twice = [name for name, count in Counter(clip.id for clip in clips).items() if count > 1]
    if twice:
        both = " and ".join(clip.where for clip in clips if clip.id == twice[0])
        raise UserError(f"Two clips have the id {twice[0]!r} ({both}): give each its own.")
    return clips


def _files(entry: Clips, recipe: Path, lines: Lines, way: tuple[str | int, ...]) -> Iterator[Clip]:
    pattern = str(recipe.parent / str(entry.files))
    found = sorted(glob.glob(pattern, recursive=True))
    if not found:
        raise refuse(recipe, lines, way, f"nothing matches {entry.files!r}; mend the pattern.")
    for name in found:
        yield _clip(entry, Path(name), Path(name).stem, {}, str(Path(name)))


def _manifest(
    entry: Clips, recipe: Path, lines: Lines, way: tuple[str | int, ...]
) -> Iterator[Clip]:
    path = recipe.parent / str(entry.manifest)
    if not path.is_file():
        raise refuse(recipe, lines, way, f"there is no manifest {path}; mend the path.")
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = csv.DictReader(text.splitlines(), strict=True)
        columns = rows.fieldnames or []
        if "path" not in columns:
            raise UserError(f"{path}, line 1: a manifest needs a column named path.")
        for row in rows:
            where = f"{path}, line {rows.line_num}"
            if None in row or None in row.values():
                raise UserError(f"{where}: it has not as many columns as the first line.")
            if not row["path"].strip():
                raise UserError(f"{where}: the path is empty.")
            file = path.parent / row["path"].strip()
            if not file.exists():
                raise UserError(f"{where}: there is no file {file}.")
            labels = {k: v.strip() for k, v in row.items() if k not in ("id", "path") and v.strip()}
            yield _clip(entry, file, (row.get("id") or "").strip() or file.stem, labels, where)
    except (csv.Error, UnicodeDecodeError) as error:
        raise UserError(f"{path} is no CSV that can be read ({error}).") from None


def _clip(entry: Clips, path: Path, name: str, labels: dict[str, str], where: str) -> Clip:
    given: dict[str, Any] = dict(entry.labels)
    given |= {k: getattr(entry, k) for k in ("language", "signer") if getattr(entry, k)}
    return Clip(
        id=_key(name),
        path=str(path.resolve()),
        sha256=sha256(path),
        labels=given | labels,
        where=where,
        fps=entry.fps,
        licence=entry.licence,
        consent=entry.consent,
    )


def _handshapes(
    entry: Clips, seed: int, recipe: Path, lines: Lines, way: tuple[str | int, ...]
) -> Iterator[Clip]:
    names = list(HANDSHAPES) if entry.handshapes == "all" else list(entry.handshapes or ())
    for index, name in enumerate(names):
        if name not in HANDSHAPES:
            why = f"there is no handshape {name!r}; known are {', '.join(HANDSHAPES)}."
            raise refuse(recipe, lines, (*way, index), why)
        for number in range(entry.count):
            labels = {**entry.labels, "handshape": name}
            yield Clip(
                id=f"hand-{name}-{number:03d}",
                path=None,
                sha256=f"handshape {name} {number} {seed}",
                labels=labels,
                where=f"{recipe}, handshape {name}",
                handshape=name,
                number=number,
                licence=entry.licence,
            )


def _key(name: str) -> str:
    """A name as part of a key: WebDataset ends a key at the first dot."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_") or "clip"
