"""Somebody else performs a motion: the source's movement on a body of another shape."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..body.identity import trans_for
from ..body.model import Body, joint_transforms, shape_body
from ..motion import Motion


def perform(motion: Motion, body: Body, betas: np.ndarray) -> Motion:
    """The motion on a body of the given betas (B,), standing where the source's signer stands.

    Joint angles are the source's; the translation keeps neck and shoulders in place, so that
    renders lie on the source's picture; ``joints`` are those of the new body.
    """
    trans = trans_for(body, motion.betas, betas, motion.trans, motion.poses)
    joints = joint_transforms(shape_body(body, betas)[1], motion.poses, trans)[1]
    return replace(
        motion,
        betas=np.asarray(betas, np.float32),
        trans=trans.astype(np.float32),
        joints=joints.astype(np.float32),
        source=motion.source | {"performed_from_betas": np.asarray(motion.betas).tolist()},
    )
