"""The user's own character instead of an avatar: its file checked, and its passes rendered.

A character is a .blend, .glb, .gltf, .fbx or .vrm with an armature of a family that
`retarget.rig` knows, or with a rig map. It performs the avatar's performance through the same
camera; Blender, in a child process, does the rest (see `character_job`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UserError
from ..retarget.motion import Motion
from .pass_options import PassOptions

if TYPE_CHECKING:
    from ..retarget.rig.figure import Figure

SUFFIXES = (".blend", ".glb", ".gltf", ".fbx", ".vrm")

Progress = Callable[[int, int], None]
Note = Callable[[str], None]


@dataclass(frozen=True)
class CharacterInfo:
    """What a character's file holds: the rig's family in a sentence, meshes, and which of its
    shape keys show a facial action."""

    family: str
    summary: str
    meshes: tuple[str, ...]
    face_keys: tuple[str, ...]


def check_character(path: Path, rig: Path | None = None, still_face: bool = False) -> CharacterInfo:
    """Look whether a file is a character that can sign. Nothing is written.

    Raises:
        UserError: it is not; or its face cannot move, and `still_face` does not allow that.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(f"{path} is no character: give one of {', '.join(SUFFIXES)}.")
    for file in (path, rig):
        if file is not None and not file.is_file():
            raise UserError(f"There is no file {file}: check its name and folder.")
    from .blender_process import run_job

    job = {"job": "character", "do": "probe", **_files(path, rig)}
    (found,) = [event for event in run_job(job) if "family" in event]
    info = CharacterInfo(**{name: _plain(value) for name, value in found.items()})
    if not info.face_keys and not still_face:
        raise UserError(
            f"{path} has no shape keys for the face, so what the face says would be lost: add "
            "ARKit's shape keys to its mesh, or allow it with --still-face."
        )
    return info


def character_figure(path: Path, rig: Path | None = None) -> Figure:
    """A character's bones and skin, for `retarget.rig.figure`.

    Raises:
        UserError: the file is no character that can sign.
    """
    from ..retarget.rig.figure_file import load_figure
    from .blender_process import run_job

    check_character(path, rig, still_face=True)
    with tempfile.TemporaryDirectory(prefix="diffsign-") as folder:
        out = Path(folder) / "figure.npz"
        for _ in run_job(
            {"job": "character", "do": "figure", **_files(path, rig), "out": str(out)}
        ):
            pass
        return load_figure(out)


def check_backdrop(options: PassOptions) -> None:
    """Refuse what cannot be laid behind a character."""
    if options.backdrop not in (None, "green") or options.hdri is not None:
        raise UserError(
            "Behind a character of your own lies a colour or --backdrop green: leave others out."
        )


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _files(path: Path, rig: Path | None) -> dict[str, Any]:
    return {"character": str(path.resolve()), "rig": None if rig is None else str(rig.resolve())}


def render_character(
    path: Path,
    performance: Path,
    avatar: Path,
    out: Path,
    options: PassOptions | None = None,
    rig: Path | None = None,
    progress: Progress | None = None,
    note: Note | None = None,
    contacts: bool = True,
) -> Path:
    """Render the passes of a character that performs a motion, as `passes.render_passes` does.

    Args:
        performance: motion.npz as an avatar of the open body performs it; the character's
            shoulders come where that avatar's are. avatar: that avatar, which frames the view and
            says where points of the face lie on a head.
        contacts: let its hands touch on its own body what the performer's touch on theirs; else
        angles alone are kept.

    Raises:
        UserError: the character, the motion or an option cannot be used.
        RuntimeError: Blender failed; the message ends with its log.
    """
    from .avatar.avatar import Avatar
    from .blender_process import run_job
    from .pass_options import checked
    from .view import choose_view

    source, dressed = Motion.load(performance), Avatar.load(avatar)
    options = checked(options or PassOptions(), source, dressed)
    check_backdrop(options)
    view = choose_view(options.viewpoint, source, dressed)
    motion = view.of(source, dressed).part(options.first, options.first + (options.count or 0))
    with tempfile.TemporaryDirectory(prefix="diffsign-") as folder:
        moved, face = Path(folder) / "motion.npz", Path(folder) / "face.npz"
        motion.save(moved)
        np.savez(face, **face_on_head(dressed, motion))  # type: ignore[arg-type]
        job = {
            "job": "character",
            "do": "passes",
            **_files(path, rig),
            "motion": str(moved),
            "face": str(face),
            "out": str(out.resolve()),
            "turn": view.turn.tolist(),
            "contacts": contacts,
            "options": asdict(options),
        }
        for event in run_job(job):
            if "frame" in event and progress is not None:
                progress(event["frame"], motion.frame_count)
            if "note" in event and note is not None:
                note(event["note"])
    return out / "passes.json"


def face_on_head(avatar: Any, motion: Motion) -> dict[str, np.ndarray]:
    """The face's points on the avatar's head, so that they can be put on another.

    Returns:
        face: (T, 478, 3) metres in the head's own axes (x left, y up, z forward) from its joint,
        with the facial actions in them. head: (2, 3) the head's least and greatest coordinates
        (see `character_points.head_box`). Empty where the body has no calibrated points.
    """
    from ..retarget.body.skeleton import INDEX
    from ..retarget.rig.skeleton import global_rotations
    from .character_points import head_box
    from .posed import pose_joints
    from .signer_points import signer_points

    found = signer_points(avatar, motion)
    if not found:
        return {}
    head = INDEX["head"]
    turn = global_rotations(motion.poses)[:, head]
    joint = pose_joints(avatar, motion.poses, motion.trans)[:, head]
    own = [i for i, name in enumerate(avatar.joint_names) if name in _HEAD]
    skin = avatar.pieces[0]
    ids = np.arange(skin.start, skin.stop)
    ids = ids[avatar.weights[ids][:, own].sum(axis=1) > 0.6]
    return {
        "face": np.einsum("tij,tni->tnj", turn, found["face478"] - joint[:, None]),
        "head": head_box(avatar.vertices[ids] - avatar.joints[head]),
    }


_HEAD = ("head", "jaw", "left_eye_smplhf", "right_eye_smplhf")
