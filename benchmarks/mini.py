"""What mini makes of signers and poses that it never saw: the figures of its model card.

    diffsign mini samples -o SAMPLES --count 60 --poses 2 --seed 977
    python benchmarks/mini.py SAMPLES [--model mini|FOLDER] [--count 60] [--sheet FILE]
        [--ways image text] [--set strength=0.3 --set steps=4]

Mini was trained on signers of seed 0: any other seed is held out. Pictures are painted from the
samples' quick renders; the appearance is the target of the same signer's other pose.

- Nearness to the well-lit target is that of the signer's own pixels: the background is the
  target's in both.
- Hands are found by MediaPipe in single pictures and compared with the projected points.
- "Nearest of ten" is the share of regions (skin, shirt, hair) whose mean CIE Lab is nearer to what
  was asked for than to what nine random signers would show in the same place and light, over all
  nines of 200 whose colour eyes can tell from it. The light is that of the sample's own target
  over its record.
- Image and text: the words ask for a shirt of another colour, which the render wears, as dressing
  sees to. Beside it stands how far skin and hair move from what the image alone gives.
- Words are the avatar's own description, which the tool always says to mini; from pure noise the
  image alone has to do without.
- Pure noise tells nothing of the render but its ControlNet maps.
- Speed is of batches at 256 x 256, by the clock, on --threads threads.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from diffsign.files import read_json
from diffsign.generate.checkpoints import resolve_model
from diffsign.generate.evaluation.colours import Colours, colours_of, region_colours
from diffsign.generate.evaluation.silhouette import intersection_over_union, person_finder
from diffsign.generate.evaluation.ssim import ssim
from diffsign.generate.frames import frame_path
from diffsign.generate.loading import Generator, load_generator
from diffsign.generate.mini.recolour import new_looks, part_changes, plan_recolouring, recolour
from diffsign.generate.options import PaintOptions
from diffsign.generate.paint import paint
from diffsign.render.avatar.colours import linear_to_srgb, srgb_to_linear
from diffsign.render.avatar.random_signer import random_signer
from diffsign.render.avatar.record import Signer
from diffsign.render.dress.caption import describe
from diffsign.render.dress.lab import delta_e, lab_to_srgb, srgb_to_lab
from diffsign.retarget.keypoints.mediapipe_holistic import detect_image

HANDS = ("left_hand", "right_hand")
RIVALS = 9
NOTICEABLE = 2.3
"""CIE 1976 distance under which eyes take two colours for one (Mahy et al. 1994)."""

STRANGERS, STRANGERS_SEED = 200, 1 << 20
NEAR = 0.2
SMALLEST_HAND = 24
"""Pixels: no detector is asked for hands whose box is smaller."""

NOISE_STEPS = 8
WAYS = ("image", "text", "image and text", "image, pure noise", "text, pure noise")


@dataclass(frozen=True)
class Sample:
    """One rendered pair and its record."""

    folder: Path
    number: int

    def picture(self, kind: str) -> np.ndarray:
        with Image.open(self.folder / f"{self.number:06d}_{kind}.png") as image:
            return np.asarray(image if kind == "part" else image.convert("RGB"))

    @cached_property
    def record(self) -> dict[str, Any]:
        return read_json(self.folder / f"{self.number:06d}.json")

    @property
    def seed(self) -> str:
        return str(self.record["signer_seed"])


@dataclass(frozen=True)
class SamplePasses:
    """Samples as the pass set that `paint` asks for; `beauty` in place of their own."""

    samples: tuple[Sample, ...]
    beauty: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def camera(self) -> argparse.Namespace:
        height, width = self.samples[0].picture("part").shape
        return argparse.Namespace(width=width, height=height, fx=1.2 * height)

    @property
    def depth_range(self) -> argparse.Namespace:
        return argparse.Namespace(near=1.0, far=3.0)

    def beauty_srgb(self, index: int) -> np.ndarray:
        return self.samples[index].picture("beauty") if self.beauty is None else self.beauty

    def conditioning(self, name: str, index: int) -> np.ndarray:
        return self.samples[index].picture(name)

    def frame(self, index: int, *wanted: str) -> dict[str, np.ndarray]:
        part = self.samples[index].picture("part")
        return {"object": (part > 0).astype(np.int32), "part": part}


class Tally:
    """Figures by name, as means over all that was added."""

    def __init__(self) -> None:
        self.values: dict[str, list[float]] = {}

    def add(self, name: str, *values: float) -> None:
        self.values.setdefault(name, []).extend(map(float, values))

    def table(self) -> str:
        rows = [
            f"| {name} | {np.mean(values):.3f} | {len(values)} |"
            for name, values in self.values.items()
            if values
        ]
        return "\n".join(["| figure | mean | of |", "|---|---|---|", *rows])


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """dB of 8-bit values."""
    error = np.mean((a.astype(float) - b.astype(float)) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def pairs_in(folder: Path) -> Iterator[tuple[Sample, Sample]]:
    """Each sample with another one of the same signer, signer by signer."""
    by_seed: dict[str, list[Sample]] = {}
    for path in sorted(folder.glob("[0-9]*.json")):
        sample = Sample(folder, int(path.stem))
        by_seed.setdefault(sample.seed, []).append(sample)
    for group in by_seed.values():
        for k, sample in enumerate(group):
            if len(group) > 1:
                yield sample, group[(k + 1) % len(group)]


# What is measured


def nearness(tally: Tally, who: str, picture: np.ndarray, sample: Sample) -> None:
    """PSNR and SSIM of the signer against the target."""
    target, signer = sample.picture("target"), sample.picture("part") > 0
    tally.add(f"{who}: PSNR", psnr(picture[signer], target[signer]))
    tally.add(f"{who}: SSIM", ssim(np.where(signer[..., None], picture, target), target))


def hands(tally: Tally, who: str, picture: np.ndarray, sample: Sample) -> None:
    """Hands found in a picture, and their points near the projected ones."""
    found = detect_image(picture)
    for hand in HANDS:
        box = sample.record["boxes"][hand]
        if box is None or min(box[2] - box[0], box[3] - box[1]) < SMALLEST_HAND:
            continue
        tally.add(f"{who}: hands found", hand in found)
        if hand in found:
            truth = np.array(sample.record["hands"][hand])
            away = np.linalg.norm(found[hand][:, :2] - truth, axis=1)
            tally.add(f"{who}: PCK@0.2", *(away < NEAR * np.ptp(truth, axis=0).max()))


def in_the_light(lit: Colours, worn: Colours, other: Colours) -> dict[str, np.ndarray]:
    """Lab of another signer's regions where `worn`, a record's Lab, came out as `lit`."""
    relit = {}
    for region in lit.keys() & worn.keys() & other.keys():
        light = _linear(lit[region]) / np.maximum(_linear(worn[region]), 2e-3)
        values = np.clip(light * _linear(other[region]), 0, 1)
        relit[region] = srgb_to_lab(linear_to_srgb(values))
    return relit


def _linear(lab: np.ndarray) -> np.ndarray:
    return srgb_to_linear(lab_to_srgb(lab))


def nearest(found: Colours, asked: Colours, others: Sequence[Colours]) -> dict[str, float]:
    """For each region, how likely its colour is nearer to what was asked than to nine of others."""
    chances = {}
    for region in found.keys() & asked.keys():
        own = delta_e(found[region], asked[region])
        told = [o[region] for o in others if region in o]
        told = [lab for lab in told if delta_e(lab, asked[region]) > NOTICEABLE]
        nearer = [delta_e(found[region], lab) < own for lab in told]
        chances[region] = float((1 - np.mean(nearer)) ** RIVALS)
    return chances


def autoencoder(generator: Generator, samples: Sequence[Sample]) -> Iterator[float]:
    """PSNR in dB of hand crops through the autoencoder alone."""
    pipeline = generator.pipeline
    for sample in samples:
        picture = sample.picture("target")
        pixels = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 255
        back = pipeline.decode_latents(pipeline.encode_images(pixels))
        back = back[0].permute(1, 2, 0).cpu().numpy() * 255
        for x0, y0, x1, y1 in filter(None, (sample.record["boxes"][hand] for hand in HANDS)):
            if min(x1 - x0, y1 - y0) >= SMALLEST_HAND:
                yield psnr(back[y0:y1, x0:x1], picture[y0:y1, x0:x1])


def speed(generator: Generator, sample: Sample, frames: int = 16) -> tuple[float, float]:
    """Frames a second of `paint` with its defaults at 256 x 256, loading left out: by the clock,
    and what the processor time says of cores that nobody else uses."""
    options = PaintOptions(prompt="a person", size=256)
    with tempfile.TemporaryDirectory() as folder:
        paint(SamplePasses((sample,)), None, "", options, Path(folder) / "warm", None, generator)
        clock, processor = time.perf_counter(), time.process_time()
        passes = SamplePasses((sample,) * frames)
        paint(passes, None, "", options, Path(folder) / "timed", None, generator)
        clock, processor = time.perf_counter() - clock, time.process_time() - processor
    return frames / clock, frames * torch.get_num_threads() / processor


# The ways to ask


class Asked:
    """One sample with what each way asks for."""

    def __init__(self, sample: Sample, other: Sample, rng: np.random.Generator) -> None:
        self.sample, self.rng = sample, rng
        self.signer = Signer.from_dict(sample.record["signer"])
        self.appearance = Image.fromarray(other.picture("target"))
        self.part = sample.picture("part")
        self.lit = region_colours(sample.picture("target"), self.part)
        self.worn = colours_of(asdict(self.signer))
        self.redressed = self._redressed()

    def _redressed(self) -> Signer:
        """The signer in a shirt of another colour, far enough from the own one to be told."""
        while True:
            colour = random_signer(int(self.rng.integers(1 << 30))).top_colour
            changed = new_looks(self.signer, {"top_colour": colour})
            if delta_e(self.worn["shirt"], colours_of(asdict(changed))["shirt"]) > 30:
                return changed

    def prepared(self, way: str) -> tuple[SamplePasses, Image.Image | None, str, Signer]:
        """The passes, the image, the words and the signer that shall come out."""
        wanted = self.redressed if way == "image and text" else self.signer
        plan = plan_recolouring(self.part, part_changes(self.signer, wanted))
        passes = SamplePasses((self.sample,), recolour(self.sample.picture("beauty"), plan))
        image = self.appearance if way.startswith("image") else None
        words = "" if way == "image, pure noise" else describe(wanted)
        return passes, image, words, wanted

    def nearest(self, picture: np.ndarray, wanted: Signer) -> dict[str, float]:
        """How likely each region is nearest of ten to what the wanted signer would show here."""
        looks = [colours_of(asdict(wanted)), *strangers()]
        asked, *others = (in_the_light(self.lit, self.worn, look) for look in looks)
        return nearest(region_colours(picture, self.part), asked, others)


@cache
def strangers() -> list[Colours]:
    """The colours of signers whom mini never saw either."""
    return [colours_of(asdict(random_signer(STRANGERS_SEED + k))) for k in range(STRANGERS)]


def judged(asked: Asked, ways: Sequence[str], painter: Any, tally: Tally) -> list[np.ndarray]:
    """Paint one sample in every way and measure; the pictures side by side."""
    sample, target = asked.sample, asked.sample.picture("target")
    beauty = sample.picture("beauty")
    nearness(tally, "quick render", beauty, sample)
    hands(tally, "quick render", beauty, sample)
    for region, won in asked.nearest(target, asked.signer).items():
        tally.add(f"target itself: nearest of ten, {region}", won)
    for region, won in asked.nearest(beauty, asked.signer).items():
        tally.add(f"quick render: nearest of ten, {region}", won)
    row = [np.asarray(asked.appearance), beauty, target]
    seen: dict[str, dict[str, np.ndarray]] = {}
    for way in ways:
        passes, image, words, wanted = asked.prepared(way)
        painted, outline = painter(passes, image, words, "noise" in way)
        row.append(painted)
        seen[way] = region_colours(painted, asked.part)
        tally.add(f"{way}: IoU", intersection_over_union(outline, asked.part > 0))
        wins = asked.nearest(painted, wanted)
        tally.add(f"{way}: nearest of ten", *wins.values())
        for region, won in wins.items():
            tally.add(f"{way}: nearest of ten, {region}", won)
        if way in ("image", "text"):
            nearness(tally, way, painted, sample)
        if way.startswith("image") and way != "image and text":
            hands(tally, way, painted, sample)
    if "image" in seen and "image and text" in seen:
        for region in seen["image"].keys() & {"skin", "hair"}:
            moved = delta_e(seen["image"][region], seen["image and text"][region])
            tally.add("image and text: others moved, dE", float(moved))
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("samples", type=Path)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--ways", nargs="+", default=WAYS, choices=WAYS)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--sheet", type=Path, help="picture of the first eight, as painted")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    chosen = {name: _value(value) for name, value in (item.split("=") for item in given.set)}
    pairs = list(pairs_in(given.samples))[: given.count]
    generator = load_generator(resolve_model(given.model)[0])
    tally, rng, rows = Tally(), np.random.default_rng(0), []
    with person_finder() as find, tempfile.TemporaryDirectory() as folder:

        def painter(
            passes: SamplePasses, image: Image.Image | None, words: str, noise: bool
        ) -> tuple[np.ndarray, np.ndarray]:
            options = replace(PaintOptions(prompt=words, seed=passes.samples[0].number), **chosen)
            if noise:
                options = replace(options, strength=1.0, keep_background=False, steps=NOISE_STEPS)
            paint(passes, image, "", options, folder, None, generator)
            with Image.open(frame_path(Path(folder), 0)) as picture:
                painted = np.asarray(picture.convert("RGB"))
            return painted, find(painted)

        for sample, other in pairs:
            asked = Asked(sample, other, rng)
            rows.append(judged(asked, given.ways, painter, tally))
    for value in autoencoder(generator, [sample for sample, _ in pairs[:20]]):
        tally.add("autoencoder on hand crops, dB", value)
    clock, alone = speed(generator, pairs[0][0])
    tally.add("frames a second at 256, by the clock", clock)
    tally.add("the same by processor time", alone)
    if given.sheet:
        Image.fromarray(np.vstack([np.hstack(row) for row in rows[:8]])).save(given.sheet)
    print(f"{len(pairs)} pictures of {len({sample.seed for sample, _ in pairs})} signers\n")
    print(tally.table())


def _value(text: str) -> Any:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return {"true": True, "false": False}.get(text, text)


if __name__ == "__main__":
    main()
