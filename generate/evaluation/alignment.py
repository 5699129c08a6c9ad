"""Which frame of the source belongs to which frame of the output."""

from dataclasses import dataclass

import numpy as np

from ...frame_rate import nearest
from ...retarget.keypoints.record import Keypoints
from .dtw import dtw_path
from .normalise import by_shoulders
from .unavailable import Unavailable

_SLACK_FRAMES = 2
_SLACK_SHARE = 0.02
_ARMS = slice(11, 23)  # MediaPipe Pose: shoulders, elbows, wrists, rough hands
_LONGEST = 6000  # frames that the table of a warp holds in 150 MB


@dataclass(frozen=True)
class Alignment:
    """source: (T,) the source's frame for each of the T frames of the output; how: in words."""

    source: np.ndarray
    how: str


def align(source: Keypoints, output: Keypoints) -> Alignment:
    """Pair the frames of two clips of the same signing.

    Clips of one rate and length (2 frames or 2 % more or less) are paired frame by frame; clips of
    one duration and two rates by time; others are warped in time onto each other by the arms'
    points (DTW), which hides whatever is wrong with the rhythm: the words in `how` say so.

    Raises Unavailable where clips that must be warped show no arms or are longer than 6000 frames.
    """
    count, other = output.frame_count, source.frame_count
    same_rate = abs(source.fps - output.fps) <= 0.01 * output.fps
    if same_rate and abs(count - other) <= max(_SLACK_FRAMES, _SLACK_SHARE * other):
        how = "frame by frame"
        if count != other:
            how += f" (the source has {other} frames, the output {count})"
        return Alignment(np.minimum(np.arange(count), other - 1), how)
    seconds, instants = other / source.fps, (np.arange(count) + 0.5) / output.fps
    frames = (np.arange(other) + 0.5) / source.fps
    slack = max(_SLACK_SHARE * seconds, _SLACK_FRAMES / min(source.fps, output.fps))
    if abs(count / output.fps - seconds) <= slack:
        how = f"by time ({source.fps:g} frames a second in the source, {output.fps:g} here)"
        return Alignment(nearest(frames, instants) if other > 1 else np.zeros(count, int), how)
    rows, columns = _warp(source, output)
    matched = np.array([round(float(np.mean(rows[columns == frame]))) for frame in range(count)])
    how = (
        f"warped in time (DTW): the source lasts {seconds:.2f} s, "
        f"this clip {count / output.fps:.2f} s; the rhythm is therefore not judged"
    )
    return Alignment(matched, how)


def _warp(source: Keypoints, output: Keypoints) -> tuple[np.ndarray, np.ndarray]:
    if max(source.frame_count, output.frame_count) > _LONGEST:
        raise Unavailable(
            f"clips of different length can be aligned up to {_LONGEST} frames: cut them shorter"
        )
    tracks = []
    for keypoints in (source, output):
        points = by_shoulders(keypoints)["body"][:, _ARMS]
        seen = points[..., 3] > 0
        if not seen.any():
            raise Unavailable("the clips' lengths differ, and no arms are found to align them by")
        flat = np.where(seen[..., None], points[..., :2], np.nan).reshape(len(points), -1)
        tracks.append(np.column_stack([_filled(track) for track in flat.T]))
    return dtw_path(tracks[0], tracks[1])


def _filled(track: np.ndarray) -> np.ndarray:
    known = np.isfinite(track)
    if not known.any():
        return np.zeros(len(track))
    times = np.arange(len(track))
    return np.interp(times, times[known], track[known])
