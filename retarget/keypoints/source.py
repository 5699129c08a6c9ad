"""Keypoints from whatever the user has: a video, a .pose file, OpenPose's or COCO-WholeBody's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ...errors import UserError
from .people import Note, silent
from .record import Keypoints, require_signer

FILE_SUFFIXES = (".pose", ".json", ".npz")


def load_keypoints(
    source: str | Path,
    progress: Callable[[int, int], None] | None = None,
    *,
    person: int | None = None,
    fps: float | None = None,
    size: tuple[int, int] | None = None,
    detector: str = "mediapipe",
    note: Note = silent,
) -> Keypoints:
    """Keypoints of a video (detected), or of files that somebody else's detector wrote (read).

    Args:
        source: a video; a `.pose` file; a folder of OpenPose's JSON files; COCO-WholeBody's 133
            points as `.json`, `.npz` or a folder of JSON files.
        progress: called as progress(done, total) in frames.
        person: which of several people, counted from the left, from 1; by default the largest.
        fps, size: frames per second and (width, height) in pixels, for files that do not tell.
        detector: for videos, `mediapipe` or `rtmlib`.
        note: told in a sentence what was assumed or chosen.

    Raises:
        UserError: the source cannot be read, or shows nobody, or not that person.
    """
    source = Path(source)
    suffix = source.suffix.lower()
    if suffix not in FILE_SUFFIXES and not source.is_dir():
        if detector == "rtmlib":
            from .rtmlib_wholebody import detect as detect_rtmlib

            return detect_rtmlib(source, progress, person, note)
        from .mediapipe_holistic import detect

        return detect(source, progress, person, note)
    if suffix == ".pose":
        from .pose_file import read_pose

        keypoints = read_pose(source, person, note)
    elif source.is_dir() and _is_openpose(source):
        from .openpose import read_openpose

        keypoints = read_openpose(source, fps, size, person, note)
    else:
        if source.name.endswith("_keypoints.json"):
            raise UserError(f"{source} is one frame: give the folder of OpenPose's JSON files.")
        from .coco_wholebody import read_coco_wholebody

        keypoints = read_coco_wholebody(source, fps, size, person, note)
    require_signer(keypoints, str(source))
    if progress:
        progress(keypoints.frame_count, keypoints.frame_count)
    return keypoints


def _is_openpose(folder: Path) -> bool:
    """Whether a folder holds OpenPose's files, or nothing that another reader would take."""
    from .openpose import openpose_files

    return bool(openpose_files(folder)) or not any(folder.glob("*.json"))
