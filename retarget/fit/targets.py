"""What a fit aims at: where the points were seen, which way the bones point, and how surely."""

from __future__ import annotations

import functools
from dataclasses import dataclass, fields, replace

import numpy as np
import torch

from ..body.landmarks import detection_noise
from ..body.skeleton import PARENTS
from ..keypoints.hand_gaps import is_bridged
from ..keypoints.record import Keypoints
from .initial import fill_gaps
from .points import BODY, FACE, HAND_JOINTS, HANDS, RIGID_FACE

LIMB_PAIRS = ((11, 13), (13, 15), (12, 14), (14, 16), (12, 11))
"""Pairs of body points whose direction the detector's depth gives."""

HAND_PAIRS = tuple((0 if k % 4 == 1 else k - 1, k) for k in range(1, 21))
"""Pairs of points along one hand's fingers, counted within the hand."""

PHALANGES_OF = {"left": slice(0, len(HAND_PAIRS)), "right": slice(len(HAND_PAIRS), None)}
"""Where each hand's pairs stand among both hands'."""

SEEN = 0.3
"""Confidence from which a point counts."""

ROUGH_FACE, ROUGH_HAND = 0.2, 1.0
"""What the pose network's points of face and hand weigh where these have points of their own."""

USUAL_NOISE = {"body": 0.011, "hand": 0.0055}
"""Metres of scatter at which a point weighs 1; the stages balance the parts."""

MOST_TRUST = 1.5

HIPS, HIPS_TRUST = [23, 24], 0.2
"""Hips at the picture's edge are made up, by the same centimetres all clip long: less than their
scatter says, they would tilt the trunk and bring the arms nearer."""

_GUESSED = 0.01
"""Confidence of a point that is interpolated: a place to start from, nothing to aim at."""


@dataclass(frozen=True)
class Targets:
    """What T frames should look like.

    Attributes:
        pixels: (T, N, 2) of the points of :mod:`.points`, in units of the picture's longer side.
        weights: (T, N) how surely they were seen.
        limbs: (T, 5, 3) unit directions of ``LIMB_PAIRS``. limb_weights: (T, 5).
        phalanges: (T, 40, 3) unit directions of ``HAND_PAIRS``, left hand first.
        phalanx_weights: (T, 40).
        seen: (T, 55) bool: the joints that some sure point shows.
    """

    pixels: torch.Tensor
    weights: torch.Tensor
    limbs: torch.Tensor
    limb_weights: torch.Tensor
    phalanges: torch.Tensor
    phalanx_weights: torch.Tensor
    seen: torch.Tensor

    def part(self, frames: slice | np.ndarray) -> Targets:
        """Some of the frames."""
        return replace(self, **{f.name: getattr(self, f.name)[frames] for f in fields(self)})


def body_seen(keypoints: Keypoints) -> np.ndarray:
    """(T,) bool: the frames with at least three sure points of a body."""
    return (keypoints.body[..., 3] > SEEN).sum(1) >= 3


def without_body_gaps(keypoints: Keypoints, seen: np.ndarray) -> Keypoints:
    """The keypoints with unseen bodies interpolated, so that every frame has a start."""
    if seen.all():
        return keypoints
    body = fill_gaps(keypoints.body, seen)
    body[~seen, :, 3] = _GUESSED
    return replace(keypoints, body=body)


def targets_of(keypoints: Keypoints) -> Targets:
    """The targets of a clip."""
    longer = max(keypoints.width, keypoints.height)
    face = keypoints.face[:, list(RIGID_FACE)]
    stacked = np.concatenate(
        [keypoints.body, keypoints.left_hand, keypoints.right_hand, face], axis=1
    )
    inside = (
        (stacked[..., 0] > -0.02 * longer)
        & (stacked[..., 0] < keypoints.width + 0.02 * longer)
        & (stacked[..., 1] > -0.02 * longer)
        & (stacked[..., 1] < keypoints.height + 0.02 * longer)
    )
    sure = stacked[..., 3] > SEEN
    for columns in HANDS.values():  # a bridged hand pulls too, as weakly as it is marked
        sure[:, columns] |= is_bridged(stacked[:, columns])[:, None]
    weights = np.where(inside & sure, stacked[..., 3], 0.0)
    # The pose network's own face and hands err together, so where they have points of their own,
    # all its points of a part say no more than few of them would.
    for side, rows in (("left", (17, 19, 21)), ("right", (18, 20, 22))):
        there = (weights[:, HANDS[side]] > SEEN).any(1)
        weights[np.ix_(there, rows)] *= ROUGH_HAND
    face_there = weights[:, FACE].any(1)
    weights[np.ix_(face_there, range(11))] *= ROUGH_FACE
    weights[:, : FACE.start] *= _trust()
    limbs, limb_weights = _directions(_deep_body(keypoints), LIMB_PAIRS)
    limb_weights[:, 4] *= 0.2  # across the shoulders the detector's depth is poor
    hands = [_directions(part, HAND_PAIRS) for part in (keypoints.left_hand, keypoints.right_hand)]
    return Targets(
        torch.from_numpy((stacked[..., :2] / longer).astype(np.float32)),
        torch.from_numpy(weights.astype(np.float32)),
        torch.from_numpy(limbs),
        torch.from_numpy(limb_weights),
        torch.from_numpy(np.concatenate([hands[0][0], hands[1][0]], 1)),
        torch.from_numpy(np.concatenate([hands[0][1], hands[1][1]], 1)),
        torch.from_numpy(_joints_seen(stacked)),
    )


def _joints_seen(stacked: np.ndarray) -> np.ndarray:
    """(T, 55) bool from all points (T, N, 4)."""
    seen = np.repeat((stacked[:, BODY, 3] > SEEN).any(1)[:, None], len(PARENTS), 1)
    for side, rows in HAND_JOINTS.items():
        seen[:, rows] = (stacked[:, HANDS[side], 3] > SEEN).any(1)[:, None]
    return seen


def _deep_body(keypoints: Keypoints) -> np.ndarray:
    """Body points (T, 33, 4) in three dimensions: the world landmarks, or else the picture's
    points with their depth."""
    if keypoints.body_world[..., 3].any():
        return keypoints.body_world
    return keypoints.body


def _has_depth(points: np.ndarray) -> bool:
    """Whether points (..., 4) have depth at all: flat sources write 0."""
    return bool(points[..., 2].any())


@functools.cache
def _trust() -> np.ndarray:
    """(75,) inverse variances of the points of body and hands, as measured on rendered signers,
    relative to what is usual in their part."""
    body, hand = (
        np.minimum((usual / detection_noise(part)) ** 2, MOST_TRUST)
        for part, usual in USUAL_NOISE.items()
    )
    body[HIPS] *= HIPS_TRUST
    return np.concatenate([body, hand, hand])


def _directions(
    points: np.ndarray, pairs: tuple[tuple[int, int], ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Unit directions (T, P, 3) of pairs of points (T, N, 4), and how surely they are known:
    not at all in a source without depth."""
    start, end = (points[:, [pair[k] for pair in pairs]] for k in (0, 1))
    vectors = end[..., :3] - start[..., :3]
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    weights = np.minimum(start[..., 3], end[..., 3]) * (length[..., 0] > 1e-6)
    weights = weights * _has_depth(points)
    return (vectors / np.maximum(length, 1e-6)).astype(np.float32), weights.astype(np.float32)
