"""A clip in windows that overlap, for models that see many frames at once.

The windows lie where they lie whatever is asked for, so any range of frames can be made again with
the same result. Over an overlap one window fades into the next.
"""

from collections.abc import Iterator

FRAMES = 16
"""Frames of a window: what AnimateDiff's motion modules were trained on."""

OVERLAP = 4


def windows(count: int) -> Iterator[tuple[range, list[float]]]:
    """Frames of each window of a clip of `count` frames, with their weights, which sum to 1 for
    every frame over all windows."""
    step = FRAMES - OVERLAP
    starts = range(0, max(1, count - OVERLAP), step)
    for start in starts:
        frames = range(start, min(start + FRAMES, count))
        weights = [1.0] * len(frames)
        for k in range(OVERLAP):
            share = (k + 1) / (OVERLAP + 1)
            if start > 0:
                weights[k] = share
            if start != starts[-1]:
                weights[-1 - k] = share
        yield frames, weights
