"""Gaze: from actions to turned eyes, and back; and what is known of eyes over time.

One rule for the face's joints: on the open body the facial actions hold all of the face, eyes and
jaw included (they move the eyeballs and the chin), and the poses of jaw and eyes stay 0, or eyes
would turn twice. Bodies without these actions (SMPL-X) take :func:`eye_poses` instead.
"""

from __future__ import annotations

import numpy as np

FULL_DEGREES = {"Up": 11.0, "Down": 18.0, "In": 21.0, "Out": 21.0}
"""How far an eyeLook action at 1 turns the open body's eyes, measured on its mesh."""

_SHUT = 0.5
"""Beyond this share of a blink the iris is hidden, and the detector makes it up."""


def steady_gaze(actions: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Actions (T, A) with the gaze carried over frames in which an eye is shut."""
    actions = actions.copy()
    frames = np.arange(len(actions))
    for side in ("Left", "Right"):
        open_ = actions[:, names.index(f"eyeBlink{side}")] <= _SHUT
        if not open_.any():
            continue
        for way in FULL_DEGREES:
            column = names.index(f"eyeLook{way}{side}")
            actions[:, column] = np.interp(frames, frames[open_], actions[open_, column])
    return actions


def eye_poses(actions: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """(T, 2, 3) axis-angle of the left and right eye joints that the eyeLook actions amount to.

    For bodies and formats whose eyes turn by joints; never beside the actions on one body.
    """

    def degrees(way: str, side: str) -> np.ndarray:
        return actions[:, names.index(f"eyeLook{way}{side}")] * FULL_DEGREES[way]

    poses = np.zeros((len(actions), 2, 3))
    for row, (side, outward) in enumerate((("Left", 1.0), ("Right", -1.0))):
        # Rest frame: x the signer's left, y up, z forward; turning about y goes to the left.
        poses[:, row, 0] = np.radians(degrees("Down", side) - degrees("Up", side))
        poses[:, row, 1] = np.radians(outward * (degrees("Out", side) - degrees("In", side)))
    return poses
