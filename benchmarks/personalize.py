"""Whether a learned LoRA matches a person better than the image prompt alone, on held-out poses.

    diffsign personalize DIR/00000[0-7]_target.png -o LORA --model mini
    python benchmarks/personalize.py DIR LORA --held-out 8 9 [--strengths 0.3 0.6 1]

DIR holds samples of one signer (`diffsign mini samples --poses 10`). The held-out
poses are painted with the conditioning images of the samples. Below strength 1 painting starts from
the signer's own quick render in other colours (hue turned by 120 degrees), so that the person must
come from the LoRA or the image. Prints, over the signer's pixels: the mean distance in Lab of the
colours of skin, face, hair and top from the truth (lower is better) and PSNR (higher is better).
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from diffsign.generate.canvas import plan_canvas
from diffsign.generate.checkpoints import resolve_model
from diffsign.generate.frames import FrameInputs
from diffsign.generate.loading import Generator, load_generator
from diffsign.generate.options import PaintOptions, resolve_settings
from diffsign.generate.sampling import embed_guidance, paint_frames
from diffsign.generate.variants import Variant, vary
from diffsign.render.avatar.parts import PART_INDEX

REGIONS = ("skin", "face", "hair", "top")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("samples", type=Path)
    parser.add_argument("lora")
    parser.add_argument("--learned", type=int, nargs="+", default=list(range(8)))
    parser.add_argument("--held-out", type=int, nargs="+", default=[8, 9])
    parser.add_argument("--strengths", type=float, nargs="+", default=[0.3, 0.6, 1.0])
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--sheet", type=Path, help="picture of what was painted")
    asked = parser.parse_args()
    checkpoint, _ = resolve_model("mini")
    learned = vary(checkpoint, Variant(loras=(asked.lora,)))
    pictures = [_read(asked.samples, number, "target") for number in asked.learned]
    ways = {
        "image prompt": (checkpoint, pictures[:1]),
        "images' mean": (checkpoint, pictures),
        "LoRA": (learned, []),
        "LoRA + image": (learned, pictures[:1]),
    }
    print("| way | strength |", " | ".join(REGIONS), "| all | PSNR, dB |")
    print("|---|---|" + "---|" * (len(REGIONS) + 2))
    rows = [[_read(asked.samples, number, "target") for number in asked.held_out]]
    for name, (model, appearance) in ways.items():
        generator = load_generator(model)
        for strength in asked.strengths:
            frames = list(_painted(generator, asked, appearance, strength))
            _print_row(name, strength, frames, asked)
            rows.append(frames)
    if asked.sheet is not None:
        sheet = np.concatenate([np.concatenate(row, axis=1) for row in rows])
        Image.fromarray(sheet[::2, ::2]).save(asked.sheet)


def _painted(
    generator: Generator, asked: argparse.Namespace, appearance: list[np.ndarray], strength: float
) -> Iterator[np.ndarray]:
    options = PaintOptions(
        strength=strength, steps=asked.steps, noise="fixed", detail=0.0, keep_background=False
    )
    settings = resolve_settings(options, generator.checkpoint, "", True, generator.precision)
    if not settings.prompt:
        settings = replace(settings, prompt="a person")
    guidance = embed_guidance(generator, settings, [Image.fromarray(a) for a in appearance])
    for number in asked.held_out:
        beauty = _turned(_read(asked.samples, number, "beauty"))
        maps = {kind: _read(asked.samples, number, kind) for kind in generator.kinds}
        height, width = beauty.shape[:2]
        canvas = plan_canvas(width, height, settings.size, generator.multiple)
        inputs = [FrameInputs(beauty, maps)]
        yield from paint_frames(generator, settings, guidance, canvas, [number], inputs)


def _print_row(
    name: str, strength: float, frames: list[np.ndarray], asked: argparse.Namespace
) -> None:
    apart: dict[str, list[float]] = {region: [] for region in REGIONS}
    errors = []
    for number, frame in zip(asked.held_out, frames, strict=True):
        truth = _read(asked.samples, number, "target")
        part = np.asarray(Image.open(asked.samples / f"{number:06d}_part.png"))
        ours, theirs = _lab(frame), _lab(truth)
        for region in REGIONS:
            inside = part == PART_INDEX[region]
            if inside.sum() > 100:
                distance = np.median(ours[inside], 0) - np.median(theirs[inside], 0)
                apart[region].append(float(np.linalg.norm(distance)))
        signer = part > 0
        difference = (frame[signer].astype(float) - truth[signer]) / 255
        errors.append(float(np.mean(difference**2)))
    means = [float(np.mean(values)) if values else float("nan") for values in apart.values()]
    cells = [*means, float(np.nanmean(means)), -10 * np.log10(np.mean(errors))]
    print("|", " | ".join([name, f"{strength:g}", *(f"{cell:.1f}" for cell in cells)]), "|")


def _lab(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)


def _turned(image: np.ndarray) -> np.ndarray:
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0].astype(int) + 60) % 180
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


def _read(folder: Path, number: int, kind: str) -> np.ndarray:
    return np.asarray(Image.open(folder / f"{number:06d}_{kind}.png").convert("RGB"))


if __name__ == "__main__":
    main()
