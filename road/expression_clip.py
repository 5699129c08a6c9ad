"""`diffsign compare`: what the enhancement of the face brings, and the whole signer beside it.

The three rows are those of the sister work's demos: the source's face, the generated face without
the enhancement of expressions, and with it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ..errors import UserError
from ..files import atomic_path
from .compare import draw_keypoints, join, read_pictures, to_height
from .generate_stages import (
    COMPARE_VIDEO,
    ENHANCED,
    FRAMES,
    STEADY,
    compare_stage,
    frame_paths,
)
from .record import DISCLOSURE
from .retarget_stages import KEYPOINTS, PASSES

if TYPE_CHECKING:
    from ..generate.expression.crop import Box

EXPRESSION_VIDEO = "expression.mp4"
ROWS = ("source", "without enhancement", "with enhancement")
_FACE_PX = 256
_GIF_PX = 640
_GIF_FPS = 25.0


def write_comparisons(folder: Path) -> tuple[Path, ...]:
    """Write expression.mp4, expression.gif, compare.mp4 and compare.gif into the run's folder.

    Raises:
        UserError: the folder holds no finished run, or the enhancement was off.
    """
    from ..video import probe, read_frames, write_video
    from .remembered import source_clip

    clip = _video(source_clip(folder))
    plain = folder / (STEADY if (folder / STEADY).is_dir() else FRAMES)
    for name in (plain.name, ENHANCED, PASSES):
        if not (folder / name).is_dir():
            raise UserError(f"{folder / name} is missing: run diffsign run CLIP -o {folder} first.")
    fps = probe(folder / "signer.mp4").fps
    rows = face_rows(folder, clip, plain)
    write_video(folder / EXPRESSION_VIDEO, rows, fps, comment=DISCLOSURE)
    if not (folder / COMPARE_VIDEO).is_file():
        compare_stage(folder, clip, fps).action(folder, lambda done, total: None)
    results = []
    for name in (EXPRESSION_VIDEO, COMPARE_VIDEO):
        video = folder / name
        gif = video.with_suffix(".gif")
        write_gif(gif, read_frames(video), fps)
        results += [video, gif]
    return tuple(results)


def face_rows(folder: Path, clip: Path | None, plain: Path) -> Iterator[np.ndarray]:
    """Frames of three faces, one above the other: source, without and with enhancement.

    Without a source video the detected points of its face stand for it. A frame without a face in
    the source has a dark tile there.
    """
    from ..generate.evaluation.sweep import seen_faces
    from ..generate.expression.crop import face_boxes
    from ..render.passes import read_pass_set
    from ..retarget.keypoints.pose_file import read_pose
    from ..video import read_frames

    keypoints = read_pose(folder / KEYPOINTS)
    before = face_boxes(seen_faces(keypoints))
    after = face_boxes(read_pass_set(folder / PASSES).points["face478"])
    sources = read_frames(clip) if clip else draw_keypoints(keypoints, keypoints.height)
    pictures = zip(
        sources,
        read_pictures(frame_paths(plain)),
        read_pictures(frame_paths(folder / ENHANCED)),
        before,
        after,
        strict=False,
    )
    for source, without, enhanced, source_box, box in pictures:
        tiles = [_tile(source, source_box), _tile(without, box), _tile(enhanced, box)]
        yield join(tiles, axis=0)


def write_gif(path: Path, frames: Iterator[np.ndarray], fps: float) -> None:
    """Write frames (H, W, 3) uint8 as a GIF that loops, at most 640 pixels wide, 25 a second.

    A GIF counts in hundredths of a second, so that its rate is near `fps` alone.
    """
    step = max(1, round(fps / _GIF_FPS))
    shown = (_quantised(frame) for index, frame in enumerate(frames) if index % step == 0)
    first = next(shown)
    delay = max(2, round(100 * step / fps)) * 10
    with atomic_path(path) as partial:
        first.save(partial, save_all=True, append_images=shown, duration=delay, loop=0)


def _quantised(frame: np.ndarray) -> Image.Image:
    height, width = frame.shape[:2]
    if width > _GIF_PX:
        frame = to_height(frame, max(1, round(height * _GIF_PX / width)))
    return Image.fromarray(frame).quantize(256, dither=Image.Dither.FLOYDSTEINBERG)


def _tile(picture: np.ndarray, box: "Box | None") -> np.ndarray:
    from ..generate.expression.crop import cut

    if box is None:
        return np.full((_FACE_PX, _FACE_PX, 3), 24, np.uint8)
    face = Image.fromarray(cut(picture, box))
    return np.asarray(face.resize((_FACE_PX, _FACE_PX), Image.Resampling.LANCZOS))


def _video(clip: Path | None) -> Path | None:
    from .checks import is_video

    return clip if clip is not None and is_video(clip) else None
