"""How points move with the unknowns: the analytic Jacobian of posing, as rows.

A turn of joint j by a small global vector w moves a point x below it by w x (x - p_j). So a row v
(what is measured of the point's movement) depends on the turn as (x x v - p_j x v) . w: six
numbers of the row meet six of the joint in one product, for all joints at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..body.skeleton import PARENTS
from .initial import FACING_CAMERA
from .limits import FINGERS, FingerRanges
from .points import RiggedPoints


@dataclass(frozen=True)
class Layout:
    """Which unknowns a frame has: trans (3), then K angles.

    Attributes:
        joint: (K,) the joint that an angle turns; those of the trunk and the arms come first.
        axis: (K, 3) the direction of the joint's rotation vector that the angle stands for.
        body: how many unknowns precede the fingers'.
        above: (55, K) bool: whether the angle's joint carries joint k (or is it).
        low, high: (K,) radians that an angle does not pass; infinite for the body's.
    """

    joint: np.ndarray
    axis: np.ndarray
    body: int
    above: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def size(self) -> int:
        """n, the unknowns of a frame."""
        return 3 + len(self.joint)

    def without_fingers(self) -> Layout:
        """The layout in which the fingers stay as they are."""
        own = self.body - 3
        kept = {name: getattr(self, name)[:own] for name in ("joint", "axis", "low", "high")}
        return replace(self, above=self.above[:, :own], **kept)

    def moving(self, joints: np.ndarray) -> np.ndarray:
        """The unknowns (k,) that move points on any of the joints."""
        angles = np.flatnonzero(self.above[joints].any(0))
        return np.concatenate([np.arange(3), 3 + angles])

    def spread(self, angles: np.ndarray) -> np.ndarray:
        """Rotation vectors (T, 55, 3) of angles (T, K)."""
        return (angles @ self._matrix()).reshape(len(angles), len(PARENTS), 3)

    def gathered(self, rotvecs: np.ndarray) -> np.ndarray:
        """Angles (T, K) of rotation vectors (T, 55, 3): their parts along the axes."""
        return rotvecs.reshape(len(rotvecs), -1) @ self._matrix().T

    def _matrix(self) -> np.ndarray:
        matrix = np.zeros((len(self.joint), len(PARENTS), 3), np.float32)
        matrix[np.arange(len(self.joint)), self.joint] = self.axis
        return matrix.reshape(len(self.joint), -1)


def layout_of(
    body: dict[int, np.ndarray],
    fingers: dict[int, np.ndarray],
    ranges: FingerRanges | None = None,
    give: float = 0.0,
) -> Layout:
    """The layout of the joints of the body and of the fingers that a fit moves, each with the
    axes (3, d) that it turns about, as orthonormal columns.

    Args:
        ranges: keep the fingers within these, whose last d axes are theirs. give: radians beyond.
    """
    chains = np.zeros((len(PARENTS), len(PARENTS)), bool)
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            chains[joint] = chains[parent]
        chains[joint, joint] = True
    free = {**body, **fingers}
    joint = np.concatenate([np.full(axes.shape[1], j) for j, axes in free.items()])
    axis = np.concatenate([axes.T for axes in free.values()]).astype(np.float32)
    before = 3 + sum(axes.shape[1] for axes in body.values())
    low, high = np.full(len(joint), -np.inf), np.full(len(joint), np.inf)
    for number, axes in fingers.items():
        if ranges is None:
            break
        row, last = FINGERS.index(number), slice(-axes.shape[1], None)
        low[joint == number] = ranges.low[row, last] - give
        high[joint == number] = ranges.high[row, last] + give
    return Layout(joint, axis, before, chains[:, joint], low, high)


@dataclass(frozen=True)
class Motions:
    """How the unknowns act: turns (T, 6, K) of six-number rows, and what the betas do
    to positions (T, 55, 3, B) and to points (T, N, 3, B)."""

    turns: np.ndarray
    joint_betas: np.ndarray
    point_betas: np.ndarray


def motions_of(
    layout: Layout,
    vectors: np.ndarray,
    rotations: np.ndarray,
    positions: np.ndarray,
    points: RiggedPoints,
    with_betas: bool,
) -> Motions:
    """The action of the unknowns at a pose.

    Args:
        vectors: (T, 55, 3). rotations: (T, 55, 3, 3) and positions: (T, 55, 3), posed.
    """
    frames = len(vectors)
    joint = layout.joint
    parents = np.array(PARENTS)
    answer = np.empty((frames, len(joint), 3), np.float32)
    fingers = joint >= FINGERS[0]
    own = layout.axis[:, :, None]
    answer[:, ~fingers] = (_left_jacobian(vectors[:, joint[~fingers]]) @ own[~fingers])[..., 0]
    rows = joint[fingers] - FINGERS[0]
    bent = _angle_jacobian(vectors[:, FINGERS], points.fingers.axes)
    answer[:, fingers] = (bent[:, rows] @ own[fingers])[..., 0]
    facing = FACING_CAMERA.astype(np.float32)
    above = np.where((parents[joint] < 0)[:, None, None], facing, rotations[:, parents[joint]])
    a, b, c = np.moveaxis((above @ answer[..., None])[..., 0], -1, 0)
    x, y, z = np.moveaxis(positions[:, joint], -1, 0)
    # p x v . a = v . (a x p): the lower three numbers of a row are v itself.
    turns = np.stack([a, b, c, y * c - z * b, z * a - x * c, x * b - y * a], 1)
    nothing = np.zeros((frames, 0, 3, 0), np.float32)
    if not with_betas:
        return Motions(turns, nothing, nothing)
    return Motions(turns, *_by_betas(rotations, points))


def _by_betas(rotations: np.ndarray, points: RiggedPoints) -> tuple[np.ndarray, np.ndarray]:
    joints = np.empty((*rotations.shape[:2], 3, points.shapedirs.shape[2]), np.float32)
    for joint, parent in enumerate(PARENTS):
        own = points.joint_shapedirs[joint]
        if parent < 0:
            joints[:, joint] = own
        else:
            offset = own - points.joint_shapedirs[parent]
            joints[:, joint] = joints[:, parent] + rotations[:, parent] @ offset
    local = points.shapedirs - points.joint_shapedirs[points.joint]
    return joints, joints[:, points.joint] + rotations[:, points.joint] @ local


def _left_jacobian(rotvecs: np.ndarray) -> np.ndarray:
    """How a rotation vector's change turns (..., 3, 3): dR R^T = [J dw] (SO(3)'s left Jacobian)."""
    angle = np.linalg.norm(rotvecs, axis=-1)[..., None, None]
    safe = np.maximum(angle, 1e-3)
    x, y, z = np.moveaxis(rotvecs, -1, 0)
    zero = np.zeros_like(x)
    skew = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*x.shape, 3, 3)
    first = np.where(angle < 1e-3, 0.5, (1 - np.cos(safe)) / safe**2)
    second = np.where(angle < 1e-3, 1 / 6, (safe - np.sin(safe)) / safe**3)
    return np.eye(3) + first * skew + second * (skew @ skew)


def _angle_jacobian(vectors: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """The same of angle vectors (T, 30, 3) (..., 3, 3), see :class:`.limits.FingerRanges`."""
    angles = (axes.transpose(0, 2, 1) @ vectors[..., None])[..., 0]
    (_, b, c), (_, y, z) = (np.moveaxis(f(angles), -1, 0) for f in (np.cos, np.sin))
    zero, one = np.zeros_like(b), np.ones_like(b)
    # Columns: the axis of the twist after abduction and flexion, of abduction after flexion.
    around = np.stack([c * b, -z, zero, z * b, c, zero, -y, zero, one], -1)
    return axes @ around.reshape(*b.shape, 3, 3) @ axes.transpose(0, 2, 1)


def rows(
    layout: Layout,
    motions: Motions,
    places: np.ndarray,
    joint: np.ndarray,
    measured: np.ndarray,
    columns: np.ndarray | None = None,
) -> np.ndarray:
    """The Jacobian (T, M R, k) of what is measured of M points.

    Args:
        places: (T, M, 3). joint: (M,) that carries each. measured: (T, M, R, 3) rows v.
        columns: (k,) the unknowns that are asked for, the first three among them; all if None.
    """
    frames, count, per_point, _ = measured.shape
    angles = slice(None) if columns is None else columns[3:] - 3
    turns = motions.turns[:, :, angles]
    six = np.empty((frames, count, per_point, 6), np.float32)
    (x, y, z), (a, b, c) = (np.moveaxis(v, -1, 0) for v in (places[:, :, None], measured))
    six[..., 0], six[..., 1], six[..., 2] = y * c - z * b, z * a - x * c, x * b - y * a
    six[..., 3:] = measured
    six = six.reshape(frames, count * per_point, 6)
    jacobian = np.empty((frames, count * per_point, 3 + turns.shape[2]), np.float32)
    jacobian[:, :, :3] = six[:, :, 3:]
    np.matmul(six, turns, out=jacobian[:, :, 3:])
    jacobian[:, :, 3:] *= np.repeat(layout.above[joint][:, angles], per_point, axis=0)
    return jacobian
