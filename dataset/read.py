"""Reading a dataset back: plain iteration, in numpy. The shards are WebDataset's format.

>>> from diffsign.dataset.read import open_dataset
>>> for sample in open_dataset("DIR", "train"):
...     sample["json"]["labels"], sample["frames"].shape, sample["annotations"]["keypoints_2d"]
"""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UserError
from ..files import atomic_path
from .layout import INDEX, shards_of
from .pack import read_npz

Raw = dict[str, bytes]
ARRAYS = ("masks", "depth", "flow")


def open_dataset(
    folder: str | Path, split: str, decode: Sequence[str] | None = None
) -> Iterator[dict[str, Any]]:
    """Every sample of a split, decoded (see `decode_sample`), in the order of the shards.

    Raises:
        UserError: no such dataset or split.
    """
    yield from read_samples(split_shards(folder, split), decode)


def split_shards(folder: str | Path, split: str) -> list[Path]:
    """The shards of a split, in order.

    Raises:
        UserError: no such dataset or split.
    """
    folder = Path(folder)
    if not (folder / INDEX).is_file():
        raise UserError(f"No finished dataset in {folder}: run diffsign synthesize.")
    shards = shards_of(folder, split)
    if not shards:
        known = sorted({path.parent.name for path in folder.glob("*/*.tar")})
        raise UserError(f"{folder} has no split {split!r}; it has {', '.join(known) or 'none'}.")
    return shards


def read_samples(
    shards: Iterable[Path], decode: Sequence[str] | None = None
) -> Iterator[dict[str, Any]]:
    """The samples of shards, decoded."""
    for shard in shards:
        for name, raw in raw_samples(shard):
            yield decode_sample(name, raw, decode)


def raw_samples(shard: Path) -> Iterator[tuple[str, Raw]]:
    """(id, bytes by suffix) of the samples of a shard: members of one id stand together.

    Raises:
        UserError: the shard is damaged.
    """
    name, raw = "", Raw()
    try:
        with tarfile.open(shard) as archive:
            for entry in archive:
                file = archive.extractfile(entry)
                if file is None:
                    continue
                key, _, suffix = entry.name.partition(".")
                if key != name and raw:
                    yield name, raw
                    raw = {}
                name = key
                raw[suffix] = file.read()
    except tarfile.TarError as error:
        raise UserError(f"{shard} is damaged ({error}): remove it and run again.") from None
    if raw:
        yield name, raw


def decode_sample(name: str, raw: Raw, decode: Sequence[str] | None = None) -> dict[str, Any]:
    """A sample's parts by name: all, or those in `decode` alone.

    id: str. json: the record. annotations: arrays by name. frames: (T, H, W, 3) uint8. masks:
    (T, H, W) uint8; depth: (T, H, W) uint16 mm; flow: (T, H, W, 4) float16. pose: bytes.
    """
    decoders: dict[str, Callable[[], Any]] = {
        "json": lambda: json.loads(raw["json"]),
        "annotations": lambda: read_npz(raw["annotations.npz"]),
        "frames": lambda: decode_frames(raw),
        "pose": lambda: raw["pose"],
        **{part: _array_reader(raw, part) for part in ARRAYS},
    }
    there = {"json", "annotations", "frames"}
    there |= {part for part in ARRAYS if f"{part}.npz" in raw} | ({"pose"} & raw.keys())
    wanted = there if decode is None else there & set(decode)
    return {"id": name} | {part: decoders[part]() for part in decoders if part in wanted}


def decode_frames(raw: Raw) -> np.ndarray:
    """The pictures (T, H, W, 3) uint8 of a sample, whichever way they are stored."""
    if "mp4" in raw:
        from ..video import read_frames

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "video.mp4"
            path.write_bytes(raw["mp4"])
            frames = np.stack(list(read_frames(path)))
        record = json.loads(raw["json"])  # an odd side has one pixel more in the video
        return frames[:, : record["height"], : record["width"]]
    from PIL import Image

    names = sorted(name for name in raw if name.endswith((".png", ".jpg")))
    return np.stack([np.asarray(Image.open(io.BytesIO(raw[n])).convert("RGB")) for n in names])


def extract_frames(folder: str | Path, split: str, out: str | Path) -> int:
    """Write every frame of a split as OUT/ID/00000.png, the names that the COCO files use.

    Returns:
        How many were written.
    """
    from PIL import Image

    written = 0
    for sample in open_dataset(folder, split, ("frames",)):
        for number, frame in enumerate(sample["frames"]):
            with atomic_path(Path(out) / sample["id"] / f"{number:05d}.png") as partial:
                Image.fromarray(frame).save(partial)
            written += 1
    return written


def _array_reader(raw: Raw, part: str) -> Callable[[], np.ndarray]:
    return lambda: read_npz(raw[f"{part}.npz"])[part]
