"""The laws of surface noise: standard normal, white, and moving with the surface."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffsign.generate.surface_noise import Cells, patch_size, patches, surface_noise

SIDE, CELL, CHANNELS = 256, 8, 16
METRES_PER_PIXEL = 0.002


def _cells(side: int = SIDE) -> Cells:
    rows, columns = np.indices((side, side)) // CELL
    return Cells(rows * (side // CELL) + columns, (side // CELL, side // CELL))


def _sheet(shift: float, tilt: float = 0.0, stretch: float = 1.0) -> np.ndarray:
    """Patches of a flat, tilted or stretched sheet, seen `shift` pixels to the right."""
    rows, columns = np.indices((SIDE, SIDE)) + 0.5
    x = (columns - shift) * METRES_PER_PIXEL / stretch
    rest = np.stack([x, rows * METRES_PER_PIXEL, tilt * x], axis=-1)
    size = patch_size(1.0, 1 / METRES_PER_PIXEL)
    return patches(rest, np.ones((SIDE, SIDE), int), size)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(-50, 50), st.floats(0, 2), st.floats(0.5, 2))
def test_every_frame_is_standard_normal_and_white(
    seed: int, shift: float, tilt: float, stretch: float
) -> None:
    noise = surface_noise(_sheet(shift, tilt, stretch), _cells(), CHANNELS, seed).astype(float)
    count = noise.size
    five_sigma = 5 / np.sqrt(count)
    assert abs(noise.mean()) < five_sigma
    assert abs((noise**2).mean() - 1) < five_sigma * np.sqrt(2)
    assert abs((noise**4).mean() - 3) < five_sigma * np.sqrt(96)
    for axis in (0, 1, 2):
        ahead = np.take(noise, range(1, noise.shape[axis]), axis)
        behind = np.take(noise, range(noise.shape[axis] - 1), axis)
        assert abs((ahead * behind).mean()) < five_sigma * 1.1


def test_noise_moves_with_its_surface() -> None:
    still = surface_noise(_sheet(0), _cells(), CHANNELS, 3)
    moved = surface_noise(_sheet(2 * CELL), _cells(), CHANNELS, 3)
    np.testing.assert_allclose(moved[..., 2:], still[..., :-2], atol=1e-6)


def test_correlation_falls_with_the_share_of_surface_that_a_pixel_keeps() -> None:
    still = surface_noise(_sheet(0), _cells(), CHANNELS, 3)
    for shift in (2, 4, 6):
        moved = surface_noise(_sheet(shift), _cells(), CHANNELS, 3)
        assert (still * moved).mean() == pytest.approx(1 - shift / CELL, abs=0.06)


def test_the_background_stands_still_and_seeds_and_pieces_differ() -> None:
    rest = np.zeros((SIDE, SIDE, 3))
    background = patches(rest, np.zeros((SIDE, SIDE), int), 0.004)
    first = surface_noise(background, _cells(), CHANNELS, 1)
    np.testing.assert_array_equal(first, surface_noise(background, _cells(), CHANNELS, 1))
    others = {
        "another seed": surface_noise(background, _cells(), CHANNELS, 2),
        "a surface": surface_noise(_sheet(0), _cells(), CHANNELS, 1),
    }
    for noise in others.values():
        assert abs((first * noise).mean()) < 5 / np.sqrt(first.size)


def test_a_pixel_that_sees_no_patch_of_its_own_still_has_noise() -> None:
    """Seen from very near, one patch fills many latent pixels."""
    one = np.full((SIDE, SIDE), 7, np.uint64)
    noise = surface_noise(one, _cells(), CHANNELS, 5).astype(float)
    assert abs((noise**2).mean() - 1) < 5 * np.sqrt(2 / noise.size)
    assert len(np.unique(noise.round(6))) > 0.99 * noise.size
