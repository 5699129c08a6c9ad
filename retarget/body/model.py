"""The record of a body in SMPL-X layout, and its forward model in plain numpy.

Rest frame: T-pose with flat hands, metres, y up, z forward, +x = the signer's left.
The forward model is SMPL-X's (Pavlakos et al. 2019, eqs. 1-5) without pose correctives.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .skeleton import JOINT_NAMES, PARENTS


@dataclass(frozen=True)
class Body:
    """A body model: V vertices, 55 joints, B shape components, 52 facial actions.

    Attributes:
        name: 'open' or 'smplx'.
        v_template: (V, 3) mean body.
        shapedirs: (V, 3, B) offsets for one standard deviation of each beta.
        actiondirs: (V, 3, 52) offsets of the facial actions (ARKit order).
        faces: (F, 3) vertex indices, counter-clockwise from outside.
        J_regressor: (55, V) rows sum to 1.
        weights: (V, 55) skinning weights; rows sum to 1.
        uv: (Nt, 2) texture coordinates; face_uv: (F, 3) indices into them.
        face_group: (F,) index into group_names.
        phenotype: arrays that turn a phenotype into betas (see phenotype.py), empty if unknown.
    """

    name: str
    v_template: np.ndarray
    shapedirs: np.ndarray
    actiondirs: np.ndarray
    faces: np.ndarray
    J_regressor: np.ndarray
    weights: np.ndarray
    uv: np.ndarray
    face_uv: np.ndarray
    face_group: np.ndarray
    group_names: tuple[str, ...]
    action_names: tuple[str, ...]
    phenotype: dict[str, np.ndarray]

    joint_names: tuple[str, ...] = JOINT_NAMES
    parents: tuple[int, ...] = PARENTS

    @property
    def beta_count(self) -> int:
        return self.shapedirs.shape[2]

    def group_faces(self, *names: str) -> np.ndarray:
        """Indices of the faces that belong to the named groups."""
        return np.flatnonzero(np.isin(self.face_group, [self.group_names.index(n) for n in names]))


ARRAYS = (
    "v_template",
    "shapedirs",
    "actiondirs",
    "faces",
    "J_regressor",
    "weights",
    "uv",
    "face_uv",
    "face_group",
)


def write_body(path: Path, body: Body) -> None:
    """Write a body as a plain .npz (no pickled objects). The caller makes the write atomic."""
    arrays = {name: getattr(body, name) for name in ARRAYS}
    arrays |= {f"phenotype_{key}": value for key, value in body.phenotype.items()}
    with open(path, "wb") as file:
        np.savez(
            file,
            name=np.array(body.name),
            group_names=np.array(body.group_names),
            action_names=np.array(body.action_names),
            **arrays,
        )


def read_body(path: Path) -> Body:
    """Read what :func:`write_body` wrote."""
    with np.load(path, allow_pickle=False) as data:
        prefix = "phenotype_"
        return Body(
            name=str(data["name"]),
            group_names=tuple(data["group_names"].tolist()),
            action_names=tuple(data["action_names"].tolist()),
            phenotype={k[len(prefix) :]: data[k] for k in data.files if k.startswith(prefix)},
            **{name: data[name] for name in ARRAYS},
        )


def shape_body(body: Body, betas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V, 3) and joints (55, 3) in the rest pose for betas (up to B; the rest are 0)."""
    betas = np.asarray(betas, np.float32)
    vertices = body.v_template + body.shapedirs[:, :, : len(betas)] @ betas
    return vertices, body.J_regressor @ vertices


def rotation_matrices(rotvecs: np.ndarray) -> np.ndarray:
    """Rotation matrices (..., 3, 3) of axis-angle vectors (..., 3), by Rodrigues' formula."""
    rotvecs = np.asarray(rotvecs)
    angle = np.linalg.norm(rotvecs, axis=-1)[..., None, None]
    x, y, z = np.moveaxis(rotvecs, -1, 0)
    zero = np.zeros_like(x)
    skew = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*x.shape, 3, 3)
    safe = np.maximum(angle, 1e-8)
    first = np.where(angle < 1e-4, 1 - angle**2 / 6, np.sin(safe) / safe)
    second = np.where(angle < 1e-4, 0.5 - angle**2 / 24, (1 - np.cos(safe)) / safe**2)
    return np.eye(3, dtype=rotvecs.dtype) + first * skew + second * (skew @ skew)


def joint_transforms(
    joints: np.ndarray,
    poses: np.ndarray,
    trans: np.ndarray,
    parents: tuple[int, ...] = PARENTS,
) -> tuple[np.ndarray, np.ndarray]:
    """Global rotations (T, 55, 3, 3) and positions (T, 55, 3) of the posed joints.

    Args:
        joints: (55, 3) rest joints. poses: (T, 165) axis-angle. trans: (T, 3) metres.
    """
    local = rotation_matrices(np.asarray(poses).reshape(len(poses), -1, 3))
    rotations = np.empty_like(local)
    positions = np.empty((*local.shape[:2], 3), local.dtype)
    for joint, parent in enumerate(parents):
        if parent < 0:
            rotations[:, joint] = local[:, joint]
            positions[:, joint] = joints[joint] + trans
            continue
        rotations[:, joint] = rotations[:, parent] @ local[:, joint]
        offset = joints[joint] - joints[parent]
        positions[:, joint] = positions[:, parent] + rotations[:, parent] @ offset
    return rotations, positions


def pose_vertices(
    body: Body,
    vertices: np.ndarray,
    joints: np.ndarray,
    poses: np.ndarray,
    trans: np.ndarray,
    facial_actions: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    actiondirs: np.ndarray | None = None,
) -> np.ndarray:
    """Posed vertices (T, N, 3) by linear blend skinning, in the frame of ``trans``.

    Args:
        vertices: (N, 3) rest vertices. joints: (55, 3) rest joints.
        poses: (T, 165). trans: (T, 3). facial_actions: (T, 52) or None.
        weights, actiondirs: of the N vertices where these are not the body's own.
    """
    weights = body.weights if weights is None else weights
    actiondirs = body.actiondirs if actiondirs is None else actiondirs
    rotations, positions = joint_transforms(joints, poses, trans, body.parents)
    offsets = positions - (rotations @ joints[..., None])[..., 0]
    posed = np.empty((len(poses), len(vertices), 3), np.float32)
    for frame in range(len(poses)):
        rest = vertices
        if facial_actions is not None:
            rest = vertices + actiondirs @ facial_actions[frame].astype(np.float32)
        blended = (weights @ rotations[frame].reshape(-1, 9)).reshape(-1, 3, 3)
        posed[frame] = (blended @ rest[..., None])[..., 0] + weights @ offsets[frame]
    return posed
