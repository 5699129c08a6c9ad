"""Whether texture moves with the surface it is on: warp error with exact motion."""

import cv2
import numpy as np

from ...render.avatar.parts import PARTS

_GROUPS = {
    "hands": ("left_hand", "right_hand"),
    "face": ("face", "eyes", "mouth", "brows", "lips", "beard", "lashes"),
    "background": ("background",),
}
GROUPS = (*_GROUPS, "body")


def _group_of_part() -> np.ndarray:
    """For every part index the index of its group; what is in no group is the body's."""
    named = {part: GROUPS.index(group) for group, parts in _GROUPS.items() for part in parts}
    return np.array([named.get(part, GROUPS.index("body")) for part in PARTS])


def warp_error(
    frame: np.ndarray,
    previous: np.ndarray,
    motion: np.ndarray,
    part: np.ndarray,
    previous_part: np.ndarray,
) -> dict[str, tuple[float, int]]:
    """Difference of a frame from the frame before, moved along: by group (sum, pixels).

    sum / pixels is the mean absolute difference of RGB in 8-bit levels (0..255, lower is better):
    the warping error of Lai et al. 2018, but with the mesh's exact motion instead of an estimated
    flow, and in levels instead of squares. Pixels that the frame before did not show (other part
    there, or outside) are left out. Light that changes with the pose counts as error: compare
    with the same figure of the render.

    frame, previous: (H, W, 3) uint8. motion: (H, W, 2) pixels, where the surface was in the frame
    before minus where it is. part, previous_part: (H, W) part indices.
    """
    height, width = part.shape
    x = np.arange(width, dtype=np.float32) + motion[..., 0].astype(np.float32)
    y = np.arange(height, dtype=np.float32)[:, None] + motion[..., 1].astype(np.float32)
    moved = cv2.remap(previous.astype(np.float32), x, y, cv2.INTER_LINEAR)
    column, row = np.round(x).astype(int), np.round(y).astype(int)
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    was = previous_part[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)]
    shown = inside & (was == part)
    apart = np.abs(frame.astype(np.float32) - moved).mean(-1)
    groups = _group_of_part()[part]
    result = {}
    for index, name in enumerate(GROUPS):
        mask = shown & (groups == index)
        result[name] = (float(apart[mask].sum()), int(mask.sum()))
    return result
