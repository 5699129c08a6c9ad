"""One program in the background at a time: its progress, its end, and its being cancelled.

Needs no Blender. The program writes JSON objects, one a line, on either stream (`diffsign
--progress json`, `render.worker`); other lines of standard output are its results, others of
standard error its last words. It ends by itself when its standard input closes, so nothing is left
when Blender closes or crashes.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from ..errors import UserError

_PREFIX = "diffsign: "
_TAIL = 3
_GRACE_SECONDS = 1.0


class Job:
    """A running program; call `poll` now and then, or `wait`.

    Attributes:
        title: for the user. stage: what it does now. done, total: of that stage, 0 where unknown.
        notes: what it wants the user to know. results: the lines it ended with.

    log: the file where the program complains, if not on standard error.
    """

    def __init__(
        self,
        title: str,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        log: Path | None = None,
    ) -> None:
        self.title = title
        self._log = log
        self.stage = ""
        self.done = self.total = 0
        self.notes: list[str] = []
        self.results: list[str] = []
        self.cancelled = False
        self._said: list[str] = []
        self._error: str | None = None
        self._lines: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
        try:
            self._child = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=_environment(environment or {}),
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            raise UserError(
                f"{title}: {command[0]} cannot be started ({error.strerror}): name DiffSign's "
                "Python in the add-on's preferences."
            ) from error
        self._readers = [
            threading.Thread(target=self._read, args=(kind, stream), daemon=True)
            for kind, stream in (("out", self._child.stdout), ("error", self._child.stderr))
        ]
        for reader in self._readers:
            reader.start()

    @property
    def factor(self) -> float:
        """How much of the stage is done, 0..1."""
        return min(1.0, self.done / self.total) if self.total else 0.0

    def poll(self) -> bool:
        """Take in what was said meanwhile; whether the program has ended.

        Raises:
            UserError: it failed, in its own last words.
        """
        ended = self._child.poll() is not None
        if ended:
            for reader in self._readers:
                reader.join(_GRACE_SECONDS)
        while not self._lines.empty():
            self._take(*self._lines.get())
        if ended and not self.cancelled:
            self._check()
        return ended

    def wait(self) -> None:
        """Until the program has ended. Raises as `poll`."""
        while not self.poll():
            time.sleep(0.05)

    def cancel(self) -> None:
        """End the program and what it started."""
        self.cancelled = True
        if self._child.stdin is not None:
            self._child.stdin.close()  # it ends by itself, and so do its own children
        try:
            self._child.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def _read(self, kind: str, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                self._lines.put((kind, line.decode("utf-8", "replace").rstrip()))

    def _take(self, kind: str, line: str) -> None:
        event = _event(line)
        if event is None:
            if line:
                (self.results if kind == "out" else self._said).append(line)
            return
        if "user_error" in event:
            self._error = str(event["user_error"])
        if "note" in event:
            self.notes.append(str(event["note"]))
        if "stage" in event:
            self.stage = str(event["stage"])
        self.done = int(event.get("done", self.done if "stage" not in event else 0))
        self.total = int(event.get("total", self.total if "stage" not in event else 0))

    def _check(self) -> None:
        if self._child.returncode == 0:
            return
        if self._error is None:
            last = [line for line in self._said if line.startswith(_PREFIX)]
            self._error = last[-1].removeprefix(_PREFIX) if last else None
        if self._error is None:
            tail = " ".join((self._logged() or self._said)[-_TAIL:]) or "it said nothing"
            self._error = f"it stopped with code {self._child.returncode}: {tail}"
        raise UserError(f"{self.title}: {self._error}")

    def _logged(self) -> list[str]:
        if self._log is None or not self._log.is_file():
            return []
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return [line.strip() for line in lines if line.strip()]


def _environment(own: Mapping[str, str]) -> dict[str, str]:
    """This process's variables without those that point another Python at Blender's modules."""
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONHOME", "PYTHONPATH")}
    return {**kept, **own, "PYTHONUNBUFFERED": "1"}


def _event(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


_current: Job | None = None


def current() -> Job | None:
    """The job that runs now."""
    return _current


def start(
    title: str,
    command: Sequence[str],
    environment: Mapping[str, str] | None = None,
    log: Path | None = None,
) -> Job:
    """Start a job.

    Raises:
        UserError: another one runs, or the program cannot be started.
    """
    global _current
    if _current is not None:
        raise UserError(f"{_current.title} is still running: wait for it or cancel it.")
    _current = Job(title, command, environment, log)
    return _current


def finish() -> None:
    """Forget the job that has ended; end it where it has not."""
    global _current
    job, _current = _current, None
    if job is not None:
        job.cancel()
