"""A first pose read straight off the keypoints: every limb turned to where it was seen.

Starting there keeps the optimisation out of the minima in which an arm points away from the camera
instead of towards it.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from ...repeatable import arctan2
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


def complete(points: np.ndarray) -> np.ndarray:
    """Points (T, N, 4) with every point's own gaps interpolated; confidences stay."""
    filled = points.copy()
    for row in range(points.shape[1]):
        filled[:, row : row + 1, :3] = fill_gaps(
            points[:, row : row + 1, :3], points[:, row, 3] > 0
        )
    return filled


def initial_rotations(keypoints: Keypoints, rest_joints: np.ndarray) -> np.ndarray:
    """Local rotations (T, 55, 3, 3) of a first pose.

    Args:
        rest_joints: (55, 3) of the mean body.
    """
    frames = len(keypoints.body)
    hands = {
        side: with_depth(complete(getattr(keypoints, f"{side}_hand")), side, rest_joints)
        for side in ("left", "right")
    }
    if keypoints.body_world[..., 3].any():
        world = complete(keypoints.body_world)[..., :3]
    else:
        world = _flat_world(complete(keypoints.body)[..., :3])
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
        ("left", 1.0, hands["left"], 11),
        ("right", -1.0, hands["right"], 12),
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


def with_depth(points: np.ndarray, side: str, rest_joints: np.ndarray) -> np.ndarray:
    """A hand (T, 21, 4) with depth guessed where its source has none.

    A phalanx that looks shorter than it is leaves the picture's plane, towards the palm's side:
    fingers bend that way alone.

    Args:
        rest_joints: (55, 3) of the mean body.
    """
    if points[..., 2].any() or not points[..., 3].any():
        return points
    joints = [INDEX[f"{side}_{finger}{k}"] for finger in _FINGERS for k in (1, 2, 3)]
    place = dict(zip([r for r in range(1, 21) if r % 4], joints, strict=True))
    place[0] = INDEX[f"{side}_wrist"]

    def seen(start: int, end: int) -> np.ndarray:
        return np.linalg.norm(points[:, end, :2] - points[:, start, :2], axis=-1)

    def real(start: int, end: int) -> float:
        return float(np.linalg.norm(rest_joints[place[end]] - rest_joints[place[start]]))

    palm = [(0, 5), (0, 17), (5, 17), (0, 9)]
    size = np.max([seen(a, b) / real(a, b) for a, b in palm], axis=0)  # pixels a metre
    size = np.maximum(size, np.percentile(size, 50))
    index, pinky = (points[:, k, :2] - points[:, 0, :2] for k in (5, 17))
    turn = index[:, 0] * pinky[:, 1] - index[:, 1] * pinky[:, 0]
    # Seen from the palm, a left hand's fingers follow one another clockwise.
    towards = np.sign(turn) * (1.0 if side == "left" else -1.0)
    deep = points.copy()
    for row in range(1, 21):
        before = 0 if row % 4 == 1 else row - 1
        if before == 0:
            continue  # the palm is taken as facing the camera
        whole = real(before, row) if row in place else 0.8 * real(before - 1, before)
        short = np.sqrt(np.maximum((size * whole) ** 2 - seen(before, row) ** 2, 0))
        deep[:, row, 2] = deep[:, before, 2] - towards * short
    return deep


def _flat_world(points: np.ndarray) -> np.ndarray:
    """Where the detector gives no metres: the picture's own points, shoulders 0.37 m apart."""
    points = points.copy()
    deep = bool(points[..., 2].any())
    width = np.linalg.norm(points[:, 11, :2] - points[:, 12, :2], axis=-1)
    scale = 0.37 / max(float(np.median(width)), 1.0)
    if deep:
        return points * scale
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
    angle = 2 * arctan2(quaternions[:, 0], quaternions[:, 3])
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
    body = complete(keypoints.body)
    left, right = body[:, 11], body[:, 12]
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
