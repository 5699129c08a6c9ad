"""The fit: frames a second, and how near it comes to a known truth.

    python benchmarks/fit.py [CLIP_OR_POSE ...]

Fits each source (the sample clip where none is given) and prints a Markdown table: detection apart
from fitting, and the median reprojection error in pixels of 512. For the sample clip, whose truth
is known, also the Procrustes-aligned error of the upper body's joints and of each hand's.
"""

from __future__ import annotations

import argparse
import time
from importlib import resources
from pathlib import Path

import numpy as np

from diffsign.generate.evaluation.reprojection import projected_points, reprojection_error
from diffsign.retarget.body.skeleton import INDEX, LEFT_HAND, RIGHT_HAND
from diffsign.retarget.fit.solve import fit_clip
from diffsign.retarget.keypoints.source import load_keypoints
from diffsign.retarget.motion import Motion

UPPER = [
    INDEX[name]
    for name in ("neck", "head", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow")
] + [INDEX["left_wrist"], INDEX["right_wrist"]]
PARTS = {"upper body": UPPER, "left hand": list(LEFT_HAND), "right hand": list(RIGHT_HAND)}


def aligned_error(found: np.ndarray, real: np.ndarray) -> float:
    """Mean joint error (metres) after the best similarity, frame by frame (PA-MPJPE)."""
    a, b = (points - points.mean(1, keepdims=True) for points in (found, real))
    u, s, vt = np.linalg.svd(np.swapaxes(a, 1, 2) @ b)
    flip = np.sign(np.linalg.det(u @ vt))
    s[:, -1] *= flip
    u[:, :, -1] *= flip[:, None]
    scale = s.sum(1) / (a**2).sum((1, 2))
    return float(np.linalg.norm(scale[:, None, None] * (a @ (u @ vt)) - b, axis=-1).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sources", type=Path, nargs="*")
    assets = Path(str(resources.files("diffsign.assets")))
    sources = parser.parse_args().sources or [assets / "sample.mp4"]
    print("| source | frames | detect, frames/s | fit, frames/s | body | hands | face |")
    print("|---|---|---|---|---|---|---|")
    for source in sources:
        start = time.perf_counter()
        keypoints = load_keypoints(source)
        detected = time.perf_counter()
        motion = fit_clip(keypoints)
        fitted = time.perf_counter()
        error = reprojection_error(projected_points(motion), keypoints)
        frames = motion.frame_count
        hands = " / ".join(_text(error[part]) for part in ("left_hand", "right_hand"))
        print(
            f"| {source.name} | {frames} | {frames / (detected - start):.1f} "
            f"| {frames / (fitted - detected):.1f} | {_text(error['body'])} | {hands} "
            f"| {_text(error['face'])} |"
        )
        if source.name == "sample.mp4":
            truth = Motion.load(assets / "sample_motion.npz")
            for name, joints in PARTS.items():
                millimetres = 1000 * aligned_error(
                    motion.joints[:, joints], truth.joints[:, joints]
                )
                print(f"| its {name} against the truth | | | | {millimetres:.0f} mm PA-MPJPE | | |")


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} px"


if __name__ == "__main__":
    main()
