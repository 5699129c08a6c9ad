"""The figures of dataset synthesis, as a table.

python benchmarks/dataset.py [CLIP ...] -o out/bench-dataset [--samples 200] [--kills 5]

CLIP are .pose, motion files or videos; the sample clip's motion always joins them. Measured are:
the rate with one and with two workers (on as many samples as --scaling says), the whole run on two,
its memory, whether a run that is killed with SIGKILL at random moments ends with the same bytes,
how the annotations agree with Blender and with MediaPipe, and leaks between splits.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from diffsign.dataset.check import check_dataset, content_hash
from diffsign.dataset.children import Child
from diffsign.dataset.layout import shards_of
from diffsign.dataset.read import open_dataset
from diffsign.dataset.run import Job, read_job
from diffsign.files import read_json

ROOT = Path(__file__).parents[1]
EURO_PER_CORE_HOUR = 0.04
CORES_PER_NODE = 16
NODES = (1, 10, 100)
PLANNED = 100_000


def write_recipe(path: Path, clips: list[Path], samples: int, frames: int) -> Path:
    """The recipe of the issue: 10 motions x 20 random signers, no generator, 256 x 256."""
    sources = [
        {"files": str(clip.resolve())} for clip in (ROOT / "assets/sample_motion.npz", *clips)
    ]
    recipe: dict[str, Any] = {
        "name": path.stem,
        "seed": 5,
        "clips": sources,
        "signers": [{"random": 20}],
        "cameras": [{"camera": "front", "azimuth": [-25, 25], "elevation": [-5, 10]}],
        "lights": [{"light": "plain"}, {"light": "window"}],
        "motion": {"speed": [0.9, 1.1], "mirror": 0.5, "noise": 1.5, "proportions": "avatar"},
        "frames": {"stride": 2, "max": frames, "place": "random"},
        "samples": samples,
        "resolution": 256,
        "outputs": {"shard_mb": 8},
        "splits": {"shares": {"train": 0.8, "test": 0.2}} if len(sources) > 1 else {},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")
    return path


def command(recipe: Path, out: Path, workers: int) -> list[str]:
    start = [sys.executable, "-m", "diffsign.cli", "synthesize", str(recipe), "-o", str(out)]
    return [*start, "--workers", str(workers), "-q"]


def tree_memory(process: int) -> float:
    """Proportional memory (PSS) in MB of a process and all below it."""
    total, waiting = 0.0, [process]
    while waiting:
        current = waiting.pop()
        try:
            for task in Path(f"/proc/{current}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
            for line in Path(f"/proc/{current}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) / 1024
        except (OSError, ValueError):
            continue
    return total


def timed(recipe: Path, out: Path, workers: int) -> dict[str, float]:
    """A whole run: seconds of wall clock and of the processor, peak memory of all its processes."""
    peak = 0.0
    before = os.times()
    start = time.monotonic()
    process = subprocess.Popen(command(recipe, out, workers), stdout=subprocess.DEVNULL)
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.5):
            peak = max(peak, tree_memory(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = process.wait()
    done.set()
    watcher.join()
    if code:
        raise SystemExit(f"the run ended with code {code}")
    after = os.times()
    used = after.children_user + after.children_system
    used -= before.children_user + before.children_system
    return {"seconds": time.monotonic() - start, "cpu": used, "peak_mb": peak}


def prepared(recipe: Path, out: Path) -> None:
    """Make the motions ahead, so that rates are of samples alone."""
    first = read_job(recipe).plan.samples
    seen: set[str] = set()
    for sample in first:
        if sample.clip not in seen:
            seen.add(sample.clip)
            subprocess.run(
                [*command(recipe, out, 1), "--only", sample.id],
                stdout=subprocess.DEVNULL,
                check=True,
            )
            (out / f"{sample.id}.tar").unlink()


def killed(recipe: Path, out: Path, kills: int, seconds: float, seed: int) -> int:
    """Kill a run at random moments and let it end; how often it was still running then."""
    rng = np.random.default_rng(seed)
    hits = 0
    for moment in rng.uniform(0.05, 0.95, kills) * seconds / kills:
        process = subprocess.Popen(command(recipe, out, 2), stdout=subprocess.DEVNULL)
        try:
            process.wait(timeout=float(moment) + 3)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            hits += 1
    subprocess.run(command(recipe, out, 2), stdout=subprocess.DEVNULL, check=True)
    return hits


def witnessed(job: Job, out: Path, count: int) -> dict[str, float]:
    """Annotations against Blender's own joints and silhouettes, on `count` samples."""
    errors: list[float] = []
    ious: list[float] = []
    parts: list[float] = []
    where = {}
    for split in job.recipe.splits.shares:
        for shard in shards_of(out, split):
            for entry in read_json(shard.with_suffix(".json"))["samples"]:
                where[entry["id"]] = shard
    chosen = [sample for sample in job.plan.samples if sample.id in where]
    child = Child("witness")
    try:
        for sample in chosen[:: max(1, len(chosen) // count)][:count]:
            task = {**job.task(out, sample, None), "do": "witness", "shard": str(where[sample.id])}
            answer = child.do(task)
            if "why" in answer:
                raise SystemExit(answer["why"])
            errors += answer["errors"]
            ious += answer["iou"]
            parts += answer["parts"]
    finally:
        child.close()
    return {
        "error_median_px": float(np.median(errors)),
        "error_max_px": float(np.max(errors)),
        "iou_mean": float(np.mean(ious)),
        "iou_min": float(np.min(ious)),
        "parts": float(np.mean(parts)),
    }


def detected(out: Path, splits: list[str], count: int) -> dict[str, float]:
    """MediaPipe on the pictures: the share of detected points near the annotated ones (PCK).

    Body: within 0.1 and 0.2 of the shoulders' width; hands: within 0.2 of the hand's box.
    """
    import tempfile

    from diffsign.dataset.wholebody import wholebody
    from diffsign.retarget.keypoints.mediapipe_holistic import detect
    from diffsign.video import write_video

    near: dict[str, list[bool]] = {"body@0.1": [], "body@0.2": [], "hands@0.2": []}
    found_hands = wanted_hands = looked_at = 0
    for split in splits:
        for sample in open_dataset(out, split, ("json", "annotations", "frames")):
            if looked_at >= count:
                break
            looked_at += 1
            with tempfile.TemporaryDirectory() as folder:
                clip = Path(folder) / "clip.mp4"
                write_video(clip, sample["frames"], sample["json"]["fps"])
                try:
                    points = detect(clip)
                except Exception:  # nobody found: counted as missed
                    continue
            sets = {"body33": points.body, "face478": points.face}
            sets |= {"left_hand": points.left_hand, "right_hand": points.right_hand}
            there = wholebody(sets)
            truth = sample["annotations"]["keypoints_2d"]
            for flat, seen in zip(truth, there, strict=True):
                width = float(np.linalg.norm(flat[5, :2] - flat[6, :2]))
                away = np.linalg.norm(flat[:, :2] - seen[:, :2], axis=1)
                rows = [k for k in range(5, 13) if flat[k, 2] == 2 and seen[k, 3] > 0]
                for share in (0.1, 0.2):
                    near[f"body@{share}"] += (away[rows] < share * width).tolist()
                for start in (91, 112):
                    hand = slice(start, start + 21)
                    if (flat[hand, 2] == 2).sum() < 15:
                        continue
                    wanted_hands += 1
                    if not (seen[hand, 3] > 0).any():
                        continue
                    found_hands += 1
                    span = np.ptp(flat[hand, :2], axis=0).max()
                    near["hands@0.2"] += (away[hand] < 0.2 * span).tolist()
    figures = {f"pck {name}": float(np.mean(values)) for name, values in near.items() if values}
    return figures | {"hands found": found_hands / max(wanted_hands, 1), "clips": looked_at}


def on_paper(cpu_per_sample: float, wall_per_sample: float, bytes_per_sample: float) -> list[str]:
    """A run of PLANNED samples on nodes of CORES_PER_NODE cores, from the measured rates."""
    rows = ["| nodes | hours | core hours | EUR | GB |", "|---|---|---|---|---|"]
    for nodes in NODES:
        cores = nodes * CORES_PER_NODE
        hours = PLANNED * wall_per_sample / cores / 3600
        work = PLANNED * cpu_per_sample / 3600
        euro = hours * cores * EURO_PER_CORE_HOUR
        gigabytes = PLANNED * bytes_per_sample / 1e9
        rows.append(f"| {nodes} | {hours:.1f} | {work:.0f} | {euro:.0f} | {gigabytes:.0f} |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="*", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--scaling", type=int, default=40, help="samples of the runs on 1 and 2")
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--witnessed", type=int, default=20)
    arguments = parser.parse_args()
    out = arguments.out
    shutil.rmtree(out, ignore_errors=True)
    figures: dict[str, Any] = {}

    recipe = write_recipe(out / "whole.yaml", arguments.clips, arguments.samples, arguments.frames)
    prepared(recipe, out / "whole")
    state = out / "whole" / ".diffsign"
    motions = out / "motions"
    shutil.copytree(state / "motions", motions)
    whole = timed(recipe, out / "whole", 2)
    index = read_json(out / "whole" / "dataset.json")
    frames = sum(split["frames"] for split in index["splits"].values())
    made = sum(split["samples"] for split in index["splits"].values())
    size = sum(split["bytes"] for split in index["splits"].values())
    figures |= {
        "samples": made,
        "failed": index["failed"],
        "frames": frames,
        "seconds, 2 workers": whole["seconds"],
        "samples a second": made / whole["seconds"],
        "frames a second": frames / whole["seconds"],
        "processor seconds a sample": whole["cpu"] / made,
        "peak memory, MB": whole["peak_mb"],
        "MB a sample": size / made / 1e6,
    }

    small = write_recipe(out / "small.yaml", arguments.clips, arguments.scaling, arguments.frames)
    seconds = {}
    for workers in (1, 2):
        folder = out / f"small{workers}"
        shutil.copytree(motions, folder / ".diffsign" / "motions")
        if (state / "limits.npz").is_file():
            shutil.copy(state / "limits.npz", folder / ".diffsign")
        seconds[workers] = timed(small, folder, workers)["seconds"]
    figures["seconds of the small run on 1, on 2"] = f"{seconds[1]:.1f}, {seconds[2]:.1f}"
    figures["scaling from 1 to 2 workers"] = seconds[1] / seconds[2]
    same = content_hash(out / "small1") == content_hash(out / "small2")
    figures["same bytes with 1 and 2 workers"] = same

    shutil.copytree(motions, out / "killed" / ".diffsign" / "motions")
    if (state / "limits.npz").is_file():
        shutil.copy(state / "limits.npz", out / "killed" / ".diffsign")
    hits = killed(small, out / "killed", arguments.kills, seconds[2], 0)
    figures[f"same bytes after {hits} SIGKILLs"] = content_hash(out / "killed") == content_hash(
        out / "small2"
    )

    found = check_dataset(out / "whole")
    figures["problems that --check finds"] = len(found.problems)
    figures |= {f"re-projection, {name}, px": value for name, value in found.reprojection.items()}
    figures["seen points on the mask"] = found.inside
    job = read_job(recipe)
    figures |= {
        f"against Blender: {name}": value
        for name, value in witnessed(job, out / "whole", arguments.witnessed).items()
    }
    splits = list(job.recipe.splits.shares)
    figures |= {
        f"MediaPipe: {name}": value
        for name, value in detected(out / "whole", splits, arguments.witnessed).items()
    }
    fields = ("signer", "clip", "seed")
    plan = job.plan
    for field in fields:
        values = [{getattr(sample, field) for sample in plan.of(split)} for split in splits]
        leaks = sum(len(a & b) for k, a in enumerate(values) for b in values[k + 1 :])
        figures[f"{field}s in two splits"] = leaks

    print("| figure | value |\n|---|---|")
    for name, value in figures.items():
        shown = f"{value:.4g}" if isinstance(value, float) else value
        print(f"| {name} | {shown} |")
    print(f"\n{PLANNED} samples on nodes of {CORES_PER_NODE} cores, a worker per core:\n")
    one_core = 2 * whole["seconds"] / made
    print("\n".join(on_paper(whole["cpu"] / made, one_core, size / made)))


if __name__ == "__main__":
    main()
