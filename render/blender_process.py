"""Run a job in a child process that alone loads Blender.

Blender never shares a process with torch or mediapipe: their libraries disagree, and a crash of
the renderer must not take the caller along. The child says what it did as JSON lines; everything
else that Blender prints goes to a log whose end is shown if it fails. The child watches its
standard input and leaves when the parent is gone.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from ..errors import UserError
from ..files import write_json

LOG_TAIL_LINES = 25
LOG_FILE = "blender.log"


def run_jobs(jobs: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Run jobs side by side and give the events of all as they come. Raises as `run_job`.

    When one fails, or the caller stops listening, all are ended.
    """
    if len(jobs) == 1:
        yield from run_job(jobs[0])
        return
    events: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
    running = [run_job(job) for job in jobs]
    stop = threading.Event()

    def follow(job: Iterator[dict[str, Any]]) -> None:
        try:
            for event in job:
                events.put(("event", event))
                if stop.is_set():
                    break
        except BaseException as error:  # handed to the caller's thread
            events.put(("error", error))
        finally:
            job.close()  # type: ignore[attr-defined]
            events.put(("end", None))

    threads = [threading.Thread(target=follow, args=(job,), daemon=True) for job in running]
    for thread in threads:
        thread.start()
    try:
        ended = 0
        while ended < len(threads):
            kind, value = events.get()
            if kind == "error":
                raise value
            if kind == "event":
                yield value
            else:
                ended += 1
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def default_workers(frames: int, processors: int | None = None, memory: int | None = None) -> int:
    """How many Blenders share the frames of a clip: by cores, free memory (bytes) and frames.

    A Blender takes some seconds to start, so each gets a few frames at least.
    """
    processors = processors or cores()
    memory = _free_memory() if memory is None else memory
    room = min(processors // CORES_EACH, memory // BYTES_EACH, frames // FRAMES_EACH)
    return max(1, room)


CORES_EACH = 2
BYTES_EACH = 2 * 2**30
FRAMES_EACH = 8


def _free_memory() -> int:
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):  # not every system says
        return BYTES_EACH


def run_job(job: dict[str, Any], threads: int | None = None) -> Iterator[dict[str, Any]]:
    """Run `job` (see `worker.JOBS`) and give each event that the child reports.

    The child is ended when the caller stops listening, for whatever reason. Job, log and Blender's
    intermediate files lie in a folder in memory, where the system has one, that goes with the job.

    Raises:
        UserError: the job failed for a reason that the user can mend.
        RuntimeError: it failed otherwise; the message ends with the end of Blender's log.
    """
    with tempfile.TemporaryDirectory(prefix="diffsign-", dir=fast_folder()) as folder:
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


def fast_folder() -> str | None:
    shared = Path("/dev/shm")
    return str(shared) if os.access(shared, os.W_OK) else None
