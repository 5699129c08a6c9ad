"""Arms that bring wrists to places over a whole clip, bent as the source bends them.

Two bones and a distance leave one freedom, the swivel of the elbow about the line from shoulder to
wrist (Tolani, Goswami & Badler 2000); it is the source's, so elbows stay where the signer held
them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..body.model import joint_transforms, rotation_matrices
from ..body.skeleton import INDEX
from ..rotations import aligning, frame, transposed, unit
from .rotations import nearest_turns, rotation_vectors
from .surface import SIDES

_LONGEST = 0.998
"""Share of its length to which an arm stretches; a quite straight one has no elbow."""
_SHARPEST = np.radians(35)
"""The inner angle of the elbow at its closest: flesh meets flesh at 145 degrees of flexion
(norm: American Academy of Orthopaedic Surgeons, 1965: 150)."""
_COLLAR_LIMIT = np.radians(15)
"""How far the shoulder girdle may help an arm that is too short."""


@dataclass(frozen=True)
class Reach:
    """Where the hands go: wrists (T, 2, 3) metres; turns (T, 2, 3) radians, a small rotation of
    each hand about its wrist; swivels (T, 2) radians that elbows turn outwards more than the
    source's. Sides in the order of ``SIDES``, in the frame of ``trans``."""

    wrists: np.ndarray
    turns: np.ndarray
    swivels: np.ndarray


def solve_arms(
    joints: np.ndarray, poses: np.ndarray, trans: np.ndarray, reach: Reach
) -> np.ndarray:
    """Poses (T, 165) whose wrists are where they should be, or as near as arms are long.

    Hands keep the orientation that ``poses`` give them, but for ``reach.turns``; every joint but
    collars, shoulders, elbows and wrists keeps its numbers.

    Args:
        joints: (55, 3) rest joints of who performs. poses: (T, 165) of the source. trans: (T, 3).
    """
    solved = np.array(poses, float).reshape(len(poses), 55, 3)
    rotations, positions = joint_transforms(joints, np.asarray(poses, float), trans)
    for k, side in enumerate(SIDES):
        collar, shoulder, elbow, wrist = (
            INDEX[f"{side}_{name}"] for name in ("collar", "shoulder", "elbow", "wrist")
        )
        upper, fore = joints[elbow] - joints[shoulder], joints[wrist] - joints[elbow]
        lengths = float(np.linalg.norm(upper)), float(np.linalg.norm(fore))
        goal = reach.wrists[:, k]
        stretch = np.linalg.norm(positions[:, wrist] - positions[:, shoulder], axis=-1)
        easy = np.maximum(0.95 * sum(lengths), stretch)
        girdle = _girdle(rotations, positions, collar, shoulder, goal, easy)
        chest = rotations[:, INDEX["spine3"]]
        start = (
            positions[:, collar] + (girdle @ (joints[shoulder] - joints[collar])[..., None])[..., 0]
        )
        turned_upper, turned_fore = _two_bones(
            rotations[:, shoulder] @ (upper / lengths[0]),
            rotations[:, elbow] @ (fore / lengths[1]),
            rotations[:, shoulder] @ np.array([0.0, 0.0, -1.0]),
            lengths,
            goal - start,
            reach.swivels[:, k] * (1 if side == "left" else -1),
        )
        arm = turned_upper @ rotations[:, shoulder]
        forearm = turned_fore @ rotations[:, elbow]
        hand = rotation_matrices(reach.turns[:, k]) @ rotations[:, wrist]
        forearm = _share_twist(forearm, hand, rotations[:, elbow], rotations[:, wrist], fore)
        for joint, parent, own in (
            (collar, chest, girdle),
            (shoulder, girdle, arm),
            (elbow, arm, forearm),
            (wrist, forearm, hand),
        ):
            local = rotation_vectors(transposed(parent) @ own)
            solved[:, joint] = nearest_turns(local, solved[:, joint])
    return solved.reshape(len(poses), -1)


def _girdle(
    rotations: np.ndarray,
    positions: np.ndarray,
    collar: int,
    shoulder: int,
    goal: np.ndarray,
    easy: np.ndarray,
) -> np.ndarray:
    """Global rotations (T, 3, 3) of a collar that turns towards goals (T, 3) further than easy."""
    bone = positions[:, shoulder] - positions[:, collar]
    size = np.linalg.norm(bone, axis=-1)
    to_goal = goal - positions[:, shoulder]
    distance = np.linalg.norm(to_goal, axis=-1)
    missing = _soft_excess(distance - easy, 0.02 * easy)
    across = to_goal - bone * ((to_goal * bone).sum(-1) / size**2)[:, None]
    axis = np.cross(bone, across)
    axis /= np.maximum(np.linalg.norm(axis, axis=-1, keepdims=True), 1e-9)
    # A turn moves the shoulder square to its bone, so only that share of it shortens the way.
    share = np.linalg.norm(across, axis=-1) / np.maximum(distance, 1e-9)
    angle = _COLLAR_LIMIT * np.tanh(missing * share / size / _COLLAR_LIMIT)
    return rotation_matrices(axis * angle[:, None]) @ rotations[:, collar]


def _soft_excess(over: np.ndarray, width: np.ndarray) -> np.ndarray:
    """max(over, 0) with a rounded corner: quadratic up to 2 * width, then over - width."""
    over = np.maximum(over, 0)
    return np.where(over > 2 * width, over - width, over**2 / (4 * width))


def _two_bones(
    upper: np.ndarray,
    fore: np.ndarray,
    behind: np.ndarray,
    lengths: tuple[float, float],
    goal: np.ndarray,
    swivel: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Global rotations (T, 3, 3) to be put before those of the source's upper and lower arm.

    Args:
        upper, fore: (T, 3) unit directions of the source's bones. behind: (T, 3) where the elbow
            of a straight arm points. goal: (T, 3) from the shoulder. swivel: (T,) radians.
    """
    a, b = lengths
    way = a * upper + b * fore
    aim = unit(way)
    bend = upper - aim * (upper * aim).sum(-1, keepdims=True)
    bend = bend + 1e-3 * (behind - aim * (behind * aim).sum(-1, keepdims=True))
    plane = np.cross(aim, bend)
    distance = np.linalg.norm(goal, axis=-1, keepdims=True)
    new_aim = goal / np.maximum(distance, 1e-9)
    nearest = np.sqrt(a * a + b * b - 2 * a * b * np.cos(_SHARPEST))
    source = np.linalg.norm(way, axis=-1, keepdims=True)
    distance = np.clip(
        distance, np.minimum(nearest, source), np.maximum(_LONGEST * (a + b), source)
    )
    turn = rotation_matrices(new_aim * swivel[:, None]) @ aligning(aim, new_aim)
    new_bend = (turn @ bend[..., None])[..., 0]
    new_bend /= np.maximum(np.linalg.norm(new_bend, axis=-1, keepdims=True), 1e-12)
    along = (a * a + distance**2 - b * b) / (2 * distance)
    aside = np.sqrt(np.maximum(a * a - along**2, 0))
    elbow = new_aim * along + new_bend * aside
    new_upper, new_fore = elbow / a, (new_aim * distance - elbow) / b
    new_plane = np.cross(new_aim, new_bend)
    return (
        frame(new_upper, new_plane) @ transposed(frame(upper, plane)),
        frame(new_fore, new_plane) @ transposed(frame(fore, plane)),
    )


def _share_twist(
    forearm: np.ndarray,
    hand: np.ndarray,
    source_forearm: np.ndarray,
    source_hand: np.ndarray,
    bone: np.ndarray,
) -> np.ndarray:
    """The forearm turned about itself until the wrist is twisted as the source's, no more."""
    axis = bone / np.linalg.norm(bone)
    now = transposed(forearm) @ hand
    then = transposed(source_forearm) @ source_hand
    change = rotation_vectors(now @ transposed(then)) @ axis
    return forearm @ rotation_matrices(change[:, None] * axis)
