"""A long clip in parts: any frames made again alone are the frames of the whole, and no frame looks
further than the steadying reaches."""

from pathlib import Path

import numpy as np
import pytest
from made_up_passes import FRAMES, SIZE, MadeUpPasses
from PIL import Image

from diffsign.errors import UserError
from diffsign.generate.blank import write_blank
from diffsign.generate.checkpoints import folder_checkpoint
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
