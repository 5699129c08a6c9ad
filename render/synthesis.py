"""Make training samples: signers who do not exist, in poses that nobody took.

`diffsign mini samples -o DIR --count N --seed S --workers 2`

Each sample is `{id:06d}_{beauty,target,depth,normal,openpose}.png`, `{id:06d}_part.png` (8 bit,
index into PARTS) and `{id:06d}.json` (the signer's record, a caption, boxes [x0, y0, x1, y1] of
face and hands or null, the 21 projected points of each hand in pixels, the seed). beauty is the
quick render that the passes make; target is the same view in softer, richer light. A sample depends
on the seed and its number alone. The JSON is written last: what has one is whole and is not made
again.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..files import sweep
from .blender_process import run_job
from .passes import PassOptions

SIGNERS_PER_PROCESS = 12
"""A child is replaced after so many: Blender's memory grows, and a crash then costs less."""


@dataclass(frozen=True)
class SynthesisOptions:
    """count of samples, numbered from `first`. poses: samples that share one signer. size: pixels.

    target_samples: per pixel of the target. workers: Blender processes side by side, a thread each.
    """

    count: int
    seed: int = 0
    first: int = 0
    poses: int = 8
    size: int = 512
    target_samples: int = 8
    workers: int = 1


@dataclass(frozen=True)
class SynthesisResult:
    """How many samples were made, were there before, and which failed with what words."""

    made: int
    kept: int
    failed: dict[int, str]


def synthesise(
    out: str | Path,
    options: SynthesisOptions,
    progress: Callable[[int, int], None] | None = None,
) -> SynthesisResult:
    """Make the samples that are missing in a folder. A failing sample does not stop the others.

    Raises:
        UserError: an option cannot be used, or the folder cannot be written.
    """
    if options.count < 1 or options.poses < 1 or options.workers < 1 or options.size < 16:
        raise UserError(
            f"Samples cannot be made with {options}: count, poses and workers must be 1 or more "
            "and size 16 or more."
        )
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    sweep(out)
    numbers = range(options.first, options.first + options.count)
    groups = list(_missing_groups(out, numbers, options))
    wanted = sum(len(group["numbers"]) for group in groups)
    kept = len(numbers) - wanted
    made = 0
    failed: dict[int, str] = {}
    for event in _side_by_side(out, groups, options):
        if "sample" in event:
            made += 1
            failed.pop(event["sample"], None)
        for number in event.get("failed", ()):
            failed[number] = event["why"]
        if progress is not None:
            progress(kept + made + len(failed), len(numbers))
    return SynthesisResult(made, kept, failed)


def _missing_groups(
    out: Path, numbers: range, options: SynthesisOptions
) -> Iterator[dict[str, Any]]:
    """Samples that are not there yet, by the signer that shows them."""
    groups: dict[int, list[int]] = {}
    for number in numbers:
        if not (out / f"{number:06d}.json").is_file():
            groups.setdefault(number // options.poses, []).append(number)
    for group, members in groups.items():
        yield {"signer": [options.seed, group], "numbers": members}


def _side_by_side(
    out: Path, groups: list[dict[str, Any]], options: SynthesisOptions
) -> Iterator[dict[str, Any]]:
    """The events of all workers as they come.

    Workers are threads that wait for a Blender each; they end with this process, and their
    Blenders with them.
    """
    waiting: queue.SimpleQueue[list[dict[str, Any]]] = queue.SimpleQueue()
    for start in range(0, len(groups), SIGNERS_PER_PROCESS):
        waiting.put(groups[start : start + SIGNERS_PER_PROCESS])
    events: queue.SimpleQueue[dict[str, Any] | BaseException | None] = queue.SimpleQueue()

    def work() -> None:
        while True:
            try:
                chunk = waiting.get_nowait()
            except queue.Empty:
                events.put(None)
                return
            try:
                for event in run_job(_job(out, chunk, options), threads=1):
                    events.put(event)
            except UserError as error:
                events.put(error)
            except Exception as error:
                numbers = [n for group in chunk for n in group["numbers"]]
                left = [n for n in numbers if not (out / f"{n:06d}.json").is_file()]
                events.put({"failed": left, "why": str(error)})

    for _ in range(options.workers):
        threading.Thread(target=work, daemon=True).start()
    running = options.workers
    while running:
        event = events.get()
        if isinstance(event, BaseException):
            raise event
        if event is None:
            running -= 1
        else:
            yield event


def _job(out: Path, groups: list[dict[str, Any]], options: SynthesisOptions) -> dict[str, Any]:
    return {
        "job": "synthesis",
        "out": str(out),
        "groups": groups,
        "seed": options.seed,
        "size": options.size,
        "samples": PassOptions().samples,
        "target_samples": options.target_samples,
        "threads": 1,
    }
