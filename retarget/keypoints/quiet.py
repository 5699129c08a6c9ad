"""Keep native libraries from writing over the terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_STDERR = 2


@contextmanager
def quiet_native_stderr() -> Iterator[None]:
    """Drop what C++ code writes to the process's standard error inside the block.

    MediaPipe's graph logs while it starts, through a logger that no environment variable reaches.
    Python's own messages in the block are lost too, so keep it short.
    """
    try:
        kept = os.dup(_STDERR)
    except OSError:  # closed, as in a process without a terminal: nothing to keep clean
        yield
        return
    try:
        sys.stderr.flush()
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), _STDERR)
        yield
    finally:
        os.dup2(kept, _STDERR)
        os.close(kept)
