"""Keep native libraries from writing over the terminal."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_STDERR = 2
_lock = threading.Lock()
_inside = 0  # threads in the block: the first silences, the last gives the stream back
_kept: int | None = None


@contextmanager
def quiet_native_stderr() -> Iterator[None]:
    """Drop what C++ code writes to the process's standard error inside the block.

    MediaPipe's graph logs while it starts, through a logger that no environment variable reaches.
    Python's own messages in the block are lost too, so keep it short. Threads may overlap in it.
    """
    _silence()
    try:
        yield
    finally:
        _restore()


def _silence() -> None:
    global _inside, _kept
    with _lock:
        _inside += 1
        if _inside > 1:
            return
        try:
            _kept = os.dup(_STDERR)
        except OSError:  # closed, as in a process without a terminal: nothing to keep clean
            return
        sys.stderr.flush()
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), _STDERR)


def _restore() -> None:
    global _inside, _kept
    with _lock:
        _inside -= 1
        if _inside == 0 and _kept is not None:
            os.dup2(_kept, _STDERR)
            os.close(_kept)
            _kept = None
