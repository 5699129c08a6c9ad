"""Appearance images load as people have them, and bad ones say what to mend."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diffsign.errors import UserError
from diffsign.render.dress.image_file import LARGEST, load_appearance


def _picture(width: int = 96, height: int = 80) -> Image.Image:
    """Red on the left, blue on the right, so that turns and mirrors show."""
    values = np.zeros((height, width, 3), np.uint8)
    values[:, : width // 2, 0] = 200
    values[:, width // 2 :, 2] = 200
    return Image.fromarray(values)


def _red_at(image: Image.Image, x: int, y: int) -> bool:
    red, _, blue = np.asarray(image)[y, x]
    return bool(red > 120 > blue)


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [
        ("RGB", "png"),
        ("RGB", "jpg"),
        ("RGB", "bmp"),
        ("RGB", "webp"),
        ("RGBA", "png"),
        ("P", "png"),
        ("P", "gif"),
        ("CMYK", "jpg"),
        ("CMYK", "tiff"),
        ("YCbCr", "jpg"),
    ],
)
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    _picture().convert(mode).save(path)
    image = load_appearance(path)
    assert image.mode == "RGB"
    assert image.size == (96, 80)
    assert _red_at(image, 10, 40)
    assert not _red_at(image, 85, 40)


@pytest.mark.parametrize("mode", ["L", "LA", "1", "I;16", "I", "F"])
def test_grey_of_every_depth_keeps_its_greys(tmp_path: Path, mode: str) -> None:
    ramp = np.tile(np.linspace(0, 1, 128), (70, 1))
    path = tmp_path / ("a.tiff" if mode in ("I", "F") else "a.png")
    if mode == "I;16":
        Image.fromarray((ramp * 65535).astype(np.uint16)).save(path)
    elif mode == "I":
        Image.fromarray((ramp * 65535).astype(np.int32)).save(path)
    elif mode == "F":
        Image.fromarray(ramp.astype(np.float32)).save(path)
    else:
        Image.fromarray((ramp * 255).astype(np.uint8)).convert(mode).save(path)
    values = np.asarray(load_appearance(path))
    assert values.shape == (70, 128, 3)
    assert values[:, :16].mean() < 40
    assert values[:, -16:].mean() > 215
    if mode != "1":
        assert abs(values[:, 60:68].mean() - 127) < 8


def test_alpha_is_laid_on_mid_grey(tmp_path: Path) -> None:
    image = _picture().convert("RGBA")
    image.putalpha(0)
    image.save(tmp_path / "clear.png")
    assert np.asarray(load_appearance(tmp_path / "clear.png")).ptp() == 0
    assert load_appearance(tmp_path / "clear.png").getpixel((3, 3)) == (128, 128, 128)


def test_transparent_palette_colour_is_laid_on_mid_grey(tmp_path: Path) -> None:
    image = _picture().convert("P", palette=Image.Palette.ADAPTIVE, colors=4)
    image.save(tmp_path / "a.png", transparency=image.getpixel((0, 0)))
    loaded = load_appearance(tmp_path / "a.png")
    assert loaded.getpixel((3, 3)) == (128, 128, 128)
    assert np.asarray(loaded)[3, 90, 2] > 150


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    upright = _picture()
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    stored = upright if undo is None else upright.transpose(undo)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "a.jpg", exif=exif, quality=95)
    image = load_appearance(tmp_path / "a.jpg")
    assert image.size == upright.size
    assert _red_at(image, 10, 40)


def test_first_frame_of_an_animation_counts(tmp_path: Path) -> None:
    first, second = _picture(), Image.new("RGB", (96, 80), (0, 255, 0))
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second])
    assert _red_at(load_appearance(tmp_path / "a.gif"), 10, 40)


def test_large_picture_is_made_smaller_and_keeps_its_shape(tmp_path: Path) -> None:
    _picture(6000, 3000).save(tmp_path / "a.png")
    assert load_appearance(tmp_path / "a.png").size == (LARGEST, LARGEST // 2)


def _expect(path: Path, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        load_appearance(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    _expect(tmp_path / "none.png", "no appearance image")
    _expect(tmp_path, "is a folder")


@pytest.mark.parametrize("content", [b"", b"hello, I am text\n" * 50, b"\x00" * 4096])
def test_file_that_is_no_image(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    _expect(path, "not an image")


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "tiff", "webp"])
def test_truncated_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8)
    Image.fromarray(noise).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    _expect(path, "damaged|not an image")


@pytest.mark.parametrize("size", [(1, 1), (63, 400), (400, 10)])
def test_too_small(tmp_path: Path, size: tuple[int, int]) -> None:
    Image.new("RGB", size).save(tmp_path / "a.png")
    _expect(tmp_path / "a.png", "at least 64")


def test_sliver_that_gets_too_small_when_scaled_down(tmp_path: Path) -> None:
    Image.new("RGB", (8000, 70)).save(tmp_path / "a.png")
    _expect(tmp_path / "a.png", "at least 64")


def test_decompression_bomb_is_not_decoded(tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    path = tmp_path / "bomb.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )
    _expect(path, "million pixels")
