"""What several tests share: the command line, run as the shell would, and the add-on in Blender."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

_COMMANDS = {"diffsign": "main", "diffsign-retarget": "retarget", "diffsign-generate": "generate"}


@pytest.fixture(scope="session")
def diffsign():
    """Run a command of the package in a process of its own: `diffsign("run", clip, "-o", out)`."""

    def run(*arguments: object, command: str = "diffsign") -> subprocess.CompletedProcess[str]:
        function = _COMMANDS[command]
        program = f"import sys; from diffsign.cli import {function} as main; sys.exit(main())"
        return subprocess.run(
            [sys.executable, "-c", program, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=500,
        )

    return run


@pytest.fixture(scope="session")
def assert_refused():
    """Assert exit code 2, one line on standard error that holds the words, nothing on output."""

    def check(done: subprocess.CompletedProcess[str], *words: str) -> None:
        assert done.returncode == 2, done.stderr
        assert done.stdout == ""
        assert done.stderr.count("\n") == 1 and done.stderr.startswith("diffsign: ")
        assert "Traceback" not in done.stderr
        for word in words:
            assert word in done.stderr

    return check


@pytest.fixture
def in_blender(tmp_path):
    """Run a program after addon_start.py in a process that alone loads Blender; what it said to
    `done`. Its folder is the test's."""

    def run(program: str):
        from diffsign.retarget.rig.mpfb import mpfb_skeleton

        rig, bones = mpfb_skeleton("mixamo"), tmp_path / "bones.npz"
        matrices = np.tile(np.eye(4), (len(rig.names), 1, 1))
        matrices[:, :3, :3], matrices[:, :3, 3] = rig.rotations, rig.heads
        names = np.array(rig.names)
        np.savez(bones, names=names, parents=rig.parents, matrices=matrices, tails=rig.tails)
        start = Path(__file__).with_name("addon_start.py").read_text(encoding="utf-8")
        child = subprocess.run(
            [sys.executable, "-c", start + program, str(tmp_path), str(bones)],
            capture_output=True,
            text=True,
            timeout=400,
            env=os.environ
            | {"BLENDER_USER_RESOURCES": str(tmp_path / "user"), "OMP_NUM_THREADS": "1"},
        )
        said = [line for line in child.stdout.splitlines() if line.startswith("@")]
        assert said, child.stdout[-2000:] + child.stderr[-3000:]
        return json.loads(said[-1][1:])

    return run


@pytest.fixture
def wall(tmp_path):
    """A video of 12 frames without anybody in it."""
    from diffsign.video import write_video

    path = tmp_path / "wall.mp4"
    noise = np.random.default_rng(0).integers(90, 150, (12, 96, 96, 3)).astype(np.uint8)
    write_video(path, noise, 25)
    return path


@pytest.fixture
def heads(tmp_path):
    """A video of a face alone, without shoulders or hands, at another rate than `wall`."""
    from PIL import Image

    from diffsign.generate.evaluation.reidentification import crowd_faces
    from diffsign.video import write_video

    path = tmp_path / "heads.mp4"
    face = np.asarray(Image.fromarray(crowd_faces()[5]).resize((256, 256)))
    write_video(path, (np.roll(face, n, axis=1) for n in range(24)), 50)
    return path
