"""Arithmetic that gives the same bits however often it is run on one machine."""

import numpy as np


def arctan2(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """`np.arctan2` of arrays, the same to the last bit wherever in memory they lie.

    Before numpy 2.1 columns of an array may miss the vector code when the result happens to be
    allocated right behind them, and then differ by an ulp (numpy/numpy#26972). Avatars and data
    sets promise repeatable numbers, so the columns are copied first.
    """
    return np.arctan2(np.ascontiguousarray(y), np.ascontiguousarray(x))
