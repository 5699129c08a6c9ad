"""One run at a time in one folder."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import UserError
from ..files import disk_errors

STATE_FOLDER = ".diffsign"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold `folder` for this process.

    The lock belongs to the operating system and dies with its process: a killed run leaves no
    stale lock. The file beside it only tells the other run whom it waits for.

    Raises:
        UserError: another process works in `folder`.
    """
    from filelock import FileLock, Timeout

    state = folder / STATE_FOLDER
    with disk_errors(folder):
        state.mkdir(parents=True, exist_ok=True)
    owner = state / "lock.pid"
    lock = FileLock(state / "lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise UserError(
            f"Another run{_named(owner)} works in {folder}: wait until it ends, stop it, or choose "
            "another folder."
        ) from None
    try:
        owner.write_text(str(os.getpid()))
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()


def _named(owner: Path) -> str:
    try:
        return f" (process {int(owner.read_text())})"
    except (OSError, ValueError):
        return ""
