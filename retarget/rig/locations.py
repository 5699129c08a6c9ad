"""Where the hands are, said by the body's surface: the same words give the place on anybody.

A place is described by its offsets to points all over the skin, the near ones counting most, as in
the interaction meshes of Ho, Komura & Tai (2010) and the surface-relative retargeting of Liu et
al. (2018). On another body the offsets hang on that body's points: what touches still touches,
and what floats far before the chest floats there in proportion to the arm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..body.model import joint_transforms
from ..body.skeleton import INDEX
from .rules import Performer
from .surface import SIDES, Surface, pose_surface

_REACH = 0.02
"""Metres: nearer pairs all count alike; beyond, weight falls with the sixth power."""
_NEAR, _FAR = 0.03, 0.20
"""Metres: nearer offsets are kept as they are, further ones scaled by the arms' lengths."""


@dataclass(frozen=True)
class Pull:
    """Where a wrist should be: a weight (T,) and weighted sum of places (T, 3)."""

    weight: np.ndarray
    place: np.ndarray


def locate(surface: Surface, source: Performer, performer: Performer) -> np.ndarray:
    """Wrists (T, 2, 3) that are to the performer's body what the source's are to the source's."""
    scale = _arm_length(performer.shape.joints) / _arm_length(source.shape.joints)
    chosen = [surface.anchors, *(surface.probes[side][::4] for side in SIDES)]
    ends = np.cumsum([len(part) for part in chosen])[:-1]
    (before, _), (after, wrists) = (
        _anchors(who, np.concatenate(chosen), ends) for who in (source, performer)
    )
    own = [after[k + 1] - wrists[:, k, None] for k in (0, 1)]
    pulls = []
    for k, side in enumerate(SIDES):
        keep = surface.bone[surface.anchors] != INDEX[f"{side}_elbow"]
        pulls.append(
            pull_to_surface(before[k + 1], before[0][:, keep], own[k], after[0][:, keep], scale)
        )
    between = pull_to_surface(before[1], before[2], own[0], own[1], scale)
    return wrists_from(pulls[0], pulls[1], between)


def _anchors(
    who: Performer, chosen: np.ndarray, ends: np.ndarray
) -> tuple[list[np.ndarray], np.ndarray]:
    """Chosen points of a performer, split at ends, and the wrists (T, 2, 3)."""
    rotations, positions = joint_transforms(who.shape.joints, who.poses, who.trans)
    points, _ = pose_surface(who.shape, rotations, positions, who.actions, chosen)
    wrists = positions[:, [INDEX[f"{side}_wrist"] for side in SIDES]]
    return np.split(points, ends, axis=1), wrists


def _arm_length(joints: np.ndarray) -> float:
    chain = [INDEX[f"left_{name}"] for name in ("shoulder", "elbow", "wrist")]
    return float(np.linalg.norm(np.diff(joints[chain], axis=0), axis=1).sum())


def pull_to_surface(
    hand: np.ndarray, anchors: np.ndarray, own: np.ndarray, new_anchors: np.ndarray, scale: float
) -> Pull:
    """What a body's surface says about a wrist.

    Args:
        hand: (T, H, 3) the source's points of the hand. anchors: (T, A, 3) of its body.
        own: (T, H, 3) the performer's points of the hand from the wrist.
        new_anchors: (T, A, 3) of the performer's body. scale: performer's arm to source's.

    Offsets to anchors are added up without being held one by one: sums over the pairs of
    w * (anchor' + s * (hand - anchor) - own) split into products of (T, H, A) weights with points.
    """
    # Single precision is plenty about the middle of all, and twice as quick.
    middle = anchors.mean((0, 1))
    hand, anchors, new_anchors = (
        (points - middle).astype(np.float32) for points in (hand, anchors, new_anchors)
    )
    square = (
        (hand**2).sum(-1)[..., None]
        + (anchors**2).sum(-1)[:, None]
        - 2 * hand @ np.swapaxes(anchors, 1, 2)
    )
    np.maximum(square, 0, out=square)
    fall = 1 / (square * _REACH**-2 + 1)
    weights = fall * fall * fall
    scaled = _scale_at(np.sqrt(square, out=square), scale)
    scaled *= weights
    total = weights.sum((1, 2))
    place = (
        _sum(weights.sum(1), new_anchors)
        - _sum(scaled.sum(1), anchors)
        + _sum(scaled.sum(2), hand)
        - _sum(weights.sum(2), own)
    )
    return Pull(total.astype(float), place.astype(float) + total[:, None] * middle)


def _sum(weights: np.ndarray, points: np.ndarray) -> np.ndarray:
    return np.einsum("tn,tnd->td", weights, points)


def _scale_at(distance: np.ndarray, scale: float) -> np.ndarray:
    """What offsets are multiplied by; the distances are overwritten, since they are millions."""
    share = distance
    share -= _NEAR
    share *= 1 / (_FAR - _NEAR)
    np.clip(share, 0, 1, out=share)
    square = share * share
    share *= -2
    share += 3
    share *= square
    share *= scale - 1
    share += 1
    return share


def wrists_from(left: Pull, right: Pull, between: Pull) -> np.ndarray:
    """Both wrists (T, 2, 3): least squares of what the body says of each and of their difference.

    ``between`` says where the left wrist should be from the right one.
    """
    a, b, c = left.weight, right.weight, between.weight
    first = left.place + between.place
    second = right.place - between.place
    det = ((a + c) * (b + c) - c * c)[:, None]
    return np.stack(
        [
            ((b + c)[:, None] * first + c[:, None] * second) / det,
            (c[:, None] * first + (a + c)[:, None] * second) / det,
        ],
        1,
    )
