"""Constant frame rates: exact fractions, and which stored frame is shown when."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

FALLBACK_RATE = Fraction(25)
_NTSC = [Fraction(n * 1000, 1001) for n in (24, 30, 48, 60, 120, 240)]
_STANDARD_RATES = [Fraction(n) for n in (10, 12, 15, 24, 25, 30, 48, 50, 60, 90, 100, 120, 240)]
_LARGEST_DENOMINATOR = 1001  # exact for NTSC rates: 30000/1001 survives the way through a float


def fps_fraction(fps: float | Fraction) -> Fraction:
    """The exact rate that a float stands for: 29.97002997 is 30000/1001."""
    return Fraction(fps).limit_denominator(_LARGEST_DENOMINATOR)


def constant_rate(
    times: np.ndarray, last: float, tick: float, declared: list[Fraction]
) -> tuple[Fraction, np.ndarray]:
    """Choose the constant rate for stored frames and which of them each instant shows.

    Intervals that are even up to a quarter of a frame are left as they are: every stored frame is
    shown once. Otherwise the rate is the usual interval's (a recorder that drops frames keeps its
    beat), or the mean rate where the usual one would more than double the number of frames, and
    each instant shows the stored frame nearest in time.

    Args:
        times: (N,) seconds, ascending, the first 0.
        last: how long the last frame is shown, seconds; 0 where unknown.
        tick: resolution of the times, seconds.
        declared: rates that the file claims, most trusted first.

    Returns:
        The rate and (M,) indices into `times`.
    """
    count = len(times)
    if count == 1:
        return (declared[0] if declared else FALLBACK_RATE), np.zeros(1, dtype=np.int64)
    gaps = np.diff(times)
    span = times[-1]
    mean = (count - 1) / span
    if np.abs(times * mean - np.arange(count)).max() < 0.25:
        return _named_rate(mean, max(2e-4, 2 * tick / span), declared), np.arange(count)
    usual = 1 / float(np.median(gaps))
    rate = _named_rate(usual if usual <= 2 * mean else mean, 0.02, declared)
    # A last frame that is held is kept; a nonsensical duration is not.
    hold = min(last, max(1.0, gaps.max())) if last > 0 else float(np.median(gaps))
    instants = np.arange(max(1, round((span + hold) * rate))) / float(rate)
    return rate, nearest(times, instants)


def nearest(ascending: np.ndarray, values: np.ndarray | int) -> np.ndarray:
    """The index of the element of `ascending` nearest to each value; the later one of two."""
    return np.searchsorted((ascending[1:] + ascending[:-1]) / 2, values, side="right")


def _named_rate(measured: float, tolerance: float, declared: list[Fraction]) -> Fraction:
    """The declared or else standard rate within a relative tolerance, or the measured one."""
    standards = sorted(_STANDARD_RATES + _NTSC, key=lambda rate: abs(rate / measured - 1))
    for rate in [*declared, *standards]:
        if abs(float(rate) / measured - 1) <= tolerance:
            return rate
    return fps_fraction(measured)
