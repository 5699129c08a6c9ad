"""One motion file as another."""

from __future__ import annotations

from pathlib import Path

from ...errors import UserError
from ..body.load import load_body
from ..keypoints.people import Note, silent
from .bvh import write_bvh
from .fitted_pose import write_fitted_pose
from .load import load_motion


def export_motion(
    path: str | Path,
    to: str,
    out: str | Path,
    fps: float | None = None,
    body_path: str | Path | None = None,
    note: Note = silent,
) -> Path:
    """Read a motion (see `load`) and write it as `bvh`, `pose` (the fitted points) or `npz`.

    Returns:
        The written file.

    Raises:
        UserError: the motion cannot be read, its body's points are not known, or nothing can be
            written.
    """
    out = Path(out)
    motion = load_motion(path, body_path=body_path, fps=fps, note=note)
    if to == "bvh":
        write_bvh(motion, out)
    elif to == "npz":
        motion.save(out)
    else:
        body = load_body(motion.body, body_path) if motion.body == "smplx" else load_body("open")
        try:
            write_fitted_pose(motion, body, out)
        except ValueError as error:
            raise UserError(f"{path} has no points to write: {error}.") from error
    return out
