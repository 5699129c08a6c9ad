"""Reading real-world clips and writing ones that browsers play."""

import errno
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.reformatter import Interpolation

from diffsign.errors import UserError
from diffsign.frame_rate import constant_rate, fps_fraction
from diffsign.video import probe, read_frames, write_video

INTERPRETER = Path(__file__).parents[2] / "shared" / "data" / "clips" / "interpreter.mp4"
BARS = 8  # a frame's number stands in it as so many black or white bars: its bits


def numbered(index: int, width: int = 64, height: int = 48) -> np.ndarray:
    """A grey frame that carries its own number and a white top-left corner."""
    image = np.full((height, width, 3), 128, np.uint8)
    for bit in range(BARS):
        left, right = bit * width // BARS, (bit + 1) * width // BARS
        image[height // 2 :, left:right] = 255 * (index >> bit & 1)
    image[: height // 4, : width // 4] = 255
    return image


def number(image: np.ndarray) -> int:
    height, width = image.shape[:2]
    row = image[height * 3 // 4].mean(-1)
    return sum((row[(2 * bit + 1) * width // BARS // 2] > 128) << bit for bit in range(BARS))


def encode(
    path: Path,
    frames: list[np.ndarray],
    *,
    stamps: list[int] | None = None,
    time_base: Fraction = Fraction(1, 25),
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    rotation: tuple[float, bool] | None = None,
    aspect: Fraction | None = None,
    movflags: str = "",
    gop: int = 12,
) -> Path:
    """Write a clip as some device might, with the faults that the arguments ask for."""
    options = {"movflags": movflags} if movflags else {}
    with av.open(str(path), "w", options=options) as container:
        stream: Any = container.add_stream(codec, rate=25)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.gop_size = pix_fmt, gop
        stream.time_base = stream.codec_context.time_base = time_base
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        if rotation:
            stream.set_display_rotation(rotation[0], hflip=rotation[1])
        for index, image in enumerate(frames):
            kind = "rgba" if image.shape[2] == 4 else "rgb24"
            frame = av.VideoFrame.from_ndarray(image, format=kind).reformat(format=pix_fmt)
            frame.pts = stamps[index] if stamps else index
            frame.time_base = time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def clip(count: int) -> list[np.ndarray]:
    return [numbered(index) for index in range(count)]


def numbers(path: Path) -> list[int]:
    return [number(image) for image in read_frames(path)]


# --- what is read --------------------------------------------------------------------------------


def test_a_plain_clip_gives_its_frames_in_order(tmp_path: Path) -> None:
    path = encode(tmp_path / "plain.mp4", clip(40))
    info = probe(path)
    assert (info.width, info.height, info.fps, info.frame_count) == (64, 48, 25.0, 40)
    assert numbers(path) == list(range(40))


@pytest.mark.parametrize("suffix", ["mkv", "mov", "avi", "webm"])
def test_other_containers(tmp_path: Path, suffix: str) -> None:
    codec = "libvpx" if suffix == "webm" else "libx264"
    path = encode(tmp_path / f"clip.{suffix}", clip(30), codec=codec)
    assert probe(path).fps == 25
    assert numbers(path) == list(range(30))


def test_a_raw_stream_without_stamps(tmp_path: Path) -> None:
    path = encode(tmp_path / "clip.h264", clip(20))
    assert probe(path).frame_count == 20
    assert numbers(path) == list(range(20))


def test_one_frame_is_a_clip(tmp_path: Path) -> None:
    path = encode(tmp_path / "one.mp4", clip(1))
    assert probe(path).frame_count == 1
    assert probe(path).fps == 25
    assert len(list(read_frames(path))) == 1


def test_odd_sizes_are_read_as_they_are(tmp_path: Path) -> None:
    frames = [numbered(i, 359, 641) for i in range(3)]
    path = encode(tmp_path / "odd.mp4", frames, pix_fmt="yuv444p")
    assert (probe(path).width, probe(path).height) == (359, 641)
    assert next(read_frames(path)).shape == (641, 359, 3)


def corner(image: np.ndarray) -> tuple[str, str]:
    """Where the white corner of `numbered(0)` is seen."""
    height, width = image.shape[:2]
    quarters = {
        (v, h): image[slice(*rows), slice(*columns)].mean()
        for v, rows in (("top", (0, height // 4)), ("bottom", (-(height // 4), None)))
        for h, columns in (("left", (0, width // 4)), ("right", (-(width // 4), None)))
    }
    return max(quarters, key=lambda place: quarters[place])


@pytest.mark.parametrize(
    ("degrees", "mirrored", "place", "size"),
    [
        (90, False, ("bottom", "left"), (48, 64)),
        (-90, False, ("top", "right"), (48, 64)),
        (180, False, ("bottom", "right"), (64, 48)),
        (0, True, ("top", "right"), (64, 48)),
    ],
)
def test_a_phone_clip_is_turned_upright(
    tmp_path: Path, degrees: int, mirrored: bool, place: tuple[str, str], size: tuple[int, int]
) -> None:
    image = np.full((48, 64, 3), 60, np.uint8)
    image[:12, :16] = 255
    path = encode(tmp_path / "phone.mp4", [image] * 3, rotation=(degrees, mirrored))
    info = probe(path)
    assert (info.width, info.height) == size
    shown = next(read_frames(path))
    assert shown.shape == (size[1], size[0], 3)
    assert corner(shown) == place


def test_turning_agrees_with_ffmpegs_own_angle(tmp_path: Path) -> None:
    path = encode(tmp_path / "phone.mp4", clip(1), rotation=(90, False))
    with av.open(str(path)) as container:
        stored = next(container.decode(video=0))
        image = stored.to_ndarray(format="rgb24")
    turned = np.rot90(image, stored.rotation // 90)
    assert np.abs(next(read_frames(path)).astype(int) - turned).mean() < 3


def test_pixels_that_are_not_square_become_square(tmp_path: Path) -> None:
    path = encode(tmp_path / "anamorphic.mp4", clip(2), aspect=Fraction(4, 3))
    assert (probe(path).width, probe(path).height) == (85, 48)
    assert next(read_frames(path)).shape == (48, 85, 3)


@pytest.mark.parametrize(
    ("pix_fmt", "codec", "suffix"),
    [("gray", "libx264", "mp4"), ("gray", "ffv1", "mkv"), ("yuv420p10le", "ffv1", "mkv")],
)
def test_grey_and_ten_bit(tmp_path: Path, pix_fmt: str, codec: str, suffix: str) -> None:
    path = encode(tmp_path / f"clip.{suffix}", clip(10), pix_fmt=pix_fmt, codec=codec)
    frame = next(read_frames(path))
    assert frame.shape == (48, 64, 3) and frame.dtype == np.uint8
    assert abs(frame[20, 40].astype(int) - 128).max() <= 2
    assert numbers(path) == list(range(10))


def test_transparency_lies_on_mid_grey(tmp_path: Path) -> None:
    image = np.zeros((48, 64, 4), np.uint8)
    image[:, :32] = (255, 0, 0, 255)
    path = encode(tmp_path / "alpha.mov", [image] * 2, codec="qtrle", pix_fmt="argb")
    frame = next(read_frames(path))
    assert frame[24, 10].tolist() == [255, 0, 0]
    assert frame[24, 50].tolist() == [128, 128, 128]


# --- variable frame rate -------------------------------------------------------------------------


def test_dropped_frames_are_filled_and_nothing_drifts(tmp_path: Path) -> None:
    kept = [i for i in range(100) if i not in (10, 11, 40, 41, 42, 77)]
    path = encode(
        tmp_path / "dropped.mp4",
        [numbered(i) for i in kept],
        stamps=[i * 40 for i in kept],
        time_base=Fraction(1, 1000),
    )
    info = probe(path)
    assert (info.fps, info.frame_count) == (25.0, 100)
    seen = numbers(path)
    assert len(seen) == info.frame_count
    for instant, shown in enumerate(seen):
        assert abs(shown - instant) == min(abs(k - instant) for k in kept)


def test_two_speeds_stay_true_to_time(tmp_path: Path) -> None:
    milliseconds = [i * 20 for i in range(50)] + [1000 + i * 50 for i in range(20)]
    path = encode(
        tmp_path / "two.mp4",
        [numbered(i) for i in range(70)],
        stamps=milliseconds,
        time_base=Fraction(1, 1000),
    )
    info = probe(path)
    seen = numbers(path)
    assert info.frame_count == len(seen)
    assert info.frame_count / info.fps == pytest.approx(2.0, abs=0.06)
    for index, shown in enumerate(seen):
        error = abs(np.array(milliseconds) - 1000 * index / info.fps)
        assert error[shown] == pytest.approx(error.min())


def test_even_intervals_are_left_alone_whatever_the_jitter() -> None:
    rng = np.random.default_rng(1)
    times = np.arange(500) / 30 + rng.uniform(-0.004, 0.004, 500)
    rate, source = constant_rate(times - times[0], 1 / 30, 1e-3, [])
    assert rate == 30
    assert source.tolist() == list(range(500))


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(25)])
def test_rates_survive_millisecond_stamps(rate: Fraction) -> None:
    times = np.round(np.arange(300) / float(rate), 3)
    assert constant_rate(times, 0, 1e-3, [rate])[0] == rate
    assert fps_fraction(float(rate)) == rate


# --- bad input -----------------------------------------------------------------------------------


def sentence(path: Path) -> str:
    """The one sentence for a bad file; the same from both readers."""
    with pytest.raises(UserError) as caught:
        probe(path)
    with pytest.raises(UserError):
        next(read_frames(path))
    text = str(caught.value)
    assert path.name in text and "\n" not in text and text.endswith(".")
    return text


def test_missing_folder_empty_and_text(tmp_path: Path) -> None:
    assert "no file" in sentence(tmp_path / "missing.mp4")
    assert "folder" in sentence(tmp_path)
    (tmp_path / "empty.mp4").touch()
    assert "empty" in sentence(tmp_path / "empty.mp4")
    (tmp_path / "text.mp4").write_text("this is no video\n" * 500)
    assert "not a video" in sentence(tmp_path / "text.mp4")
    (tmp_path / "noise.mp4").write_bytes(np.random.default_rng(0).bytes(50_000))
    assert "not a video" in sentence(tmp_path / "noise.mp4")


def test_sound_without_pictures(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 44100), np.float32), format="fltp", layout="mono"
        )
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert "no video" in sentence(path)


@pytest.mark.parametrize("share", [0.8, 0.5, 0.1])
def test_cut_behind_the_index(tmp_path: Path, share: float) -> None:
    noise = np.random.default_rng(0)
    frames = [noise.integers(0, 255, (96, 96, 3), dtype=np.uint8) for _ in range(50)]
    whole = encode(tmp_path / "whole.mp4", frames, movflags="+faststart").read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(whole[: int(len(whole) * share)])
    assert "cut short" in sentence(path) and "of its 50 frames" in sentence(path)


def test_cut_before_the_index(tmp_path: Path) -> None:
    whole = encode(tmp_path / "whole.mp4", clip(50)).read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(whole[: len(whole) // 2])
    assert "index is missing" in sentence(path)


def test_cut_matroska(tmp_path: Path) -> None:
    noise = np.random.default_rng(0)
    frames = [noise.integers(0, 255, (96, 96, 3), dtype=np.uint8) for _ in range(50)]
    whole = encode(tmp_path / "whole.mkv", frames).read_bytes()
    path = tmp_path / "cut.mkv"
    path.write_bytes(whole[: len(whole) // 2])
    assert "of its 2.0 seconds" in sentence(path)


def spoil(path: Path, packets: slice) -> None:
    """Overwrite the content of some stored frames with noise."""
    with av.open(str(path)) as container:
        spans = [(p.pos or 0, p.size) for p in container.demux(video=0) if p.size]
    data = bytearray(path.read_bytes())
    for position, size in spans[packets]:
        data[position : position + size] = np.random.default_rng(0).bytes(size)
    path.write_bytes(data)


def test_a_damaged_frame_is_covered_by_its_neighbour(tmp_path: Path) -> None:
    path = encode(tmp_path / "clip.mp4", clip(40), gop=1)
    spoil(path, slice(20, 21))
    seen = numbers(path)
    assert seen[:20] == list(range(20)) and seen[21:] == list(range(21, 40))
    assert seen[20] in (19, 21)


def test_mostly_damaged_frames_are_refused(tmp_path: Path) -> None:
    path = encode(tmp_path / "clip.mp4", clip(40), gop=1)
    spoil(path, slice(10, None))
    with pytest.raises(UserError, match="only 10 of its 40 frames can be decoded"):
        numbers(path)
    spoil(path, slice(None))
    assert "none of its frames" in sentence(path)


# --- what is written -----------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001), Fraction(60)])
def test_written_count_rate_and_duration(tmp_path: Path, rate: Fraction) -> None:
    path = tmp_path / "new" / "out.mp4"
    write_video(path, iter(clip(37)), float(rate))
    with av.open(str(path)) as container:
        stream: Any = container.streams.video[0]
        assert stream.frames == 37
        assert stream.average_rate == rate
        assert stream.duration * stream.time_base == 37 / rate
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert stream.codec_context.colorspace == 1  # BT.709
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat"), "a browser wants the index first"
    assert probe(path).fps == pytest.approx(float(rate), abs=1e-9)
    assert numbers(path) == list(range(37))
    assert [p.name for p in path.parent.iterdir()] == ["out.mp4"]


def test_written_colours_come_back(tmp_path: Path) -> None:
    colours = [(200, 120, 60), (30, 60, 200), (250, 250, 250), (90, 160, 90)]
    image = np.zeros((64, 64, 3), np.uint8)
    for index, colour in enumerate(colours):
        image[32 * (index // 2) :, 32 * (index % 2) :] = colour
    write_video(tmp_path / "colours.mp4", [image] * 5, 25)
    shown = next(read_frames(tmp_path / "colours.mp4"))
    for index, colour in enumerate(colours):
        patch = shown[32 * (index // 2) + 8 :, 32 * (index % 2) + 8 :][:16, :16]
        assert np.abs(patch.reshape(-1, 3).mean(0) - colour).max() < 2.5


def test_odd_sizes_grow_by_the_edge(tmp_path: Path) -> None:
    image = np.full((641, 359, 3), 40, np.uint8)
    image[:, -1] = image[-1] = 220
    write_video(tmp_path / "odd.mp4", [image] * 2, 25)
    shown = next(read_frames(tmp_path / "odd.mp4"))
    assert shown.shape == (642, 360, 3)
    assert shown[:600, 359].mean() > 190 and shown[641, :300].mean() > 190


def test_one_frame_is_written(tmp_path: Path) -> None:
    write_video(tmp_path / "one.mp4", clip(1), 25)
    assert probe(tmp_path / "one.mp4").frame_count == 1


def test_nothing_to_write(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no frames"):
        write_video(tmp_path / "none.mp4", [], 25)
    assert not list(tmp_path.iterdir())


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    write_video(path, clip(3), 25)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="frame 3"):
        write_video(path, [*clip(3), np.zeros((10, 10, 3), np.uint8)], 25)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]


def test_a_full_disk_names_the_folder(tmp_path: Path) -> None:
    def frames():  # the disk fills while frames come in
        yield from clip(3)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(UserError) as caught:
        write_video(tmp_path / "out.mp4", frames(), 25)
    assert str(tmp_path) in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_the_interpreter_clip() -> None:
    if not INTERPRETER.exists():
        pytest.skip("the shared clip interpreter.mp4 is not here")
    info = probe(INTERPRETER)
    assert (info.width, info.height, info.fps, info.frame_count) == (512, 512, 25.0, 91)
    with av.open(str(INTERPRETER)) as container:
        flags = Interpolation.BICUBIC | Interpolation.ACCURATE_RND
        plain = [
            f.to_ndarray(format="rgb24", interpolation=flags) for f in container.decode(video=0)
        ]
    frames = list(read_frames(INTERPRETER))
    assert len(frames) == len(plain) == 91
    assert max(np.abs(a.astype(int) - b).mean() for a, b in zip(frames, plain, strict=True)) < 4


def test_the_comment_stands_in_the_file(tmp_path: Path) -> None:
    write_video(tmp_path / "marked.mp4", [np.zeros((32, 32, 3), np.uint8)] * 2, 25, comment="made")
    with av.open(str(tmp_path / "marked.mp4")) as container:
        assert container.metadata["comment"] == "made"
