"""A performance as a file for other programs: a character and its animation, by Blender."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from ..errors import UserError
from ..files import atomic_path, disk_errors
from ..retarget.body.load import load_body
from ..retarget.keypoints.people import Note, silent
from ..retarget.motion import Motion
from ..retarget.motion_files.load import load_motion
from .character import SUFFIXES as CHARACTER_SUFFIXES

FORMATS = {
    "blend": (".blend",),
    "glb": (".glb",),
    "fbx": (".fbx",),
    "usd": (".usd", ".usdc", ".usda"),
}
"""Name of a format, and the suffixes that a file of it may have."""
_AVATAR, _PERFORMANCE = "avatar.npz", "performance.npz"


def export_performance(
    motion: Path,
    to: str,
    out: Path,
    avatar: Path | None = None,
    rig: Path | None = None,
    fps: float | None = None,
    body_path: Path | None = None,
    note: Note = silent,
) -> Path:
    """Write a motion as a character performs it.

    Args:
        motion: a fitted motion of any tool. to: a name in FORMATS. out: one of its suffixes.
        avatar: who performs: an avatar (.npz), a signer's record (.json), or a character of the
            user's own (.blend, .glb, .gltf, .fbx, .vrm). Where None, the avatar and performance
            that stand beside the motion, or else a signer of chance with the motion's body.
        rig: the character's rig map, where its family is not known. fps, body_path, note: see
            `retarget.motion_files.load`.

    Raises:
        UserError: the motion, the character or the format cannot be used.
    """
    from .blender_process import run_job

    if out.suffix.lower() not in FORMATS[to]:
        raise UserError(f"{out} is to be {to}: end its name in {' or '.join(FORMATS[to])}.")
    if rig is not None and not rig.is_file():
        raise UserError(f"There is no rig map {rig}: check its name and folder.")

    def read() -> Motion:
        return load_motion(motion, body_path=body_path, fps=fps, note=note)

    with tempfile.TemporaryDirectory(prefix="diffsign-") as folder, disk_errors(out.parent):
        who, performed = _performer(motion, read, avatar, Path(folder))
        moved = Path(folder) / "motion.npz"
        performed.save(moved)
        with atomic_path(out) as partial:
            job = {
                "job": "performance_file",
                "character": str(who.resolve()),
                "rig": None if rig is None else str(rig.resolve()),
                "motion": str(moved),
                "out": str(Path(partial).resolve()),
            }
            for _ in run_job(job):
                pass
    return out


def _performer(
    motion: Path, read: Callable[[], Motion], avatar: Path | None, folder: Path
) -> tuple[Path, Motion]:
    """The file of who performs, and the motion as that body performs it."""
    beside = motion.parent / _AVATAR
    performance = motion.parent / _PERFORMANCE
    if avatar is None and beside.is_file() and performance.is_file():
        return beside, Motion.load(performance)
    if avatar is None:
        return _dressed(None, read(), folder)
    if not avatar.is_file():
        raise UserError(f"There is no file {avatar}: check its name and folder.")
    suffix = avatar.suffix.lower()
    if suffix == ".json":
        return _dressed(avatar, read(), folder)
    if suffix == ".npz" or suffix in CHARACTER_SUFFIXES:
        return avatar, read()
    known = ", ".join((".npz", ".json", *CHARACTER_SUFFIXES))
    raise UserError(f"{avatar} is no character: give one of {known}.")


def _dressed(record: Path | None, motion: Motion, folder: Path) -> tuple[Path, Motion]:
    from ..retarget.body.identity import betas_for
    from ..retarget.body.phenotype import phenotype_betas
    from ..retarget.rig.perform import perform
    from .avatar.build import build_avatar
    from .avatar.random_signer import random_signer
    from .avatar.record import Signer

    body = load_body("open")
    if record is None:
        signer = random_signer(0)
        betas = betas_for(body, signer.phenotype, motion.betas)
    else:
        signer = Signer.load(record)
        betas = phenotype_betas(body, signer.phenotype)
    path = folder / _AVATAR
    build_avatar(signer, body, betas).save(path)
    return path, perform(motion, body, betas)
