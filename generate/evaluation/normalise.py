"""Points in the signer's own units, so that framing and size of the picture do not count."""

import numpy as np

from ...retarget.keypoints.record import Keypoints
from .unavailable import Unavailable

_SHOULDERS = (11, 12)  # MediaPipe Pose
PARTS = ("body", "face", "left_hand", "right_hand")


def by_shoulders(keypoints: Keypoints, depth: bool = False) -> dict[str, np.ndarray]:
    """The points by part (T, N, 4), centred on the clip's mean mid-shoulder, in shoulder widths.

    One shift and one scale for the whole clip, as pose-format's `Pose.normalize`; with `depth`
    z takes part in both as there, else x and y alone. Missing points stay zeros of confidence 0.
    Raises Unavailable where no frame shows both shoulders.
    """
    left, right = (keypoints.body[:, row] for row in _SHOULDERS)
    both = (left[:, 3] > 0) & (right[:, 3] > 0)
    if not both.any():
        raise Unavailable("no frame shows both shoulders")
    used = 3 if depth else 2
    middle = np.zeros(3)
    middle[:used] = ((left + right)[both, :used] / 2).mean(0)
    width = float(np.linalg.norm((left - right)[both, :used], axis=-1).mean())
    if width < 1e-6:
        raise Unavailable("the shoulders fall on one point")
    result = {}
    for part in PARTS:
        points = getattr(keypoints, part).astype(float)
        seen = points[..., 3:] > 0
        places = np.where(seen, (points[..., :3] - middle) / width, 0.0)
        result[part] = np.concatenate([places, points[..., 3:]], axis=-1)
    return result
