"""Training batches: crops of rendered samples in ever new colours.

Half of the crops lie on hands and faces, which carry the language and fill few pixels. Every crop
may take the colours of another random signer; caption and appearance follow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ...render.avatar.parts import PART_INDEX
from ...render.avatar.record import Signer
from ...render.dress.caption import describe
from .cache import THUMB, Samples
from .recolour import (
    COLOUR_FIELDS,
    new_looks,
    part_changes,
    parts_of,
    plan_recolouring,
    recolour,
    srgb_colour,
)

if TYPE_CHECKING:
    import torch

CLIP_MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
CLIP_STD = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)
"""What transformers' CLIPImageProcessor subtracts and divides by."""

_LEAST_AREA = 0.004 * THUMB**2
"""Pixels of a thumb below which a part's colour is not asked for."""

_FINE_PARTS = ("face", "left_hand", "right_hand", "eyes", "mouth", "brows", "lips")
_FINE = [PART_INDEX[name] for name in _FINE_PARTS]


@dataclass(frozen=True)
class Look:
    """One sample in one set of colours: the record, its caption, and the changes that make it."""

    index: int
    signer: Signer
    caption: str
    changes: np.ndarray


@dataclass(frozen=True)
class Batch:
    """Tensors of B crops of side S.

    `beauty`, `target` (B,3,S,S) in [-1,1]; `controls` {name: (B,3,S,S)} in [0,1]; `weight`
    (B,1,S,S) loss weight, larger on hands and faces; `stray` (B,) bool, where the beauty kept its
    own colours while all else changed; `looks` the B looks.
    """

    beauty: torch.Tensor
    target: torch.Tensor
    controls: dict[str, torch.Tensor]
    weight: torch.Tensor
    stray: torch.Tensor
    looks: tuple[Look, ...]


def draw_look(
    samples: Samples, rng: np.random.Generator, recoloured: float = 0.75, index: int | None = None
) -> Look:
    """A random training sample, or the one at `index`, as a look.

    With probability `recoloured` it wears others' colours: each field from another random sample.
    """
    if index is None:
        index = int(rng.integers(samples.training))
    old = samples.signers[index]
    new = old
    if rng.random() < recoloured:
        donors = rng.integers(len(samples), size=len(COLOUR_FIELDS))
        colours = {
            field: getattr(samples.signers[donor], field)
            for field, donor in zip(COLOUR_FIELDS, donors, strict=True)
        }
        new = new_looks(old, colours)
    return Look(index, new, describe(new), part_changes(old, new))


def crop_batch(
    samples: Samples,
    rng: np.random.Generator,
    count: int,
    size: int,
    controls: tuple[str, ...] = (),
    fine: float = 0.5,
    fine_weight: float = 3.0,
    stray: float = 0.0,
) -> Batch:
    """`count` random crops of `size` pixels (at most the samples' side), each in its own look.

    With probability `fine` a crop is centred near a hand or the face; with probability `stray`
    its beauty keeps the colours that were rendered.
    """
    looks = tuple(draw_look(samples, rng) for _ in range(count))
    windows = [_window(samples, look.index, rng, size, fine) for look in looks]
    return _cut(samples, looks, windows, rng.random(count) < stray, controls, fine_weight)


def frame_batch(samples: Samples, indices: list[int], rng: np.random.Generator) -> Batch:
    """Whole frames with all conditioning pictures; every second one in its rendered colours."""
    looks = tuple(draw_look(samples, rng, k % 2, index) for k, index in enumerate(indices))
    whole = slice(0, samples.size)
    controls = tuple(name for name in samples.pictures if name not in ("beauty", "target"))
    return _cut(samples, looks, [(whole, whole)] * len(looks), np.zeros(len(looks), bool), controls)


def _cut(
    samples: Samples,
    looks: tuple[Look, ...],
    windows: list[tuple[slice, slice]],
    strays: np.ndarray,
    controls: tuple[str, ...],
    fine_weight: float = 3.0,
) -> Batch:
    import torch

    beauty, target, weights = [], [], []
    drawn: dict[str, list[np.ndarray]] = {name: [] for name in controls}
    for look, (rows, columns), stray in zip(looks, windows, strays, strict=True):
        part = samples.part[look.index, rows, columns]
        plan = plan_recolouring(part, look.changes)
        quick = samples.pictures["beauty"][look.index, rows, columns]
        beauty.append(recolour(quick, None if stray else plan))
        wanted = samples.pictures["target"][look.index, rows, columns]
        target.append(recolour(wanted, plan))
        for name in controls:
            drawn[name].append(samples.pictures[name][look.index, rows, columns])
        weights.append(1.0 + (fine_weight - 1.0) * np.isin(part, _FINE))
    return Batch(
        beauty=_tensor(beauty) * 2 - 1,
        target=_tensor(target) * 2 - 1,
        controls={name: _tensor(pictures) for name, pictures in drawn.items()},
        weight=_plane(weights),
        stray=torch.from_numpy(strays),
        looks=looks,
    )


def appearance_batch(
    samples: Samples, looks: tuple[Look, ...], rng: np.random.Generator, size: int
) -> torch.Tensor:
    """(B,3,size,size) appearance pictures for the image encoder: the same signer, seen otherwise.

    Another picture of the same signer where there is one, in the look's colours; a random square
    crop of at least 60 % of its side, mirrored half of the time, its light varied a little.
    """
    import torch

    pictures = [_appearance(samples, look, rng, size) for look in looks]
    values = (np.stack(pictures) - CLIP_MEAN) / CLIP_STD
    return torch.from_numpy(values).permute(0, 3, 1, 2).float().contiguous()


def look_colours(samples: Samples, looks: tuple[Look, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """((B,5,3) sRGB colours of COLOUR_FIELDS, (B,5) 1 where the sample shows that colour)."""
    import torch

    colours = [[srgb_colour(getattr(k.signer, field)) for field in COLOUR_FIELDS] for k in looks]
    shown = []
    for look in looks:
        counts = np.bincount(samples.thumb_parts[look.index].ravel(), minlength=256)
        shown.append(
            [counts[list(parts_of(field))].sum() > 0.004 * THUMB**2 for field in COLOUR_FIELDS]
        )
    return torch.from_numpy(np.array(colours, np.float32)), torch.tensor(shown).float()


def _appearance(samples: Samples, look: Look, rng: np.random.Generator, size: int) -> np.ndarray:
    members = samples.groups[samples.group_of[look.index]]
    index = int(rng.choice(members))
    plan = plan_recolouring(samples.thumb_parts[index], look.changes)
    picture = recolour(samples.thumbs[index], plan)
    side = int(THUMB * rng.uniform(0.6, 1.0))
    left = int(rng.integers(THUMB - side + 1))
    top = int(rng.integers((THUMB - side) // 2 + 1))
    square = Image.fromarray(picture[top : top + side, left : left + side])
    values = np.asarray(square.resize((size, size), Image.Resampling.BILINEAR), np.float32) / 255.0
    if rng.random() < 0.5:
        values = values[:, ::-1]
    light = rng.uniform(0.92, 1.08) * rng.uniform(0.97, 1.03, 3)
    return np.clip(values ** rng.uniform(0.9, 1.1) * light, 0.0, 1.0).astype(np.float32)


def _window(
    samples: Samples, index: int, rng: np.random.Generator, size: int, fine: float
) -> tuple[slice, slice]:
    """Rows and columns of a crop: around a visible hand or face, or anywhere."""
    room = samples.size - size
    x, y = rng.integers(room + 1, size=2)
    boxes = [box for box in samples.boxes[index] if box[2] > box[0]]
    if boxes and rng.random() < fine:
        x0, y0, x1, y1 = boxes[int(rng.integers(len(boxes)))]
        centre = np.array([rng.integers(x0, x1), rng.integers(y0, y1)])
        corner = centre - rng.integers(size // 4, 3 * size // 4 + 1, size=2)
        x, y = np.clip(corner, 0, room)
    return slice(int(y), int(y) + size), slice(int(x), int(x) + size)


def _tensor(pictures: list[np.ndarray]) -> torch.Tensor:
    """(B,3,S,S) values 0..1, channels last in memory, of uint8 pictures."""
    import torch

    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255.0


def _plane(planes: list[np.ndarray]) -> torch.Tensor:
    import torch

    return torch.from_numpy(np.stack(planes)[:, None].astype(np.float32))
