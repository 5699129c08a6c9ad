"""Video files in and out: clips as upright RGB frames at a constant rate, H.264 that browsers play.

What comes from a camera is irregular: phones turn the picture by a display matrix, recorders drop
frames or stretch their intervals, files break off in the middle. `probe` and `read_frames` hide
all of that: frames are upright, have square pixels and follow each other at one constant rate, and
a file that cannot give them is refused with one sentence. PyAV (FFmpeg) does the work.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import UserError
from .files import atomic_path
from .frame_rate import FALLBACK_RATE, constant_rate, fps_fraction, nearest

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_MID_GREY = 128
_TRUNCATED = 0.95  # a file that gives less than this share of what it announces is broken


@dataclass(frozen=True)
class ClipInfo:
    """What `read_frames` will yield.

    Attributes:
        path: the file.
        width, height: pixels of an upright frame, after rotation and with square pixels.
        fps: frames per second, constant.
        frame_count: exactly the number of frames that `read_frames` yields; 1 for a still.
    """

    path: Path
    width: int
    height: int
    fps: float
    frame_count: int


@dataclass(frozen=True)
class _Plan:
    """How decoded frames become the frames of the clip."""

    info: ClipInfo
    stored_size: tuple[int, int]  # width, height before turning, with square pixels
    stamps: np.ndarray | None  # (N,) ascending ticks of the stored frames; None: only their order
    source: np.ndarray  # (frame_count,) which stored frame each frame of the clip shows


def probe(path: str | Path) -> ClipInfo:
    """Size, rate and number of frames of a clip; reads the whole file but decodes one frame.

    Raises:
        UserError: missing, a folder, not a video, no picture in it, cut short, no frame decodes.
    """
    return _plan(Path(path)).info


def read_frames(path: str | Path) -> Iterator[np.ndarray]:
    """Yield a clip's frames, (H, W, 3) uint8 RGB, as many as `probe` says and at its rate.

    Frames are turned upright (and unmirrored) by the display matrix and stretched to square
    pixels; transparency lies on mid grey. A variable frame rate becomes constant by showing at
    each instant the stored frame nearest in time, so nothing drifts.

    Raises:
        UserError: as `probe`, or most of the frames cannot be decoded.
    """
    return _frames(_plan(Path(path)))


def write_video(
    path: str | Path,
    frames: Iterable[np.ndarray],
    fps: float | Fraction,
    crf: int = 18,
    comment: str = "",
    threads: int | None = None,
) -> None:
    """Write frames as an H.264 mp4 (yuv420p, BT.709, index first) that browsers play.

    Args:
        path: the file; it appears whole or not at all, parent folders are made.
        frames: (H, W, 3) uint8 sRGB, all of one size, at least one. An odd side grows by one
            pixel that repeats the edge, because yuv420p has no odd sides.
        fps: frames per second; NTSC rates are kept exactly.
        crf: x264's quality, lower is better; 18 can hardly be told from the source.
        comment: written into the file's metadata, where players and crawlers read it.
        threads: of the encoder; the same number gives the same bytes on every machine.

    Raises:
        UserError: the disk is full or the folder cannot be written.
        ValueError: no frames, or frames that differ in size or are not uint8 RGB.
    """
    import av

    iterator = iter(frames)
    try:
        first = next(iterator)
    except StopIteration:
        raise ValueError("there are no frames to write") from None
    rate = fps_fraction(fps)
    height, width = first.shape[:2]
    with atomic_path(path) as partial:
        # Edit lists count in the movie's ticks: unless they divide a frame the end is rounded.
        ticks = rate.numerator * -(-1000 // rate.numerator)
        options = {"movflags": "+faststart", "movie_timescale": str(ticks)}
        with av.open(str(partial), "w", format="mp4", options=options) as container:
            if comment:
                container.metadata["comment"] = comment
            stream = container.add_stream("libx264", rate=rate, options={"crf": str(crf)})
            stream.width, stream.height = width + width % 2, height + height % 2
            stream.pix_fmt = "yuv420p"
            stream.time_base = 1 / rate
            context = stream.codec_context
            if threads is not None:
                context.thread_count = threads
            context.time_base = 1 / rate
            context.color_range, context.colorspace = 1, 1  # studio range, BT.709
            context.color_primaries, context.color_trc = 1, 1
            for index, image in enumerate(itertools.chain([first], iterator)):
                if image.shape != (height, width, 3) or image.dtype != np.uint8:
                    raise ValueError(
                        f"frame {index} is {image.dtype} {image.shape}, "
                        f"expected uint8 {(height, width, 3)}"
                    )
                picture = av.VideoFrame.from_ndarray(_even(image), format="rgb24").reformat(
                    format="yuv420p",
                    dst_colorspace="ITU709",
                    dst_color_range="MPEG",
                    interpolation=_exact_scaling(),
                )
                picture.color_primaries = picture.color_trc = 1
                picture.pts, picture.time_base = index, 1 / rate
                container.mux(stream.encode(picture))
            container.mux(stream.encode(None))


def _exact_scaling() -> int:
    """Flags without which swscale shifts colours by one to two levels on each conversion."""
    from av.video.reformatter import Interpolation as Flag

    return Flag.BICUBIC | Flag.ACCURATE_RND | Flag.FULL_CHR_H_INT | Flag.FULL_CHR_H_INP


def _even(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    if height % 2 or width % 2:
        image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return np.ascontiguousarray(image)


# --- opening -------------------------------------------------------------------------------------


@contextmanager
def _open(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a file and its main video stream, or say in one sentence why that cannot be."""
    import av

    if not path.exists():
        raise UserError(f"There is no file {path}: check the name of the clip.")
    if path.is_dir():
        raise UserError(f"{path} is a folder, not a video: name the video file in it.")
    try:
        container = av.open(str(path), "r", metadata_errors="replace")
    except PermissionError:
        raise UserError(f"{path} cannot be read: change its permissions.") from None
    except (av.FFmpegError, OSError, ValueError) as error:
        raise UserError(_unreadable(path)) from error
    with container:
        streams = [s for s in container.streams.video if not _is_cover(s)]
        if not streams:
            raise UserError(f"{path} holds no video, only other data: choose a file with pictures.")
        stream = max(streams, key=lambda s: s.width * s.height)
        if stream.codec_context is None:
            raise UserError(f"{path} is in a video codec that is not known here: save it as H.264.")
        stream.thread_type = "AUTO"
        yield container, stream


def _unreadable(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(12)
    if not head:
        return f"{path} is empty: copy or download the video again."
    if head[4:8] == b"ftyp":
        return (
            f"{path} is cut short, its index is missing: copy or download it again, "
            "or let the recorder finish writing it."
        )
    return f"{path} is not a video that can be read: give an mp4, mov, mkv, webm or avi file."


def _is_cover(stream: VideoStream) -> bool:
    """Cover art of an audio file is stored as a video stream."""
    from av.stream import Disposition

    return bool(stream.disposition & Disposition.attached_pic)


# --- planning ------------------------------------------------------------------------------------


def _plan(path: Path) -> _Plan:
    import av

    with _open(path) as (container, stream):
        try:
            stamps, durations = _stamps(container, stream)
        except av.FFmpegError:
            raise UserError(f"{path} is damaged: copy or download it again.") from None
        _refuse_truncated(path, container, stream, stamps, durations)
        reordered = stream.codec_context.has_b_frames
        tick = float(stream.time_base or Fraction(1, 90_000))
        declared = [r for r in (stream.base_rate, stream.average_rate, stream.guessed_rate) if r]
    known = np.array([s for s in stamps if s is not None], dtype=np.int64)
    ticks: np.ndarray | None = None
    if len(known) == len(stamps):
        ticks = np.unique(known)
        last = durations[int(np.argmax(known))] * tick
        rate, source = constant_rate((ticks - ticks[0]) * tick, last, tick, declared)
    else:  # a raw stream: only the order is known
        rate, source = (declared or [FALLBACK_RATE])[0], np.arange(len(stamps))
    if reordered and ticks is not None and known.tolist() == ticks.tolist():
        ticks = None  # avi stamps in order of storage: good for the rate, wrong for single frames
    stored_size, (height, width) = _sizes(path)
    info = ClipInfo(path, width, height, float(rate), len(source))
    return _Plan(info, stored_size, ticks, source)


def _stamps(container: InputContainer, stream: VideoStream) -> tuple[list[int | None], list[int]]:
    """Presentation stamps and durations, in ticks, of the stored frames that are to be shown."""
    stamps: list[int | None] = []
    durations: list[int] = []
    for packet in container.demux(stream):
        if packet.size and not packet.is_discard:
            stamps.append(packet.pts)
            durations.append(packet.duration or 0)
    return stamps, durations


def _refuse_truncated(
    path: Path,
    container: InputContainer,
    stream: VideoStream,
    stamps: list[int | None],
    durations: list[int],
) -> None:
    """Compare what is there with what the file's head announces."""
    if not stamps:
        raise UserError(f"{path} holds no frames: copy or download it again.")
    if len(stamps) < _TRUNCATED * stream.frames:
        raise UserError(
            f"{path} is cut short, {len(stamps)} of its {stream.frames} frames are there: "
            "copy or download it again."
        )
    announced = _announced_seconds(container, stream)
    ends = [s + d for s, d in zip(stamps, durations, strict=True) if s is not None]
    if announced and ends and stream.time_base:
        there = float((max(ends) - (stream.start_time or 0)) * stream.time_base)
        if there < _TRUNCATED * announced and announced - there > 0.5:
            raise UserError(
                f"{path} is cut short, {there:.1f} of its {announced:.1f} seconds are there: "
                "copy or download it again."
            )


def _announced_seconds(container: InputContainer, stream: VideoStream) -> float | None:
    """How long the file says that its video is."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    if tag := stream.metadata.get("DURATION"):  # Matroska: 00:00:03.640000000
        try:
            hours, minutes, seconds = tag.split(":")
            return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
        except ValueError:
            return None
    if container.duration and len(container.streams) == 1:
        return container.duration / 1e6
    return None


# --- decoding ------------------------------------------------------------------------------------


def _frames(plan: _Plan) -> Iterator[np.ndarray]:
    """Show stored frames where the plan wants them; a frame that is lost is covered by another."""
    source = plan.source
    done = decoded = 0
    shown: np.ndarray | None = None
    for frame in _decode(plan.info.path):
        index = decoded
        if frame.pts is not None and plan.stamps is not None:
            index = int(nearest(plan.stamps, frame.pts))
        decoded += 1
        fresh: np.ndarray | None = None
        while done < len(source) and source[done] <= index:
            if source[done] == index or shown is None:
                fresh = _to_rgb(frame, plan.stored_size) if fresh is None else fresh
                shown = fresh
            yield shown
            done += 1
        if done == len(source):
            break
    wanted = int(source[-1]) + 1
    if shown is None or decoded < _TRUNCATED * wanted:
        raise UserError(
            f"{plan.info.path} is damaged, only {decoded} of its {wanted} frames can be decoded: "
            "copy or download it again."
        )
    for _ in range(done, len(source)):
        yield shown


def _decode(path: Path) -> Iterator[VideoFrame]:
    """Decode in order of presentation, stepping over packets that are damaged."""
    import av

    with _open(path) as (container, stream):
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets)
                frames: list[Any] = packet.decode()
            except StopIteration:
                return
            except av.FFmpegError:
                continue
            yield from frames


def _sizes(path: Path) -> tuple[tuple[int, int], tuple[int, int]]:
    """(width, height) as stored but with square pixels, (height, width) upright."""
    with _open(path) as (_, stream):
        aspect = stream.sample_aspect_ratio or Fraction(1)
    for frame in _decode(path):
        width = frame.width
        if Fraction(1, 4) <= aspect <= 4:
            width = max(1, round(width * aspect))
        size = (width, frame.height)
        height, width = _to_rgb(frame, size).shape[:2]
        return size, (height, width)
    raise UserError(f"{path} is damaged, none of its frames can be decoded: download it again.")


def _to_rgb(frame: VideoFrame, stored_size: tuple[int, int]) -> np.ndarray:
    """(H, W, 3) uint8 RGB, upright, from a frame scaled to `stored_size` (width, height)."""
    width, height = stored_size
    options: Any = {"width": width, "height": height, "interpolation": _exact_scaling()}
    if any(component.is_alpha for component in frame.format.components):
        rgba = frame.to_ndarray(format="rgba", **options)
        alpha = rgba[..., 3:].astype(np.float32) / 255
        image = np.rint(rgba[..., :3] * alpha + _MID_GREY * (1 - alpha)).astype(np.uint8)
    else:
        image = frame.to_ndarray(format="rgb24", **options)
    return _upright(image, _display_matrix(frame))


def _display_matrix(frame: VideoFrame) -> np.ndarray | None:
    """The upper-left 2x2 of the display matrix: (x, y) of a pixel @ matrix = its place on show."""
    from av.sidedata.sidedata import Type

    side_data: Any = frame.side_data
    try:
        data = side_data[Type.DISPLAYMATRIX]
    except KeyError:
        return None
    return np.frombuffer(bytes(data), dtype=np.int32).reshape(3, 3)[:2, :2]


def _upright(image: np.ndarray, matrix: np.ndarray | None) -> np.ndarray:
    """Turn and mirror by quarter turns as a player would."""
    if matrix is None:
        return image
    (a, b), (c, d) = matrix.tolist()
    along_x, along_y = a, d
    if abs(b) + abs(c) > abs(a) + abs(d):
        image = image.swapaxes(0, 1)
        along_x, along_y = c, b
    if along_x < 0:
        image = image[:, ::-1]
    if along_y < 0:
        image = image[::-1]
    return np.ascontiguousarray(image)
