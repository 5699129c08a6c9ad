"""Smoothing of detections over time without delay."""

from __future__ import annotations

import numpy as np

_SECONDS = 0.2
_SHORTEST = 5


def smooth(points: np.ndarray, fps: float) -> np.ndarray:
    """Take the jitter out of tracks without moving them in time.

    A parabola is fitted through about 0.2 s around each frame (Savitzky and Golay): positions,
    speeds and accelerations keep their time and size, and on a still signer the jitter of
    MediaPipe's body falls to a third. MediaPipe's own filter looks only back and lags by a frame,
    which a hand that is detected without a filter shows at the wrist.

    Args:
        points: (T, N, 4) x, y, z, confidence; confidence stays as it is.
        fps: frames per second.

    Returns:
        (T, N, 4); runs of frames shorter than the window are returned as they are.
    """
    from scipy.signal import savgol_filter

    window = max(_SHORTEST, int(_SECONDS * fps) // 2 * 2 + 1)
    smoothed = points.copy()
    found = (points[..., 3] > 0).all(axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], found, [False]]).astype(int)))
    for start, stop in edges.reshape(-1, 2):
        if stop - start >= window:
            run = points[start:stop, :, :3]
            smoothed[start:stop, :, :3] = savgol_filter(run, window, polyorder=2, axis=0)
    return smoothed
