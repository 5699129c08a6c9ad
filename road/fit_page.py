"""fit.html: how well a fit follows its points, over time, and the frames where it is worst."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..files import write_text
from .progress import Progress
from .retarget_stages import KEYPOINTS, MOTION
from .stages import Stage

if TYPE_CHECKING:
    import numpy as np

FIT_PAGE = "fit.html"
_PICTURE_HEIGHT = 512
_STILL_PX = 640
_DOT_PX = 2
_SEEN, _FITTED = (255, 80, 60), (60, 230, 200)


def fit_page_stage(folder: Path, clip: Path | None) -> Stage:
    """Measure the fit against its points and show it; `clip` is what it came from."""

    def action(folder: Path, progress: Progress) -> Mapping[str, Any]:
        from ..generate.evaluate import evaluate
        from ..generate.evaluation import reprojection
        from ..generate.evaluation.case import Case
        from .case_page import Still, case_page
        from .report import render_page
        from .stills import jpeg_uri
        from .worst import worst_frames

        found = evaluate(Case(folder, clip), (reprojection.METRIC,))
        worst = worst_frames(found.curves, each=2)
        pictures = marked_frames(folder, _video(clip), [frame.frame for frame in worst])
        stills = tuple(
            Still(
                frame.frame,
                frame.reason,
                f"Frame {frame.frame}: the detected points in red, the fitted body's in green.",
                jpeg_uri(pictures[frame.frame], _STILL_PX),
            )
            for frame in worst
            if frame.frame in pictures
        )
        page = render_page(
            [found],
            [replace(case_page(found, None, None), stills=stills)],
            title=clip.name if clip else folder.resolve().name,
            mark="Fit",
            summary="The fitted body against the points it was fitted to. In the worst frames the "
            "detected points are red, the fitted body's green.",
            made_with=f"DiffSign {__version__}",
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        write_text(folder / FIT_PAGE, page)
        return found.facts()

    return Stage(
        "fit_page",
        action,
        inputs=(folder / MOTION, folder / KEYPOINTS, *([clip] if clip else [])),
        code=("generate/evaluate.py", "generate/evaluation/*.py", "road/*.py", "road/report.*"),
        files=(FIT_PAGE,),
    )


def marked_frames(folder: Path, clip: Path | None, wanted: list[int]) -> dict[int, "np.ndarray"]:
    """Frames of the source with its points in red and the fitted body's in green.

    Dark frames where the source has no pictures; 512 pixels tall. Without fitted points, as for a
    body that has none calibrated, the detected ones stand alone.
    """
    import numpy as np
    from PIL import Image, ImageDraw

    from ..generate.evaluation.reprojection import PARTS, projected_points, visible_points
    from ..generate.evaluation.unavailable import Unavailable
    from ..retarget.keypoints.pose_file import read_pose
    from ..retarget.motion import Motion
    from .compare import to_height
    from .stills import frames_at

    if not wanted:
        return {}
    keypoints = read_pose(folder / KEYPOINTS)
    try:
        fitted = projected_points(Motion.load(folder / MOTION))
    except Unavailable:
        fitted = {}
    scale = _PICTURE_HEIGHT / keypoints.height
    dark = np.full((_PICTURE_HEIGHT, round(keypoints.width * scale), 3), 24, np.uint8)
    grounds = frames_at(clip, wanted) if clip else {}
    pictures = {}
    for frame in wanted:
        image = Image.fromarray(to_height(grounds.get(frame, dark), _PICTURE_HEIGHT))
        pen = ImageDraw.Draw(image)
        for part in PARTS:
            seen = visible_points(keypoints, part)[frame]
            found = {_SEEN: getattr(keypoints, part)[frame, :, :2]}
            if part in fitted:
                found[_FITTED] = fitted[part][frame]
            size = _DOT_PX / 2 if part == "face" else _DOT_PX
            for colour, points in found.items():
                for x, y in points[seen] * scale:
                    pen.ellipse((x - size, y - size, x + size, y + size), fill=colour)
        pictures[frame] = np.asarray(image)
    return pictures


def _video(clip: Path | None) -> Path | None:
    from .checks import is_video

    return clip if clip is not None and is_video(clip) else None
