"""What is installed, what is cached, what will run where, and how to get the rest.

Nothing is downloaded and nothing heavy is imported, except torch for the question of a GPU.
"""

import json
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

Status = Literal["ok", "optional", "missing"]

_MARKS: dict[str, str] = {"ok": "✓", "optional": "·", "missing": "✗"}
_NEEDED_MODULES = {
    "anny": "anny",
    "av": "av",
    "bpy": "bpy",
    "click": "click",
    "diffusers": "diffusers",
    "mediapipe": "mediapipe",
    "numpy": "numpy",
    "OpenImageIO": "openimageio",
    "peft": "peft",
    "PIL": "pillow",
    "pose_format": "pose-format",
    "pyrender": "pyrender",
    "rich": "rich",
    "scipy": "scipy",
    "torch": "torch",
    "transformers": "transformers",
    "trimesh": "trimesh",
}
"""Import name -> name to install, for what the stages use."""
_REINSTALL = "install everything again: make install (or pip install -e .)"
_FREE_DISK_GB = 3.0
_FREE_MEMORY_GB = 4.0


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, how it stands, and what to do where it is not well."""

    name: str
    status: Status
    detail: str
    remedy: str = ""


def examine() -> list[Finding]:
    """Look at everything that a run needs. Never raises: a failed look is a finding."""
    looks: Sequence[tuple[str, Callable[[], Iterable[Finding]]]] = (
        ("python", _python),
        ("packages", _packages),
        ("machine", _machine),
        ("devices", _devices),
        ("video", _video),
        ("preview", _preview),
        ("open body", _open_body),
        ("models", _models),
    )
    findings: list[Finding] = []
    for name, look in looks:
        try:
            findings.extend(look())
        except Exception as error:
            findings.append(
                Finding(name, "missing", f"{type(error).__name__}: {error}", _REINSTALL)
            )
    return findings


def format_findings(findings: Sequence[Finding]) -> str:
    """A line for each finding, its remedy below it, and a verdict at the end."""
    width = max(len(finding.name) for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{_MARKS[finding.status]} {finding.name:<{width}}  {finding.detail}")
        if finding.remedy:
            lines.append(f"  {'':<{width}}  -> {finding.remedy}")
    missing = [finding.name for finding in findings if finding.status == "missing"]
    verdict = (
        f"Not ready: {', '.join(missing)}." if missing else "Ready: diffsign run CLIP -o DIR works."
    )
    return "\n".join([*lines, "", verdict])


def to_json(findings: Sequence[Finding]) -> str:
    """The findings as JSON: `ready` and a list of records."""
    ready = all(finding.status != "missing" for finding in findings)
    records = [asdict(finding) for finding in findings]
    return json.dumps({"ready": ready, "findings": records}, indent=2, ensure_ascii=False)


def _python() -> Iterable[Finding]:
    fits = sys.version_info[:2] == (3, 11)
    yield Finding(
        "python",
        "ok" if fits else "missing",
        f"{platform.python_version()} on {platform.platform()}",
        "" if fits else "Blender's module needs 3.11: make PYTHON=/path/to/python3.11 install",
    )


def _packages() -> Iterable[Finding]:
    present, absent = [], []
    for module, package in _NEEDED_MODULES.items():
        if find_spec(module) is None:
            absent.append(package)
        else:
            present.append(f"{package} {_version(package)}")
    yield Finding("packages", "ok" if present else "missing", ", ".join(present))
    if absent:
        yield Finding("not installed", "missing", ", ".join(absent), _REINSTALL)


def _version(package: str) -> str:
    # The same module comes from several distributions (OpenCV, torch builds); none is a fault.
    try:
        return version(package)
    except PackageNotFoundError:
        return "(version unknown)"


def _machine() -> Iterable[Finding]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = _free_memory_gb()
    yield Finding("cores", "ok", f"{cores}")
    if memory is not None:
        enough = memory >= _FREE_MEMORY_GB
        yield Finding(
            "free memory",
            "ok" if enough else "optional",
            f"{memory:.1f} GB",
            "" if enough else f"close other programs: a run takes up to {_FREE_MEMORY_GB:g} GB",
        )
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    enough = free >= _FREE_DISK_GB
    yield Finding(
        "free disk here",
        "ok" if enough else "optional",
        f"{free:.1f} GB",
        "" if enough else f"free some space: ten seconds of video take up to {_FREE_DISK_GB:g} GB",
    )


def _free_memory_gb() -> float | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    values = dict(line.split(":", 1) for line in lines if ":" in line)
    return int(values["MemAvailable"].split()[0]) * 1024 / 1e9


def _devices() -> Iterable[Finding]:
    from ..generate.hardware import best_device, best_precision

    device = best_device()
    names = {"cuda": "GPU (CUDA)", "mps": "GPU (Apple)", "cpu": "CPU, no GPU that torch can use"}
    yield Finding(
        "diffusion runs on",
        "ok" if device != "cpu" else "optional",
        f"{names[device]} in {best_precision(device)}",
        "" if device != "cpu" else "mini is made for this; sd15 takes minutes per frame here",
    )
    yield Finding("blender runs on", "ok", "CPU (Cycles, headless)")


def _video() -> Iterable[Finding]:
    from av.codec import Codec, codecs_available

    if "libx264" in codecs_available and Codec("libx264", "w"):
        yield Finding("video", "ok", "H.264 through PyAV (libx264)")
    else:
        yield Finding(
            "video", "missing", "PyAV without libx264", "pip install --force-reinstall av"
        )


def _preview() -> Iterable[Finding]:
    from ctypes.util import find_library

    absent = [name for name in ("EGL", "GL", "X11", "SM", "Xrender") if find_library(name) is None]
    if absent and sys.platform.startswith("linux"):
        yield Finding(
            "system libraries",
            "missing",
            f"not found: {', '.join('lib' + name for name in absent)}",
            "run the apt line at the top of the README",
        )
    else:
        yield Finding("system libraries", "ok", "EGL, GL and X libraries are here")


def _open_body() -> Iterable[Finding]:
    from ..retarget.body.load import open_body_path

    path = open_body_path()
    built = path.is_file()
    yield Finding(
        "open body",
        "ok" if built else "optional",
        f"cached in {path}" if built else "not built yet",
        "" if built else "the first run builds it, once",
    )


def _models() -> Iterable[Finding]:
    from ..generate.checkpoints import MINI_FOLDER, SD15, resolve_model
    from ..generate.hub import fetch_command, missing_repos

    mini = (MINI_FOLDER / "model_index.json").is_file()
    yield Finding(
        "model mini",
        "ok" if mini else "missing",
        f"{_folder_mb(MINI_FOLDER):.0f} MB, part of this package" if mini else "not here",
        "" if mini else "install the package again, or train it: make train-mini",
    )
    missing = missing_repos(SD15)
    yield Finding(
        "model sd15",
        "optional" if missing else "ok",
        f"not on this machine: {', '.join(missing)}" if missing else "cached",
        fetch_command(SD15) if missing else "",
    )
    if mini:
        yield Finding("--model auto is", "ok", resolve_model("auto")[1])


def _folder_mb(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
