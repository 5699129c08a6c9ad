"""The stages from rendered passes to the signer's video. See `stages` for what a stage is."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .model import Model, paint_options, paint_settings
from .options import Look, Painting
from .progress import Progress
from .record import DISCLOSURE
from .retarget_stages import KEYPOINTS, MOTION, PASSES, PERFORMANCE, SIGNER_RECORD
from .stages import Stage

if TYPE_CHECKING:
    import numpy as np

FRAMES = "frames"
STEADY = "steady"
ENHANCED = "enhanced"
SIGNER_VIDEO = "signer.mp4"
COMPARE_VIDEO = "compare.mp4"
EVALUATION = "evaluation.json"


def paint_stage(folder: Path, look: Look, painting: Painting, model: Model, caption: str) -> Stage:
    """Generate every frame from its passes, the appearance and the words."""

    def action(work: Path, progress: Progress) -> Mapping[str, Any]:
        from ..generate.paint import paint
        from ..render.dress.image_file import load_appearance
        from ..render.passes import read_pass_set

        passes = read_pass_set(folder / PASSES)
        return paint(
            passes,
            [load_appearance(path) for path in look.appearance],
            caption,
            paint_options(look, painting),
            work,
            progress,
            garment=load_appearance(look.garment) if look.garment else None,
        )

    return Stage(
        "paint",
        action,
        inputs=look.pictures,
        after=("passes",),
        settings=paint_settings(look, painting, model, caption),
        code=("generate/*.py",),
        folder=FRAMES,
    )


def steady_stage(folder: Path) -> Stage:
    """Keep what was painted from flickering, along the exact motion of the surfaces."""

    def action(work: Path, progress: Progress) -> Mapping[str, Any]:
        from ..generate.steady import steady
        from ..render.passes import read_pass_set

        return steady(read_pass_set(folder / PASSES), folder / FRAMES, work, progress=progress)

    return Stage(
        "steady",
        action,
        after=("passes", "paint"),
        code=("generate/steady.py",),
        folder=STEADY,
    )


def enhance_stage(folder: Path, painting: Painting) -> Stage:
    """Bring the face of every painted frame to the source's expression."""
    steadied = painting.steady != "off"
    frames = folder / (STEADY if steadied else FRAMES)
    network = painting.expression_model if painting.enhance == "learned" else None

    def action(work: Path, progress: Progress) -> Mapping[str, Any]:
        from ..generate.expression.enhance import enhance
        from ..render.passes import read_pass_set
        from ..retarget.motion import Motion

        passes = read_pass_set(folder / PASSES)
        reports = enhance(
            passes,
            frames,
            work,
            mode=painting.enhance,
            performance=Motion.load(folder / PERFORMANCE),
            source=_source_face(folder / KEYPOINTS),
            checkpoint=network,
            progress=progress,
        )
        return {"frames": reports}

    return Stage(
        "enhance",
        action,
        inputs=(network,) if network else (),
        after=("passes", "steady" if steadied else "paint"),
        settings={"mode": painting.enhance},
        code=("generate/expression/**/*.py", "retarget/fit/face*.py"),
        folder=ENHANCED,
    )


def _source_face(path: Path) -> "np.ndarray | None":
    """Pixels (T,478,2) of the source's face points, NaN where one is not seen."""
    import numpy as np

    from ..retarget.keypoints.pose_file import read_pose

    if not path.is_file():
        return None
    face = read_pose(path).face
    return np.where(face[..., 3:] > 0, face[..., :2], np.nan)


def video_stage(folder: Path, fps: float, frames: str = ENHANCED, before: str = "enhance") -> Stage:
    """Film the frames that the stage `before` made in the folder `frames`."""

    def action(folder: Path, progress: Progress) -> Mapping[str, Any]:
        from ..video import write_video
        from .compare import read_pictures

        paths = frame_paths(folder / frames)
        pictures = counted(read_pictures(paths), len(paths), progress)
        write_video(folder / SIGNER_VIDEO, pictures, fps, comment=DISCLOSURE)
        return {"frames": len(paths), "fps": fps}

    return Stage(
        "video",
        action,
        after=(before,),
        settings={"fps": fps},
        code=("video.py",),
        files=(SIGNER_VIDEO,),
    )


def compare_stage(folder: Path, clip: Path | None, fps: float) -> Stage:
    """Show source, conditioning and signer side by side.

    `clip` is the source video; without one the keypoints are drawn in its place.
    """

    def action(folder: Path, progress: Progress) -> Mapping[str, Any]:
        from ..retarget.keypoints.pose_file import read_pose
        from ..video import read_frames, write_video
        from .compare import draw_keypoints, overlay, read_pictures, side_by_side

        paths = frame_paths(folder / ENHANCED)
        conditioning = folder / PASSES / "conditioning"
        sources = read_frames(clip) if clip else draw_keypoints(read_pose(folder / KEYPOINTS), 512)
        joined = side_by_side(
            sources,
            overlay(
                read_pictures(frame_paths(conditioning / "normal")),
                read_pictures(frame_paths(conditioning / "openpose")),
            ),
            read_pictures(paths),
        )
        frames = counted(joined, len(paths), progress)
        write_video(folder / COMPARE_VIDEO, frames, fps, comment=DISCLOSURE)
        return {"source": "video" if clip else "keypoints"}

    return Stage(
        "compare",
        action,
        inputs=(clip or folder / KEYPOINTS,),
        after=("passes", "enhance"),
        settings={"fps": fps},
        code=("video.py", "road/compare.py"),
        files=(COMPARE_VIDEO,),
    )


def measure_stage(folder: Path, look: Look, clip: Path | None, caption: str) -> Stage:
    """Measure the result against the source and against the looks that were asked for.

    `clip` is what the motion came from, where it still stands; `caption` says who shall be seen.
    """

    def action(folder: Path, progress: Progress) -> Mapping[str, Any]:
        from ..files import write_json
        from ..generate.evaluate import evaluate, evaluation_file
        from ..generate.evaluation.case import Case
        from ..generate.evaluation.clip_direction import SOURCE_CAPTION

        captions = (SOURCE_CAPTION, caption)
        case = Case(folder, clip, look.portrait, captions, progress=progress)
        evaluation = evaluate(case)
        write_json(folder / EVALUATION, evaluation_file([evaluation]))
        return evaluation.facts()

    files = (SIGNER_VIDEO, SIGNER_RECORD, KEYPOINTS, MOTION)
    inputs = [folder / name for name in files if (folder / name).is_file()]
    return Stage(
        "measure",
        action,
        inputs=(*inputs, *(path for path in (look.portrait, clip) if path)),
        after=("passes", "enhance"),
        settings={"caption": caption},
        code=("generate/evaluate.py", "generate/evaluation/*.py"),
        files=(EVALUATION,),
    )


def frame_paths(folder: Path) -> list[Path]:
    """The numbered pictures of a folder in order."""
    return sorted(folder.glob("[0-9]*.png"))


def counted(
    pictures: "Iterator[np.ndarray]", total: int, progress: Progress
) -> "Iterator[np.ndarray]":
    """`pictures` unchanged, told to `progress` as they pass."""
    for done, picture in enumerate(pictures, start=1):
        yield picture
        progress(done, total)
