"""Somebody else's looks on the fitted signer's skeleton.

The passes must lie on the source pixel for pixel, so an avatar keeps the fitted bone lengths while
its phenotype decides everything that bones do not.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .model import Body
from .phenotype import phenotype_betas
from .skeleton import INDEX, PARENTS

_LOOSE = 0.004
"""Metres by which a bone may miss the fitted one per unit of the shape prior's deviation."""

_LEGS = ("knee", "ankle", "foot")


def betas_for(body: Body, phenotype: Mapping[str, float], fitted: np.ndarray) -> np.ndarray:
    """The betas (B,) nearest to a phenotype's among those with the fitted skeleton.

    Minimises |bones(betas) - bones(fitted)|^2 / loose^2 + |betas - phenotype|^2, a linear
    least-squares problem. Legs, which are rarely in the picture, are the phenotype's own.

    Args:
        fitted: (B,) betas of the fit.
    """
    wanted = phenotype_betas(body, phenotype)
    joint_dirs = np.einsum("jv,vdb->jdb", body.J_regressor, body.shapedirs)
    bones = [
        joint_dirs[joint] - joint_dirs[parent]
        for joint, parent in enumerate(PARENTS)
        if parent >= 0 and joint not in _leg_joints()
    ]
    matrix = np.concatenate(bones) / _LOOSE
    target = matrix @ (_padded(fitted, body.beta_count) - wanted)
    stacked = np.concatenate([matrix, np.eye(body.beta_count)])
    change, *_ = np.linalg.lstsq(
        stacked, np.concatenate([target, np.zeros(body.beta_count)]), rcond=None
    )
    return (wanted + change).astype(np.float32)


def _leg_joints() -> set[int]:
    return {INDEX[f"{side}_{part}"] for side in ("left", "right") for part in _LEGS}


def _padded(values: np.ndarray, size: int) -> np.ndarray:
    return np.pad(values, (0, size - len(values)))


def trans_for(
    body: Body, fitted: np.ndarray, betas: np.ndarray, trans: np.ndarray, poses: np.ndarray
) -> np.ndarray:
    """(T, 3) translation that keeps the neck of a new shape where the fitted one has it.

    Args:
        fitted, betas: (B,) of the fit and of the avatar. trans: (T, 3). poses: (T, 165).
    """
    from .model import joint_transforms, shape_body

    before = joint_transforms(shape_body(body, fitted)[1], poses, trans)[1]
    after = joint_transforms(shape_body(body, betas)[1], poses, trans)[1]
    anchors = [INDEX["left_shoulder"], INDEX["right_shoulder"], INDEX["neck"]]
    return trans + (before - after)[:, anchors].mean(1)
