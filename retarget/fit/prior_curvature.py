"""The Gauss-Newton curvature of the priors (see :mod:`.curvature`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..body.skeleton import LEFT_HAND, RIGHT_HAND
from .contact import links
from .hand_prior import LAST_TO_MIDDLE, tightness
from .penetration import Overlaps, overlaps, places
from .sign_priors import LETS_GO, MIRROR, STEP_LETS_GO, held_links
from .vposer import JOINTS

if TYPE_CHECKING:
    from .curvature import System

_MOST_OVERLAPS = 12
"""Overlaps of one frame that shape its step; the deepest."""


def _robust(square: np.ndarray, scale: float) -> np.ndarray:
    """Weight of a residual under Geman-McClure's loss."""
    return (1 + square / scale**2) ** -2.0


def _rows_of(system: System, joint: int) -> np.ndarray:
    """(3, n): how the unknowns move the rotation vector of a joint."""
    own = np.zeros((3, system.layout.size), np.float32)
    columns = 3 + np.flatnonzero(system.layout.joint == joint)
    own[:, columns] = system.layout.axis[columns - 3].T
    return own


def _add_squares(system: System, row: np.ndarray, weights: np.ndarray) -> None:
    """Add weights (T,) of the square of rows (R, n), which few unknowns move."""
    used = np.flatnonzero(row.any(0))
    block = row[:, used].T @ row[:, used]
    system.diagonal[:, used[:, None], used] += weights[:, None, None] * block


def _equal_hands(system: System, weight: float) -> None:
    priors = system.problem.priors
    if priors is None or not bool(priors.signs.equal.any()):
        return
    mirror = MIRROR.numpy()
    equal = 2 * weight * priors.signs.equal.numpy()
    for left, right in zip(LEFT_HAND, RIGHT_HAND, strict=True):
        apart = system.vectors[:, left] - system.vectors[:, right] * mirror
        row = _rows_of(system, left) - mirror[:, None] * _rows_of(system, right)
        _add_squares(system, row, equal * _robust((apart**2).sum(-1), LETS_GO))


def _held_hands(system: System, weight: float) -> None:
    priors = system.problem.priors
    if priors is None or len(system.points) < 2:
        return
    links = held_links(priors.signs).numpy()
    steps = ((system.vectors[1:] - system.vectors[:-1]) ** 2).sum(-1)
    weights = np.zeros_like(steps)
    for column, joints in enumerate((LEFT_HAND, RIGHT_HAND)):
        own = list(joints)
        weights[:, own] = links[:, column, None] * _robust(steps[:, own], STEP_LETS_GO)
    index = np.arange(3, system.layout.size)
    spread = 2 * weight * weights[:, system.layout.joint]
    system.diagonal[:-1, index, index] += spread
    system.diagonal[1:, index, index] += spread
    system.first[:-1, index, index] -= spread


def _finger_chain(system: System, weight: float) -> None:
    priors = system.problem.priors
    if priors is None:
        return
    bent = tightness(priors.chains, system.state.vectors).numpy()
    ones = np.ones(len(system.points), np.float32)
    for finger, (joints, axes) in enumerate(
        zip(priors.chains.joints, priors.chains.axes, strict=True)
    ):
        knuckle, middle, last = joints.tolist()
        flexion = [axes[k, :, 2].numpy() for k in range(3)]
        chain = flexion[2] @ _rows_of(system, last)
        chain = chain - LAST_TO_MIDDLE * flexion[1] @ _rows_of(system, middle)
        _add_squares(system, chain[None], 2 * weight * ones)
        spread = axes[0, :, 1].numpy() @ _rows_of(system, knuckle)
        _add_squares(system, spread[None], 2 * weight * bent[:, finger])


def _vposer(system: System, weight: float) -> None:
    prior = system.problem.priors.vposer if system.problem.priors else None
    if prior is None:
        return
    joints = range(JOINTS.start, JOINTS.stop)
    turned = np.concatenate([_rows_of(system, joint) for joint in joints])
    with torch.no_grad():
        code = prior.jacobian(system.state.vectors[:, JOINTS]).numpy()
    own = np.sqrt(2 * weight).astype(np.float32) * code @ turned
    shared = np.zeros((*own.shape[:2], system.border.shape[2]), np.float32)
    system.add(own, shared, np.arange(system.layout.size))


def _closing(system: System, found: Overlaps) -> tuple[np.ndarray, np.ndarray]:
    """Rows (K, n) of how the unknowns move pairs of places apart, and their distances (K,),
    metres."""
    state = system.state
    posed = [place.numpy() for place in places(found, state.rotations, state.positions)]
    apart = posed[0] - posed[1]
    distance = np.linalg.norm(apart, axis=-1, keepdims=True)
    outward = apart / np.maximum(distance, 1e-6)
    turns = system.motions.turns[found.frame.numpy()]
    own = np.zeros((len(outward), system.layout.size), np.float32)
    for sign, place, joint in zip((1.0, -1.0), posed, found.joints, strict=True):
        six = np.concatenate([np.cross(place, outward), outward], -1)
        moved = (six[:, None].astype(np.float32) @ turns)[:, 0]
        own[:, 3:] += sign * moved * system.layout.above[joint.numpy()]
    return own, distance[:, 0]


def _contact(system: System, weight: float) -> None:
    priors = system.problem.priors
    if priors is None or priors.contacts is None or not bool(priors.contacts.touching.any()):
        return
    state = system.state
    found = links(priors.contacts, priors.collider, state.rotations, state.positions, state.betas)
    if not len(found.frame):
        return
    own, distance = _closing(system, found)
    air = np.maximum(distance - found.allowed.numpy(), 0)
    weight *= priors.contacts.weight
    root = 100 * np.sqrt(2 * weight * _robust(air**2, priors.contacts.lets_go) * (air > 0))
    np.add.at(
        system.diagonal,
        found.frame.numpy(),
        (root**2)[:, None, None].astype(np.float32) * own[:, :, None] * own[:, None],
    )


def _penetration(system: System, weight: float) -> None:
    priors = system.problem.priors
    if priors is None:
        return
    state = system.state
    found = overlaps(priors.collider, state.rotations, state.positions, state.betas)
    if not len(found.frame):
        return
    own, distance = _closing(system, found)
    frame = found.frame.numpy()
    depth = found.allowed.numpy() - distance
    # Frames have different numbers of overlaps: the deepest fill a table of equal rows.
    order = np.lexsort((-depth, frame))
    counts = np.bincount(frame, minlength=len(system.points))
    rank = np.arange(len(frame)) - np.repeat(np.cumsum(counts) - counts, counts)
    kept = rank < _MOST_OVERLAPS
    height = min(int(counts.max()), _MOST_OVERLAPS)
    table = np.zeros((len(system.points), height, system.layout.size), np.float32)
    table[frame[order][kept], rank[kept]] = 100 * np.sqrt(2 * weight) * own[order][kept]
    shared = np.zeros((*table.shape[:2], system.border.shape[2]), np.float32)
    system.add(table, shared, np.arange(system.layout.size))


PRIOR_CURVATURES: Mapping[str, Callable[[System, float], None]] = {
    "equal_hands": _equal_hands,
    "held_hands": _held_hands,
    "finger_chain": _finger_chain,
    "penetration": _penetration,
    "contact": _contact,
    "vposer": _vposer,
}
"""By the name of the cost: adds weight times its curvature."""
