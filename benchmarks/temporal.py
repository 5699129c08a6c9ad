"""Whether what is painted moves with the signer: kinds of noise, with and without steadying.

    python benchmarks/temporal.py RUN [--strengths 0.3 1] [--first 40] [--count 16] [--model mini]

RUN is the folder of a finished run. Prints one table: the warp error with the mesh's exact motion
(mean absolute difference in 8-bit levels; lower is better) by region, beside pose fidelity: how far
the hand points that MediaPipe finds in the frames lie from where the signer's are (median px; a
frozen clip wins the first and must lose the second). The render's own row is the floor: light and
edges rightly change with the pose.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from diffsign.generate.evaluation.flow import GROUPS, warp_error
from diffsign.generate.noise import KINDS
from diffsign.generate.options import PaintOptions
from diffsign.generate.paint import paint
from diffsign.generate.steady import steady
from diffsign.render.pass_set import PassSet, read_pass_set
from diffsign.retarget.keypoints.mediapipe_holistic import detect_image

Picture = Callable[[int], np.ndarray]


@dataclass(frozen=True)
class Part:
    """The frames first to first + count of a pass set, as a pass set of their own."""

    whole: PassSet
    first: int
    count: int

    def __len__(self) -> int:
        return self.count

    def __getattr__(self, name: str) -> Any:
        return getattr(self.whole, name)

    def beauty_srgb(self, index: int) -> np.ndarray:
        return self.whole.beauty_srgb(self.first + index)

    def conditioning(self, name: str, index: int) -> np.ndarray:
        return self.whole.conditioning(name, self.first + index)

    def frame(self, index: int, *wanted: str) -> dict[str, np.ndarray]:
        return self.whole.frame(self.first + index, *wanted)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--strengths", type=float, nargs="+", default=[0.3, 1.0])
    parser.add_argument("--first", type=int, default=40)
    parser.add_argument("--count", type=int, default=16)
    parser.add_argument("--model", default="mini")
    asked = parser.parse_args()
    passes = Part(read_pass_set(asked.run / "passes"), asked.first, asked.count)
    print("| strength | frames |", " | ".join(GROUPS), "| hand points, px |")
    print("|---|---|" + "---|" * (len(GROUPS) + 1))
    _row("", "the render", passes.beauty_srgb, passes)
    _row("", "its first frame, frozen", lambda index: passes.beauty_srgb(0), passes)
    with tempfile.TemporaryDirectory() as folder:
        for strength in asked.strengths:
            for name, picture in _painted(passes, strength, asked.model, Path(folder)):
                _row(f"{strength:g}", name, picture, passes)


def _painted(
    passes: Part, strength: float, model: str, folder: Path
) -> Iterator[tuple[str, Picture]]:
    caption = "a signer"
    for noise in KINDS[strength >= 1 :]:  # pure noise is never none
        frames, steadied = (folder / f"{noise}_{strength}_{name}" for name in ("", "steady"))
        options = PaintOptions(model=model, strength=strength, noise=noise)
        paint(passes, None, caption, options, frames)
        yield f"{noise} noise", _reader(frames)
        steady(passes, frames, steadied)
        yield f"{noise} noise, steadied", _reader(steadied)


def _reader(folder: Path) -> Picture:
    return lambda index: np.asarray(Image.open(folder / f"{index:05d}.png").convert("RGB"))


def _row(strength: str, name: str, picture: Picture, passes: Part) -> None:
    sums, counts = np.zeros(len(GROUPS)), np.zeros(len(GROUPS))
    distances = []
    before: tuple[np.ndarray, np.ndarray] | None = None
    for index in range(len(passes)):
        layers = passes.frame(index, "motion", "part")
        frame, part = picture(index), layers["part"]
        if before is not None:
            apart = warp_error(frame, before[0], layers["motion"][..., :2], part, before[1])
            sums += [apart[group][0] for group in GROUPS]
            counts += [apart[group][1] for group in GROUPS]
        before = frame, part
        distances += _hand_distances(frame, passes, index)
    errors = [f"{error:.2f}" for error in sums / np.maximum(counts, 1)]
    away = f"{np.median(distances):.1f} ({len(distances) // 21} hands)" if distances else "none"
    print("|", " | ".join([strength, name, *errors, away]), "|", flush=True)


def _hand_distances(frame: np.ndarray, passes: Part, index: int) -> list[float]:
    found = detect_image(frame)
    distances: list[float] = []
    for hand in ("left_hand", "right_hand"):
        if hand in found:
            points = found[hand]
            truth = passes.points[hand][passes.first + index, :, :2]
            distances += np.linalg.norm(points[:, :2] - truth, axis=1).tolist()
    return distances


if __name__ == "__main__":
    main()
