"""The focal length that a phone writes into its film.

iPhones store the 35 mm equivalent of the lens among the QuickTime metadata of the video track
(Apple, QuickTime File Format, "Metadata": a list of keys and a list of their values), where FFmpeg
does not look. An equivalent focal length is defined by the diagonal of the picture, which is 43.27
mm on 35 mm film (CIPA DCG-001).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from pathlib import Path

_KEY = b"com.apple.quicktime.camera.focal_length.35mm_equivalent"
_DIAGONAL = math.hypot(36, 24)
_CONTAINERS = (b"moov", b"trak", b"udta")
_NUMBERS = {21: ">i", 22: ">I", 23: ">f", 24: ">d", 66: ">h", 76: ">H", 67: ">i", 77: ">I"}
_LARGEST = 64 << 20
"""Bytes of a film's index that are read; a longer one is taken for broken."""

_PLAUSIBLE = (8.0, 400.0)


def fov_of_video(path: str | Path, width: int, height: int) -> float | None:
    """Vertical field of view in degrees of an upright picture, by the film's metadata.

    None where the file names no lens, or cannot be read: the fit then estimates it.
    """
    try:
        found = [value for value in _lenses(Path(path)) if _PLAUSIBLE[0] < value < _PLAUSIBLE[1]]
    except (OSError, struct.error, ValueError):
        return None
    if not found:
        return None
    focal = found[0] / _DIAGONAL * math.hypot(width, height)
    return math.degrees(2 * math.atan(height / 2 / focal))


def _lenses(path: Path) -> list[float]:
    """Equivalent focal lengths (mm) that the index of a film names."""
    with path.open("rb") as file:
        end = file.seek(0, 2)
        place = 0
        while place + 8 <= end:
            file.seek(place)
            size, kind = struct.unpack(">I4s", file.read(8))
            head = 8
            if size == 1:
                size, head = struct.unpack(">Q", file.read(8))[0], 16
            if size == 0:
                size = end - place
            if size < head:
                break
            if kind == b"moov" and size <= _LARGEST:
                return list(_walked(file.read(size - head)))
            place += size
    return []


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 0
    while place + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        if not 8 <= size <= len(data) - place:
            return
        yield kind, data[place + 8 : place + size]
        place += size


def _walked(data: bytes) -> Iterator[float]:
    for kind, inside in _boxes(data):
        if kind in _CONTAINERS:
            yield from _walked(inside)
        elif kind == b"meta":
            parts = dict(_boxes(inside))
            if b"keys" not in parts:  # MPEG-4's has a version before its boxes, QuickTime's none
                parts = dict(_boxes(inside[4:]))
            yield from _values(parts.get(b"keys", b""), parts.get(b"ilst", b""))


def _values(keys: bytes, items: bytes) -> Iterator[float]:
    names = [name for _, name in _boxes(keys[8:])]
    for index, item in _boxes(items):
        row = int.from_bytes(index, "big") - 1
        if not 0 <= row < len(names) or names[row] != _KEY:
            continue
        for kind, value in _boxes(item):
            if kind == b"data" and len(value) > 8:
                code, payload = int.from_bytes(value[:4], "big"), value[8:]
                form = _NUMBERS.get(code)
                if form and len(payload) == struct.calcsize(form):
                    yield float(struct.unpack(form, payload)[0])
                elif code == 1:
                    yield float(payload.decode("utf-8", "replace").strip().removesuffix("mm"))
