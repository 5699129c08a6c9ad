"""What mini makes of signers and poses that it never saw: the figures of its model card.

    diffsign mini samples -o SAMPLES --count 60 --poses 2 --seed 977
    python benchmarks/mini.py SAMPLES [--model auto|FOLDER] [--count 60] [--sheet FILE]

Pictures are painted from SAMPLES' quick renders and compared with their well-lit targets; the
appearance is the target of the same signer's other pose. Hands are found by MediaPipe in single
pictures and compared with the projected points. "Nearest of ten" is the share in which a region's
mean colour (skin, shirt, hair; CIE Lab) is nearer to what was asked than to nine other signers'.
From pure noise nothing is told of the render but the ControlNet maps. Speed is of batches at
256 x 256, by the clock, on --threads threads.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from diffsign.files import read_json
from diffsign.generate.checkpoints import resolve_model
from diffsign.generate.evaluation.colours import REGIONS, colours_of, region_colours
from diffsign.generate.evaluation.silhouette import intersection_over_union, person_finder
from diffsign.generate.evaluation.ssim import ssim
from diffsign.generate.frames import frame_path
from diffsign.generate.loading import load_generator
from diffsign.generate.options import PaintOptions
from diffsign.generate.paint import paint
from diffsign.retarget.keypoints.mediapipe_holistic import detect_image

HANDS = ("left_hand", "right_hand")
RIVALS = 9
NEAR = 0.2
SMALLEST_HAND = 24
"""Pixels: no detector is asked for hands whose box is smaller."""


@dataclass(frozen=True)
class Sample:
    """One rendered pair and its record."""

    folder: Path
    number: int

    def picture(self, kind: str) -> np.ndarray:
        with Image.open(self.folder / f"{self.number:06d}_{kind}.png") as image:
            return np.asarray(image if kind == "part" else image.convert("RGB"))

    @property
    def record(self) -> dict[str, Any]:
        return read_json(self.folder / f"{self.number:06d}.json")


@dataclass(frozen=True)
class SamplePasses:
    """Samples as the pass set that `paint` asks for."""

    samples: tuple[Sample, ...]

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
        return self.samples[index].picture("beauty")

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

    def mean(self, name: str) -> float | None:
        return float(np.mean(self.values[name])) if self.values.get(name) else None


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """dB of 8-bit pictures."""
    error = np.mean((a.astype(float) - b.astype(float)) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def signers(samples: Sequence[Sample]) -> Iterator[tuple[Sample, Sample]]:
    """Each sample with another one of the same signer."""
    by_seed: dict[str, list[Sample]] = {}
    for sample in samples:
        by_seed.setdefault(str(sample.record["signer_seed"]), []).append(sample)
    for group in by_seed.values():
        for k, sample in enumerate(group):
            if len(group) > 1:
                yield sample, group[(k + 1) % len(group)]


def nearest(
    found: dict[str, np.ndarray], asked: dict[str, np.ndarray], rivals: list[dict[str, Any]]
) -> list[bool]:
    """For each region, whether its colour is nearest to what was asked."""
    wins = []
    for region in REGIONS:
        if region in found and region in asked:
            away = [np.linalg.norm(found[region] - r[region]) for r in rivals if region in r]
            wins.append(bool(np.linalg.norm(found[region] - asked[region]) < min(away)))
    return wins


def hands(tally: Tally, who: str, picture: np.ndarray, sample: Sample) -> None:
    """Hands found in a picture, and their points near the projected ones."""
    record = sample.record
    found = detect_image(picture)
    for hand in HANDS:
        box = record["boxes"][hand]
        if box is None or min(box[2] - box[0], box[3] - box[1]) < SMALLEST_HAND:
            continue
        tally.add(f"{who} hands found", hand in found)
        if hand in found:
            truth = np.array(record["hands"][hand])
            away = np.linalg.norm(found[hand][:, :2] - truth, axis=1)
            tally.add(f"{who} PCK", *(away < NEAR * np.ptp(truth, axis=0).max()))


def autoencoder(model: str, samples: Sequence[Sample], device: str) -> float | None:
    """Mean PSNR in dB of hand crops through the autoencoder alone."""
    vae: Any = load_generator(resolve_model(model)[0], device, "fp32").pipeline.vae
    values = []
    for sample in samples:
        picture = sample.picture("target")
        pixels = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
        with torch.no_grad():
            latent = vae.encode(pixels.to(device))
            latent = latent.latents if hasattr(latent, "latents") else latent.latent_dist.mode()
            back = vae.decode(latent).sample[0].permute(1, 2, 0).cpu().numpy()
        back = np.clip((back + 1) * 127.5, 0, 255)
        for hand in HANDS:
            if sample.record["boxes"][hand] is not None:
                x0, y0, x1, y1 = sample.record["boxes"][hand]
                if min(x1 - x0, y1 - y0) >= SMALLEST_HAND:
                    values.append(psnr(back[y0:y1, x0:x1], picture[y0:y1, x0:x1]))
    return float(np.mean(values)) if values else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("samples", type=Path)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--sheet", type=Path, help="picture of the first eight, as painted")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    numbers = sorted(int(path.stem) for path in given.samples.glob("[0-9]*.json"))
    pairs = list(signers([Sample(given.samples, number) for number in numbers]))[: given.count]
    generator = load_generator(resolve_model(given.model)[0])
    tally, rng = Tally(), np.random.default_rng(0)
    looks = [colours_of(sample.record["signer"]) for sample, _ in pairs]
    rows: list[list[np.ndarray]] = []
    with person_finder() as find, tempfile.TemporaryDirectory() as folder:
        for k, (sample, other) in enumerate(pairs):
            passes, caption = SamplePasses((sample,)), sample.record["caption"]
            appearance = Image.fromarray(other.picture("target"))
            target, part = sample.picture("target"), sample.picture("part")
            same = str(sample.record["signer_seed"])
            strangers = [
                look
                for (rival, _), look in zip(pairs, looks, strict=True)
                if str(rival.record["signer_seed"]) != same
            ]
            chosen = [strangers[i] for i in rng.choice(len(strangers), RIVALS, replace=False)]
            asked_picture = region_colours(other.picture("target"), other.picture("part"))
            tally.add("quick render PSNR", psnr(sample.picture("beauty"), target))
            tally.add("quick render SSIM", ssim(sample.picture("beauty"), target))
            hands(tally, "quick render", sample.picture("beauty"), sample)
            row = [other.picture("target"), sample.picture("beauty"), target]
            ways = {
                "image": (appearance, "", None),
                "text": (None, caption, None),
                "image, pure noise": (appearance, "", 1.0),
                "text, pure noise": (None, caption, 1.0),
            }
            for way, (picture, words, strength) in ways.items():
                out = Path(folder) / f"{k}-{way}"
                options = PaintOptions(prompt=words, strength=strength, seed=k)
                if strength == 1.0:
                    options = replace(options, keep_background=False, steps=8)
                paint(passes, picture, caption, options, out, None, generator)
                with Image.open(frame_path(out, 0)) as image:
                    painted = np.asarray(image.convert("RGB"))
                row.append(painted)
                tally.add(f"{way}: IoU", intersection_over_union(find(painted), part > 0))
                asked = asked_picture if picture is not None else looks[k]
                tally.add(
                    f"{way}: nearest of ten",
                    *nearest(region_colours(painted, part), asked, chosen),
                )
                if strength is None:
                    tally.add(f"{way}: PSNR", psnr(painted, target))
                    tally.add(f"{way}: SSIM", ssim(painted, target))
                if way in ("image", "image, pure noise"):
                    hands(tally, f"{way}:", painted, sample)
            rows.append(row)
    vae = autoencoder(given.model, [sample for sample, _ in pairs[:20]], "cpu")
    if vae is not None:
        tally.add("autoencoder on hand crops, dB", vae)
    tally.add("frames a second at 256", speed(generator, pairs[0][0]))
    if given.sheet:
        Image.fromarray(np.vstack([np.hstack(row) for row in rows[:8]])).save(given.sheet)
    print(f"{len(pairs)} pictures of {len(set(str(s.record['signer_seed']) for s, _ in pairs))}")
    print("\n| figure | value |\n|---|---|")
    for name in tally.values:
        print(f"| {name} | {tally.mean(name):.3f} |")


def speed(generator: Any, sample: Sample, frames: int = 16) -> float:
    """Frames a second of `paint` with its defaults at 256 x 256, loading left out."""
    passes = SamplePasses((sample,) * frames)
    options = PaintOptions(prompt="a person", size=256)
    with tempfile.TemporaryDirectory() as folder:
        paint(SamplePasses((sample,)), None, "", options, Path(folder) / "warm", None, generator)
        start = time.perf_counter()
        paint(passes, None, "", options, Path(folder) / "timed", None, generator)
        return frames / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
