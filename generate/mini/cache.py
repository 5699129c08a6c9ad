"""Rendered samples as memory-mapped arrays, so that a crop costs a copy and not a PNG.

`render/synthesis.py` writes a sample as `{id:06d}_{beauty,target,normal,openpose,part}.png` and
`{id:06d}.json`. Decoding five PNGs costs as much as a training step on a crop, so they are decoded
once into arrays that every process maps.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ...errors import UserError
from ...files import atomic_dir
from ...render.avatar.parts import PART_INDEX
from ...render.avatar.record import Signer

PICTURES = ("beauty", "target", "normal", "openpose")
THUMB = 160
"""Side of the small pictures from which appearance images are cropped, pixels."""

BOXES = ("face", "left_hand", "right_hand")
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Samples:
    """N samples of one square size S, mapped read-only.

    `pictures[name]` (N,S,S,3) uint8 sRGB or drawing, `part` (N,S,S) uint8 part index, `thumbs`
    (N,160,160,3) and `thumb_parts` (N,160,160) of the target, `boxes` (N,3,4) x0,y0,x1,y1 pixels
    of face, left and right hand (zero area where out of the picture), `signers` the records,
    `groups` one list of sample indices per signer, and `group_of` (N,) each sample's group.
    """

    pictures: dict[str, np.ndarray]
    part: np.ndarray
    thumbs: np.ndarray
    thumb_parts: np.ndarray
    boxes: np.ndarray
    signers: tuple[Signer, ...]
    groups: tuple[tuple[int, ...], ...]
    group_of: np.ndarray

    def __len__(self) -> int:
        return len(self.signers)

    @property
    def training(self) -> int:
        """How many samples are trained on: all but the last few, which previews show."""
        return max(1, len(self) - min(16, len(self) // 10))

    @property
    def size(self) -> int:
        """Side of the pictures in pixels."""
        return int(self.part.shape[1])


def load_samples(folder: Path, cache: Path, progress: Progress | None = None) -> Samples:
    """The samples of `folder`, decoded into the folder `cache` but for those that it holds.

    A sample counts once its `.json` and all its pictures are there, so a renderer may still be at
    work beside. Raises UserError where there is no complete sample or a picture is broken.
    """
    names = _complete(folder)
    if not names:
        raise UserError(
            f"no complete training sample in {folder}; render some with "
            "`diffsign mini samples` and give their folder"
        )
    if _cached_names(cache) != names:
        with atomic_dir(cache) as beside:
            _decode(folder, names, Path(beside), cache, progress)
    return open_samples(cache)


def open_samples(cache: Path) -> Samples:
    """The samples that `load_samples` last decoded into `cache`."""
    arrays = _arrays(cache)
    signers = tuple(Signer.from_dict(record) for record in _json(cache / "signers.json"))
    groups: dict[str, list[int]] = {}
    for index, signer in enumerate(signers):
        groups.setdefault(signer.to_json(), []).append(index)
    group_of = np.zeros(len(signers), int)
    for number, members in enumerate(groups.values()):
        group_of[members] = number
    return Samples(
        pictures={name: arrays[name] for name in PICTURES},
        part=arrays["part"],
        thumbs=arrays["thumbs"],
        thumb_parts=arrays["thumb_parts"],
        boxes=np.array(arrays["boxes"]),
        signers=signers,
        groups=tuple(tuple(members) for members in groups.values()),
        group_of=group_of,
    )


def _complete(folder: Path) -> list[str]:
    if not folder.is_dir():
        raise UserError(f"no folder of training samples at {folder}; give the renderer's output")
    needed = [*PICTURES, "part"]
    return [
        path.stem
        for path in sorted(folder.glob("[0-9]*.json"))
        if all((folder / f"{path.stem}_{name}.png").is_file() for name in needed)
    ]


def _cached_names(cache: Path) -> list[str]:
    try:
        return list(_json(cache / "names.json"))
    except (OSError, ValueError):
        return []


def _arrays(cache: Path) -> dict[str, np.ndarray]:
    return {path.stem: np.load(path, mmap_mode="r") for path in sorted(cache.glob("*.npy"))}


def _decode(
    folder: Path, names: list[str], out: Path, before: Path, progress: Progress | None
) -> None:
    """Fill `out`; rows of samples that the cache `before` holds are copied from there."""
    size = _read(folder / f"{names[0]}_part.png", "L").shape[0]
    shapes: dict[str, tuple[int, ...]] = {name: (size, size, 3) for name in PICTURES}
    shapes |= {"part": (size, size), "thumbs": (THUMB, THUMB, 3), "thumb_parts": (THUMB, THUMB)}
    arrays: dict[str, np.ndarray] = {
        name: _array(out / f"{name}.npy", (len(names), *shape)) for name, shape in shapes.items()
    }
    arrays["boxes"] = np.zeros((len(names), len(BOXES), 4), np.int32)
    known = {name: index for index, name in enumerate(_cached_names(before))}
    old = _arrays(before) if known else {}
    for index, name in enumerate(names):
        if name in known:
            row = {key: array[known[name]] for key, array in old.items()}
        else:
            row = _sample(folder, name, size)
        for key, value in row.items():
            arrays[key][index] = value
        if progress is not None:
            progress(index + 1, len(names))
    np.save(out / "boxes.npy", arrays.pop("boxes"))
    records = [_json(folder / f"{name}.json")["signer"] for name in names]
    (out / "signers.json").write_text(json.dumps(records))
    (out / "names.json").write_text(json.dumps(names))


def _sample(folder: Path, name: str, size: int) -> dict[str, np.ndarray]:
    """One sample's rows of all arrays."""
    row = {key: _square(folder / f"{name}_{key}.png", "RGB", size) for key in PICTURES}
    part = _square(folder / f"{name}_part.png", "L", size)
    small = Image.fromarray(row["target"]).resize((THUMB, THUMB), Image.Resampling.BOX)
    nearest = Image.fromarray(part).resize((THUMB, THUMB), Image.Resampling.NEAREST)
    boxes = np.array([_part_box(part, key) for key in BOXES], np.int32)
    return row | {
        "part": part,
        "thumbs": np.asarray(small),
        "thumb_parts": np.asarray(nearest),
        "boxes": boxes,
    }


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _part_box(part: np.ndarray, name: str) -> tuple[int, int, int, int]:
    """The box around a part's pixels: what is seen of it, where the record's box may be hidden."""
    rows, columns = np.nonzero(part == PART_INDEX[name])
    if len(rows) < 16:
        return (0, 0, 0, 0)
    return (
        int(columns.min()),
        int(rows.min()),
        int(columns.max()) + 1,
        int(rows.max()) + 1,
    )


def _array(path: Path, shape: tuple[int, ...]) -> np.memmap:
    return np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)


def _square(path: Path, mode: str, size: int) -> np.ndarray:
    picture = _read(path, mode)
    if picture.shape[:2] != (size, size):
        raise UserError(
            f"{path} is {picture.shape[1]}x{picture.shape[0]}, the first sample {size}x{size}; "
            "render all samples at one square size"
        )
    return picture


def _read(path: Path, mode: str) -> np.ndarray:
    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert(mode) if picture.mode != mode else picture)
    except OSError as error:
        raise UserError(
            f"cannot read the training picture {path} ({error}); render it again"
        ) from None
