"""A first pose read straight off the keypoints: every limb turned to where it was seen.

Starting there keeps the optimisation out of the minima in which an arm points away from the camera
instead of towards it.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from ..body.skeleton import INDEX, PARENTS
from ..keypoints.record import Keypoints
from ..motion import Camera
from ..rotations import aligning, frame, transposed

FACING_CAMERA = np.diag([1.0, -1.0, -1.0])
"""The root rotation of a signer who faces the camera: half a turn about x."""

_FINGERS = ("thumb", "index", "middle", "ring", "pinky")
_FORWARD = np.array([0.0, 0.0, 1.0])
_TWIST_AT_ELBOW = 0.5
"""Share of the hand's twist that starts at the elbow; the rest is left to the wrist, so that the
skin of neither is wrung."""


def fill_gaps(points: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Points (T, N, D) with the frames where present (T,) is False interpolated over time.

    Before the first and after the last seen frame the nearest seen one stands; with none seen the
    points come back as they are.
    """
    if present.all() or not present.any():
        return points
    seen = np.flatnonzero(present)
    frames = np.arange(len(points))
    flat = points.reshape(len(points), -1)
    filled = np.stack([np.interp(frames, seen, column[seen]) for column in flat.T], axis=1)
    return filled.reshape(points.shape)


def initial_rotations(keypoints: Keypoints, rest_joints: np.ndarray) -> np.ndarray:
    """Local rotations (T, 55, 3, 3) of a first pose.

    Args:
        rest_joints: (55, 3) of the mean body.
    """
    frames = len(keypoints.body)
    world = keypoints.body_world[..., :3]
    has_world = (keypoints.body_world[..., 3] > 0).any(1)
    world = fill_gaps(world, has_world) if has_world.any() else _flat_world(keypoints)
    world = gaussian_filter1d(world, 1.0, axis=0, mode="nearest")
    turned = np.broadcast_to(np.eye(3), (frames, 55, 3, 3)).copy()
    turned[:] = FACING_CAMERA
    shoulders = world[:, 11] - world[:, 12]
    shoulders[:, 1] = 0  # a lean of the torso is left to the optimisation
    shoulders[:, 2] *= 0.5  # the detector exaggerates how far one shoulder is behind the other
    torso = aligning(np.array([1.0, 0.0, 0.0]), shoulders) @ FACING_CAMERA
    for joint in range(55):
        turned[:, joint] = torso
    for side, sign, points, first in (
        ("left", 1.0, keypoints.left_hand, 11),
        ("right", -1.0, keypoints.right_hand, 12),
    ):
        present = (points[..., 3] > 0).any(1)
        _turn_arm(turned, side, sign, world, first, points, present)
        if present.any():
            _turn_fingers(turned, side, fill_gaps(points[..., :3], present), rest_joints)
        else:
            turned[:, [INDEX[f"{side}_{f}{k}"] for f in _FINGERS for k in (1, 2, 3)]] = turned[
                :, INDEX[f"{side}_wrist"], None
            ]
    local = turned.copy()
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            local[:, joint] = transposed(turned[:, parent]) @ turned[:, joint]
    return local


def _flat_world(keypoints: Keypoints) -> np.ndarray:
    """Where the detector gives no depth: the picture's own plane, shoulders 0.37 m apart."""
    points = keypoints.body[..., :3].copy()
    points[..., 2] = 0
    width = np.linalg.norm(points[:, 11, :2] - points[:, 12, :2], axis=-1)
    scale = 0.37 / max(float(np.median(width)), 1.0)
    # Foreshortened arms bend towards the camera, where signing happens.
    for shoulder, elbow, wrist in ((11, 13, 15), (12, 14, 16)):
        for parent, child, length in ((shoulder, elbow, 0.29), (elbow, wrist, 0.26)):
            seen = np.linalg.norm(points[:, child, :2] - points[:, parent, :2], axis=-1) * scale
            forward = np.sqrt(np.maximum(length**2 - seen**2, 0)) / scale
            share = 0.3 if child in (13, 14) else 1.0
            points[:, child, 2] = points[:, parent, 2] - share * forward
    return points * scale


def _turn_arm(
    turned: np.ndarray,
    side: str,
    sign: float,
    world: np.ndarray,
    first: int,
    hand: np.ndarray,
    present: np.ndarray,
) -> None:
    """Set the global rotations of one arm in place."""
    upper = world[:, first + 2] - world[:, first]
    fore = world[:, first + 4] - world[:, first + 2]
    rest = frame(np.array([[sign, 0.0, 0.0]]), _FORWARD[None])
    turned[:, INDEX[f"{side}_shoulder"]] = frame(upper, fore) @ transposed(rest)
    if present.any():
        points = fill_gaps(hand[..., :3], present)
        across = points[:, 5] - points[:, 17]
        palm = points[:, 9] - points[:, 0]
        wrist = frame(palm, across) @ transposed(rest)
        wrist = np.where(present[:, None, None], wrist, frame(fore, across) @ transposed(rest))
    else:
        across = world[:, first + 8] - world[:, first + 6]
        wrist = frame(fore, across) @ transposed(rest)
    rolled = frame(fore, across) @ transposed(rest)
    shoulder = turned[:, INDEX[f"{side}_shoulder"]]
    hinged = transposed(shoulder) @ rolled
    turned[:, INDEX[f"{side}_elbow"]] = shoulder @ _less_twist(hinged, _TWIST_AT_ELBOW)
    turned[:, INDEX[f"{side}_wrist"]] = wrist


def _less_twist(local: np.ndarray, share: float) -> np.ndarray:
    """Rotations (T, 3, 3) with a share of their twist about x (swing-twist decomposition)."""
    quaternions = Rotation.from_matrix(local).as_quat()
    # The quaternion's sign that makes the twist the shorter way round.
    quaternions *= np.where(quaternions[:, 3:] < 0, -1, 1)
    angle = 2 * np.arctan2(quaternions[:, 0], quaternions[:, 3])
    back = np.zeros((len(local), 3))
    back[:, 0] = -(1 - share) * angle
    return local @ Rotation.from_rotvec(back).as_matrix()


def _turn_fingers(
    turned: np.ndarray, side: str, points: np.ndarray, rest_joints: np.ndarray
) -> None:
    """Set the global rotations of one hand's fingers in place."""
    wrist = turned[:, INDEX[f"{side}_wrist"]]
    for order, finger in enumerate(_FINGERS):
        before = wrist
        for k in (1, 2, 3):
            joint = INDEX[f"{side}_{finger}{k}"]
            start, end = (joint, joint + 1) if k < 3 else (joint - 1, joint)
            rest = rest_joints[end] - rest_joints[start]
            row = 4 * order + k
            seen = points[:, row + 1] - points[:, row]
            before = aligning((before @ rest[:, None])[..., 0], seen) @ before
            turned[:, joint] = before


def initial_translation(
    keypoints: Keypoints, camera: Camera, rest_joints: np.ndarray
) -> np.ndarray:
    """(T, 3) metres: one distance for the clip from the shoulders' width, sideways per frame."""
    left, right = keypoints.body[:, 11], keypoints.body[:, 12]
    width = np.linalg.norm(left[:, :2] - right[:, :2], axis=-1)
    real = rest_joints[INDEX["left_shoulder"]] - rest_joints[INDEX["right_shoulder"]]
    depth = camera.fx * np.linalg.norm(real) / max(float(np.percentile(width, 80)), 1.0)
    middle = (left[:, :2] + right[:, :2]) / 2
    target = np.column_stack(
        [
            (middle[:, 0] - camera.cx) / camera.fx * depth,
            (middle[:, 1] - camera.cy) / camera.fy * depth,
            np.full(len(middle), depth),
        ]
    )
    pelvis = rest_joints[INDEX["pelvis"]]
    chest = (rest_joints[INDEX["left_shoulder"]] + rest_joints[INDEX["right_shoulder"]]) / 2
    return target - pelvis - FACING_CAMERA @ (chest - pelvis)
