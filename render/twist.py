"""Forearms that twist along their length, as their two bones do about each other.

A joint's turn reaches the skin about it at once, so pronation, which a fit shares between elbow
and wrist, pinches the arm at both. Here the twist of both about the forearm grows evenly from none
at the elbow to all of it at the wrist, over extra joints that skinning alone knows: poses, and what
is given away for others to animate, keep the body's own joints.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .avatar.avatar import Avatar

_STEPS = 5
_SIDES = ("left", "right")


@dataclass(frozen=True, eq=False)
class Skinning:
    """An avatar's joints with K more after its own J.

    names, parents: of the K; parents are ids of own joints. joints (K, 3): at rest, metres.
    elbow, wrist (K,): ids of the joints whose twist they take; axis (K, 3): unit, from one to the
    other at rest; share (K,): how much of the twist. weights (N, J + K): rows sum to 1.
    """

    names: tuple[str, ...]
    parents: np.ndarray
    joints: np.ndarray
    elbow: np.ndarray
    wrist: np.ndarray
    axis: np.ndarray
    share: np.ndarray
    weights: np.ndarray


@lru_cache(maxsize=4)
def skinning(avatar: Avatar) -> Skinning:
    """The avatar's skinning with twisting forearms: skin that followed an elbow is shared out."""
    names = list(avatar.joint_names)
    sides = [side for side in _SIDES if {f"{side}_elbow", f"{side}_wrist"} <= set(names)]
    weights = [np.array(avatar.weights, np.float64)]  # converted once, not for every frame
    pairs = []
    for side in sides:
        elbow, wrist = names.index(f"{side}_elbow"), names.index(f"{side}_wrist")
        along = np.asarray(avatar.joints[wrist] - avatar.joints[elbow], np.float64)
        pairs.append((elbow, wrist, along / np.linalg.norm(along)))
        place = (avatar.vertices - avatar.joints[elbow]) @ along / (along @ along)
        step = np.clip(place, 0, 1)[:, None] * (_STEPS - 1)
        near = np.clip(1 - np.abs(step - np.arange(_STEPS)), 0, 1)
        weights.append(near * weights[0][:, elbow, None])
        weights[0][:, elbow] = 0.0
    elbows = np.repeat([pair[0] for pair in pairs], _STEPS).astype(int)
    return Skinning(
        names=tuple(f"{side}_forearm_twist{k}" for side in sides for k in range(_STEPS)),
        parents=np.asarray(avatar.parents, int)[elbows],
        joints=np.asarray(avatar.joints)[elbows],
        elbow=elbows,
        wrist=np.repeat([pair[1] for pair in pairs], _STEPS).astype(int),
        axis=np.repeat([pair[2] for pair in pairs], _STEPS, axis=0).reshape(-1, 3),
        share=np.tile(np.linspace(0, 1, _STEPS), len(sides)),
        weights=np.concatenate(weights, axis=1),
    )


def quaternions(rotvecs: np.ndarray) -> np.ndarray:
    """Unit quaternions (..., 4), w first, of axis-angle vectors (..., 3)."""
    angle = np.linalg.norm(rotvecs, axis=-1, keepdims=True)
    scale = 0.5 * np.sinc(angle / (2 * np.pi))
    return np.concatenate([np.cos(angle / 2), rotvecs * scale], axis=-1)


def local_turns(made: Skinning, poses: np.ndarray) -> np.ndarray:
    """Quaternions (T, K, 4) of the extra joints against their parents.

    Each is the elbow's turn less its twist about the forearm, and then its share of elbow's and
    wrist's (swing and twist as in Dobrowolski 2015, "Swing-twist decomposition in Clifford
    algebra").

    Args:
        poses: (T, 3 J) axis-angle.
    """
    turns = quaternions(np.asarray(poses, np.float64).reshape(len(poses), -1, 3))
    elbow, wrist = turns[:, made.elbow], turns[:, made.wrist]
    own, next_ = _twist(elbow, made.axis), _twist(wrist, made.axis)
    angle = made.share * (own + next_) - own
    return _product(elbow, quaternions(angle[..., None] * made.axis))


def _twist(turns: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """(T, K) radians, -pi to pi: how far quaternions (T, K, 4) turn about axes (K, 3)."""
    angle = 2 * np.arctan2((turns[..., 1:] * axis).sum(axis=-1), turns[..., 0])
    return (angle + np.pi) % (2 * np.pi) - np.pi


def _product(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Quaternions (..., 4): the turn `second`, then `first`."""
    w, v = first[..., :1], first[..., 1:]
    x, u = second[..., :1], second[..., 1:]
    real = w * x - (v * u).sum(axis=-1, keepdims=True)
    return np.concatenate([real, w * u + x * v + np.cross(v, u)], axis=-1)


def matrices(turns: np.ndarray) -> np.ndarray:
    """Rotation matrices (..., 3, 3) of unit quaternions (..., 4)."""
    w, x, y, z = np.moveaxis(turns, -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
