"""From a recipe to the list of its samples: who signs what, seen how, in which split.

A sample is decided by the recipe and its own id alone: every number that is drawn for it comes
from a generator seeded with both. The order of the list is that of the shards.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from .. import __version__
from ..errors import UserError
from .clips import Clip
from .recipe import Recipe
from .signers import PlannedSigner
from .splits import clip_groups, divide, shared_out

FORMAT = "diffsign-dataset"
VERSION = 1

Weighted = TypeVar("Weighted")


@dataclass(frozen=True)
class Sample:
    """What one sample is made from: JSON values only.

    id: unique. clip, signer: their ids. seed: of what is drawn later (frames, noise, painting).
    camera, azimuth, elevation, focal, light, hdri, background: see `recipe`. speed, mirrored:
    how the motion is changed.
    """

    id: str
    split: str
    clip: str
    signer: str
    variant: int
    seed: int
    camera: str
    azimuth: float
    elevation: float
    focal: float | None
    light: str
    hdri: str | None
    background: str
    speed: float
    mirrored: bool


@dataclass(frozen=True)
class Plan:
    """All samples, in the order of the shards, and the names in each split.

    identity: the hash of all that decides the samples.
    """

    samples: tuple[Sample, ...]
    clips: dict[str, list[str]]
    signers: dict[str, list[str]]
    identity: str

    def of(self, split: str) -> list[Sample]:
        return [sample for sample in self.samples if sample.split == split]


def make_plan(
    recipe: Recipe, clips: Sequence[Clip], signers: Sequence[PlannedSigner], files: dict[str, str]
) -> Plan:
    """The samples of a recipe. files: hashes of the other files that it names, by their names.

    Raises:
        UserError: there are too few clips or signers for the splits.
    """
    shares = recipe.splits.shares
    by_clip = _split_clips(recipe, clips)
    by_signer = _split_signers(recipe, signers)
    counts = None if recipe.samples is None else shared_out(recipe.samples, shares)
    samples: list[Sample] = []
    for split in shares:
        pairs = list(product(by_clip[split], by_signer[split]))
        _shuffled(pairs, recipe.seed, "pairs", split)
        wanted = len(pairs) * recipe.variants if counts is None else counts[split]
        for number in range(wanted):
            clip, signer = pairs[number % len(pairs)]
            samples.append(_sample(recipe, split, clip, signer, number // len(pairs)))
    identity = {
        "format": [FORMAT, VERSION, __version__],
        "recipe": deciding(recipe),
        "clips": [clip.content for clip in clips],
        "signers": [asdict(signer) for signer in signers],
        "files": files,
    }
    text = json.dumps(identity, sort_keys=True, default=str)
    return Plan(tuple(samples), by_clip, by_signer, hashlib.sha256(text.encode()).hexdigest())


def deciding(recipe: Recipe) -> dict[str, Any]:
    """The recipe's content without the names of files, whose hashes stand for them."""
    content = recipe.model_dump(mode="json")
    for entry in content["clips"]:
        del entry["files"], entry["manifest"]
    for entry in content["signers"]:
        del entry["image"], entry["record"]
    return content


def seed_of(recipe_seed: int, *words: str) -> int:
    """A seed that depends on the recipe's seed and on words, and on nothing else."""
    text = "\0".join((str(recipe_seed), *words))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def _split_clips(recipe: Recipe, clips: Sequence[Clip]) -> dict[str, list[str]]:
    names = [clip.id for clip in clips]
    if "clip" not in recipe.splits.by:
        return dict.fromkeys(recipe.splits.shares, names)
    label = recipe.splits.together
    together = {clip.id: _text(clip.labels.get(label)) if label else None for clip in clips}
    groups = clip_groups(names, {clip.id: clip.sha256 for clip in clips}, together)
    try:
        return divide(names, groups, recipe.splits.shares, [recipe.seed, 1])
    except UserError as error:
        raise UserError(
            f"Clips: groups with one {label or 'content'} stay together, and {error} Splits by "
            "signer alone (splits: {by: [signer]}) may share clips."
        ) from None


def _split_signers(recipe: Recipe, signers: Sequence[PlannedSigner]) -> dict[str, list[str]]:
    names = [signer.id for signer in signers]
    if "signer" not in recipe.splits.by:
        return dict.fromkeys(recipe.splits.shares, names)
    groups = {signer.id: signer.looks for signer in signers}
    try:
        return divide(names, groups, recipe.splits.shares, [recipe.seed, 2])
    except UserError as error:
        raise UserError(f"Signers: {error}") from None


def _sample(recipe: Recipe, split: str, clip: str, signer: str, variant: int) -> Sample:
    name = f"{clip}-{signer}-{variant:03d}"
    seed = seed_of(recipe.seed, name)
    rng = np.random.default_rng([seed, 0])
    camera = _chosen(rng, recipe.cameras)
    light = _chosen(rng, recipe.lights)
    background = _chosen(rng, recipe.backgrounds)
    low, high = recipe.motion.speed
    return Sample(
        id=name,
        split=split,
        clip=clip,
        signer=signer,
        variant=variant,
        seed=seed,
        camera=camera.camera,
        azimuth=_drawn(rng, camera.azimuth),
        elevation=_drawn(rng, camera.elevation),
        focal=None if camera.focal is None else _drawn(rng, camera.focal),
        light=light.light,
        hdri=light.hdri,
        background=background.background,
        speed=float(np.exp(rng.uniform(np.log(low), np.log(high)))),
        mirrored=bool(rng.random() < recipe.motion.mirror),
    )


def _chosen(rng: np.random.Generator, choices: Sequence[Any]) -> Any:
    weights = np.array([choice.weight for choice in choices])
    return choices[int(rng.choice(len(choices), p=weights / weights.sum()))]


def _drawn(rng: np.random.Generator, limits: tuple[float, float]) -> float:
    return round(float(rng.uniform(min(limits), max(limits))), 4)


def _shuffled(things: list[Any], seed: int, *words: str) -> None:
    order = np.random.default_rng(seed_of(seed, *words)).permutation(len(things))
    things[:] = [things[place] for place in order]


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def labels_of(clips: Sequence[Clip]) -> Iterator[str]:
    """Every label's name, once, in order."""
    yield from dict.fromkeys(name for clip in clips for name in clip.labels)


def recipe_files(recipe: Recipe, path: Path) -> dict[str, Path]:
    """The files that cameras, lights and backgrounds name, by the names in the recipe."""
    named = [camera.camera for camera in recipe.cameras]
    named += [light.hdri for light in recipe.lights if light.hdri]
    named += [choice.background for choice in recipe.backgrounds]
    places = {name: path.parent / name for name in named}
    return {name: place for name, place in places.items() if place.is_file()}
