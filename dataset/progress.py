"""How far a run is, on standard error: done, failed, samples a second, time left."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from ..road.progress import format_seconds

_LINE_EVERY_SECONDS = 30.0
Step = Callable[[int, int], None]
"""Called as step(done, failed) in samples of this run."""


@contextmanager
def following(
    name: str, total: int, before: int, quiet: bool, stream: TextIO | None = None
) -> Iterator[Step]:
    """Follow `total` samples, of which `before` were there already. The rate is of this run's."""
    stream = stream or sys.stderr
    start = time.monotonic()

    def said(done: int, failed: int) -> str:
        seconds = time.monotonic() - start
        rate = done / seconds if seconds > 0 else 0.0
        left = (total - before - done) / rate if rate > 0 else 0.0
        text = f"{rate:.2f} a second, {format_seconds(left)} left"
        return text + (f", {failed} failed" if failed else "")

    if quiet:
        yield lambda done, failed: None
    elif stream.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        columns = (
            TextColumn(name),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[said]}"),
        )
        with Progress(*columns, console=Console(file=stream), transient=True) as bars:
            task = bars.add_task(name, total=total, completed=before, said="")
            yield lambda done, failed: bars.update(
                task, completed=before + done, said=said(done, failed)
            )
    else:
        spoken = start

        def step(done: int, failed: int) -> None:
            nonlocal spoken
            if time.monotonic() - spoken >= _LINE_EVERY_SECONDS:
                spoken = time.monotonic()
                print(f"{name} {before + done} of {total}, {said(done, failed)}", file=stream)

        yield step
    if not quiet:
        seconds = time.monotonic() - start
        print(f"{name} {total} in {format_seconds(seconds)}", file=stream, flush=True)
