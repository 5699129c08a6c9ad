"""Stages run once, resume after a kill, and never mix or lose results."""

import errno
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from diffsign.errors import UserError
from diffsign.files import atomic_path
from diffsign.road.lock import STATE_FOLDER, locked
from diffsign.road.progress import SilentReporter
from diffsign.road.stages import PACKAGE, Ledger, Stage, run_stage


class Counter:
    """An action that writes one file and counts its calls."""

    def __init__(self, name="out.txt", text="done", facts=None):
        self.calls = 0
        self.name, self.text, self.facts = name, text, facts

    def __call__(self, folder, progress):
        self.calls += 1
        with atomic_path(folder / self.name) as partial:
            partial.write_text(self.text)
        progress(1, 1)
        return self.facts


def do(folder, stage, force=False):
    return run_stage(stage, Ledger(folder), SilentReporter(), force)


def frames_stage(count, settings=None, stop_after=None, log=None):
    """A stage that fills a folder frame by frame and keeps the frames that are there."""

    def action(work, progress):
        for index in range(count):
            path = work / f"{index:05d}.txt"
            if path.exists():
                continue
            if index == stop_after:
                raise KeyboardInterrupt
            with atomic_path(path) as partial:
                partial.write_text(str(settings))
            if log is not None:
                log.append(index)

    return Stage("frames", action, settings={"value": settings}, folder="frames")


def test_unchanged_stage_runs_once(tmp_path):
    action = Counter(facts={"found": 3})
    stage = Stage("one", action, settings={"a": 1}, files=("out.txt",))
    first, second = do(tmp_path, stage), do(tmp_path, stage)
    assert action.calls == 1
    assert not first.skipped and second.skipped
    assert second.facts == {"found": 3}
    assert second.seconds == pytest.approx(first.seconds, abs=1e-3)


@pytest.mark.parametrize("change", ["input", "settings", "code", "output", "force"])
def test_changed_stage_runs_again(tmp_path, change):
    source = tmp_path / "in.txt"
    source.write_text("a")
    action = Counter()

    def stage(settings=1, code=()):
        return Stage("one", action, (source,), (), {"a": settings}, code, files=("out.txt",))

    do(tmp_path, stage())
    if change == "input":
        source.write_text("b")
    if change == "output":
        (tmp_path / "out.txt").unlink()
    do(
        tmp_path,
        stage(2 if change == "settings" else 1, ("files.py",) if change == "code" else ()),
        force=change == "force",
    )
    assert action.calls == 2


def test_touched_input_does_not_count(tmp_path):
    source = tmp_path / "in.txt"
    source.write_text("a")
    action = Counter()
    stage = Stage("one", action, (source,), files=("out.txt",))
    do(tmp_path, stage)
    os.utime(source, (1, 1))
    do(tmp_path, stage)
    assert action.calls == 1


def test_stage_follows_the_folder_before_it(tmp_path):
    reader = Counter("reader.txt")
    after = Stage("reader", reader, after=("frames",), files=("reader.txt",))
    do(tmp_path, frames_stage(2, "red"))
    do(tmp_path, after)
    do(tmp_path, after)
    assert reader.calls == 1
    do(tmp_path, frames_stage(2, "blue"))
    do(tmp_path, after)
    assert reader.calls == 2


def test_interrupted_folder_goes_on_and_keeps_the_former_result(tmp_path):
    do(tmp_path, frames_stage(3, "red"))
    log: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        do(tmp_path, frames_stage(5, "blue", stop_after=2, log=log))
    assert log == [0, 1]
    assert {p.read_text() for p in (tmp_path / "frames").iterdir()} == {"red"}

    do(tmp_path, frames_stage(5, "blue", log=log))
    assert log == [0, 1, 2, 3, 4]
    assert [p.read_text() for p in sorted((tmp_path / "frames").iterdir())] == ["blue"] * 5
    assert not list((tmp_path / STATE_FOLDER / "work").iterdir())


def test_frames_of_other_settings_never_mix(tmp_path):
    for settings in ("red", "blue"):
        with pytest.raises(KeyboardInterrupt):
            do(tmp_path, frames_stage(4, settings, stop_after=2))
    do(tmp_path, frames_stage(4, "blue"))
    assert {p.read_text() for p in (tmp_path / "frames").iterdir()} == {"blue"}


def test_force_starts_a_folder_from_nothing(tmp_path):
    log: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        do(tmp_path, frames_stage(3, stop_after=2, log=log))
    do(tmp_path, frames_stage(3, log=log), force=True)
    assert log == [0, 1, 0, 1, 2]


def test_killed_process_goes_on_where_it_stopped(tmp_path):
    program = textwrap.dedent(
        """
        import os, signal, sys
        from pathlib import Path
        from diffsign.files import atomic_path
        from diffsign.road.progress import SilentReporter
        from diffsign.road.stages import Ledger, Stage, run_stage

        folder, kill_at = Path(sys.argv[1]), int(sys.argv[2])

        def action(work, progress):
            for index in range(4):
                path = work / f"{index}.txt"
                if path.exists():
                    continue
                print(index, flush=True)
                with atomic_path(path) as partial:
                    partial.write_text("half")
                    if index == kill_at:
                        os.kill(os.getpid(), signal.SIGKILL)
                    partial.write_text("whole")

        stage = Stage("frames", action, folder="frames")
        run_stage(stage, Ledger(folder), SilentReporter())
        """
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    killed = subprocess.run([*command, "2"], capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "frames").exists()
    resumed = subprocess.run([*command, "-1"], capture_output=True, text=True, check=True)
    assert (killed.stdout.split(), resumed.stdout.split()) == (["0", "1", "2"], ["2", "3"])
    names = sorted(path.name for path in (tmp_path / "frames").iterdir())
    assert names == ["0.txt", "1.txt", "2.txt", "3.txt"]
    assert {path.read_text() for path in (tmp_path / "frames").iterdir()} == {"whole"}


def test_failed_stage_is_not_recorded_and_leaves_no_file(tmp_path):
    def action(folder, progress):
        with atomic_path(folder / "out.txt") as partial:
            partial.write_text("half")
            raise UserError("no person in it")

    with pytest.raises(UserError, match="no person"):
        do(tmp_path, Stage("one", action, files=("out.txt",)))
    assert not (tmp_path / "out.txt").exists()
    assert Ledger(tmp_path).outcome("one") is None


def test_full_disk_is_a_sentence(tmp_path):
    def action(folder, progress):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(UserError, match="full: free some space") as caught:
        do(tmp_path, Stage("one", action, files=("out.txt",)))
    assert str(tmp_path) in str(caught.value)


def test_missing_input_is_a_sentence(tmp_path):
    with pytest.raises(UserError, match=r"nothing\.npz is missing"):
        do(tmp_path, Stage("one", Counter(), (tmp_path / "nothing.npz",)))


@pytest.mark.parametrize("content", ["", "{", "[]", '{"one": 3}'])
def test_broken_ledger_counts_as_none(tmp_path, content):
    (tmp_path / STATE_FOLDER).mkdir()
    (tmp_path / STATE_FOLDER / "stages.json").write_text(content)
    action = Counter()
    do(tmp_path, Stage("one", action, files=("out.txt",)))
    assert action.calls == 1


def test_two_runs_in_one_folder_are_refused(tmp_path):
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, pathlib\n"
            "from diffsign.road.lock import locked\n"
            "with locked(pathlib.Path(sys.argv[1])):\n"
            "    print('held', flush=True); sys.stdin.read()",
            str(tmp_path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout and holder.stdout.readline() == "held\n"
        refused = pytest.raises(UserError, match=f"process {holder.pid}")
        with refused, locked(tmp_path):
            pass
    finally:
        holder.kill()
        holder.communicate()
    with locked(tmp_path):  # the lock of a killed process is no lock
        pass


def test_code_patterns_of_the_road_match_sources():
    from diffsign.road import generate_stages, retarget_stages
    from diffsign.road.options import Fitting, Look, Painting

    folder = Path("folder")
    stages = [
        retarget_stages.keypoints_stage(Path("clip.mp4"), Fitting()),
        retarget_stages.fit_stage(folder, Fitting()),
        retarget_stages.dress_stage(Look()),
        retarget_stages.avatar_stage(folder),
        retarget_stages.passes_stage(folder),
        generate_stages.enhance_stage(folder, Painting()),
        generate_stages.video_stage(folder, 25.0),
        generate_stages.compare_stage(folder, None, 25.0),
    ]
    for stage in stages:
        for pattern in stage.code:
            assert list(PACKAGE.glob(pattern)), f"{stage.name}: nothing matches {pattern}"
