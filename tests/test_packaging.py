"""What ships, what loads, and what the project's own files promise."""

import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
NOT_PACKAGES = {"tests", "scratch", "docs", "benchmarks", "examples", "build", "dist", "out"}
HEAVY = ("torch", "bpy", "mediapipe", "diffusers", "transformers", "anny", "cv2", "jax")


def code_folders():
    for path in ROOT.rglob("*.py"):
        relative = path.relative_to(ROOT).parent
        top = relative.parts[0] if relative.parts else ""
        if top not in NOT_PACKAGES and not top.startswith(".") and not top.endswith(".egg-info"):
            yield relative


def test_every_folder_with_code_is_a_listed_package():
    found = {".".join(("diffsign", *folder.parts)) for folder in code_folders()}
    assert sorted(found) == sorted(PROJECT["tool"]["setuptools"]["packages"])


def test_every_package_has_an_init():
    for folder in set(code_folders()):
        assert (ROOT / folder / "__init__.py").is_file(), f"{folder} has no __init__.py"


def test_data_files_of_the_package_ship():
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["*"]
    for name in ("road/report.html.j2", "py.typed"):
        path = ROOT / name
        assert path.is_file()
        assert any(path.match(pattern) for pattern in patterns), f"{name} would not ship"


def test_tests_are_no_package_and_hold_the_only_conftest():
    assert not (ROOT / "tests" / "__init__.py").exists()
    assert not (ROOT / "conftest.py").exists()


def test_import_is_light():
    program = (
        "import sys, time; start = time.perf_counter(); import diffsign;"
        "print(time.perf_counter() - start, *sys.modules)"
    )
    seconds, *modules = run_python("-c", program).split()
    assert float(seconds) < 0.3
    assert not {name.split(".")[0] for name in modules} & {*HEAVY, "numpy", "click"}


def test_command_line_is_light():
    program = (
        "import sys; from diffsign.cli import main\n"
        "try: main(['run', '--help'])\n"
        "except SystemExit: pass\n"
        "print('MODULES', *sys.modules)"
    )
    modules = run_python("-c", program).split("MODULES")[1].split()
    assert not {name.split(".")[0] for name in modules} & {*HEAVY, "numpy", "PIL", "scipy"}


@pytest.mark.parametrize(
    "module",
    ["diffsign.retarget.motion", "diffsign.retarget.body.model", "diffsign.render.conditioning"],
)
def test_modules_for_blender_need_neither_torch_nor_bpy(module):
    if importlib.util.find_spec(module) is None:
        pytest.fail(f"{module} is missing")
    modules = run_python("-c", f"import sys, {module}; print(*sys.modules)").split()
    assert not {name.split(".")[0] for name in modules} & {"torch", "bpy", "mediapipe", "diffusers"}


def test_scripts_of_the_project_exist():
    from diffsign import cli

    for target in PROJECT["project"]["scripts"].values():
        module, function = target.split(":")
        assert module == "diffsign.cli"
        assert callable(getattr(cli, function))


def test_ci_runs_the_test_command_of_the_readme():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert re.search(r"^make test\b", readme, re.MULTILINE)
    assert re.search(r"^make test$", ci, re.MULTILINE)
    assert re.search(r"^(sudo )?apt-get install ", readme, re.MULTILINE)


def test_licence_is_whole():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "GNU GENERAL PUBLIC LICENSE" in text and "END OF TERMS AND CONDITIONS" in text


def run_python(*arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
