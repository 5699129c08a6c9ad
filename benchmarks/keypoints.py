"""Keypoints: how fast they are detected, and how near the truth lost hands are bridged.

    python benchmarks/keypoints.py [CLIP ...]

Prints two Markdown tables. The first is of each clip (the sample clip where none is given):
decoding alone, detection, and their times over the clip's length. The second takes each hand of the
sample clip's exact truth away for some frames, at every place in the clip where it moves, and
compares the bridge with a frozen hand and with a straight line (mean distance of the 21 points in
pixels of 512).
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np

from diffsign.retarget.body.load import load_body
from diffsign.retarget.keypoints.record import Keypoints
from diffsign.retarget.keypoints.repair import repaired
from diffsign.retarget.keypoints.source import load_keypoints
from diffsign.retarget.motion import Motion
from diffsign.retarget.motion_files.fitted_pose import fitted_keypoints
from diffsign.video import probe, read_frames

GAPS = (4, 8, 12, 20)
MOVING = 0.5  # pixels a frame


def detection(clips: list[Path]) -> None:
    print("| clip | seconds | decoding | detection | frames/s | detection over the clip's length |")
    print("|---|---|---|---|---|---|")
    for clip in clips:
        info = probe(clip)
        start = time.perf_counter()
        frames = sum(1 for _ in read_frames(clip))
        decoded = time.perf_counter()
        load_keypoints(clip)
        spent = time.perf_counter() - decoded
        length = frames / info.fps
        print(
            f"| {clip.name} | {length:.1f} | {decoded - start:.1f} s | {spent:.1f} s "
            f"| {frames / spent:.1f} | {spent / length:.2f} |"
        )


def bridging(truth: Keypoints) -> None:
    print("| frames lost | gaps | frozen | straight line | bridged | bridged, wrist unseen |")
    print("|---|---|---|---|---|---|")
    blind = truth.body.copy()
    blind[:, 15:17, 3] = 0.1
    for length in GAPS:
        errors = []
        for hand in ("left_hand", "right_hand"):
            points = getattr(truth, hand)
            for start in range(3, len(points) - length - 3, 3):
                gap = slice(start, start + length)
                steps = np.linalg.norm(np.diff(points[gap, :, :2], axis=0), axis=-1)
                if steps.mean() < MOVING:
                    continue
                lost = points.copy()
                lost[gap] = 0
                share = (np.arange(1, length + 1) / (length + 1))[:, None, None]
                line = points[start - 1] * (1 - share) + points[start + length] * share
                guesses = [np.repeat(points[start - 1][None], length, axis=0), line]
                for body in (truth.body, blind):
                    fixed = repaired(replace(truth, body=body, **{hand: lost}))
                    guesses.append(getattr(fixed, hand)[gap])
                errors.append([_distance(guess, points[gap]) for guess in guesses])
        means = " | ".join(f"{value:.1f} px" for value in np.mean(errors, axis=0))
        print(f"| {length} | {len(errors)} | {means} |")


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.norm((a - b)[..., :2], axis=-1).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path, nargs="*")
    assets = Path(str(resources.files("diffsign.assets")))
    detection(parser.parse_args().clips or [assets / "sample.mp4"])
    print()
    motion = Motion.load(assets / "sample_motion.npz")
    bridging(fitted_keypoints(motion, load_body("open")))


if __name__ == "__main__":
    main()
