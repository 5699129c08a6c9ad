"""AnimateDiff's motion modules, untrained, in an untrained SD1.5."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import MotionAdapter
from made_up_passes import SIZE, MadeUpPasses
from PIL import Image

from diffsign.errors import UserError
from diffsign.generate.blank import write_blank
from diffsign.generate.checkpoints import folder_checkpoint
from diffsign.generate.loading import Generator, load_generator
from diffsign.generate.options import PaintOptions
from diffsign.generate.paint import paint
from diffsign.generate.variants import MOTIONS, Variant, vary
from diffsign.generate.windows import FRAMES, OVERLAP, windows

RED = Image.new("RGB", (40, 60), (200, 30, 30))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_blank(tmp_path_factory.mktemp("model") / "blank")


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _write_modules(tmp_path_factory.mktemp("motion"))


def _write_modules(folder: Path, channels: tuple[int, ...] = (8, 16, 16, 16)) -> Path:
    torch.manual_seed(0)
    motion: Any = MotionAdapter(
        block_out_channels=channels,
        motion_layers_per_block=1,
        motion_mid_block_layers_per_block=1,
        motion_num_attention_heads=2,
        motion_norm_num_groups=4,
    )
    for name, weight in motion.named_parameters():
        if "proj_out" in name:  # zero in a new module, which then changes nothing
            torch.nn.init.normal_(weight, std=0.2)
    motion.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def generator(folder: Path, modules: Path) -> Generator:
    checkpoint = vary(folder_checkpoint(folder), Variant(motion_module=str(modules)))
    return load_generator(checkpoint, precision="fp32")


def _read(folder: Path, frame: int) -> np.ndarray:
    return np.asarray(Image.open(folder / f"{frame:05d}.png")).astype(int)


@pytest.mark.parametrize("count", [1, 4, 5, FRAMES, FRAMES + 1, FRAMES + OVERLAP, 100])
def test_windows_cover_every_frame_with_weights_that_sum_to_one(count: int) -> None:
    total = np.zeros(count)
    for frames, weights in windows(count):
        assert len(frames) <= FRAMES and len(frames) == len(weights)
        total[frames.start : frames.stop] += weights
    np.testing.assert_allclose(total, 1)


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_frames_of_a_window_see_each_other(
    generator: Generator, folder: Path, tmp_path: Path, guidance: float
) -> None:
    alone = load_generator(folder_checkpoint(folder), precision="fp32")
    options = PaintOptions(size=SIZE, steps=2, guidance=guidance)
    passes = MadeUpPasses()
    paint(passes, RED, "a man", options, tmp_path / "alone", generator=alone)
    record = paint(passes, RED, "a man", options, tmp_path / "clip", generator=generator)
    assert record["batch"] == record["painted"] == len(passes)
    apart = [
        np.abs(_read(tmp_path / "clip", i) - _read(tmp_path / "alone", i)).max() for i in (0, 3)
    ]
    assert min(apart) > 2


def test_lost_frames_are_painted_again_as_they_were(
    generator: Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("diffsign.generate.windows.FRAMES", 4)
    monkeypatch.setattr("diffsign.generate.windows.OVERLAP", 2)
    options, passes = PaintOptions(size=SIZE, steps=1, guidance=1.0), MadeUpPasses()
    seen: list[tuple[int, int]] = []
    paint(passes, None, "a man", options, tmp_path, lambda *at: seen.append(at), generator)
    assert seen[-1] == (len(passes), len(passes))
    before = [_read(tmp_path, frame) for frame in range(len(passes))]
    for frame in (1, 3):
        (tmp_path / f"{frame:05d}.png").unlink()
    record = paint(passes, None, "a man", options, tmp_path, generator=generator)
    assert record["painted"] == 2
    for frame in range(len(passes)):
        assert np.abs(_read(tmp_path, frame) - before[frame]).max() <= 1


def test_motion_modules_of_another_size_or_nowhere_are_refused(
    folder: Path, tmp_path: Path
) -> None:
    wrong = _write_modules(tmp_path / "wrong", (8, 16, 16))
    checkpoint = vary(folder_checkpoint(folder), Variant(motion_module=str(wrong)))
    with pytest.raises(UserError, match="does not fit"):
        load_generator(checkpoint, precision="fp32")
    with pytest.raises(UserError, match="no motion module"):
        vary(folder_checkpoint(folder), Variant(motion_module="nowhere"))
    name = next(iter(MOTIONS))
    checkpoint = vary(folder_checkpoint(folder), Variant(motion_module=name, offline=True))
    with pytest.raises(UserError, match=f"guoyww.*--motion-module {name}"):
        load_generator(checkpoint)
