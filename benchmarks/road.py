"""The figures of the README: start-up, time per stage, and how near the result is to its source.

    python benchmarks/road.py CLIP [--appearance IMAGE] [--prompt TEXT] [--model MODEL]
                              [--seed N] -o DIR

Runs the whole road on CLIP from nothing and prints Markdown tables.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from diffsign.road.figures import figure_lines
from diffsign.road.progress import format_seconds

START_UPS = {
    "`import diffsign`": ["-c", "import diffsign"],
    "`diffsign --help`": ["-m", "diffsign.cli", "--help"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--appearance", type=Path)
    parser.add_argument("--prompt")
    parser.add_argument("--model", default="auto")
    parser.add_argument("--seed", default="0")
    options = parser.parse_args()

    print("| start-up | median of 5 |\n|---|---|")
    for name, arguments in START_UPS.items():
        print(f"| {name} | {median_seconds(arguments):.2f} s |")

    command = [sys.executable, "-m", "diffsign.cli", "run", str(options.clip), "--force"]
    command += ["-o", str(options.out), "--model", options.model, "--seed", options.seed]
    for name in ("appearance", "prompt"):
        if getattr(options, name):
            command += [f"--{name}", str(getattr(options, name))]
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    whole = time.perf_counter() - start

    stages = json.loads((options.out / "signer.json").read_text(encoding="utf-8"))["stages"]
    frames = next(s["facts"]["frames"] for s in stages if s["name"] == "video")
    print("\n| stage | time | frames a second |\n|---|---|---|")
    for stage in stages:
        rate = frames / max(stage["seconds"], 1e-3)
        print(f"| {stage['name']} | {format_seconds(stage['seconds'])} | {rate:.1f} |")
    print(f"| whole run, {frames} frames | {format_seconds(whole)} | {frames / whole:.1f} |")

    measured = next(s["facts"] for s in stages if s["name"] == "measure")
    print("\n| figure | value | aim |\n|---|---|---|")
    for figure in figure_lines(measured):
        verdict = "" if not figure.aim else ", met" if figure.met else ", missed"
        print(f"| {figure.name} | {figure.text} | {figure.aim}{verdict} |")


def median_seconds(arguments: list[str]) -> float:
    """Wall time of a Python process, median of five after one that warms the disk cache."""
    times = []
    for _ in range(6):
        start = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


if __name__ == "__main__":
    main()
