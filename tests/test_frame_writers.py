"""What Blender alone can write is what the libraries outside of it write."""

from pathlib import Path

import numpy as np
import pytest

from diffsign.render import frame_file, pass_frame
from diffsign.render.frame_file import LAYERS, frame_job, read_frame, write_frame


def layers() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    found = {}
    for name, layer in LAYERS.items():
        shape = (12, 9, len(layer.channels)) if len(layer.channels) > 1 else (12, 9)
        found[name] = rng.normal(size=shape).astype(np.float32)
    found["depth"][0, 0] = np.inf
    found["object"] = rng.integers(0, 9, (12, 9)).astype(np.float32)
    found["part"] = rng.integers(0, 9, (12, 9)).astype(np.float32)
    return found


def test_frames_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = layers()
    write_frame(tmp_path / "outside.exr", made, "job")
    monkeypatch.setattr(frame_file, "find_spec", lambda name: None)
    write_frame(tmp_path / "inside.exr", made, "job")
    assert frame_job(tmp_path / "inside.exr") == "job"
    outside, inside = (read_frame(tmp_path / f"{name}.exr") for name in ("outside", "inside"))
    assert list(outside) == list(inside)
    for name in outside:
        np.testing.assert_array_equal(outside[name], inside[name])


@pytest.mark.parametrize("shape", [(7, 5), (7, 5, 3), (7, 5, 4)])
def test_pictures_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...]
) -> None:
    from PIL import Image

    picture = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    monkeypatch.setattr(pass_frame, "find_spec", lambda name: None)
    pass_frame.write_picture(tmp_path / "inside.png", picture)
    with Image.open(tmp_path / "inside.png") as found:
        np.testing.assert_array_equal(np.asarray(found), picture)
