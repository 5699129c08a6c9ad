"""Files are whole or absent, whatever happens while they are written."""

import errno
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from diffsign.errors import UserError
from diffsign.files import (
    atomic_dir,
    atomic_path,
    read_json,
    sha256,
    sweep,
    write_json,
    write_text,
)


def test_atomic_path_keeps_the_suffix_and_leaves_only_the_file(tmp_path):
    path = tmp_path / "new" / "signer.tar.npz"
    with atomic_path(path) as partial:
        assert partial.suffix == ".npz" and partial.parent == path.parent
        np.savez(partial, a=np.arange(3))
        assert not path.exists()
    assert [p.name for p in path.parent.iterdir()] == ["signer.tar.npz"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_failure_keeps_what_stood_there(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(error), atomic_path(path) as partial:
        partial.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_atomic_dir_replaces_whole_folders(tmp_path):
    path = tmp_path / "passes"
    for names in (["a", "b"], ["c"]):
        with atomic_dir(path) as partial:
            for name in names:
                (partial / name).write_text(name)
    assert [p.name for p in path.iterdir()] == ["c"]
    with pytest.raises(ValueError), atomic_dir(path) as partial:
        (partial / "d").write_text("half")
        raise ValueError
    assert [p.name for p in path.iterdir()] == ["c"]
    assert [p.name for p in tmp_path.iterdir()] == ["passes"]


def test_killed_writer_leaves_nothing_after_a_sweep(tmp_path):
    program = (
        "import os, sys\n"
        "from diffsign.files import atomic_dir, atomic_path\n"
        "with atomic_dir(sys.argv[1] + '/deep/passes') as folder:\n"
        "    with atomic_path(folder / 'x.txt') as partial:\n"
        "        partial.write_text('half')\n"
        "        with atomic_path(sys.argv[1] + '/y.txt') as other:\n"
        "            other.write_text('half'); os._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", program, str(tmp_path)]).returncode == 9
    assert not (tmp_path / "y.txt").exists() and not (tmp_path / "deep" / "passes").exists()
    sweep(tmp_path)
    assert [p.name for p in tmp_path.rglob("*")] == ["deep"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_full_disk_names_the_folder_and_the_way_out(tmp_path):
    refused = pytest.raises(UserError, match=f"{tmp_path} is full: free some space")
    with refused, atomic_path(tmp_path / "a.bin") as partial:
        partial.symlink_to("/dev/full")
        partial.write_bytes(b"x" * 100_000)
    assert not list(tmp_path.iterdir())


def test_folder_that_cannot_be_written_is_a_sentence(tmp_path):
    path = tmp_path / "locked" / "a.txt"

    with pytest.raises(UserError, match="Nothing can be written into"), atomic_path(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="a file stands in its path"):
        write_text(tmp_path / "file" / "a.txt", "x")


def test_foreign_errors_pass_unchanged(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "a"):
        (tmp_path / "missing").read_text()
    elsewhere = pytest.raises(PermissionError)
    with elsewhere, atomic_path(tmp_path / "a"):
        raise PermissionError(errno.EACCES, "Permission denied", "/elsewhere/file")


def test_json_round_trip_and_refusals(tmp_path):
    value = {"a": [1, 2.5, None, "é"], "b": {}}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value
    assert "é" in (tmp_path / "a.json").read_text(encoding="utf-8")
    with pytest.raises(ValueError):
        write_json(tmp_path / "a.json", float("nan"))
    assert read_json(tmp_path / "a.json") == value
    (tmp_path / "bad.json").write_text(json.dumps(value)[:-3])
    with pytest.raises(UserError, match=r"bad\.json is not valid JSON"):
        read_json(tmp_path / "bad.json")
    with pytest.raises(UserError, match=r"There is no file .*none\.json"):
        read_json(tmp_path / "none.json")


def test_sha256_is_that_of_the_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(tmp_path / "a") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
    one = sha256(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    assert sha256(tmp_path) != one
    (tmp_path / "b").rename(tmp_path / "a")
    assert sha256(tmp_path) == one
