"""The frames in which a clip is worst, to be looked at."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

_WORST = {
    "Reprojection error": "high",
    "PCK": "low",
    "Handshape difference": "high",
    "Warp error": "high",
    "Outline overlap (IoU)": "low",
    "Same face as in the other frames": "low",
}
"""Groups of curves (see `charts`) and which end of them is bad."""
_APART = 6


@dataclass(frozen=True)
class WorstFrame:
    """frame: its number. reason: which curve is at its worst there, with the value."""

    frame: int
    reason: str


def worst_frames(curves: Mapping[str, np.ndarray], each: int = 1) -> list[WorstFrame]:
    """Up to `each` worst frames of every curve that can be bad, 6 frames apart.

    A frame that is among the worst of several curves is named once, with its first reason.
    """
    found: list[WorstFrame] = []
    for title, line in curves.items():
        worst = _WORST.get(title.partition(", ")[0])
        if worst is None:
            continue
        known = np.flatnonzero(np.isfinite(line))
        ranked = known[np.argsort(line[known] if worst == "low" else -line[known], kind="stable")]
        taken: list[int] = []
        for frame in map(int, ranked):
            if len(taken) == each:
                break
            if all(abs(frame - other) >= _APART for other in taken):
                taken.append(frame)
                if all(frame != other.frame for other in found):
                    found.append(WorstFrame(frame, f"{title}: {line[frame]:.3g}"))
    return found
