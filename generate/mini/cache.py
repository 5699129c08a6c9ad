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
    """The samples of `folder`, decoded into the folder `cache` unless it already holds them.

    A sample counts once its `.json` and all its pictures are there, so a renderer may still be at
    work beside. Raises UserError where there is no complete sample or a picture is broken.
    """
    names = _complete(folder)
    if not names:
        raise UserError(
            f"no complete training sample in {folder}; render some with "
            "`python -m diffsign.render.synthesis` and give their folder"
        )
    if _cached_names(cache) != names:
        with atomic_dir(cache) as beside:
            _decode(folder, names, Path(beside), progress)
    arrays = {path.stem: np.load(path, mmap_mode="r") for path in sorted(cache.glob("*.npy"))}
    signers = tuple(Signer.from_dict(r) for r in json.loads((cache / "signers.json").read_text()))
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
        return list(json.loads((cache / "names.json").read_text()))
    except (OSError, ValueError):
        return []


def _decode(folder: Path, names: list[str], out: Path, progress: Progress | None) -> None:
    size = _read(folder / f"{names[0]}_part.png", "L").shape[0]
    shape = (len(names), size, size)
    arrays = {name: _array(out / f"{name}.npy", (*shape, 3)) for name in PICTURES}
    part = _array(out / "part.npy", shape)
    thumbs = _array(out / "thumbs.npy", (len(names), THUMB, THUMB, 3))
    thumb_parts = _array(out / "thumb_parts.npy", (len(names), THUMB, THUMB))
    boxes = np.zeros((len(names), len(BOXES), 4), np.int32)
    records: list[Any] = []
    for index, name in enumerate(names):
        for key, array in arrays.items():
            array[index] = _square(folder / f"{name}_{key}.png", "RGB", size)
        part[index] = _square(folder / f"{name}_part.png", "L", size)
        target = Image.fromarray(arrays["target"][index])
        thumbs[index] = np.asarray(target.resize((THUMB, THUMB), Image.Resampling.BOX))
        nearest = Image.fromarray(part[index]).resize((THUMB, THUMB), Image.Resampling.NEAREST)
        thumb_parts[index] = np.asarray(nearest)
        facts = json.loads((folder / f"{name}.json").read_text())
        records.append(facts["signer"])
        for row, key in enumerate(BOXES):
            boxes[index, row] = _part_box(part[index], key)
        if progress is not None:
            progress(index + 1, len(names))
    for array in (*arrays.values(), part, thumbs, thumb_parts):
        array.flush()
    np.save(out / "boxes.npy", boxes)
    (out / "signers.json").write_text(json.dumps(records))
    (out / "names.json").write_text(json.dumps(names))


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
