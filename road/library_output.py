"""What libraries print goes to a log file, so that the terminal shows progress and results alone.

MediaPipe, TensorFlow Lite, Blender and torch write to the process's own output streams from native
code, past Python's `sys.stderr`; so the redirection is one of file descriptors.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from ..files import disk_errors


@contextmanager
def logged_to(log: Path | None) -> Iterator[TextIO]:
    """Append standard output and error of this process and its children to `log` meanwhile.

    Without a log both go to standard error. Yields a stream to the standard error that was, for
    the user's eyes.
    """
    target = os.dup(2) if log is None else _opened(log)
    sys.stdout.flush()
    sys.stderr.flush()
    kept = {number: os.dup(number) for number in (1, 2)}
    with os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8") as shown:
        try:
            for number in kept:
                os.dup2(target, number)
            yield shown
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, former in kept.items():
                os.dup2(former, number)
                os.close(former)
            os.close(target)


def _opened(log: Path) -> int:
    with disk_errors(log.parent):
        log.parent.mkdir(parents=True, exist_ok=True)
        return os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
