"""Two-bone arms: from where a wrist should be and how the hand is turned to joint rotations.

Rest frame of SMPL-X (T-pose): x the signer's left, y up, z forward; at rest the fingers of the
left hand point along +x, those of the right along -x, and both palms face down.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from ..retarget.body.skeleton import INDEX

SIGN = {"left": 1.0, "right": -1.0}
TWIST_OF_FOREARM = 0.6
"""Share of the hand's twist that the forearm takes: its two bones roll over each other."""


@dataclass(frozen=True)
class ArmGoal:
    """Where a hand goes.

    wrist: (3,) metres from the shoulder in the chest's frame. swivel: degrees that the elbow is
    turned about the line from shoulder to wrist, 0 straight down, positive outwards. twist: degrees
    about the forearm: 0 palm inwards when the forearm points forward, positive palm up. flex:
    degrees, positive towards the palm. deviate: degrees, positive towards the thumb.
    """

    wrist: np.ndarray
    swivel: float = 25.0
    twist: float = 0.0
    flex: float = 0.0
    deviate: float = 0.0


@dataclass(frozen=True)
class ArmPose:
    """Axis-angle vectors by joint number, and the wrist's place and the hand's direction."""

    rotations: dict[int, np.ndarray]
    wrist: np.ndarray
    fingers: np.ndarray


def reach(goal: ArmGoal, side: str, joints: np.ndarray) -> ArmPose:
    """Joint rotations that bring a wrist to its goal, or as near as the arm is long.

    Args:
        joints: (55, 3) rest joints.
    """
    sign = SIGN[side]
    shoulder, elbow, wrist = (
        joints[INDEX[f"{side}_{name}"]] for name in ("shoulder", "elbow", "wrist")
    )
    upper = float(np.linalg.norm(elbow - shoulder))
    fore = float(np.linalg.norm(wrist - elbow))
    aim = np.asarray(goal.wrist, float)
    length = float(np.clip(np.linalg.norm(aim), 1.02 * abs(upper - fore), 0.995 * (upper + fore)))
    aim = aim / np.linalg.norm(aim)
    elbow_at = _elbow(aim, length, upper, fore, np.radians(goal.swivel), sign)
    along_upper = elbow_at / upper
    along_fore = (aim * length - elbow_at) / fore
    hinge = -sign * np.cross(along_upper, along_fore)
    hinge /= np.linalg.norm(hinge)
    upper_frame = _frame(sign * along_upper, hinge)
    fore_frame = _frame(sign * along_fore, hinge)
    twist = Rotation.from_rotvec([-goal.twist, 0, 0], degrees=True)
    half = Rotation.from_rotvec([-TWIST_OF_FOREARM * goal.twist, 0, 0], degrees=True)
    bend = Rotation.from_rotvec([0, 0, -sign * goal.flex], degrees=True)
    deviate = Rotation.from_rotvec([0, -sign * goal.deviate, 0], degrees=True)
    rolled = fore_frame * half
    hand = fore_frame * twist * deviate * bend
    rotations = {
        INDEX[f"{side}_shoulder"]: upper_frame.as_rotvec(),
        INDEX[f"{side}_elbow"]: (upper_frame.inv() * rolled).as_rotvec(),
        INDEX[f"{side}_wrist"]: (rolled.inv() * hand).as_rotvec(),
    }
    return ArmPose(rotations, shoulder + aim * length, hand.apply([sign, 0.0, 0.0]))


def _elbow(
    aim: np.ndarray, length: float, upper: float, fore: float, swivel: float, sign: float
) -> np.ndarray:
    """The elbow's place from the shoulder: on a circle about the line to the wrist."""
    along = (upper**2 - fore**2 + length**2) / (2 * length)
    radius = np.sqrt(max(upper**2 - along**2, 1e-9))
    down = np.array([0.0, -1.0, -0.25])
    down -= aim * (down @ aim)
    if np.linalg.norm(down) < 1e-3:
        down = np.array([0.0, 0.0, -1.0]) - aim * -aim[2]
    down /= np.linalg.norm(down)
    out = np.cross(aim, down)
    out *= np.sign(out[0] * sign) or 1.0
    return aim * along + radius * (np.cos(swivel) * down + np.sin(swivel) * out)


def _frame(x: np.ndarray, y: np.ndarray) -> Rotation:
    """The rotation that takes the rest axes x and y to two perpendicular unit vectors."""
    return Rotation.from_matrix(np.stack([x, y, np.cross(x, y)], axis=1))
