"""Train the animation network: own renders and the user's clips, mixed with balanced sampling.

A step takes faces that the sampler draws as targets, and another face of each one's group as what
was painted; the network brings the one to the other. Colours, light, blur and grain are varied
alike in both, and blotches stick to both skins, so that a painter's looks are not strange to it:
the target before all that stands for the avatar's render, which knows the expression and not the
painting. The set-up is that of
self-reenactment (Siarohin et al. 2019), with pixels in place of a pretrained network's features.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch.nn import functional

from ....errors import UserError
from ....files import sha256
from ....retarget.body.load import load_body
from ...mini.fit import FitOptions, fit, load_weights
from ...mini.workers import Team
from ..face_points import BROW, CHEEKS, EYE_SURROUND, FOREHEAD, LIPS_OUTER, NOSE
from .clusters import NAMES, Sampler
from .faces import SUFFIX, FaceSet, joined, partners, split, weight_of
from .guide import coarse_motion, sketch
from .network import WORDS, Animator, AnimatorConfig, save_network, warped

RENDERS = "renders"
OUT_FILE = "animator.safetensors"
_STAGE = "animator"
_UNFOUND, _UNSAID = 0.08, 0.1  # shares of faces whose shift, and whose words, are withheld
_JITTER = 0.004  # of the side: the detector's
_FILLING = 0.02  # price of a filled pixel, beside the differences in -1..1
_BLOTCHES = 24
_EYES = (*EYE_SURROUND["right"], *EYE_SURROUND["left"])
_SKIN_POINTS = (*BROW["right"], *BROW["left"], *CHEEKS, *FOREHEAD, *NOSE, *LIPS_OUTER, *_EYES)


@dataclass(frozen=True)
class TrainOptions:
    """One training run. minutes: in all, earlier runs included; max_steps: ends it (for tests)."""

    out: Path
    minutes: float = 60.0
    balanced: bool = True
    batch: int = 8
    renders: int = 200
    seed: int = 0
    config: AnimatorConfig = field(default_factory=AnimatorConfig)
    max_steps: int | None = None


@dataclass(frozen=True, eq=False)
class Pairs:
    """What a step learns from: B painted faces and their targets, as the network takes them."""

    picture: torch.Tensor
    render: torch.Tensor
    target: torch.Tensor
    motion: torch.Tensor
    sketch: torch.Tensor
    words: torch.Tensor
    weight: torch.Tensor


def collect(
    datasets: Sequence[str | Path],
    options: TrainOptions,
    progress: Callable[[int, int], None] | None = None,
) -> list[FaceSet]:
    """The sets of faces that the datasets stand for; what is made lies in `out`/data for next time.

    A dataset is the word "renders" (own ones), a .faces.npz, or a video of a signer.
    """
    from .clips import clip_faces
    from .renders import render_faces

    side, found = options.config.side, []
    for dataset in datasets:
        path = Path(dataset)
        if str(dataset) == RENDERS:
            name = f"renders-{options.renders}-{side}-{options.seed}"
        elif path.name.endswith(SUFFIX):
            found.append(FaceSet.load(path))
            continue
        elif path.is_file():
            name = f"clip-{sha256(path)[:16]}-{side}"
        else:
            raise UserError(
                f"There is no dataset {dataset}: give videos, {SUFFIX} files or the word 'renders'."
            )
        kept = options.out / "data" / f"{name}{SUFFIX}"
        if not kept.is_file():
            kept.parent.mkdir(parents=True, exist_ok=True)
            if str(dataset) == RENDERS:
                render_faces(options.renders, side, options.seed, progress=progress).save(kept)
            else:
                clip_faces(path, side, progress).save(kept)
        found.append(FaceSet.load(kept))
    return found


def train(
    sets: Sequence[FaceSet],
    options: TrainOptions,
    report: Callable[[dict[str, float]], None] = lambda row: None,
) -> tuple[Path, dict[str, Any]]:
    """Train on sets of faces; go on where a killed run stopped. The network's file, and its record:
    how many faces of which cluster, and the error on held-out groups by cluster."""
    faces, origin = joined(sets)
    if faces.side != options.config.side:
        raise UserError(
            f"The faces are of {faces.side} pixels and the network of {options.config.side}: "
            "make them anew."
        )
    usable = np.intersect1d(partners(faces), _training(sets))
    if not len(usable):
        raise UserError("No signer has two faces to learn from: give more clips or renders.")
    sampler = Sampler(
        origin[usable], faces.signer[usable], faces.clusters[usable], options.balanced
    )
    torch.manual_seed(options.seed)
    network = Animator(options.config)
    options.out.mkdir(parents=True, exist_ok=True)

    def step(rng: np.random.Generator, spent: float) -> dict[str, torch.Tensor]:
        numbers = usable[sampler.draw(rng, options.batch)]
        return losses(network, draw_pairs(faces, numbers, rng))

    plan = FitOptions(
        options.out, _STAGE, options.minutes, 1e-3, 0.01, options.max_steps, options.seed
    )
    fit(network, step, plan, Team(), report)
    load_weights(network, options.out, _STAGE)
    record = {
        "balanced": options.balanced,
        "faces": len(faces),
        "datasets": len(sets),
        "signers": int(faces.signer.max()) + 1,
        "clusters": dict(zip(NAMES, faces.clusters.sum(0).tolist(), strict=True)),
        "held_out": held_out_error(network, sets),
        "body": load_body("open").name,
    }
    path = options.out / OUT_FILE
    save_network(network.eval(), path, record)
    (options.out / "animator.json").write_text(json.dumps(record, indent=2) + "\n", "utf-8")
    return path, record


def _training(sets: Sequence[FaceSet]) -> np.ndarray:
    """Numbers, in the joined set, of the faces that are not held out."""
    starts = np.cumsum([0, *(len(faces) for faces in sets)])
    return np.concatenate(
        [split(faces)[0] + start for faces, start in zip(sets, starts, strict=False)]
    )


def draw_pairs(
    faces: FaceSet, numbers: np.ndarray, rng: np.random.Generator, varied: bool = True
) -> Pairs:
    """Pairs whose targets are the faces of the given numbers, each from another of its group."""
    rows: dict[str, list[np.ndarray]] = {
        name: [] for name in ("picture", "render", "target", "motion", "sketch", "words", "weight")
    }
    side = faces.side
    for number in numbers:
        mates = np.flatnonzero(faces.group == faces.group[number])
        other = int(rng.choice(mates[mates != number]))
        points = faces.points[number].astype(float)
        was = faces.points[other].astype(float)
        shift = points - was
        says = np.concatenate([faces.actions[number], faces.turn[number]])
        pictures = [faces.pictures[other], faces.pictures[number]]
        if varied:
            shift = shift + rng.normal(0, _JITTER * side, shift.shape)
            shift = shift * (rng.random() > _UNFOUND)
            says = says * (rng.random() > _UNSAID)
            pictures = _varied(_blotched(pictures, [was, points], rng), rng)
        drawn = sketch(points, side)
        rows["picture"].append(pictures[0])
        rows["render"].append(faces.pictures[number])
        rows["target"].append(pictures[1])
        rows["motion"].append(coarse_motion(points, shift, side))
        rows["sketch"].append(drawn)
        rows["words"].append(says)
        rows["weight"].append(weight_of(drawn)[..., None])
    planes = {
        name: torch.from_numpy(np.array(values, np.float32)).permute(0, 3, 1, 2).contiguous()
        for name, values in rows.items()
        if name != "words"
    }
    for name in ("picture", "render", "target"):
        planes[name] = planes[name] / 127.5 - 1
    words = torch.from_numpy(np.array(rows["words"], np.float32).reshape(-1, WORDS))
    return Pairs(words=words, **planes)


def losses(network: Animator, pairs: Pairs) -> dict[str, torch.Tensor]:
    """What is descended: the picture at four scales, the warp alone, and how much is filled."""
    with torch.autocast("cpu", torch.bfloat16):
        out = _made(network, pairs)
    moved = warped(pairs.picture, out["motion"])
    rough = out["motion"] - pairs.motion
    bend = rough.diff(dim=2).abs().mean() + rough.diff(dim=3).abs().mean()
    return {
        "picture": _pyramid(out["result"], pairs.target, pairs.weight),
        "warp": 0.5 * _pyramid(moved, pairs.target, pairs.weight),
        "bend": 2.0 * bend,
        "filled": _FILLING * out["mask"].mean(),
    }


def _made(network: Animator, pairs: Pairs) -> dict[str, torch.Tensor]:
    return network(pairs.picture, pairs.render, pairs.motion, pairs.sketch, pairs.words)


def held_out_error(network: Animator, sets: Sequence[FaceSet], seed: int = 0) -> dict[str, float]:
    """Mean absolute error (0..255, weighted to eyes, brows and mouth) by cluster on held-out
    groups, "all", their "clusters' mean", and "warp alone": the coarse motion by itself."""
    faces, _ = joined(sets)
    numbers = np.intersect1d(np.setdiff1d(np.arange(len(faces)), _training(sets)), partners(faces))
    if not len(numbers):
        return {}
    rng = np.random.default_rng(seed)
    errors: list[float] = []
    plain: list[float] = []
    network.eval()
    with torch.inference_mode():
        for number in numbers:
            pairs = draw_pairs(faces, np.array([number]), rng)
            made_by = (errors, _made(network, pairs)["result"])
            for store, made in (made_by, (plain, warped(pairs.picture, pairs.motion))):
                off = ((made - pairs.target).abs() * pairs.weight).mean() / pairs.weight.mean()
                store.append(127.5 * float(off))
    network.train()
    found = np.array(errors)
    shown = faces.clusters[numbers]
    by = {
        name: round(float(found[shown[:, k]].mean()), 3)
        for k, name in enumerate(NAMES)
        if shown[:, k].any()
    }
    mean = round(float(np.mean(list(by.values()))), 3)
    return by | {
        "all": round(float(found.mean()), 3),
        "clusters' mean": mean,
        "warp alone": round(float(np.mean(plain)), 3),
    }


def _pyramid(made: torch.Tensor, target: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Weighted mean absolute difference at four scales and of their edges."""
    total = made.new_zeros(())
    for level in range(4):
        if level:
            made, target, weight = (
                functional.avg_pool2d(values, 2) for values in (made, target, weight)
            )
        off = made - target
        total = total + (off.abs() * weight).mean() / weight.mean()
        total = total + off.diff(dim=2).abs().mean() + off.diff(dim=3).abs().mean()
    return total / 4


def _blotched(
    pictures: list[np.ndarray], points: list[np.ndarray], rng: np.random.Generator
) -> list[np.ndarray]:
    """The pictures with the same coloured blotches and freckles at face points of each.

    What a painter adds and no render knows: it can only be had by moving the painted skin.
    """
    chosen = rng.choice(_SKIN_POINTS, _BLOTCHES)
    side = pictures[0].shape[0]
    widths = side * np.where(rng.random(_BLOTCHES) < 0.5, 0.008, 0.05) * rng.uniform(0.6, 1.6)
    colours = rng.normal(0, 22, (_BLOTCHES, 3)) * (rng.random() > 0.2)
    rows = np.arange(side) + 0.5
    blotched = []
    for picture, places in zip(pictures, points, strict=True):
        x, y = (
            np.exp(-0.5 * ((rows - places[chosen, axis, None]) / widths[:, None]) ** 2)
            for axis in (0, 1)
        )
        added = np.einsum("ky,kx,kc->yxc", y, x, colours, optimize=True)
        blotched.append(np.clip(picture + added, 0, 255))
    return blotched


def _varied(pictures: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
    """The pictures in other colours and light, softer or grainier, all alike but for the grain."""
    gains = rng.uniform(0.7, 1.3) * rng.uniform(0.85, 1.15, 3)
    gamma, blur, grain = rng.uniform(0.8, 1.25), rng.uniform(0, 1.0), rng.uniform(0, 6)
    mix = np.eye(3) + rng.normal(0, 0.06, (3, 3))
    varied = []
    for picture in pictures:
        values = np.clip(picture / 255.0, 0, 1) ** gamma * gains @ mix
        if blur > 0.4:
            values = cv2.GaussianBlur(values, (0, 0), blur)
        values = 255 * values + rng.normal(0, grain, values.shape)
        varied.append(np.clip(values, 0, 255).astype(np.float32))
    return varied
