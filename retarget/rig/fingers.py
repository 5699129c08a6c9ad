"""Fingers that bend a little more or less: the play that a handshape has before it is another.

Hands of other sizes and builds cannot bring all their parts to what they touched with one stiff
handshape. One number per finger turns all its joints about their flexion axes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..body.model import rotation_matrices
from ..body.skeleton import INDEX
from ..rotations import unit
from .rotations import nearest_turns, rotation_vectors
from .surface import SIDES, Shape

FINGERS = ("index", "middle", "pinky", "ring", "thumb")


@dataclass(frozen=True)
class Fingers:
    """The fingers of one performer.

    Attributes:
        joints: (2, 5, 3) joint numbers, by side and finger. axes: (2, 5, 3) flexion axes at rest.
        shares: (N, 3) how much of each of its finger's joints moves a point of the surface;
        finger: (N,) which of the five it is on, 0 with no shares where on none.
    """

    joints: np.ndarray
    axes: np.ndarray
    shares: np.ndarray
    finger: np.ndarray


def fingers_of(shape: Shape) -> Fingers:
    """The fingers of a shape; a finger without length has no play."""
    joints = np.array(
        [[[INDEX[f"{s}_{name}{k}"] for k in (1, 2, 3)] for name in FINGERS] for s in SIDES]
    )
    rest = shape.joints[joints]
    along = rest[:, :, 2] - rest[:, :, 0]
    # Flat hands at rest: fingers bend about what is square to them and to the palm's normal.
    knuckles = shape.joints[joints[:, 0, 0]] - shape.joints[joints[:, 2, 0]]
    palm = np.cross(rest[:, 1, 2] - rest[:, 1, 0], knuckles)
    axes = unit(np.cross(along, palm[:, None]))
    held = shape.weights[:, joints]
    # A joint moves what it holds and what the joints beyond it hold.
    shares = np.cumsum(held[..., ::-1], -1)[..., ::-1]
    flat = shares.reshape(len(shares), -1, 3)
    best = flat[..., 0].argmax(1)
    return Fingers(joints, axes, flat[np.arange(len(flat)), best], best % len(FINGERS))


def bend(fingers: Fingers, poses: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Poses (T, 165) whose fingers are bent by angles (T, 2, 5), in radians, at every joint."""
    bent = np.array(poses, float).reshape(len(poses), -1, 3)
    turns = rotation_matrices(angles[..., None] * fingers.axes)[:, :, :, None]
    own = bent[:, fingers.joints]
    found = rotation_vectors(rotation_matrices(own) @ turns)
    bent[:, fingers.joints] = nearest_turns(found, own)
    return bent.reshape(len(poses), -1)


def bending(
    fingers: Fingers,
    k: int,
    chosen: np.ndarray,
    at: np.ndarray,
    rotations: np.ndarray,
    positions: np.ndarray,
) -> np.ndarray:
    """How points (P, 3) of hand k move as their finger bends: (P, 3) metres per radian.

    Args:
        chosen: (P,) numbers of the points. rotations: (55, 3, 3), positions: (55, 3) of the joints.
    """
    which = fingers.finger[chosen]
    joints = fingers.joints[k, which]
    axes = (rotations[joints] @ fingers.axes[k, which][:, None, :, None])[..., 0]
    return (fingers.shares[chosen][..., None] * crossed(axes, at[:, None] - positions[joints])).sum(
        1
    )


def crossed(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cross products (..., 3), several times quicker than numpy's on short arrays."""
    return np.stack(
        [
            a[..., 1] * b[..., 2] - a[..., 2] * b[..., 1],
            a[..., 2] * b[..., 0] - a[..., 0] * b[..., 2],
            a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0],
        ],
        -1,
    )
