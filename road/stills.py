"""Pictures and clips as data URIs, so that a page needs nothing beside it."""

import base64
import io
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_PLAYER_HEIGHT = 360
_PLAYER_CRF = 25


def data_uri(kind: str, content: bytes) -> str:
    """`content` as a data URI of the media type `kind`."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def jpeg_uri(picture: "np.ndarray", longest: int) -> str:
    """A picture (H, W, 3) uint8 as a JPEG whose sides are at most `longest` pixels."""
    from PIL import Image

    image = Image.fromarray(picture)
    image.thumbnail((longest, longest))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return data_uri("image/jpeg", buffer.getvalue())


def even_frames(video: Path, count: int) -> list[int]:
    """Numbers of `count` frames spread evenly over a video."""
    from ..video import probe

    total = probe(video).frame_count
    return sorted({round((i + 0.5) * total / count - 0.5) for i in range(count)})


def frames_at(video: Path, wanted: Iterable[int]) -> dict[int, "np.ndarray"]:
    """The frames of a video with these numbers; those beyond its end are left out."""
    from ..video import read_frames

    numbers = set(wanted)
    found: dict[int, np.ndarray] = {}
    for index, frame in enumerate(read_frames(video)):
        if index in numbers:
            found[index] = frame
            if len(found) == len(numbers):
                break
    return found


def small_clip_uri(video: Path, fps: float, frames: Sequence[int] | None = None) -> str:
    """A small copy of a video, at most 360 pixels tall, at `fps`, as a data URI.

    frames: which of its frames to show, in ascending order, some perhaps again and again; all, in
    their own order, if not given. So clips of other rates and lengths can play in step.
    """
    from ..video import read_frames, write_video

    shown = read_frames(video) if frames is None else _picked(read_frames(video), frames)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        write_video(path, map(_small, shown), fps, crf=_PLAYER_CRF)
        return data_uri("video/mp4", path.read_bytes())


def _picked(pictures: "Iterator[np.ndarray]", frames: Sequence[int]) -> "Iterator[np.ndarray]":
    at, picture = -1, None
    for frame in frames:
        while at < frame:
            following = next(pictures, None)
            if following is None:
                break
            at, picture = at + 1, following
        if picture is not None:
            yield picture


def _small(picture: "np.ndarray") -> "np.ndarray":
    import cv2

    height, width = picture.shape[:2]
    if height <= _PLAYER_HEIGHT:
        return picture
    size = (max(2, round(width * _PLAYER_HEIGHT / height)), _PLAYER_HEIGHT)
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
