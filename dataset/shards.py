"""Finished samples become shards: in the plan's order, by size, whole or not at all.

What stands in a final shard is told by the index beside it, which is written first; so a shard
with its name is complete, and a sample in its index is done. A finished sample waits in the run's
state until all before it are done or have failed; it is removed after its shard has its name. A
kill at any moment leaves every finished sample in exactly one place, or in both, which the next
run clears.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..files import atomic_path, read_json, sha256, write_json
from .coco import coco_document
from .layout import shard_coco, shard_file, shard_index, shards_of, staged_file
from .pack import add_member, json_bytes, read_tar


@dataclass
class Ledger:
    """Which samples are done and which have failed. sharded, staged: ids. failed: why, by id."""

    sharded: set[str] = field(default_factory=set)
    staged: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)

    def settled(self, sample: str) -> bool:
        return sample in self.staged or sample in self.sharded or sample in self.failed


def take_stock(out: Path, splits: Iterable[str], wanted: set[str]) -> Ledger:
    """What earlier runs have finished; what was left over of them is cleared."""
    ledger = Ledger()
    for split in splits:
        for shard in shards_of(out, split):
            ledger.sharded |= {entry["id"] for entry in read_json(shard_index(shard))["samples"]}
    for path in staged_file(out, "x").parent.glob("*.tar"):
        if path.stem in ledger.sharded or path.stem not in wanted:
            path.unlink()
        else:
            ledger.staged.add(path.stem)
    return ledger


class ShardWriter:
    """Writes the shards of one split. ids: its samples in the plan's order."""

    def __init__(
        self, out: Path, split: str, ids: list[str], ledger: Ledger, most_bytes: float, coco: bool
    ) -> None:
        self.out, self.split, self.ledger = out, split, ledger
        self.most_bytes, self.coco = most_bytes, coco
        self._left = [name for name in ids if name not in ledger.sharded]
        self._number = len(shards_of(out, split))
        self._waiting: list[str] = []
        self._bytes = 0

    def advance(self) -> None:
        """Write every shard that is full."""
        while self._left and self.ledger.settled(self._left[0]):
            name = self._left.pop(0)
            if name not in self.ledger.staged:
                continue
            size = staged_file(self.out, name).stat().st_size
            if self._waiting and self._bytes + size > self.most_bytes:
                self._write()
            self._waiting.append(name)
            self._bytes += size

    def finish(self) -> None:
        """Write what is left once nothing more can come."""
        self.advance()
        if self._waiting and not self._left:
            self._write()

    def _write(self) -> None:
        shard = shard_file(self.out, self.split, self._number)
        entries = []
        with atomic_path(shard) as partial:
            with tarfile.open(partial, "w", format=tarfile.GNU_FORMAT) as archive:
                for name in self._waiting:
                    staged = staged_file(self.out, name)
                    record: dict[str, Any] = {}
                    for member, content in read_tar(staged):
                        add_member(archive, member, content)
                        if member == f"{name}.json":
                            record = json.loads(content)
                    entries.append(_entry(record, sha256(staged), staged.stat().st_size))
            index = {
                "shard": shard.name,
                "sha256": sha256(partial),
                "bytes": partial.stat().st_size,
                "samples": entries,
            }
            if self.coco:
                document = coco_document(partial, shard.name)
                with atomic_path(shard_coco(shard)) as beside:
                    beside.write_bytes(json_bytes(document))
            write_json(shard_index(shard), index)
        for name in self._waiting:
            self.ledger.sharded.add(name)
            self.ledger.staged.discard(name)
            staged_file(self.out, name).unlink()
        self._waiting, self._bytes = [], 0
        self._number += 1


def _entry(record: dict[str, Any], digest: str, size: int) -> dict[str, Any]:
    """What the index says of a sample. sha256, bytes: of the tar that holds it alone."""
    return {
        "id": record["id"],
        "sha256": digest,
        "bytes": size,
        "frames": record["frames"],
        "clip": record["clip"]["id"],
        "signer": record["signer"]["id"],
        "seed": record["seed"],
        "labels": record["labels"],
    }
