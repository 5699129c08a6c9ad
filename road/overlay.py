"""overlay.mp4: the fitted mesh over the source, frame by frame."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .progress import Progress
from .retarget_stages import KEYPOINTS, MOTION
from .stages import Stage

OVERLAY_VIDEO = "overlay.mp4"
_POINTS_HEIGHT = 512


def overlay_stage(folder: Path, clip: Path | None) -> Stage:
    """Draw the fitted body over `clip`, a video; over the drawn points where there is none."""

    def action(folder: Path, progress: Progress) -> Mapping[str, Any]:
        from ..render.fitted_mesh import overlay_mesh
        from ..retarget.body.load import load_body
        from ..retarget.keypoints.pose_file import read_pose
        from ..retarget.motion import Motion
        from ..video import read_frames, write_video
        from .compare import draw_keypoints
        from .generate_stages import counted

        motion = Motion.load(folder / MOTION)
        points = folder / KEYPOINTS
        pictures = read_frames(clip) if clip else draw_keypoints(read_pose(points), _POINTS_HEIGHT)
        drawn = overlay_mesh(motion, load_body(motion.body), pictures)
        frames = counted(drawn, motion.frame_count, progress)
        write_video(folder / OVERLAY_VIDEO, frames, motion.fps)
        return {"source": "video" if clip else "keypoints"}

    return Stage(
        "overlay",
        action,
        inputs=(folder / MOTION, clip or folder / KEYPOINTS),
        code=("render/fitted_mesh.py", "render/preview.py", "road/overlay.py", "video.py"),
        files=(OVERLAY_VIDEO,),
    )
