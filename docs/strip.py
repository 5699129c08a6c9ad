"""The README's picture: one frame of a finished run, from the source to the signer.

python docs/strip.py CLIP DIR FRAME [-o docs/images/road.png]
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import numpy as np
from PIL import Image

from diffsign.render.pass_set import read_pass_set
from diffsign.video import read_frames

HEIGHT = 300
GAP = 4
MAPS = ("depth", "normal", "openpose")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("frame", type=int)
    parser.add_argument("-o", "--out", type=Path, default=Path("docs/images/road.png"))
    options = parser.parse_args()
    passes = read_pass_set(options.folder / "passes")
    panels = [
        _frame(options.clip, options.frame),
        *(passes.conditioning(name, options.frame) for name in MAPS),
        passes.beauty_srgb(options.frame),
        _frame(options.folder / "signer.mp4", options.frame),
    ]
    gap = np.full((HEIGHT, GAP, 3), 255, np.uint8)
    row = [piece for panel in panels for piece in (gap, _resized(panel))][1:]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(row, axis=1)).save(options.out, optimize=True)


def _frame(clip: Path, index: int) -> np.ndarray:
    return next(itertools.islice(read_frames(clip), index, None))


def _resized(picture: np.ndarray) -> np.ndarray:
    image = Image.fromarray(picture)
    width = round(image.width * HEIGHT / image.height)
    return np.asarray(image.resize((width, HEIGHT), Image.Resampling.LANCZOS))


if __name__ == "__main__":
    main()
