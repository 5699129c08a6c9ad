"""The user's Python environment that holds DiffSign: found, asked how it is, and given commands.

Blender's own Python has no torch and shall have none; what needs it runs there. No Blender here.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import UserError

VARIABLE = "DIFFSIGN_PYTHON"
INSTALL = "in a copy of DiffSign's repository: make install"
_WINDOWS = os.name == "nt"
_PYTHON = Path("Scripts", "python.exe") if _WINDOWS else Path("bin", "python")
_SCRIPT = "diffsign.exe" if _WINDOWS else "diffsign"
_FOLDERS = ("diffsign", "DiffSign", ".diffsign", "diffsign/.venv", "DiffSign/.venv", ".venv")
_CONDA = ("miniconda3", "anaconda3", "miniforge3", "mambaforge")
_PROGRAM = "import sys; from diffsign.cli import main; main(sys.argv[1:])"


@dataclass(frozen=True)
class Examination:
    """What `diffsign doctor` found: ready, and (name, detail, remedy) of all that is missing."""

    ready: bool
    missing: tuple[tuple[str, str, str], ...]
    version: str = ""


def candidates(home: Path | None = None, blend_folder: Path | None = None) -> Iterator[Path]:
    """Where such an environment usually stands, the likeliest first; existing files alone."""
    home = home or Path.home()
    active = os.environ.get("VIRTUAL_ENV")
    script = shutil.which("diffsign")
    guesses: list[Path] = []
    guesses += [Path(active) / _PYTHON] if active else []
    guesses += [Path(script).resolve().parent / _PYTHON.name] if script else []
    near = [blend_folder, *blend_folder.parents][:3] if blend_folder else []
    guesses += [folder / ".venv" / _PYTHON for folder in near]
    guesses += [home / folder / _PYTHON for folder in _FOLDERS]
    guesses += [home / conda / "envs" / "diffsign" / _PYTHON for conda in _CONDA]
    seen = set()
    for guess in guesses:
        if guess not in seen and guess.is_file():
            seen.add(guess)
            yield guess


def find_python(home: Path | None = None, blend_folder: Path | None = None) -> Path | None:
    """The one that DIFFSIGN_PYTHON names, or the first beside which DiffSign's command is."""
    named = os.environ.get(VARIABLE)
    if named and Path(named).is_file():
        return Path(named)
    for python in candidates(home, blend_folder):
        if (python.parent / _SCRIPT).is_file():
            return python
    return None


def check_python(python: str) -> str:
    """The path of a Python that can be started.

    Raises:
        UserError: none is named, or there is no such file.
    """
    if not python:
        raise UserError(
            "DiffSign's Python environment is not named: open the add-on's preferences and press "
            f"Find, or install it ({INSTALL})."
        )
    path = Path(python).expanduser()
    if path.is_dir() and (path / _PYTHON).is_file():
        path = path / _PYTHON
    if not path.is_file():
        raise UserError(
            f"There is no Python at {path}: name DiffSign's in the add-on's preferences."
        )
    return str(path)


def command(python: str, *arguments: object) -> list[str]:
    """The command line that runs `diffsign` with arguments. Raises as `check_python`."""
    # -I would hide an editable install's hooks; -c keeps the current folder's modules out of sight.
    return [check_python(python), "-c", _PROGRAM, *map(str, arguments)]


def variables(online: bool) -> dict[str, str]:
    """The environment variables of such a command; without `online` it must not use the network."""
    ours = {"PYTHONSAFEPATH": "1"}
    return ours if online else ours | {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}


def read_examination(lines: Sequence[str]) -> Examination:
    """The answer of `diffsign doctor --json`.

    Raises:
        UserError: it is none.
    """
    try:
        found: dict[str, Any] = json.loads("\n".join(lines))
        missing = tuple(
            (finding["name"], finding["detail"], finding["remedy"])
            for finding in found["findings"]
            if finding["status"] == "missing"
        )
        return Examination(bool(found["ready"]), missing)
    except (ValueError, KeyError, TypeError):
        raise UserError(
            f"This Python does not answer as DiffSign's: install DiffSign there ({INSTALL})."
        ) from None


def blender_command(binary: str, package_root: Path, job: Path, trusted: bool) -> list[str]:
    """The command line of a background Blender that does a job of `render.worker`.

    Args:
        binary: Blender's own program; "" in the module, where Python does it. package_root: the
            folder that holds the package `diffsign`. trusted: run the scripts in .blend files.
    """
    if not binary:
        return [sys.executable, "-m", "diffsign.render.worker", str(job)]
    program = (
        "import os, sys\n"
        f"sys.path.append({str(package_root)!r})\n"
        "from diffsign.render.worker import main\n"
        f"os._exit(main([{str(job)!r}]))"
    )
    scripts = "--enable-autoexec" if trusted else "--disable-autoexec"
    return [binary, "--background", scripts, "--python-expr", program]
