"""What the face says: off, warp and learned side by side, against the source.

    python benchmarks/expression.py RUN [--truth MOTION.npz] [--network FILE] [--modes off,warp]
    python benchmarks/expression.py --ablation SET.faces.npz... [--steps N] -o DIR

RUN is the folder of a finished run. The enhanced frames of each mode lie in RUN/.expression. The
source's actions are those that the solver read from it; the output's are read by the same solver
from the pictures, on the performed head. Prints Markdown tables. The second form trains two
networks for the same steps, on balanced and on uniform draws, and prints the held-out errors.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from PIL import Image

from diffsign.generate.evaluation.encoders import face_encoder, unit
from diffsign.generate.evaluation.face_signals import pearson
from diffsign.generate.evaluation.flow import warp_error
from diffsign.generate.expression.actions import heads_of
from diffsign.generate.expression.crop import cut, face_boxes
from diffsign.generate.expression.detector import mediapipe_detector
from diffsign.generate.expression.enhance import enhance
from diffsign.generate.expression.face_points import brow_height, mouth_opening
from diffsign.generate.expression.measure import points_in_box
from diffsign.render.pass_set import PassSet, read_pass_set
from diffsign.retarget.keypoints.pose_file import read_pose
from diffsign.retarget.motion import Motion

MOVES, SPREAD = 0.1, 0.03  # highest value and standard deviation of an action that moves
_BLINK = 0.35


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--truth", type=Path, help="what the source truly performs")
    parser.add_argument("--network", type=Path, help="of --enhance learned")
    parser.add_argument("--modes", default="off,warp")
    parser.add_argument("--ablation", action="store_true")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("-o", "--out", type=Path, default=Path("out/ablation"))
    options = parser.parse_args()
    if options.ablation:
        ablation(options.runs, options.out, options.steps)
        return
    modes = [*options.modes.split(","), *(["learned"] if options.network else [])]
    for run in options.runs:
        compare(run, modes, options.network, options.truth)


def compare(run: Path, modes: list[str], network: Path | None, truth: Path | None) -> None:
    """Print the tables of one run."""
    passes = read_pass_set(run / "passes")
    performance = Motion.load(run / "performance.npz")
    source = performance.facial_actions
    names = performance.facial_action_names
    moving = (source.max(0) > MOVES) & (source.std(0) > SPREAD)
    if truth:
        true = Motion.load(truth).facial_actions
        moving &= (true.max(0) > 0.05) & (true.std(0) > 0.02)
    keypoints = read_pose(run / "keypoints.pose")
    painted = run / ("steady" if (run / "steady").is_dir() else "frames")
    rendered = detected(passes, [passes.beauty_srgb(n) for n in range(len(source))])
    places = passes.points["face478_xyz"].astype(float)
    heads = heads_of(performance, places, passes.camera, rendered)
    if heads is None:
        print(f"\n{run.name}: no face is found in the render.")
        return
    says, points, rates, pictures = {}, {}, {}, {}
    for mode in modes:
        folder = run / ".expression" / mode
        start = time.process_time()
        enhance(passes, painted, folder, mode=mode, performance=performance, checkpoint=network)
        rates[mode] = len(source) / max(time.process_time() - start, 1e-6)
        pictures[mode] = [
            np.asarray(Image.open(path).convert("RGB"))
            for path in sorted(folder.glob("[0-9]*.png"))
        ]
        points[mode] = detected(passes, pictures[mode])
        says[mode] = heads.actions(points[mode], np.arange(len(source)))
    print(f"\n## {run.name}: {len(source)} frames\n\n| r over time | {' | '.join(modes)} |")
    print("|---|" + "---|" * len(modes))
    table: dict[str, list[float]] = {mode: [] for mode in modes}
    for i in np.flatnonzero(moving):
        row = [_r(source[:, i], says[mode][:, i]) for mode in modes]
        for mode, value in zip(modes, row, strict=True):
            table[mode].append(value)
        print(f"| {names[i]} | " + " | ".join(f"{value:.2f}" for value in row) + " |")
    line("mean over the actions that move", modes, lambda m: f"{np.mean(table[m]):.3f}")
    line("blinks within one frame", modes, lambda m: blinks(source, says[m], names))
    own = keypoints.face[: len(source), :, :2].astype(float)
    own[~keypoints.seen("face")[: len(source)]] = np.nan
    for name, signal in SIGNALS.items():
        line(f"{name}, r", modes, lambda m, s=signal: f"{_r(s(own), s(points[m])):.3f}")
    faces = {mode: embeddings(passes, pictures[mode]) for mode in modes}
    line(
        "face feature's cosine with the one before enhancement",
        modes,
        lambda m: f"{(faces[m] * faces['off']).sum(-1).mean():.3f}" if "off" in faces else "-",
    )
    errors = {mode: flow_error(passes, pictures[mode]) for mode in modes}
    line("flow-warp error of the face, levels", modes, lambda m: f"{errors[m]:.3f}")
    line("faces a second of processor time", modes, lambda m: f"{rates[m]:.1f}")


SIGNALS = {
    "mouth opening": mouth_opening,
    "brow height, left": lambda points: brow_height(points, "left"),
    "brow height, right": lambda points: brow_height(points, "right"),
}


def line(name, modes, value) -> None:
    print(f"| {name} | " + " | ".join(value(mode) for mode in modes) + " |")


def _r(first: np.ndarray, second: np.ndarray) -> float:
    both = np.isfinite(first) & np.isfinite(second)
    return pearson(first[both], second[both]) or 0.0


def detected(passes: PassSet, pictures: list[np.ndarray]) -> np.ndarray:
    """(T,478,2) points found in the pictures, NaN where none."""
    expected = passes.points["face478"][..., :2].astype(float)
    boxes = face_boxes(expected)
    found = np.full_like(expected, np.nan)
    with mediapipe_detector() as detect:
        for n, (picture, box) in enumerate(zip(pictures, boxes, strict=True)):
            points = None if box is None else points_in_box(picture, box, expected[n], detect)
            if points is not None:
                found[n] = points
    return found


def blinks(source: np.ndarray, output: np.ndarray, names: tuple[str, ...]) -> str:
    """Share of the source's blinks (peaks of both lids) with one of the output's within a frame."""
    from scipy.signal import find_peaks

    ids = [names.index("eyeBlinkLeft"), names.index("eyeBlinkRight")]
    theirs, ours = source[:, ids].mean(1), np.nan_to_num(output[:, ids].mean(1))
    theirs, ours = np.pad(theirs, 1), np.pad(ours, 1)
    peaks = find_peaks(theirs, height=_BLINK, prominence=0.15)[0]
    mine = find_peaks(ours, height=0.5 * _BLINK, prominence=0.1)[0]
    if not len(peaks):
        return "no blinks"
    near = [bool(len(mine)) and int(np.abs(mine - peak).min()) <= 1 for peak in peaks]
    return f"{sum(near)} of {len(near)}"


def embeddings(passes: PassSet, pictures: list[np.ndarray], every: int = 4) -> np.ndarray:
    """(N,D) unit features of every fourth frame's face by the project's own image encoder."""
    boxes = face_boxes(passes.points["face478"][..., :2].astype(float))
    crops = []
    for picture, box in list(zip(pictures, boxes, strict=True))[::every]:
        if box is not None:
            crops.append(np.asarray(Image.fromarray(cut(picture, box)).resize((224, 224))))
    return unit(face_encoder()(np.stack(crops)))


def flow_error(passes: PassSet, pictures: list[np.ndarray]) -> float:
    """Mean absolute difference (0..255) of the face from the frame before, moved exactly."""
    total, count, before = 0.0, 0, None
    for n, picture in enumerate(pictures):
        layers = passes.frame(n, "part", "motion")
        if before is not None:
            off, seen = warp_error(
                picture, pictures[n - 1], layers["motion"][..., :2], layers["part"], before
            )["face"]
            total, count = total + off, count + seen
        before = layers["part"]
    return total / max(count, 1)


def ablation(paths: list[Path], out: Path, steps: int) -> None:
    """Train on balanced and on uniform draws and print the held-out errors side by side."""
    from diffsign.generate.expression.learned.faces import FaceSet
    from diffsign.generate.expression.learned.network import AnimatorConfig
    from diffsign.generate.expression.learned.train import TrainOptions, train

    sets = [FaceSet.load(path) for path in paths]
    config = AnimatorConfig(side=sets[0].side)
    errors = {}
    for name, balanced in (("balanced", True), ("uniform", False)):
        options = TrainOptions(out / name, 1e6, balanced, config=config, max_steps=steps)
        errors[name] = train(sets, options)[1]["held_out"]
    print("| held-out error, of 255 | balanced | uniform |\n|---|---|---|")
    for name, value in errors["balanced"].items():
        print(f"| {name} | {value:.3f} | {errors['uniform'][name]:.3f} |")


if __name__ == "__main__":
    main()
