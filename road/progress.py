"""How far a run is, on standard error: a bar per stage, or a few plain lines, or nothing.

Standard output belongs to results alone, so that they can be piped.
"""

import json
import os
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol, TextIO

Progress = Callable[[int, int], None]

_LINE_EVERY_SECONDS = 30.0
_EVENT_EVERY_SECONDS = 0.1
_NAME_WIDTH = 10


class Reporter(Protocol):
    """Tells the user how far the run is."""

    def stage(self, name: str) -> AbstractContextManager[Progress]:
        """Follow one stage; the block calls the given function as `progress(done, total)`."""

    def skip(self, name: str) -> None:
        """A stage was not run because nothing changed."""

    def note(self, text: str) -> None:
        """One line that the user should know, such as which model was chosen and why."""


def make_reporter(
    quiet: bool = False, stream: TextIO | None = None, form: str = "auto"
) -> Reporter:
    """Bars on a terminal, plain lines elsewhere, nothing when `quiet`; or "json" for programs."""
    stream = stream or sys.stderr
    if form == "json":
        _leave_with_the_parent()
        return JsonReporter(stream)
    if quiet:
        return SilentReporter()
    if stream.isatty():
        return BarReporter(stream)
    return LineReporter(stream)


class SilentReporter:
    """Says nothing."""

    @contextmanager
    def stage(self, name: str) -> Iterator[Progress]:
        yield lambda done, total: None

    def skip(self, name: str) -> None:
        pass

    def note(self, text: str) -> None:
        pass


class LineReporter:
    """A line when a stage ends, and now and then while a long one goes on."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock

    @contextmanager
    def stage(self, name: str) -> Iterator[Progress]:
        start = said = self._clock()
        frames = 0

        def progress(done: int, total: int) -> None:
            nonlocal said, frames
            frames = done
            now = self._clock()
            if now - said >= _LINE_EVERY_SECONDS and 0 < done < total:
                said = now
                left = (now - start) / done * (total - done)
                self._say(name, f"{done} of {total}, {format_seconds(left)} left")

        yield progress
        count = f"{frames} done in " if frames else ""
        self._say(name, f"{count}{format_seconds(self._clock() - start)}")

    def skip(self, name: str) -> None:
        self._say(name, "unchanged")

    def note(self, text: str) -> None:
        print(text, file=self._stream, flush=True)

    def _say(self, name: str, text: str) -> None:
        print(f"{name:<{_NAME_WIDTH}} {text}", file=self._stream, flush=True)


class JsonReporter:
    """One JSON object a line, for a program that shows the progress itself.

    `{"stage", "done", "total"}` while a stage runs (at most ten a second), `{"stage", "seconds"}`
    when it ends, `{"stage", "unchanged": true}` where it need not run, and `{"note"}`.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock

    @contextmanager
    def stage(self, name: str) -> Iterator[Progress]:
        start = self._clock()
        said = -1.0

        def progress(done: int, total: int) -> None:
            nonlocal said
            now = self._clock()
            if done >= total or now - said >= _EVENT_EVERY_SECONDS:
                said = now
                self._say(stage=name, done=done, total=total)

        self._say(stage=name, done=0, total=0)
        yield progress
        self._say(stage=name, seconds=round(self._clock() - start, 3))

    def skip(self, name: str) -> None:
        self._say(stage=name, unchanged=True)

    def note(self, text: str) -> None:
        self._say(note=text)

    def _say(self, **event: Any) -> None:
        print(json.dumps(event), file=self._stream, flush=True)


def _leave_with_the_parent() -> None:
    """End when the pipe at standard input closes: the program that asked is gone."""
    try:
        if not stat.S_ISFIFO(os.fstat(0).st_mode):
            return
    except OSError:
        return

    def wait() -> None:
        while os.read(0, 1024):
            pass
        os._exit(130)

    threading.Thread(target=wait, daemon=True).start()


class BarReporter:
    """A bar for the stage that runs, with what is done and the time left; a line when it ends."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console

        self._console = Console(file=stream, highlight=False)

    @contextmanager
    def stage(self, name: str) -> Iterator[Progress]:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as Bars

        start = time.monotonic()
        frames = 0
        with Bars(
            SpinnerColumn(finished_text=" "),
            TextColumn(f"{name:<{_NAME_WIDTH}}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        ) as bars:
            task = bars.add_task(name, total=None)

            def progress(done: int, total: int) -> None:
                nonlocal frames
                frames = done
                bars.update(task, completed=done, total=total)

            yield progress
        count = f"{frames} done in " if frames else ""
        self._say("[green]✓[/green]", name, f"{count}{format_seconds(time.monotonic() - start)}")

    def skip(self, name: str) -> None:
        self._say("[dim]·[/dim]", name, "[dim]unchanged[/dim]")

    def note(self, text: str) -> None:
        self._console.print(text, markup=False)

    def _say(self, mark: str, name: str, text: str) -> None:
        self._console.print(f"{mark} {name:<{_NAME_WIDTH}} {text}")


def format_seconds(seconds: float) -> str:
    """3.24 -> '3.2 s', 75 -> '1 min 15 s', 3700 -> '1 h 2 min'."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"
