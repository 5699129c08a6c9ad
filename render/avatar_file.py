"""A signer as a file for other tools: the dressed, rigged avatar, or the record of its looks.

.blend, .glb and .fbx hold an armature with SMPL-X's bone names, every piece with its weights,
materials, texture coordinates and ARKit's facial actions as shape keys, and a camera; .npz is the
avatar as this package reads it, .json the record alone.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from ..errors import UserError
from ..files import atomic_path, disk_errors
from .avatar.record import Signer

BLENDER_SUFFIXES = (".blend", ".glb", ".fbx")
SUFFIXES = (*BLENDER_SUFFIXES, ".npz", ".json")


def choose_signer(
    describe: str | None = None,
    appearance: Path | None = None,
    record: Path | None = None,
    random: int | None = None,
) -> Signer:
    """The signer that words, a picture, a record or a seed ask for.

    Words win over the picture, both over the record; the seed decides what none of them says.

    Raises:
        UserError: nothing is given, or a file cannot be read.
    """
    if describe is not None and not describe.strip():
        raise UserError("The description is empty: say who it shall be, or leave --describe out.")
    if random is not None and not 0 <= random < 2**32:
        raise UserError(f"--random is {random}: give a whole number from 0 to 4294967295.")
    if describe is None and appearance is None and record is None and random is None:
        raise UserError("Say who: --describe WORDS, --appearance IMAGE, --record FILE or --random.")
    from .dress.signer_from import signer_from

    base = None if record is None else Signer.load(record)
    return signer_from(appearance, describe, random or 0, base)


def check_suffix(path: Path) -> None:
    """Refuse a file name that says no known format."""
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(f"{path} is to be an avatar: end its name in one of {', '.join(SUFFIXES)}.")


def write_avatar(signer: Signer, path: Path) -> Path:
    """Build the avatar of a signer and write it, in the format that the suffix names.

    Raises:
        UserError: no such format, or the file cannot be written.
    """
    check_suffix(path)
    suffix = path.suffix.lower()
    if suffix == ".json":
        with disk_errors(path.parent):
            signer.save(path)
        return path
    from ..retarget.body.load import load_body
    from .avatar.build import build_avatar

    avatar = build_avatar(signer, load_body("open"))
    with disk_errors(path.parent):
        if suffix == ".npz":
            avatar.save(path)
            return path
        from .blender_process import run_job

        with tempfile.TemporaryDirectory(prefix="diffsign-") as folder:
            built = Path(folder) / "avatar.npz"
            avatar.save(built)
            with atomic_path(path) as partial:
                job = {"job": "avatar_file", "avatar": str(built), "format": suffix}
                for _ in run_job({**job, "out": str(Path(partial).resolve())}):
                    pass
    return path
