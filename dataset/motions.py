"""From a clip to its motion, once for the whole dataset. Needs torch; never beside Blender."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UserError
from ..retarget.motion import Motion


def prepare_motion(clip: dict[str, Any], out: Path, seed: int) -> dict[str, Any]:
    """Write the motion of a clip (the fields of `clips.Clip`); what is to know of it.

    Raises:
        UserError: the clip cannot be read or shows nobody.
    """
    notes: list[str] = []
    if clip["handshape"] is not None:
        from .handshape_motion import handshape_motion

        motion = handshape_motion(clip["handshape"], clip["number"], seed)
    else:
        motion = read_motion(Path(clip["path"]), clip["fps"], notes)
    motion.save(out)
    return {"frames": motion.frame_count, "fps": motion.fps, "notes": notes}


def read_motion(path: Path, fps: float | None, notes: list[str]) -> Motion:
    """The motion of a video, of keypoints, or of another tool's fit, on the open body."""
    from ..retarget.motion_files.load import is_motion_file, load_motion

    if is_motion_file(path):
        motion = load_motion(path, "open", None, fps, notes.append)
    else:
        from ..retarget.fit.solve import fit_clip
        from ..retarget.keypoints.source import load_keypoints

        motion = fit_clip(load_keypoints(path, fps=fps, note=notes.append))
    for name in ("trans", "poses", "facial_actions", "joints"):
        if not np.isfinite(getattr(motion, name)).all():
            raise UserError(f"{path} holds numbers that are not finite ({name}).")
    if motion.frame_count < 1:
        raise UserError(f"{path} holds no frames.")
    return motion
