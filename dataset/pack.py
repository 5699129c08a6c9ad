"""One sample as a tar of its own: the same sample is the same bytes."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..files import atomic_path

Member = tuple[str, bytes]


def add_member(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    """Add a file without time, owner and mode of its own."""
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    entry.mode = 0o644
    archive.addfile(entry, io.BytesIO(content))


def write_tar(path: Path, members: Iterable[Member]) -> None:
    """Write a tar (GNU), whole or not at all."""
    with (
        atomic_path(path) as partial,
        tarfile.open(partial, "w", format=tarfile.GNU_FORMAT) as archive,
    ):
        for name, content in members:
            add_member(archive, name, content)


def read_tar(path: Path) -> Iterator[Member]:
    """The members of a tar in their order."""
    with tarfile.open(path) as archive:
        for entry in archive:
            file = archive.extractfile(entry)
            assert file is not None
            yield entry.name, file.read()


def json_bytes(value: Any) -> bytes:
    """JSON in one line, keys as they come; NaN is refused."""
    return (json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n").encode()


def npz_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """A compressed .npz; numpy writes no time into it."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def read_npz(content: bytes) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(content), allow_pickle=False) as data:
        return {name: data[name] for name in data.files}
