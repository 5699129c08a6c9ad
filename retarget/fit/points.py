"""The points that a fit compares: each rides on one joint, at a place that the betas set.

Body and hand points of :mod:`..body.landmarks` ride on their carriers, and the rigid part of the
face rides on the head, so no skinning is needed while fitting: a point is a rotation and a sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..body.landmarks import Landmarks
from ..body.model import Body
from ..body.skeleton import LEFT_HAND, RIGHT_HAND
from .limits import FingerRanges, finger_ranges

RIGID_FACE = (
    1, 4, 5, 6, 8, 9, 10, 33, 48, 50, 64, 67, 109, 117, 127, 133, 151, 162, 168, 195, 197, 205,
    263, 278, 280, 294, 297, 338, 346, 356, 362, 389, 425,
)  # fmt: skip
"""Face-mesh points that expressions hardly move: nose, forehead, temples, cheekbones, canthi."""


@dataclass(frozen=True)
class RiggedPoints:
    """N points that ride on joints.

    Attributes:
        joint: (N,) the joint each rides on.
        rest: (N, 3) rest place of the mean body. shapedirs: (N, 3, B) what the betas add.
        joint_rest, joint_shapedirs: the same of the 55 joints.
        fingers: how the fingers' joints turn.
    """

    joint: np.ndarray
    rest: np.ndarray
    shapedirs: np.ndarray
    joint_rest: np.ndarray
    joint_shapedirs: np.ndarray
    fingers: FingerRanges


def rigged_points(body: Body, marks: Landmarks, beta_count: int) -> RiggedPoints:
    """The points of a fit in the order body 33, left hand 21, right hand 21, rigid face."""
    parts = (marks.body, marks.left_hand, marks.right_hand, marks.face.take(list(RIGID_FACE)))
    shapedirs = body.shapedirs[:, :, :beta_count]
    joint_rest = body.J_regressor @ body.v_template
    joint_shapedirs = np.einsum("jv,vdb->jdb", body.J_regressor, shapedirs)
    rests, dirs = [], []
    for points in parts:
        weights = points.vertex_weights
        rests.append(
            np.einsum("nk,nkd->nd", weights, body.v_template[points.vertex_ids])
            + points.joint_weights @ joint_rest
            + points.offset
        )
        dirs.append(
            np.einsum("nk,nkdb->ndb", weights, shapedirs[points.vertex_ids])
            + np.einsum("nj,jdb->ndb", points.joint_weights, joint_shapedirs)
        )
    return RiggedPoints(
        np.concatenate([points.carrier for points in parts]),
        np.concatenate(rests).astype(np.float32),
        np.concatenate(dirs).astype(np.float32),
        joint_rest.astype(np.float32),
        joint_shapedirs.astype(np.float32),
        finger_ranges(joint_rest),
    )


BODY = slice(0, 33)
HANDS = {"left": slice(33, 54), "right": slice(54, 75)}
BOTH_HANDS = slice(33, 75)
FACE = slice(75, 75 + len(RIGID_FACE))
HAND_JOINTS = {"left": LEFT_HAND, "right": RIGHT_HAND}
