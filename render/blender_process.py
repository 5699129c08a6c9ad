"""Run a job in a child process that alone loads Blender.

Blender never shares a process with torch or mediapipe: their libraries disagree, and a crash of
the renderer must not take the caller along. The child says what it did as JSON lines; everything
else that Blender prints goes to a log whose end is shown if it fails. The child watches its
standard input and leaves when the parent is gone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from ..errors import UserError
from ..files import write_json

LOG_TAIL_LINES = 25
LOG_FILE = "blender.log"


def run_job(job: dict[str, Any], threads: int | None = None) -> Iterator[dict[str, Any]]:
    """Run `job` (see `worker.JOBS`) and give each event that the child reports.

    The child is ended when the caller stops listening, for whatever reason. Job, log and Blender's
    intermediate files lie in a folder in memory, where the system has one, that goes with the job.

    Raises:
        UserError: the job failed for a reason that the user can mend.
        RuntimeError: it failed otherwise; the message ends with the end of Blender's log.
    """
    with tempfile.TemporaryDirectory(prefix="diffsign-", dir=_fast_folder()) as folder:
        path = Path(folder) / "job.json"
        log = Path(folder) / LOG_FILE
        write_json(path, job)
        command = [sys.executable, "-m", f"{__package__}.worker", str(path)]
        environment = os.environ | {"PYTHONUNBUFFERED": "1"}
        if threads:
            environment["OMP_NUM_THREADS"] = str(threads)
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
        )
        try:
            assert child.stdout is not None
            yield from _events(child.stdout, log)
            if child.wait() != 0:
                raise RuntimeError(_failure(child.returncode, log))
        finally:
            _end(child)


def _events(stream: IO[bytes], log: Path) -> Iterator[dict[str, Any]]:
    for line in stream:
        try:
            event = json.loads(line)
        except ValueError:
            with open(log, "ab") as chatter:
                chatter.write(line)
            continue
        if "user_error" in event:
            raise UserError(event["user_error"])
        yield event


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.stdin is not None:
        child.stdin.close()
    if child.poll() is None:
        child.kill()
    child.wait()
    if child.stdout is not None:
        child.stdout.close()


def _failure(code: int, log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        lines = []
    kept = [line for line in lines if line.strip() and not line.startswith(("Fra:", "Saved:"))]
    tail = "\n".join(kept[-LOG_TAIL_LINES:])
    return f"Blender stopped with code {code}. The end of its log:\n{tail}"


def _fast_folder() -> str | None:
    shared = Path("/dev/shm")
    return str(shared) if os.access(shared, os.W_OK) else None
