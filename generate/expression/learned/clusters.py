"""Expression clusters and the sampler that is balanced over them.

In any clip most frames are nearly neutral, and in any mixed collection one dataset is the largest;
drawn uniformly, a network hardly sees a puffed cheek or a tongue. Balanced sampling draws first a
dataset, then a cluster that it has, then a signer who shows it, then one of the frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SHOWS = 0.3  # an action from here on is shown
TURNING = 25.0  # degrees a second from which a head shakes or nods
CLUSTERS: dict[str, tuple[str, ...]] = {
    "brow raise": ("browInnerUp", "browOuterUp"),
    "furrow": ("browDown",),
    "squint": ("eyeSquint", "cheekSquint"),
    "blink": ("eyeBlink",),
    "wide eyes": ("eyeWide",),
    "gaze": ("eyeLook",),
    "cheek puff": ("cheekPuff",),
    "open mouth": ("jawOpen",),
    "rounded mouth": ("mouthPucker", "mouthFunnel"),
    "spread mouth": ("mouthSmile", "mouthStretch", "mouthDimple"),
    "pressed mouth": ("mouthPress", "mouthRoll", "mouthClose"),
    "mouth corners down": ("mouthFrown", "mouthShrug"),
    "bared teeth": ("mouthUpperUp", "mouthLowerDown", "noseSneer"),
    "mouth aside": ("mouthLeft", "mouthRight", "jawLeft", "jawRight"),
    "tongue": ("tongueOut",),
}
"""Beginnings of the actions' names; "head shake", "head nod" and "neutral" come after these."""
NAMES = (*CLUSTERS, "head shake", "head nod", "neutral")


def clusters_of(
    actions: np.ndarray,
    names: Sequence[str],
    angles: np.ndarray | None = None,
    fps: float | None = None,
) -> np.ndarray:
    """(N,18) bool: which of `NAMES` each of N faces shows; a face may show several.

    Args:
        actions: (N,52). angles: (N,2) the head's yaw and pitch in degrees. fps: of consecutive
            frames; where it is None the faces are apart, and a head turned by 12 degrees counts, as
            shaking and nodding heads go through that.
    """
    shown = np.zeros((len(actions), len(NAMES)), bool)
    for column, starts in enumerate(CLUSTERS.values()):
        ids = [i for i, name in enumerate(names) if name.startswith(starts)]
        shown[:, column] = (actions[:, ids] >= SHOWS).any(1)
    if angles is not None and len(angles) > 1:
        moves = np.abs(np.gradient(angles, axis=0)) * fps > TURNING if fps else np.abs(angles) > 12
        shown[:, [-3, -2]] = moves
    shown[:, -1] = ~shown[:, :-1].any(1)
    return shown


@dataclass(frozen=True, eq=False)
class Sampler:
    """Draws faces by number.

    dataset, signer: (N,) ints. clusters: (N,K) bool, each face in at least one. balanced: over
    dataset, cluster and signer; else every face alike.
    """

    dataset: np.ndarray
    signer: np.ndarray
    clusters: np.ndarray
    balanced: bool = True

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """(count,) numbers of faces."""
        if not self.balanced:
            return rng.integers(len(self.dataset), size=count)
        return np.array([self._one(rng) for _ in range(count)])

    def _one(self, rng: np.random.Generator) -> int:
        mine = np.flatnonzero(self.dataset == rng.choice(np.unique(self.dataset)))
        cluster = rng.choice(np.flatnonzero(self.clusters[mine].any(0)))
        mine = mine[self.clusters[mine, cluster]]
        mine = mine[self.signer[mine] == rng.choice(np.unique(self.signer[mine]))]
        return int(rng.choice(mine))
