"""Tapered capsules that stand for a body's skin where hands meet it: hands, arms, trunk, head.

A capsule is a segment with a radius at each end; it rides on one joint. The capsules are fitted to
the body's own rest mesh by least squares, and follow the betas to first order, so a plump signer's
trunk and a child's fingers are as thick as theirs. A mesh's signed distance costs a search through
ten thousand triangles; that of fifty capsules is a few lines of algebra, differentiable (as in
Bogo et al. 2016, "Keep it SMPL", whose capsules are regressed from the shape likewise).

Numpy only. :mod:`..fit.penetration` has the same distances in torch.

    table = body_capsules(body)                    # once per body
    capsules = table.shaped(betas)                 # once per signer
    rotations, positions = joint_transforms(joints, poses, trans)
    posed = pose_capsules(capsules, joints, rotations, positions)     # (T, C, 3), (T, C, 3)
    gap = capsule_gaps(posed, capsules.radius, first, second)         # (T, P) metres, < 0 inside
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .capsule_fit import fit_capsules, parts_of
from .model import Body
from .skeleton import INDEX


@dataclass(frozen=True)
class Capsules:
    """C tapered capsules in the rest pose.

    Attributes:
        names: (C,) such as 'left_index2', 'left_palm_index', 'head_0', 'trunk_3'.
        joint: (C,) the joint that each rides on.
        start, end: (C, 3) ends of the axis in metres, rest frame.
        radius: (C, 2) metres at start and end.
        start_dirs, end_dirs: (C, 3, B). radius_dirs: (C, 2, B): what the betas add.
    """

    names: tuple[str, ...]
    joint: np.ndarray
    start: np.ndarray
    end: np.ndarray
    radius: np.ndarray
    start_dirs: np.ndarray
    end_dirs: np.ndarray
    radius_dirs: np.ndarray

    def __len__(self) -> int:
        return len(self.names)

    def shaped(self, betas: np.ndarray) -> Capsules:
        """The capsules of the body with betas (up to B; the rest are 0)."""
        betas = np.asarray(betas, np.float64)
        return Capsules(
            self.names,
            self.joint,
            self.start + self.start_dirs[..., : len(betas)] @ betas,
            self.end + self.end_dirs[..., : len(betas)] @ betas,
            np.maximum(self.radius + self.radius_dirs[..., : len(betas)] @ betas, 1e-3),
            self.start_dirs,
            self.end_dirs,
            self.radius_dirs,
        )

    def rows(self, *prefixes: str) -> np.ndarray:
        """Rows of the capsules whose names start with one of the prefixes."""
        return np.array([k for k, name in enumerate(self.names) if name.startswith(prefixes)])


def pose_capsules(
    capsules: Capsules, joints: np.ndarray, rotations: np.ndarray, positions: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Posed ends of the axes, two of (T, C, 3).

    Args:
        joints: (55, 3) rest joints of the same betas. rotations: (T, 55, 3, 3) global, and
        positions: (T, 55, 3), as :func:`.model.joint_transforms` gives them.
    """
    turn, place = rotations[:, capsules.joint], positions[:, capsules.joint]
    ends = []
    for end in (capsules.start, capsules.end):
        offset = end - joints[capsules.joint]
        ends.append((turn @ offset[None, :, :, None])[..., 0] + place)
    return ends[0], ends[1]


def point_gaps(
    points: np.ndarray, posed: tuple[np.ndarray, np.ndarray], radius: np.ndarray
) -> np.ndarray:
    """Signed distances (T, N, C) in metres of points (T, N, 3) from each capsule, < 0 inside.

    The least over capsules is the signed distance from the body (exact outside; inside, the depth
    in the deepest capsule).
    """
    start, end = posed[0][:, None], posed[1][:, None]
    axis = end - start
    square = np.maximum((axis**2).sum(-1), 1e-12)
    share = np.clip(((points[:, :, None] - start) * axis).sum(-1) / square, 0, 1)
    nearest = start + share[..., None] * axis
    return np.linalg.norm(points[:, :, None] - nearest, axis=-1) - (
        radius[:, 0] + share * (radius[:, 1] - radius[:, 0])
    )


def capsule_gaps(
    posed: tuple[np.ndarray, np.ndarray], radius: np.ndarray, first: np.ndarray, second: np.ndarray
) -> np.ndarray:
    """Signed distances (T, P) in metres between pairs of capsules, < 0 where they overlap.

    Args:
        first, second: (P,) rows of the capsules that make each pair.
    """
    start, end = posed
    share_a, share_b = segment_shares(
        start[:, first], end[:, first], start[:, second], end[:, second]
    )
    a = start[:, first] + share_a[..., None] * (end - start)[:, first]
    b = start[:, second] + share_b[..., None] * (end - start)[:, second]
    slope = radius[:, 1] - radius[:, 0]
    thick = radius[first, 0] + share_a * slope[first] + radius[second, 0] + share_b * slope[second]
    return np.linalg.norm(a - b, axis=-1) - thick


def segment_shares(
    start_a: np.ndarray, end_a: np.ndarray, start_b: np.ndarray, end_b: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where along two segments (..., 3) their nearest points lie, each (...,) in 0..1.

    Ericson, Real-Time Collision Detection (2005), 5.1.9, without branches.
    """
    along_a, along_b, apart = end_a - start_a, end_b - start_b, start_a - start_b
    aa = np.maximum((along_a**2).sum(-1), 1e-12)
    bb = np.maximum((along_b**2).sum(-1), 1e-12)
    ab = (along_a * along_b).sum(-1)
    a0, b0 = (along_a * apart).sum(-1), (along_b * apart).sum(-1)
    # Parallel axes: any place does; the middle of the overlap is found by the clamps that follow.
    share_a = np.clip((ab * b0 - a0 * bb) / np.maximum(aa * bb - ab**2, 1e-14), 0, 1)
    share_b = np.clip((ab * share_a + b0) / bb, 0, 1)
    share_a = np.clip((ab * share_b - a0) / aa, 0, 1)
    return share_a, share_b


def body_capsules(body: Body) -> Capsules:
    """Fit the capsules to a body's mean rest mesh.

    In the order left hand (19), right hand (19), left and right forearm and upper arm (4), neck
    (1), trunk (6), head (9).
    """
    skin = np.arange(int(body.faces[body.group_faces("body")].max()) + 1)
    vertices = body.v_template[skin].astype(np.float64)
    joints = (body.J_regressor @ body.v_template).astype(np.float64)
    joint_dirs = np.einsum("jv,vdb->jdb", body.J_regressor, body.shapedirs)
    laid, fitted = [], []
    for part, rows in parts_of(joints, vertices, body.weights[skin]):
        laid += part
        fitted.append(fit_capsules(part, vertices[rows], body.shapedirs[rows], joints, joint_dirs))
    values = np.concatenate([value for value, _ in fitted])
    dirs = np.concatenate([change for _, change in fitted])
    return Capsules(
        tuple(capsule.name for capsule in laid),
        np.array([INDEX[capsule.joint] for capsule in laid]),
        values[:, :3],
        values[:, 3:6],
        values[:, 6:],
        dirs[:, :3],
        dirs[:, 3:6],
        dirs[:, 6:],
    )
