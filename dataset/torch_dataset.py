"""A dataset for torch: an `IterableDataset` over the shards, shared among loader workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import IterableDataset, get_worker_info

from .read import decode_sample, raw_samples, split_shards

Transform = Callable[[dict[str, Any]], Any]


class SignDataset(IterableDataset):
    """The samples of a split, decoded (see `read.decode_sample`).

    Args:
        folder, split: of the dataset.
        decode: the parts wanted, all where None; what is not wanted is not decoded.
        shuffle: samples held back to be drawn from at random; 0 keeps the order of the shards.
        seed: of the shuffle; `set_epoch` gives every epoch another.
        transform: called with each sample.
        rank, world_size: of a process among several, each of which sees its own samples.
    """

    def __init__(
        self,
        folder: str | Path,
        split: str = "train",
        *,
        decode: Sequence[str] | None = None,
        shuffle: int = 0,
        seed: int = 0,
        transform: Transform | None = None,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        super().__init__()
        self.shards = split_shards(folder, split)
        self.decode, self.shuffle, self.seed = decode, shuffle, seed
        self.transform, self.rank, self.world_size = transform, rank, world_size
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch's order, before its iteration starts."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[Any]:
        info = get_worker_info()
        workers, worker = (info.num_workers, info.id) if info else (1, 0)
        reader, readers = self.rank * workers + worker, self.world_size * workers
        rng = np.random.default_rng([self.seed, self.epoch, reader])
        for name, raw in _shuffled(self._raw(reader, readers), self.shuffle, rng):
            sample = decode_sample(name, raw, self.decode)
            yield self.transform(sample) if self.transform else sample

    def _raw(self, reader: int, readers: int) -> Iterator[tuple[str, dict[str, bytes]]]:
        """This reader's share: whole shards where there are enough, else every n-th sample."""
        shards = list(self.shards)
        if self.shuffle:
            order = np.random.default_rng([self.seed, self.epoch]).permutation(len(shards))
            shards = [shards[place] for place in order]
        if len(shards) >= readers:
            for shard in shards[reader::readers]:
                yield from raw_samples(shard)
            return
        number = 0
        for shard in shards:
            for entry in raw_samples(shard):
                if number % readers == reader:
                    yield entry
                number += 1


def _shuffled(entries: Iterator[Any], size: int, rng: np.random.Generator) -> Iterator[Any]:
    """Entries through a buffer of `size` that is drawn from at random."""
    buffer: list[Any] = []
    for entry in entries:
        if len(buffer) < size:
            buffer.append(entry)
            continue
        if not size:
            yield entry
            continue
        place = int(rng.integers(size))
        buffer[place], entry = entry, buffer[place]
        yield entry
    rng.shuffle(buffer)
    yield from buffer
