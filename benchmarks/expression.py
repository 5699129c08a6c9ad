"""What the face says: off, warp and learned side by side, against the source.

    python benchmarks/expression.py RUN... [--truth MOTION.npz] [--modes off,warp] [--network FILE]
    python benchmarks/expression.py --poses FILE.pose... [--window 40] [--side 256] -o DIR
    python benchmarks/expression.py --ablation SET.faces.npz... [--steps N] -o DIR

RUN is the folder of a finished run. The enhanced frames of each mode lie in RUN/.expression. The
source's actions are those that the solver read from it; the output's are read by the same solver
from the pictures, on the performed head. "render" is the avatar's picture itself, which performs
the source's actions exactly: the most that can be read. Prints Markdown tables. The second form
first makes runs of the middle frames of keypoint files, seen from near. The third trains two
networks for the same steps, on balanced and on uniform draws, and prints the held-out errors.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

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
from diffsign.retarget.keypoints.pose_file import read_pose, write_pose
from diffsign.retarget.motion import Motion

MOVES, SPREAD = 0.1, 0.03  # highest value and standard deviation of an action that moves
_BLINK = 0.35


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="*", type=Path)
    parser.add_argument("--truth", type=Path, help="what the source truly performs")
    parser.add_argument("--network", type=Path, help="of the mode learned; else the one that ships")
    parser.add_argument("--modes", default="off,warp")
    parser.add_argument("--poses", nargs="+", type=Path, default=[])
    parser.add_argument("--window", type=int, default=40, help="frames of a keypoint file")
    parser.add_argument("--side", type=int, default=256, help="pixels of its pictures")
    parser.add_argument("--ablation", action="store_true")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("-o", "--out", type=Path, default=Path("out/expression"))
    options = parser.parse_args()
    if options.ablation:
        ablation(options.runs, options.out, options.steps)
        return
    modes = options.modes.split(",")
    if options.network and "learned" not in modes:
        modes.append("learned")
    made = [run_of(path, options.out, options.window, options.side) for path in options.poses]
    for run in [*options.runs, *made]:
        compare(run, modes, options.network, options.truth)


def run_of(path: Path, out: Path, window: int, side: int) -> Path:
    """The folder of a run of the middle `window` frames of a keypoint file, the head seen near."""
    keypoints = read_pose(path)
    first = max(0, (keypoints.frame_count - window) // 2)
    parts: dict[str, Any] = {
        name: values[first : first + window] for name, values in keypoints.parts().items()
    }
    out.mkdir(parents=True, exist_ok=True)
    clip, folder = out / path.name, out / path.stem
    write_pose(clip, replace(keypoints, **parts))
    size = ("--resolution", f"{side}x{side}", "--size", str(side))
    view = ("--camera", "close", "--samples", "2", *size)
    command = ["diffsign", "run", str(clip), "-o", str(folder), "--enhance", "off", "-q", *view]
    subprocess.run(
        [Path(sys.executable).with_name(command[0]), *command[1:]],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return folder


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
    own = np.where(keypoints.face[..., 3:] > 0, keypoints.face[..., :2], np.nan)[: len(source)]
    painted = run / ("steady" if (run / "steady").is_dir() else "frames")
    pictures = {"render": [passes.beauty_srgb(n) for n in range(len(source))]}
    points = {"render": detected(passes, pictures["render"])}
    places = passes.points["face478_xyz"].astype(float)
    heads = heads_of(performance, places, passes.camera, points["render"])
    if heads is None:
        print(f"\n## {run.name}: no face is found in the render.")
        return
    rates = {}
    for mode in modes:
        folder = run / ".expression" / mode
        shutil.rmtree(folder, ignore_errors=True)
        start = time.process_time()
        enhance(
            passes,
            painted,
            folder,
            mode=mode,
            performance=performance,
            source=own,
            checkpoint=network,
        )
        rates[mode] = len(source) / max(time.process_time() - start, 1e-6)
        pictures[mode] = [
            np.asarray(Image.open(path).convert("RGB"))
            for path in sorted(folder.glob("[0-9]*.png"))
        ]
        points[mode] = detected(passes, pictures[mode])
    says = {name: heads.actions(found, np.arange(len(source))) for name, found in points.items()}
    columns = list(says)
    found = f"{np.isfinite(own).any((1, 2)).sum()} with a face"
    print(f"\n## {run.name}: {len(source)} frames, {found}")
    print(f"\n| r over time | {' | '.join(columns)} |\n|---|" + "---|" * len(columns))
    table: dict[str, list[float]] = {name: [] for name in columns}
    for i in np.flatnonzero(moving):
        for name in columns:
            table[name].append(_r(source[:, i], says[name][:, i]))
        print(f"| {names[i]} | " + " | ".join(f"{table[name][-1]:.2f}" for name in columns) + " |")
    line("mean over the actions that move", columns, lambda m: f"{np.mean(table[m]):.3f}")
    line("blinks within one frame", columns, lambda m: blinks(source, says[m], names))
    for name, signal in SIGNALS.items():
        line(f"{name}, r", columns, lambda m, s=signal: f"{_r(s(own), s(points[m])):.3f}")
    faces = {mode: embeddings(passes, pictures[mode]) for mode in modes}
    line(
        "face feature's cosine with the one before enhancement",
        columns,
        lambda m: f"{(faces[m] * faces['off']).sum(-1).mean():.3f}" if m in faces else "-",
    )
    errors = {name: flow_error(passes, pictures[name]) for name in columns}
    line("flow-warp error of the face, levels", columns, lambda m: f"{errors[m]:.3f}")
    line(
        "faces a second of processor time",
        columns,
        lambda m: f"{rates[m]:.1f}" if m in rates and m != "off" else "-",
    )


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
