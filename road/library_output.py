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
def logged_to(log: Path) -> Iterator[TextIO]:
    """Append standard output and error of this process and its children to `log` meanwhile.

    Yields a stream to the standard error that was, for the user's eyes.
    """
    with disk_errors(log.parent):
        log.parent.mkdir(parents=True, exist_ok=True)
        file = open(log, "ab")
    sys.stdout.flush()
    sys.stderr.flush()
    kept = {number: os.dup(number) for number in (1, 2)}
    with file, os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8") as shown:
        try:
            for number in kept:
                os.dup2(file.fileno(), number)
            yield shown
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, former in kept.items():
                os.dup2(former, number)
                os.close(former)
