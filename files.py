"""Files that are either whole or absent, their hashes, and JSON.

Everything that lasts is written beside its place under a hidden name that ends in the same suffix
(writers choose the format by it) and is renamed when it is complete. A killed run therefore never
leaves a broken file under a final name; what it leaves is removed by `sweep`.
"""

import errno
import hashlib
import itertools
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from .errors import UserError

_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_MARK = ".diffsign-part"
_counter = itertools.count()


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give a temporary sibling of the file `path`; rename it to `path` when the block succeeds.

    The sibling ends in the same suffix and does not exist yet; missing parent folders are made.
    When the block raises, the sibling is removed and what stood at `path` before stays.

    Raises:
        UserError: the disk is full, or the folder cannot be written.
    """
    path = Path(path)
    partial = _sibling(path)
    try:
        with disk_errors(path.parent):
            _make_folder(path.parent)
            yield partial
            os.replace(partial, path)
    finally:
        with suppress(OSError):  # what cannot be removed now, sweep removes
            partial.unlink()


@contextmanager
def atomic_dir(path: str | Path) -> Iterator[Path]:
    """Give an empty temporary sibling folder; it takes the place of `path` when the block succeeds.

    A folder that stood at `path` before is removed then, and only then.

    Raises:
        UserError: the disk is full, or the folder cannot be written.
    """
    path = Path(path)
    partial = _sibling(path)
    old = _sibling(path)
    try:
        with disk_errors(path.parent):
            partial.mkdir(parents=True)
            yield partial
            if path.exists():
                os.replace(path, old)
            os.replace(partial, path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def sweep(folder: str | Path) -> None:
    """Remove the unfinished files that a killed run left in `folder` and below."""
    for partial in Path(folder).rglob(f".*{_MARK}*"):
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            partial.unlink(missing_ok=True)


def sha256(path: str | Path) -> str:
    """The SHA-256 in hexadecimal of a file's bytes, or of a folder's file names and bytes."""
    path = Path(path)
    if path.is_dir():
        digest = hashlib.sha256()
        for file in sorted(file for file in path.rglob("*") if file.is_file()):
            digest.update(f"{file.relative_to(path).as_posix()}\0{sha256(file)}\0".encode())
        return digest.hexdigest()
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented UTF-8 JSON, atomically. NaN and infinity are refused."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text, atomically."""
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8")


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises:
        UserError: the file is missing or is not JSON.
    """
    path = Path(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"There is no file {path}.") from None
    except ValueError as error:
        raise UserError(f"{path} is not valid JSON ({error}); remove it and run again.") from None


def _sibling(path: Path) -> Path:
    unique = f"{os.getpid()}-{next(_counter)}"
    return path.with_name(f".{path.stem}{_MARK}-{unique}{path.suffix}")


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn a full disk, or a `folder` that cannot be written, into a `UserError`."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise UserError(
                f"The disk that holds {folder} is full: free some space and run the same command "
                "again, it goes on where it stopped."
            ) from error
        if error.errno in _FORBIDDEN and _inside(error.filename, folder):
            raise UserError(
                f"Nothing can be written into {folder} ({error.strerror}): choose another folder "
                "or change its permissions."
            ) from error
        if error.errno in (errno.ENOTDIR, errno.EEXIST) and _inside(error.filename, folder):
            raise UserError(
                f"{folder} cannot be used as a folder because a file stands in its path: "
                "choose another folder."
            ) from error
        raise


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileNotFoundError as error:  # a drive that is not there, or a folder such as /proc
        raise UserError(
            f"Nothing can be written into {folder} ({error.strerror}): choose another folder."
        ) from error


def _inside(filename: Any, folder: Path) -> bool:
    if not isinstance(filename, (str, os.PathLike)):
        return False
    name = Path(filename).absolute()
    root = folder.absolute()
    return name.is_relative_to(root) or root.is_relative_to(name)
