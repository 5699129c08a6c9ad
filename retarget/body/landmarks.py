"""Where a detector's points lie on a body.

Body and hand points are joints and fingertips; the 478 points of MediaPipe's face mesh are
barycentric points on the surface. The face points of the open body were found by rendering it
(six phenotypes, three views each), detecting the points on those pictures with MediaPipe itself and
casting them back onto the mesh, so a point is where the detector sees it, not where its name says.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources

import numpy as np

from .model import Body
from .skeleton import INDEX, JOINT_NAMES

_HAND_CHAIN = ("thumb", "index", "middle", "ring", "pinky")

# MediaPipe pose point -> SMPL-X joint, after the 11 points of the head.
_POSE_JOINTS = {
    11: "left_shoulder",
    12: "right_shoulder",
    13: "left_elbow",
    14: "right_elbow",
    15: "left_wrist",
    16: "right_wrist",
    17: "left_pinky1",
    18: "right_pinky1",
    19: "left_index1",
    20: "right_index1",
    21: "left_thumb3",
    22: "right_thumb3",
    23: "left_hip",
    24: "right_hip",
    25: "left_knee",
    26: "right_knee",
    27: "left_ankle",
    28: "right_ankle",
    31: "left_foot",
    32: "right_foot",
}
# MediaPipe pose point -> point of the 478-point face mesh.
_POSE_FACE = {0: 1, 1: 362, 2: 473, 3: 263, 4: 133, 5: 468, 6: 33, 7: 454, 8: 234, 9: 291, 10: 61}
_POSE_HEELS = {29: "left", 30: "right"}


@dataclass(frozen=True)
class PointSet:
    """N points, each a weighted sum of three vertices and of the 55 joints.

    Attributes:
        vertex_ids: (N, 3). vertex_weights: (N, 3). joint_weights: (N, 55).
    """

    vertex_ids: np.ndarray
    vertex_weights: np.ndarray
    joint_weights: np.ndarray

    def at(self, vertices: np.ndarray, joints: np.ndarray) -> np.ndarray:
        """Points (..., N, 3) of posed vertices (..., V, 3) and joints (..., 55, 3)."""
        on_surface = (vertices[..., self.vertex_ids, :] * self.vertex_weights[..., None]).sum(-2)
        return on_surface + self.joint_weights @ joints


@dataclass(frozen=True)
class Landmarks:
    """The detector's points on a body: body (33), left_hand and right_hand (21), face (478)."""

    body: PointSet
    left_hand: PointSet
    right_hand: PointSet
    face: PointSet

    def items(self) -> tuple[tuple[str, PointSet], ...]:
        """(part name, points) of the four parts."""
        names = ("body", "left_hand", "right_hand", "face")
        return tuple((name, getattr(self, name)) for name in names)


def _empty(count: int) -> PointSet:
    return PointSet(
        np.zeros((count, 3), np.int64),
        np.zeros((count, 3), np.float32),
        np.zeros((count, len(JOINT_NAMES)), np.float32),
    )


def _put_vertices(points: PointSet, row: int, vertices: np.ndarray) -> None:
    """Let a point be the mean of up to three vertices."""
    chosen = np.resize(vertices, 3)
    points.vertex_ids[row] = chosen
    points.vertex_weights[row] = 1 / 3


def _put_wrist(points: PointSet, row: int, side: str) -> None:
    """The detector sees the wrist at the crease, a fifth of the palm beyond the joint."""
    points.joint_weights[row] = 0
    points.joint_weights[row, INDEX[f"{side}_wrist"]] = 0.8
    points.joint_weights[row, INDEX[f"{side}_middle1"]] = 0.2


def _fingertip(body: Body, joint: int) -> np.ndarray:
    """The three vertices at the end of the finger whose last joint is given (open body)."""
    candidates = np.flatnonzero(body.weights[:, joint] > 0.6)
    joints = body.J_regressor @ body.v_template
    direction = joints[joint] - joints[joint - 1]
    reach = (body.v_template[candidates] - joints[joint]) @ direction
    return candidates[np.argsort(reach)[-3:]]


def _hand(body: Body, side: str) -> PointSet:
    points = _empty(21)
    _put_wrist(points, 0, side)
    for order, finger in enumerate(_HAND_CHAIN):
        for k in (1, 2, 3):
            points.joint_weights[4 * order + k, INDEX[f"{side}_{finger}{k}"]] = 1
        last = INDEX[f"{side}_{finger}3"]
        tip = 4 * order + 4
        _put_vertices(points, tip, _fingertip(body, last))
        # The detector puts the tip on the pad, a little inside the end of the finger.
        points.vertex_weights[tip] *= 0.85
        points.joint_weights[tip, last] = 0.15
    return points


def _face() -> PointSet:
    points = _empty(478)
    source = resources.files("diffsign.assets") / "open_body_face_landmarks.npz"
    with resources.as_file(source) as path, np.load(path, allow_pickle=False) as data:
        points.vertex_ids[:] = data["vertex_ids"]
        points.vertex_weights[:] = data["weights"]
    return points


def _body(body: Body, face: PointSet) -> PointSet:
    points = _empty(33)
    for row, joint in _POSE_JOINTS.items():
        points.joint_weights[row, INDEX[joint]] = 1
    for row, source in _POSE_FACE.items():
        points.vertex_ids[row] = face.vertex_ids[source]
        points.vertex_weights[row] = face.vertex_weights[source]
    for row, side in _POSE_HEELS.items():
        foot = np.flatnonzero(body.weights[: _skin_count(body), INDEX[f"{side}_ankle"]] > 0.9)
        _put_vertices(points, row, foot[np.argsort(body.v_template[foot, 2])[:3]])
    return points


def _skin_count(body: Body) -> int:
    return int(body.faces[body.group_faces("body")].max()) + 1


@functools.lru_cache(maxsize=2)
def _open_landmarks(key: str) -> Landmarks:
    from .load import load_body

    body = load_body(key)
    face = _face()
    return Landmarks(_body(body, face), _hand(body, "left"), _hand(body, "right"), face)


def landmarks(body: Body) -> Landmarks:
    """The detector's points on a body.

    Raises:
        ValueError: a body other than the open one, whose face points are not calibrated.
    """
    if body.name != "open":
        raise ValueError(f"no landmarks for the body {body.name!r}")
    return _open_landmarks(body.name)


def landmark_points(
    points: Landmarks, vertices: np.ndarray, joints: np.ndarray
) -> dict[str, np.ndarray]:
    """Every part's points (T, N, 3) of posed vertices (T, V, 3) and joints (T, 55, 3)."""
    return {name: part.at(vertices, joints) for name, part in points.items()}
