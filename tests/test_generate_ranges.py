"""A long clip in parts: any frames made again alone are the frames of the whole, and no frame looks
further than the steadying reaches."""

import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_passes import FRAMES, SIZE, MadeUpPasses
from PIL import Image

from diffsign.errors import UserError
from diffsign.generate import frames, steady, windows
from diffsign.generate.blank import write_blank
from diffsign.generate.checkpoints import Source, folder_checkpoint
from diffsign.generate.loading import Generator, load_generator
from diffsign.generate.options import PaintOptions
from diffsign.generate.paint import paint
from diffsign.generate.steady import REACH, SteadyFrame, steady_residual


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Generator:
    folder = write_blank(tmp_path_factory.mktemp("model") / "blank")
    return load_generator(folder_checkpoint(folder), precision="fp32")


def _read(folder: Path, index: int) -> np.ndarray:
    return np.asarray(Image.open(folder / f"{index:05d}.png")).astype(int)


@pytest.mark.parametrize("noise", ["none", "fixed", "fresh", "surface"])
def test_lost_frames_are_painted_again_as_they_were(
    generator: Generator, tmp_path: Path, noise: str
) -> None:
    options = PaintOptions(size=SIZE, steps=1, guidance=1.0, noise=noise, batch=2)
    out = tmp_path / "frames"
    paint(MadeUpPasses(), None, "a man", options, out, generator=generator)
    before = [_read(out, index) for index in range(FRAMES)]
    for index in (1, 2, 4):
        (out / f"{index:05d}.png").unlink()
    record = paint(MadeUpPasses(), None, "a man", options, out, generator=generator)
    assert record["painted"] == 3
    for index in range(FRAMES):
        # Another batch may round differently in the last bit.
        assert np.abs(_read(out, index) - before[index]).max() <= 1


def test_a_steadied_frame_needs_nothing_beyond_its_reach() -> None:
    count = 4 * REACH
    random = np.random.default_rng(0)
    objects = np.ones((16, 16), np.int32)
    flat = np.ones((16, 16), np.float32)
    clip = [
        SteadyFrame(
            random.standard_normal((16, 16, 3)).astype(np.float32),
            np.zeros((16, 16, 4), np.float32),
            objects,
            flat,
            flat,
        )
        for _ in range(count)
    ]
    for index in (0, REACH, 2 * REACH, count - 1):
        asked: set[int] = set()

        def near(number: int, index: int = index, asked: set[int] = asked) -> SteadyFrame:
            assert abs(number - index) <= REACH
            asked.add(number)
            return clip[number]

        alone = steady_residual(index, near, count)
        np.testing.assert_array_equal(alone, steady_residual(index, clip.__getitem__, count))
        assert len(asked) <= 2 * REACH + 1


@pytest.mark.parametrize("passes", [MadeUpPasses(frozenset({3})), MadeUpPasses(wider=3)])
def test_a_bad_frame_is_named_and_leaves_only_whole_ones(
    generator: Generator, tmp_path: Path, passes: MadeUpPasses
) -> None:
    options = PaintOptions(size=SIZE, steps=1, guidance=1.0, batch=1)
    with pytest.raises(UserError, match="frame 3") as caught:
        paint(passes, None, "a man", options, tmp_path, generator=generator)
    assert "\n" not in str(caught.value)
    for path in tmp_path.iterdir():
        assert _read(tmp_path, int(path.stem)).shape == (SIZE, SIZE, 3)


class Alive:
    """Counts how many of the objects that a function made are alive at once."""

    def __init__(self, made: Callable[..., Any]) -> None:
        self.made, self.now, self.most = made, 0, 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        result = self.made(*args, **kwargs)
        self.now += 1
        self.most = max(self.most, self.now)
        weakref.finalize(result, self._ended)
        return result

    def _ended(self) -> None:
        self.now -= 1


@pytest.mark.parametrize("windowed", [False, True])
def test_painting_a_long_clip_holds_few_frames(
    generator: Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, windowed: bool
) -> None:
    count, alive = 200, Alive(frames.read_inputs)
    monkeypatch.setattr("diffsign.generate.paint.read_inputs", alive)
    monkeypatch.setattr(
        "diffsign.generate.sampling.paint_frames", lambda *given: [item.beauty for item in given[5]]
    )
    if windowed:
        nowhere = replace(generator.checkpoint, motion=Source(str(tmp_path)))
        monkeypatch.setattr("diffsign.generate.paint.model_hashes", lambda checkpoint: {})
        generator = replace(generator, checkpoint=nowhere)
    options = PaintOptions(size=SIZE, steps=1, guidance=1.0, batch=4)
    record = paint(MadeUpPasses(count=count), None, "a man", options, tmp_path, None, generator)
    assert record["painted"] == count
    assert alive.most <= (2 * windows.FRAMES + 2 if windowed else 3 * 4)


def test_steadying_a_long_clip_holds_few_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes = MadeUpPasses(count=100)
    alive = Alive(steady._read)
    monkeypatch.setattr(steady, "_read", alive)
    for index in range(len(passes)):
        Image.fromarray(passes.beauty_srgb(index)).save(tmp_path / f"{index:05d}.png")
    steady.steady(passes, tmp_path, tmp_path / "steady")
    assert len(list((tmp_path / "steady").iterdir())) == len(passes)
    assert alive.most <= 2 * REACH + 3
