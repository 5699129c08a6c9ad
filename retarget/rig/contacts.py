"""What touched must touch, what did not must not, and nothing may pierce: a system over the clip.

Unknown per frame and side: the wrist's displacement, a small turn of the hand about it, the swivel
of the elbow, and a little play of the fingers. Every nearby pair of skin points gives a row that is
linear in them; Gauss-Newton with an active set, all frames at once, smooth in time.
"""

from __future__ import annotations

import numpy as np

from ..body.model import joint_transforms
from .arms import Reach, solve_arms
from .axes import hand_axes
from .fingers import FINGERS, Fingers, bend, fingers_of
from .rows import BEND, HALF, MOVE, SWIVEL, TURN, Rows
from .rules import Performer, Rules, limb_probes
from .smooth import smooth_solution
from .surface import HANDS, SIDES, Surface, pose_surface

_UNKNOWNS = 2 * HALF
_TURN_LIMIT = np.radians(2.2)
"""The palm's orientation is a part of the sign: no more than can be seen to be the same."""
_BEND_LIMIT = np.radians(1.7)
"""So is the handshape, joint by joint."""
_SWIVEL_LIMIT = 1.2
_HAND_LEVER, _FINGER_LEVER = 0.10, 0.05
"""Metres from the wrist to the middle of a hand, from a knuckle to the middle of a finger: what
makes turns comparable with moves."""


def _weights(move: float, turn: float, swivel: float) -> np.ndarray:
    """(U,) of the unknowns; turns are weighed by the way that they move the skin."""
    turns, bends = [turn * _HAND_LEVER**2] * 3, [turn * _FINGER_LEVER**2] * len(FINGERS)
    return np.tile([move] * 3 + turns + [swivel] + bends, 2)


_PRIOR = _weights(0.3, 6.0, 0.01)
_SMOOTH = _weights(60.0, 60.0, 4.0)
_PINNED = _weights(0.0, 1e5, 0.0)


def solve_contacts(
    surface: Surface, rules: Rules, performer: Performer, wrists: np.ndarray, rounds: int = 5
) -> np.ndarray:
    """Poses (T, 165) of the performer that keep the rules, with wrists near places (T, 2, 3)."""
    fingers = fingers_of(performer.shape)
    state = np.zeros((len(wrists), _UNKNOWNS))
    poses = _reached(performer, fingers, wrists, state)
    for _ in range(rounds):
        matrices, vectors = _system(surface, performer, fingers, poses, state, rules)
        limited = _limited(smooth_solution(matrices, vectors, state, _PRIOR, _SMOOTH))
        # Turns that were cut leave their share of the way to the moves.
        pinned = _PINNED * limited
        state = smooth_solution(
            matrices + np.diag(_PINNED), vectors + pinned, limited, _PRIOR, _SMOOTH
        )
        poses = _reached(performer, fingers, wrists, state)
    return poses


def _reached(
    performer: Performer, fingers: Fingers, wrists: np.ndarray, state: np.ndarray
) -> np.ndarray:
    """Poses (T, 165) in a state (T, U)."""
    sides = state.reshape(len(state), 2, HALF)
    reach = Reach(wrists + sides[..., MOVE], sides[..., TURN], sides[..., SWIVEL])
    poses = solve_arms(performer.shape.joints, performer.poses, performer.trans, reach)
    return bend(fingers, poses, sides[..., BEND])


def _limited(state: np.ndarray) -> np.ndarray:
    """Turns cut, smoothly, to what keeps the palm's orientation and the handshape."""
    sides = state.reshape(len(state), 2, HALF).copy()
    turn = sides[..., TURN]
    size = np.linalg.norm(turn, axis=-1, keepdims=True)
    sides[..., TURN] = turn * _TURN_LIMIT * np.tanh(size / _TURN_LIMIT) / np.maximum(size, 1e-9)
    sides[..., SWIVEL] = np.clip(sides[..., SWIVEL], -_SWIVEL_LIMIT, _SWIVEL_LIMIT)
    sides[..., BEND] = _BEND_LIMIT * np.tanh(sides[..., BEND] / _BEND_LIMIT)
    return sides.reshape(state.shape)


def _system(
    surface: Surface,
    performer: Performer,
    fingers: Fingers,
    poses: np.ndarray,
    state: np.ndarray,
    rules: Rules,
) -> tuple[np.ndarray, np.ndarray]:
    """Normal equations per frame, (T, U, U) and (T, U), of the rows about the present state."""
    shape = performer.shape
    rotations, positions = joint_transforms(shape.joints, poses, performer.trans)
    points, normals = pose_surface(shape, rotations, positions, performer.actions)
    matrices = np.zeros((len(poses), _UNKNOWNS, _UNKNOWNS))
    vectors = np.zeros((len(poses), _UNKNOWNS))
    axes = hand_axes(shape, surface.bone)
    side_of = np.full(len(surface.ids), -1)
    for k, side in enumerate(SIDES):
        side_of[np.isin(surface.bone, HANDS[side])] = k
    for (limb, side), frames in rules.items():
        probes, k = limb_probes(surface, limb, side), SIDES.index(side)
        for frame, rule in enumerate(frames):
            if not len(rule.among):
                continue
            rows = Rows(
                points[frame],
                normals[frame],
                rotations[frame],
                positions[frame],
                side_of,
                surface.aside,
                fingers,
                axes,
                state[frame],
            )
            make = rows.hand if limb == "hand" else rows.arm
            jacobian, residual, weight = make(k, probes, rule)
            if len(residual):
                weighted = jacobian * weight[:, None]
                matrices[frame] += weighted.T @ jacobian
                vectors[frame] += weighted.T @ residual
    return matrices, vectors
