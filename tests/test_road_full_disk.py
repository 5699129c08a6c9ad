"""A disk that is really full: every writer says so in one sentence and leaves nothing broken."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diffsign.errors import UserError
from diffsign.files import atomic_path, write_text
from diffsign.road.progress import SilentReporter
from diffsign.road.stages import Ledger, Stage, run_stage
from diffsign.video import write_video

NOISE = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)


@pytest.fixture
def full(tmp_path):
    """A folder on a file system of 64 KiB."""
    folder = tmp_path / "full"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if os.name != "posix" or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("mounting a small file system needs root on Linux")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def array(path):
    with atomic_path(path) as partial, open(partial, "wb") as file:
        np.savez(file, a=NOISE)


def picture(path):
    with atomic_path(path) as partial:
        Image.fromarray(NOISE).save(partial)


WRITERS = {
    "motion.npz": array,
    "00000.png": picture,
    "signer.mp4": lambda path: write_video(path, (np.roll(NOISE, 9 * i) for i in range(20)), 25),
    "report.html": lambda path: write_text(path, "x" * 200_000),
}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # zipfile's own
@pytest.mark.parametrize("name", WRITERS)
def test_every_writer_says_it_and_leaves_nothing(full, name):
    with pytest.raises(UserError, match="full: free some space") as caught:
        WRITERS[name](full / name)
    assert str(full) in str(caught.value)
    assert list(full.iterdir()) == []


def test_stage_goes_on_when_there_is_space_again(full):
    made = []

    def action(work: Path, progress):
        for index in range(4):
            path = work / f"{index}.bin"
            if not path.exists():
                with atomic_path(path) as partial:
                    partial.write_bytes(bytes(20_000))
                made.append(index)

    stage = Stage("frames", action, folder="frames")
    with pytest.raises(UserError, match="full"):
        run_stage(stage, Ledger(full), SilentReporter())
    before = list(made)
    assert before and not (full / "frames").exists()
    subprocess.run(["mount", "-o", "remount,size=1m", str(full)], check=True)
    run_stage(stage, Ledger(full), SilentReporter())
    assert made == [0, 1, 2, 3] and len(list((full / "frames").iterdir())) == 4
