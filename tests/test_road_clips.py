"""Real clips through the real command line, as far as the passes: unusual and hopeless ones."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diffsign.video import read_frames, write_video

ROOT = Path(__file__).parents[1]
CLIPS = (ROOT / "assets/sample.mp4", ROOT.parent / "shared/data/clips/interpreter.mp4")


@pytest.fixture(scope="module")
def signing():
    """One frame of somebody signing."""
    for clip in CLIPS:
        if clip.is_file():
            return next(itertools.islice(read_frames(clip), 20, None))
    pytest.skip("there is no clip of a signer here")


def test_one_frame_of_odd_size_becomes_passes_of_that_size(diffsign, tmp_path, signing):
    width, height = 359, 641
    picture = Image.new("RGB", (width, height), tuple(signing[0, 0].tolist()))
    picture.paste(Image.fromarray(signing).resize((width, width)), (0, height - width))
    write_video(tmp_path / "clip.mp4", [np.asarray(picture)], 25)
    out = tmp_path / "out"
    done = diffsign("retarget", tmp_path / "clip.mp4", "-o", out)
    assert done.returncode == 0, done.stderr
    results = ("motion.npz", "passes/passes.json", "fit.html")
    assert done.stdout.split() == [str(out / name) for name in results]
    assert "Traceback" not in done.stderr and len(done.stderr.splitlines()) <= 8
    passes = json.loads((out / "passes" / "passes.json").read_text())
    # The video itself has even sides: H.264 has no odd ones.
    assert (passes["width"], passes["height"], passes["frame_count"]) == (360, 642, 1)

    again = diffsign("retarget", tmp_path / "clip.mp4", "-o", out)
    assert again.returncode == 0 and again.stdout == done.stdout
    assert again.stderr.count("unchanged") == 6


def test_clip_with_nobody_in_it(diffsign, assert_refused, tmp_path):
    random = np.random.default_rng(1)
    wall = random.integers(90, 110, (128, 128, 3), dtype=np.uint8)
    write_video(tmp_path / "wall.mp4", [wall] * 5, 25)
    done = diffsign("retarget", tmp_path / "wall.mp4", "-q", "-o", tmp_path / "out")
    assert_refused(done, "wall.mp4")
    made = {path.name for path in (tmp_path / "out").iterdir()}
    assert made <= {".diffsign"}
