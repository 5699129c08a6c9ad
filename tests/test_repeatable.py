"""The same numbers wherever in memory the arrays happen to lie."""

import numpy as np

from diffsign.repeatable import arctan2


def test_columns_give_the_same_bits_wherever_they_lie():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(6000, 3))
    first = arctan2(points[:, 0], points[:, 2])
    kept: list[np.ndarray] = []
    np.testing.assert_allclose(first, np.arctan2(points[:, 0], points[:, 2]), rtol=1e-15)
    for _ in range(200):
        kept = [np.empty(rng.integers(1, 200_000), np.uint8), *kept[:20]]
        copy = points.copy()
        assert np.array_equal(arctan2(copy[:, 0], copy[:, 2]), first)
