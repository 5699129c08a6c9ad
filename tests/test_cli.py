"""The real command line: help, exit codes, one line for bad input, clean standard output."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diffsign import cli
from diffsign.errors import UserError
from diffsign.road.options import Fitting, Look, Painting, Running, Viewing, from_cli
from diffsign.video import write_video


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    write_video(path, [np.full((64, 64, 3), 90, np.uint8)] * 3, 25)
    return path


@pytest.fixture
def appearance(tmp_path):
    path = tmp_path / "appearance.png"
    Image.new("RGB", (128, 128), "teal").save(path)
    return path


@pytest.mark.parametrize(
    ("command", "arguments", "words"),
    [
        ("diffsign", ["--help"], ["run", "retarget", "generate", "doctor"]),
        ("diffsign", ["run", "--help"], ["--appearance", "--prompt", "--seed", "--model"]),
        ("diffsign-retarget", ["--help"], ["CLIP", "--out"]),
        ("diffsign-generate", ["--help"], ["DIR", "--strength"]),
        ("diffsign", ["--version"], ["diffsign"]),
    ],
)
def test_help(diffsign, command, arguments, words):
    done = diffsign(*arguments, command=command)
    assert done.returncode == 0 and done.stderr == ""
    assert all(word in done.stdout for word in words)


def test_missing_clip(diffsign, assert_refused, tmp_path):
    done = diffsign("run", tmp_path / "none.mp4", "-o", tmp_path / "out")
    assert_refused(done, "none.mp4")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "content", [b"", b"this is a text\n" * 50, b"\x00\x00\x00\x18ftypmp42" + b"\x00" * 400]
)
def test_file_that_is_no_video(diffsign, assert_refused, tmp_path, content):
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    assert_refused(diffsign("run", path, "-o", tmp_path / "out"), "clip.mp4")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clip.mp4"]


def test_truncated_video(diffsign, assert_refused, tmp_path, clip):
    path = tmp_path / "cut.mp4"
    path.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    assert_refused(diffsign("run", path, "-o", tmp_path / "out"), "cut.mp4")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--prompt", ""], ["prompt is empty"]),
        (["--prompt", "  \n"], ["prompt is empty"]),
        (["--seed", "-1"], ["--seed"]),
        (["--seed", "many"], ["--seed"]),
        (["--fov", "200"], ["--fov"]),
        (["--background", "blue"], ["background"]),
        (["--appearance", "none.png"], ["none.png"]),
        (["--enhance", "wrap"], ["--enhance"]),
        (["--modell", "mini"], ["--modell"]),
        (["--model", "no such model"], ["no such model"]),
        (["--model", ""], ["--model"]),
    ],
)
def test_option_that_cannot_be_used(diffsign, assert_refused, tmp_path, clip, options, words):
    done = diffsign("run", clip, *options, "-o", tmp_path / "out")
    assert_refused(done, *words)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"\x00" * 50])
def test_appearance_that_is_no_picture(diffsign, assert_refused, tmp_path, clip, content):
    path = tmp_path / "look.png"
    path.write_bytes(content)
    done = diffsign("run", clip, "--appearance", path, "-o", tmp_path / "out")
    assert_refused(done, "look.png")
    assert not (tmp_path / "out").exists()


def test_missing_arguments(diffsign, assert_refused, tmp_path, clip):
    assert_refused(diffsign("run", clip), "--out")
    assert_refused(diffsign("run", "-o", tmp_path / "out"), "CLIP")
    assert_refused(diffsign("generate", tmp_path / "none"), "run diffsign-retarget")
    assert_refused(diffsign("whitewash"), "whitewash")


def test_output_that_is_a_file(diffsign, assert_refused, tmp_path, clip):
    (tmp_path / "out").write_text("mine")
    assert_refused(diffsign("retarget", clip, "-o", tmp_path / "out"), "out")
    assert_refused(diffsign("retarget", clip, "-o", tmp_path / "out" / "deeper"), "out")
    assert (tmp_path / "out").read_text() == "mine"


def test_results_alone_on_standard_output(monkeypatch, capsys, clip, tmp_path):
    monkeypatch.setattr(
        "diffsign.road.run.run", lambda *given: (tmp_path / "a.mp4", tmp_path / "b.json")
    )
    with pytest.raises(SystemExit) as left:
        cli.main(["run", str(clip), "-o", str(tmp_path)])
    assert left.value.code == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines() == [str(tmp_path / "a.mp4"), str(tmp_path / "b.json")]
    assert shown.err == ""


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UserError("Two\nlines."), 2, "diffsign: Two lines.\n"),
        (KeyboardInterrupt(), 130, "diffsign: interrupted; the same command goes on from here.\n"),
    ],
)
def test_errors_become_one_line(monkeypatch, capsys, clip, tmp_path, error, code, line):
    def fail(*given):
        raise error

    monkeypatch.setattr("diffsign.road.run.run", fail)
    with pytest.raises(SystemExit) as left:
        cli.main(["run", str(clip), "-o", str(tmp_path)])
    assert left.value.code == code
    assert capsys.readouterr().err.lstrip("\n") == line  # click ends the line that shows ^C


def test_errors_of_the_program_keep_their_traceback(monkeypatch, clip, tmp_path):
    def fail(*given):
        raise ZeroDivisionError

    monkeypatch.setattr("diffsign.road.run.run", fail)
    with pytest.raises(ZeroDivisionError):
        cli.main(["run", str(clip), "-o", str(tmp_path)])


def test_debug_shows_the_traceback_of_user_errors(monkeypatch, clip, tmp_path):
    def fail(*given):
        raise UserError("no person")

    monkeypatch.setattr("diffsign.road.run.run", fail)
    with pytest.raises(UserError):
        cli.main(["run", str(clip), "--debug", "-o", str(tmp_path)])


def test_options_reach_their_records(monkeypatch, clip, tmp_path, appearance):
    given: list[object] = []

    def keep(*values):
        given.extend(values)
        return ()

    monkeypatch.setattr("diffsign.road.run.run", keep)
    with pytest.raises(SystemExit):
        options = (
            f"-o {tmp_path} --appearance {appearance} --prompt human --seed 9 --model mini "
            "--strength 0.3 --enhance off --fov 40 --background #aabbcc -q --force "
            "--camera side --orbit 10,-5 --resolution 640x360"
        )
        cli.main(["run", str(clip), *options.split()])
    assert given == [
        clip,
        tmp_path,
        Fitting(fov=40),
        Look((appearance,), prompt="human", background="#aabbcc", seed=9),
        Painting(model="mini", strength=0.3, enhance="off"),
        Running(quiet=True, force=True),
        Viewing(camera="side", orbit="10,-5", resolution="640x360"),
    ]


def test_defaults_of_the_command_line_are_those_of_the_records():
    values = cli.run.make_context("run", ["clip.mp4", "-o", "out"]).params
    for record in (Fitting, Look, Painting, Viewing, Running):
        assert from_cli(record, values) == record()


def test_doctor_says_what_is_here(diffsign, tmp_path):
    done = diffsign("doctor", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 0
    names = {finding["name"] for finding in found["findings"]}
    assert {"python", "packages", "cores", "video", "open body", "model mini"} <= names
    assert {finding["status"] for finding in found["findings"]} <= {"ok", "optional", "missing"}
    assert all(f["remedy"] for f in found["findings"] if f["status"] == "missing")
    text = diffsign("doctor").stdout
    assert "python" in text and text.splitlines()[-1].startswith(("Ready", "Not ready"))


def test_a_failing_look_of_the_doctor_is_a_finding(monkeypatch):
    from diffsign.road import doctor

    def fail():
        raise OSError("broken")

    monkeypatch.setattr(doctor, "_video", fail)
    found = [finding for finding in doctor.examine() if finding.name == "video"]
    assert found[0].status == "missing" and "broken" in found[0].detail


def test_commands_are_installed():
    for name in ("diffsign", "diffsign-retarget", "diffsign-generate"):
        script = Path(sys.executable).parent / name
        done = subprocess.run([script, "--help"], capture_output=True, text=True)
        assert done.returncode == 0 and "Usage" in done.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--person", "0"], ["--person"]),
        (["--fps", "0"], ["--fps"]),
        (["--image-size", "12by3"], ["--image-size", "1280x720"]),
        (["--detector", "guess"], ["--detector"]),
    ],
)
def test_options_of_the_source(diffsign, assert_refused, tmp_path, clip, options, words):
    assert_refused(diffsign("run", clip, *options, "-o", tmp_path / "out"), *words)
    assert not (tmp_path / "out").exists()


def test_export(diffsign, assert_refused, tmp_path):
    frames = 3
    source = tmp_path / "walk.npz"
    np.savez(source, poses=np.zeros((frames, 165)), trans=np.zeros((frames, 3)), fps=30)
    for kind in ("bvh", "pose", "npz"):
        done = diffsign("export", source, "--to", kind, "-o", tmp_path / f"out.{kind}")
        assert done.returncode == 0 and done.stdout == f"{tmp_path / f'out.{kind}'}\n"
    assert (tmp_path / "out.bvh").read_text().startswith("HIERARCHY\nROOT pelvis\n")
    again = diffsign("export", tmp_path / "out.npz", "--to", "bvh", "-o", tmp_path / "again.bvh")
    assert again.returncode == 0
    assert (tmp_path / "again.bvh").read_text() == (tmp_path / "out.bvh").read_text()
    missing = diffsign("export", tmp_path / "none.pkl", "--to", "bvh", "-o", tmp_path / "x.bvh")
    assert_refused(missing, "none.pkl")
    assert not (tmp_path / "x.bvh").exists()
