"""The parent's side of `worker`: long-living children, replaced when they grow or die."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from ..render.blender_process import fast_folder
from .worker import LOG_FILE

MEMORY_LIMIT_MB = 1600
"""A child that has grown beyond is replaced: Blender's memory grows with every scene."""
TASKS_EACH = 200
_TRIES = 2
_LOG_LINES = 8


class Child:
    """One child process, started when it is first asked, and started anew when it is gone.

    kind: for the log alone. A child is used by one thread.
    """

    def __init__(self, kind: str, memory_limit_mb: int = MEMORY_LIMIT_MB) -> None:
        self.kind, self.memory_limit_mb = kind, memory_limit_mb
        self.peak_mb = 0
        self._process: subprocess.Popen[str] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._done = 0
        self._stopped = False

    def do(self, task: dict[str, Any]) -> dict[str, Any]:
        """The task's answer; `why` in it tells that it failed. A child that dies of a task gets it
        once more, anew; a second death is the task's failure."""
        answer: dict[str, Any] = {}
        for _ in range(_TRIES):
            answer = self._ask(task)
            if "died" not in answer or self._stopped:
                break
        self.peak_mb = max(self.peak_mb, answer.get("memory_mb", 0))
        self._done += 1
        if answer.get("memory_mb", 0) > self.memory_limit_mb or self._done >= TASKS_EACH:
            self.close()
        return answer

    def stop(self) -> None:
        """Let the task that runs fail, from another thread, and none be tried again."""
        self._stopped = True
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        """End the child. It loses nothing: what it has finished is on the disk."""
        process, self._process, self._done = self._process, None, 0
        if process is not None:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _ask(self, task: dict[str, Any]) -> dict[str, Any]:
        process = self._process or self._start()
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(json.dumps(task) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except (BrokenPipeError, OSError, ValueError):
            line = ""
        if line:
            return json.loads(line)
        code = process.wait()
        why = f"the {self.kind} process ended with code {code}{self._log_end()}"
        self.close()
        return {"why": why, "died": True}

    def _start(self) -> subprocess.Popen[str]:
        self._folder = tempfile.TemporaryDirectory(
            prefix="diffsign-", dir=fast_folder(), ignore_cleanup_errors=True
        )
        threads = {"OMP_NUM_THREADS": "1"} if self.kind != "paint" else {}
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.worker", self._folder.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | threads,
        )
        return self._process

    def _log_end(self) -> str:
        """The end of what the child's libraries printed."""
        assert self._folder is not None
        try:
            log = Path(self._folder.name, LOG_FILE).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        lines = [line for line in log.splitlines() if line.strip() and line[:4] != "Fra:"]
        return ": " + " | ".join(lines[-_LOG_LINES:]) if lines else ""
