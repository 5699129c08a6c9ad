"""The add-on's parts that need no Blender: the build, the environment's search, the jobs."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from diffsign import __version__
from diffsign.blender_addon import build, environment, jobs
from diffsign.errors import UserError


@pytest.fixture(scope="module")
def extension(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build.build(tmp_path_factory.mktemp("extension") / "diffsign.zip")


def wheel_of(extension: Path) -> zipfile.ZipFile:
    archive = zipfile.ZipFile(extension)
    (name,) = (name for name in archive.namelist() if name.endswith(".whl"))
    return zipfile.ZipFile(io.BytesIO(archive.read(name)))


def test_the_manifest_names_the_wheel_and_the_version(extension: Path) -> None:
    with zipfile.ZipFile(extension) as archive:
        manifest = tomllib.loads(archive.read("blender_manifest.toml").decode())
        assert f"./{archive.namelist()[-1]}" in manifest["wheels"]
    assert manifest["version"] == __version__
    assert manifest["blender_version_min"] == "4.2.0"
    assert extension.stat().st_size < 1_000_000


def test_blender_accepts_the_extension(extension: Path) -> None:
    import importlib.util

    spec = importlib.util.find_spec("bpy")
    assert spec is not None and spec.origin is not None
    (tool,) = Path(spec.origin).parent.glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py")
    done = subprocess.run(
        [sys.executable, str(tool), "validate", str(extension)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Success" in done.stdout


def test_the_wheel_loads_alone_and_loads_nothing_heavy(extension: Path, tmp_path: Path) -> None:
    wheel_of(extension).extractall(tmp_path)
    names = [
        path.relative_to(tmp_path).with_suffix("").as_posix().replace("/", ".")
        for path in tmp_path.rglob("*.py")
        # Those begin with bpy's classes: they are tried in Blender.
        if path.parent.name != "blender_addon" or path.stem in ("build", "environment", "jobs")
    ]
    program = (
        "import importlib, sys\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        f"for name in {names!r}: importlib.import_module(name.removesuffix('.__init__'))\n"
        "import diffsign; print(diffsign.__file__); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    where, loaded = done.stdout.splitlines()
    assert where.startswith(str(tmp_path))
    heavy = {"torch", "mediapipe", "diffusers", "anny", "scipy", "cv2", "PIL", "click", "bpy"}
    assert not {name.split(".")[0] for name in loaded.split()} & heavy
    assert len(names) > 40


def test_the_wheel_records_what_it_holds(extension: Path) -> None:
    wheel = wheel_of(extension)
    record = wheel.read(f"diffsign-{__version__}.dist-info/RECORD").decode()
    assert {line.split(",")[0] for line in record.splitlines()} == set(wheel.namelist())
    assert not any("mini" in name or "assets" in name for name in wheel.namelist())


def test_the_same_sources_make_the_same_bytes(extension: Path, tmp_path: Path) -> None:
    assert build.build(tmp_path / "again.zip").read_bytes() == extension.read_bytes()


def test_what_blender_lacks_cannot_slip_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "__init__.py").write_text("")
    (tmp_path / "one.py").write_text("from . import two\n")
    (tmp_path / "two.py").write_text("def later():\n    import torch\n")
    monkeypatch.setattr(build, "PACKAGE", tmp_path)
    monkeypatch.setattr(build, "ENTRANCES", ("one",))
    assert set(build.modules()) == {"", "one", "two"}
    (tmp_path / "two.py").write_text("import torch\n")
    with pytest.raises(RuntimeError, match="torch"):
        build.modules()


def test_the_environment_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VIRTUAL_ENV", environment.VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", "")
    assert environment.find_python(tmp_path) is None
    folder = tmp_path / "DiffSign" / ".venv" / "bin"
    folder.mkdir(parents=True)
    (folder / "python").write_text("")
    assert environment.find_python(tmp_path) is None  # a Python without DiffSign
    (folder / "diffsign").write_text("")
    assert environment.find_python(tmp_path) == folder / "python"
    (tmp_path / "python").write_text("")
    monkeypatch.setenv(environment.VARIABLE, str(tmp_path / "python"))
    assert environment.find_python(tmp_path) == tmp_path / "python"


def test_the_environment_answers() -> None:
    command = environment.command(sys.executable, "doctor", "--json")
    job = jobs.Job("Examine", command, environment.variables(online=False))
    job.wait()
    found = environment.read_examination(job.results)
    assert isinstance(found.ready, bool)
    with pytest.raises(UserError, match="does not answer"):
        environment.read_examination(["hello"])
    for python, words in (("", "not named"), ("/none/python", "no Python at")):
        with pytest.raises(UserError, match=words):
            environment.check_python(python)


def test_offline_means_offline() -> None:
    assert environment.variables(online=False)["HF_HUB_OFFLINE"] == "1"
    assert "HF_HUB_OFFLINE" not in environment.variables(online=True)


def script(text: str) -> list[str]:
    return [sys.executable, "-c", "import json, sys\n" + text]


def test_a_job_tells_its_progress_notes_and_results() -> None:
    events = [{"stage": "fit", "done": 2, "total": 4}, {"note": "Two people."}]
    lines = "".join(f"print({json.dumps(json.dumps(e))}, file=sys.stderr)\n" for e in events)
    job = jobs.Job("Fit", script(lines + "print('out/motion.npz')"))
    job.wait()
    assert (job.stage, job.factor) == ("fit", 0.5)
    assert job.notes == ["Two people."] and job.results == ["out/motion.npz"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sys.exit('diffsign: no such clip.')", "Fit: no such clip."),
        ("print(json.dumps({'user_error': 'no camera.'})); sys.exit(2)", "Fit: no camera."),
        ("raise ValueError('it burst')", "it burst"),
        ("sys.exit(3)", "code 3: it said nothing"),
    ],
)
def test_a_job_that_fails_says_why(text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        jobs.Job("Fit", script(text)).wait()


def test_a_job_that_is_cancelled_ends_and_raises_nothing() -> None:
    job = jobs.Job("Fit", script("sys.stdin.read()"))
    assert not job.poll()
    job.cancel()
    assert job.poll()


def test_there_is_one_job_at_a_time() -> None:
    first = jobs.start("Fit", script("sys.stdin.read()"))
    try:
        with pytest.raises(UserError, match="Fit is still running"):
            jobs.start("Render", script(""))
        assert jobs.current() is first
    finally:
        jobs.finish()
    assert jobs.current() is None
    with pytest.raises(UserError, match="cannot be started"):
        jobs.start("Fit", ["/none/python"])
    assert jobs.current() is None
