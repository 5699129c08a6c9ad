"""Keypoints from whatever the user has: a video, a .pose file, OpenPose's folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ...errors import UserError
from .record import Keypoints, require_signer


def load_keypoints(
    source: str | Path, progress: Callable[[int, int], None] | None = None
) -> Keypoints:
    """Keypoints of a video (detected), a `.pose` file or a folder of OpenPose JSON (read).

    Args:
        source: the kind is told by the suffix; a folder is OpenPose's.
        progress: called as progress(done, total) in frames.

    Raises:
        UserError: the source cannot be read, or shows nobody.
    """
    source = Path(source)
    suffix = source.suffix.lower()
    if suffix == ".json":
        raise UserError(f"{source} is one frame: give the folder of OpenPose's JSON files.")
    if suffix != ".pose" and not source.is_dir():
        from .mediapipe_holistic import detect

        return detect(source, progress)
    if suffix == ".pose":
        from .pose_file import read_pose

        keypoints = read_pose(source)
    else:
        from .openpose import read_openpose

        keypoints = read_openpose(source)
    require_signer(keypoints, str(source))
    if progress:
        progress(keypoints.frame_count, keypoints.frame_count)
    return keypoints
