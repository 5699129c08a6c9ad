"""Build the Blender extension: `python -m diffsign.blender_addon.build [-o FILE]`.

The zip holds Blender's manifest, a rim, and a pure wheel with those of the package's modules that
the add-on reaches by imports: numpy and bpy are all that they load on their own. Needs no Blender.
"""

from __future__ import annotations

import argparse
import ast
import base64
import hashlib
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

from .. import __version__
from ..files import atomic_path

PACKAGE = Path(__file__).parents[1]
ENTRANCES = ("blender_addon.registration", "render.worker", "render.scene_pass_job")
"""Where Blender comes in; `worker` names its jobs in a table, so they are named here."""
IN_BLENDER = {"numpy", "bpy", "mathutils"}
"""What a module may import as it loads. Within functions anything: it is not called there."""
_EPOCH = (2020, 1, 1, 0, 0, 0)
"""The date of every file, so that the same sources make the same bytes."""


def build(out: Path) -> Path:
    """Write the extension."""
    name = f"diffsign-{__version__}-py3-none-any.whl"
    manifest = (Path(__file__).parent / "extension" / "blender_manifest.toml").read_text("utf-8")
    manifest = manifest.replace("wheels = []", f'wheels = ["./wheels/{name}"]')
    found = tomllib.loads(manifest)
    if found["version"] != __version__ or not found["wheels"]:
        raise RuntimeError("blender_manifest.toml names another version, or already has wheels")
    files = {
        "blender_manifest.toml": manifest.encode(),
        "__init__.py": (Path(__file__).parent / "extension" / "__init__.py").read_bytes(),
        "LICENSE": (PACKAGE / "LICENSE").read_bytes(),
        f"wheels/{name}": _wheel(),
    }
    with atomic_path(out) as partial:
        partial.write_bytes(_zip(files))
    return out


def modules() -> dict[str, Path]:
    """Every module that the add-on reaches: its dotted name below `diffsign`, and its file.

    Raises:
        RuntimeError: one of them imports, as it loads, what Blender does not have.
    """
    found: dict[str, Path] = {}
    waiting = [*ENTRANCES]
    while waiting:
        name = waiting.pop()
        path = _file(name)
        if name in found or path is None:
            continue
        found[name] = path
        parts = name.split(".")
        waiting += [".".join(parts[:k]) for k in range(len(parts))]  # the packages it lies in
        waiting += _imports(name, path)
    return dict(sorted(found.items()))


def _file(name: str) -> Path | None:
    path = PACKAGE.joinpath(*name.split(".")) if name else PACKAGE
    for candidate in (path / "__init__.py", path.with_suffix(".py")):
        if candidate.is_file():
            return candidate
    return None


def _imports(name: str, path: Path) -> Iterator[str]:
    """The package's modules that one imports, now or later, but for types alone."""
    tree = ast.parse(path.read_text("utf-8"))
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    package = [part for part in package if part]
    at_once = set(map(id, tree.body))
    for node in _but_types(tree):
        if isinstance(node, ast.Import):
            outside = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            outside = [node.module or ""]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - (node.level - 1)]
            base += node.module.split(".") if node.module else []
            yield ".".join(base)
            yield from (".".join([*base, alias.name]) for alias in node.names)
            continue
        else:
            continue
        tops = {one.split(".")[0] for one in outside} - set(sys.stdlib_module_names)
        if id(node) in at_once and tops - IN_BLENDER:
            raise RuntimeError(f"{path} loads {', '.join(tops)}, which Blender does not have")


def _but_types(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from _but_types(node)


def _wheel() -> bytes:
    """A wheel as PEP 427 has it, with no requirement: Blender brings numpy."""
    about = f"diffsign-{__version__}.dist-info"
    files = {
        f"diffsign/{path.relative_to(PACKAGE).as_posix()}": path.read_bytes()
        for path in modules().values()
    }
    files[f"{about}/METADATA"] = (
        f"Metadata-Version: 2.4\nName: diffsign\nVersion: {__version__}\n"
        "Summary: The parts of DiffSign that run inside Blender\n"
        "License-Expression: GPL-3.0-or-later\nRequires-Python: >=3.11\n"
    ).encode()
    files[f"{about}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: diffsign\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    record = f"{about}/RECORD"
    rows = [f"{name},sha256={_digest(data)},{len(data)}" for name, data in files.items()]
    files[record] = "\n".join([*rows, f"{record},,", ""]).encode()
    return _zip(files)


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def _zip(files: dict[str, bytes]) -> bytes:
    import io

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o644 << 16
            stored = name.endswith(".whl")
            entry.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return buffer.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description="Build DiffSign's Blender extension.")
    default = Path("dist") / f"diffsign-{__version__}.zip"
    parser.add_argument("-o", "--out", type=Path, default=default, help=f"by default {default}")
    print(build(parser.parse_args().out))


if __name__ == "__main__":
    main()
