"""Steadying on a made-up world whose motion is known: what moves together is averaged, and nothing
else."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diffsign.errors import UserError
from diffsign.generate.steady import SteadyFrame, steady, steady_residual

SIZE, FRAMES, SPEED = 48, 9, 3


def _square(frame: int) -> tuple[slice, slice]:
    """A square that moves right in front of the background."""
    left = 4 + SPEED * frame
    return slice(16, 32), slice(left, left + 12)


def _world(background: np.ndarray, square: np.ndarray, noise: float) -> list[SteadyFrame]:
    """Frames whose residual is the surfaces' own texture plus noise of each frame's own."""
    random = np.random.default_rng(0)
    frames = []
    for frame in range(FRAMES):
        where = _square(frame)
        objects = np.ones((SIZE, SIZE), np.int32)
        objects[where] = 2
        residual = background.copy()
        residual[where] = square
        motion = np.zeros((SIZE, SIZE, 4), np.float32)
        motion[where] = [-SPEED, 0, SPEED, 0]
        residual = residual + noise * random.standard_normal(residual.shape)
        depth = np.where(objects == 2, 1.0, 2.0).astype(np.float32)
        light = np.where(objects == 2, 200, 50).astype(np.float32)
        frames.append(SteadyFrame(residual.astype(np.float32), motion, objects, depth, light))
    return frames


def _found_over_time(index: int) -> np.ndarray:
    """Pixels off the edges that enough of the other frames show too."""
    found = np.ones((SIZE, SIZE), bool)
    for frame in range(FRAMES):
        columns = _square(frame)[1]
        found[15:33, columns.start - 1 : columns.stop + 1] = False
    columns = _square(index)[1]
    found[17:31, columns.start + 1 : columns.stop - 1] = True
    return found


@pytest.fixture
def textures() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    return (
        10 * random.standard_normal((SIZE, SIZE, 3)).astype(np.float32),
        10 * random.standard_normal((16, 12, 3)).astype(np.float32),
    )


def test_texture_that_moves_with_its_surface_is_kept_exactly(
    textures: tuple[np.ndarray, np.ndarray],
) -> None:
    frames = _world(*textures, noise=0.0)
    for index in range(FRAMES):
        result = steady_residual(index, frames.__getitem__, FRAMES)
        # A background point that the square covers now and then is averaged over the rest only.
        found = _found_over_time(index)
        np.testing.assert_allclose(result[found], frames[index].residual[found], atol=1e-4)


def test_what_flickers_is_averaged_away_on_moving_surfaces_too(
    textures: tuple[np.ndarray, np.ndarray],
) -> None:
    clean, noisy = _world(*textures, noise=0.0), _world(*textures, noise=5.0)
    middle = FRAMES // 2
    left = steady_residual(middle, noisy.__getitem__, FRAMES) - clean[middle].residual
    columns = _square(middle)[1]
    where = (slice(17, 31), slice(columns.start + 1, columns.stop - 1))
    assert left[where].std() < 0.45 * 5.0
    assert left[:8].std() < 0.45 * 5.0


def test_a_point_that_a_neighbour_hides_is_not_fetched_from_what_hides_it(
    textures: tuple[np.ndarray, np.ndarray],
) -> None:
    """Both pieces bear the same index, like two fingers of one hand: the way back tells them
    apart."""
    background, square = textures
    frames = _world(0 * background, 0 * square + 200, noise=0.0)
    frames = [replace(frame, object=np.ones_like(frame.object)) for frame in frames]
    for index in range(FRAMES):
        result = steady_residual(index, frames.__getitem__, FRAMES)
        inner = frames[index].inner
        np.testing.assert_allclose(result[inner], frames[index].residual[inner], atol=1e-3)


def test_a_frame_depends_on_its_neighbours_within_reach_alone(
    textures: tuple[np.ndarray, np.ndarray],
) -> None:
    frames = _world(*textures, noise=5.0)
    before = steady_residual(2, frames.__getitem__, FRAMES, reach=2)
    frames[5] = replace(frames[5], residual=frames[5].residual + 100)
    after = steady_residual(2, frames.__getitem__, FRAMES, reach=2)
    np.testing.assert_array_equal(before, after)
    frames[4] = replace(frames[4], residual=frames[4].residual + 100)
    assert np.abs(steady_residual(2, frames.__getitem__, FRAMES, reach=2) - before).max() > 1


def test_a_pixel_that_mixes_two_surfaces_gets_its_share_of_both() -> None:
    """Antialiasing mixes light and residual alike."""
    light = np.full((9, 9), 40, np.float32)
    light[:, 4], light[:, 5:] = 80, 200
    objects = np.ones((9, 9), np.int32)
    objects[:, 4:] = 2
    residual = np.repeat(10 + 0.25 * (light - 40), 3).reshape(9, 9, 3)
    truth = residual.copy()
    residual[:, 4] = -60  # what the painting happened to do there
    motion = np.zeros((9, 9, 4), np.float32)
    frame = SteadyFrame(residual, motion, objects, np.ones((9, 9), np.float32), light)
    result = steady_residual(0, [frame].__getitem__, 1)
    np.testing.assert_allclose(result[:, 4], truth[:, 4], atol=0.5)


@dataclass(frozen=True)
class _Passes:
    """As much of a pass set as steadying needs."""

    frames: list[SteadyFrame]

    def __len__(self) -> int:
        return len(self.frames)

    def beauty_srgb(self, index: int) -> np.ndarray:
        return np.full((SIZE, SIZE, 3), 100, np.uint8)

    def frame(self, index: int, *wanted: str) -> dict[str, np.ndarray]:
        frame = self.frames[index]
        return {"motion": frame.motion, "object": frame.object, "depth": frame.depth}


def _painted(folder: Path, frames: list[SteadyFrame]) -> Path:
    folder.mkdir()
    for index, frame in enumerate(frames):
        pixels = np.rint(np.clip(100 + frame.residual, 0, 255)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{index:05d}.png")
    return folder


def test_a_clip_is_steadied_on_disk(
    tmp_path: Path, textures: tuple[np.ndarray, np.ndarray]
) -> None:
    frames = _world(*textures, noise=4.0)
    calls: list[tuple[int, int]] = []
    facts = steady(
        _Passes(frames),
        _painted(tmp_path / "frames", frames),
        tmp_path / "steady",
        progress=lambda done, total: calls.append((done, total)),
    )
    assert facts["change"] > 1
    assert calls == [(k + 1, FRAMES) for k in range(FRAMES)]
    clean = _world(*textures, noise=0.0)
    picture = np.asarray(Image.open(tmp_path / "steady" / "00004.png"), float)
    found = _found_over_time(4)
    assert np.abs(picture - 100 - clean[4].residual)[found].mean() < 2.0


def test_a_missing_or_foreign_frame_is_one_sentence(
    tmp_path: Path, textures: tuple[np.ndarray, np.ndarray]
) -> None:
    frames = _world(*textures, noise=0.0)
    folder = _painted(tmp_path / "frames", frames)
    Image.new("RGB", (8, 8)).save(folder / "00003.png")
    with pytest.raises(UserError, match=r"00003\.png is not of the passes' size"):
        steady(_Passes(frames), folder, tmp_path / "out")
    (folder / "00003.png").unlink()
    with pytest.raises(UserError, match=r"00003\.png cannot be read"):
        steady(_Passes(frames), folder, tmp_path / "out")
