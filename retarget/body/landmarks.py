"""Where a detector's points lie on a body: where it sees them, not where their names say.

A body or hand point is a joint or a fingertip and an offset from it in the frame of the joint that
carries it. The offsets, and how far single detections scatter about them, were measured on rendered
signers by :mod:`...render.calibration.body`; a shoulder is seen 3 cm above its joint, say. The 478
points of MediaPipe's face mesh are barycentric points on the surface. Those of the open body were
found by rendering it (six phenotypes, three views each), detecting the points on those pictures
with MediaPipe itself and casting them back onto the mesh.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np

from .model import Body, rotation_matrices
from .skeleton import INDEX, JOINT_NAMES, PARENTS

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
    21: "left_thumb2",
    22: "right_thumb2",
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
_FACE_NOISE = 0.002  # metres: face-mesh points on rendered faces


@dataclass(frozen=True)
class PointSet:
    """N points, each a weighted sum of three vertices and of the 55 joints, and an offset.

    Attributes:
        vertex_ids: (N, 3). vertex_weights: (N, 3). joint_weights: (N, 55).
        carrier: (N,) the joint whose rotation turns the offset, and with which the point moves.
        offset: (N, 3) metres in the axes of the rest pose.
        noise: (N,) metres by which a detection scatters about the point, each way.
    """

    vertex_ids: np.ndarray
    vertex_weights: np.ndarray
    joint_weights: np.ndarray
    carrier: np.ndarray
    offset: np.ndarray
    noise: np.ndarray

    def base(self, vertices: np.ndarray, joints: np.ndarray) -> np.ndarray:
        """The places (..., N, 3) that the points are named after, without their offsets.

        Args:
            vertices: (..., V, 3) posed. joints: (..., 55, 3) posed.
        """
        on_surface = (vertices[..., self.vertex_ids, :] * self.vertex_weights[..., None]).sum(-2)
        return on_surface + self.joint_weights @ joints

    def at(self, vertices: np.ndarray, joints: np.ndarray, rotations: np.ndarray) -> np.ndarray:
        """The points (..., N, 3), given the joints' global rotations (..., 55, 3, 3) too."""
        turned = rotations[..., self.carrier, :, :] @ self.offset[..., None]
        return self.base(vertices, joints) + turned[..., 0]

    def take(self, rows: np.ndarray | list[int]) -> PointSet:
        """Some of the points."""
        return PointSet(**{name: getattr(self, name)[rows] for name in self.__dataclass_fields__})


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
        np.full(count, INDEX["head"]),
        np.zeros((count, 3), np.float32),
        np.full(count, _FACE_NOISE, np.float32),
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


def _calibrate(points: PointSet, part: str, side: str | None = None) -> None:
    """Give body or hand points their measured offsets, carriers and noise, in place.

    Args:
        part: 'body', or 'hand' with a side; the table holds the left hand, the right mirrors it.
    """
    for row, entry in enumerate(_offsets()[part]):
        carrier, offset = entry["carrier"], np.array(entry["offset_mm"]) / 1000
        if side == "right":
            carrier = carrier.replace("left_", "right_")
            offset = offset * [-1, 1, 1]
        points.carrier[row] = INDEX[carrier]
        points.offset[row] = offset
        points.noise[row] = entry["noise_mm"] / 1000


def detection_noise(part: str) -> np.ndarray:
    """(33,) or (21,) metres by which detections of the points of 'body' or 'hand' scatter."""
    return np.array([entry["noise_mm"] for entry in _offsets()[part]], np.float32) / 1000


@functools.cache
def _offsets() -> dict[str, list[dict[str, Any]]]:
    source = resources.files("diffsign.assets") / "landmark_offsets.json"
    return json.loads(source.read_text(encoding="utf-8"))["points"]


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
    _calibrate(points, "hand", side)
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
    _calibrate(points, "body")
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
    """The detector's points on a body; those of SMPL-X are carried over from the open one."""
    marks = _open_landmarks("open")
    if body.name == "open":
        return marks
    from .load import load_body
    from .transferred import transferred

    return transferred(marks, load_body("open"), body)


def landmark_points(
    points: Landmarks, vertices: np.ndarray, joints: np.ndarray, poses: np.ndarray
) -> dict[str, np.ndarray]:
    """Every part's points (T, N, 3).

    Args:
        vertices: (T, V, 3) posed. joints: (T, 55, 3) posed. poses: (T, 165) axis-angle.
    """
    rotations = global_rotations(poses)
    return {name: part.at(vertices, joints, rotations) for name, part in points.items()}


def global_rotations(poses: np.ndarray) -> np.ndarray:
    """Every joint's rotation (T, 55, 3, 3) from the rest pose, of poses (T, 165) axis-angle."""
    rotations = rotation_matrices(np.asarray(poses).reshape(len(poses), -1, 3))
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            rotations[:, joint] = rotations[:, parent] @ rotations[:, joint]
    return rotations
