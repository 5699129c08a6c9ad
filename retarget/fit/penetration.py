"""Interpenetration: hands out of the body, out of each other, fingers out of fingers and palms.

SMPLify-X (Pavlakos et al. 2019) penalises colliding triangles; here tapered capsules fitted to the
body's own skin (:mod:`..body.capsules`) stand for it: two capsules that overlap cost the square of
their depth. Depth that the rest pose has already, where neighbours share skin, is free, and so is a
little softness of flesh.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..body.capsules import Capsules, capsule_gaps, pose_capsules

FLESH = 0.002
"""Metres by which two parts may press into each other: touching skin yields."""

PALM_FLESH = 0.01
"""The same of fingertips in their own palm, which hollows as the hand closes; capsules do not."""


@dataclass(frozen=True)
class Collider:
    """The capsules of a fit in torch, and which pairs of them may not overlap.

    Attributes:
        joint: (C,) carriers. offsets: (2, C, 3) ends of the axes from the carrier's rest joint.
        offset_dirs: (2, C, 3, B). radius: (C, 2). radius_dirs: (C, 2, B).
        movers: (M,) capsules of hands and forearms: one of every pair.
        free: (M, C) metres of overlap that cost nothing; infinite for pairs that are not watched.
    """

    joint: torch.Tensor
    offsets: torch.Tensor
    offset_dirs: torch.Tensor
    radius: torch.Tensor
    radius_dirs: torch.Tensor
    movers: torch.Tensor
    free: torch.Tensor


def watched_pairs(capsules: Capsules) -> np.ndarray:
    """(P, 2) rows of the capsules that are checked against each other, each pair once.

    Hands against everything but the arm that carries them; forearms against trunk, head and the
    other arm. Within a hand: neighbouring fingers, the thumb against fingers, and the last
    phalanges against the palm; fingers further apart meet only through those between them.
    """
    names = capsules.names
    pairs = [
        (a, b)
        for a, first in enumerate(names)
        for b, second in enumerate(names[a + 1 :], start=a + 1)
        if _watched(first, second)
    ]
    return np.array(pairs)


def _watched(first: str, second: str) -> bool:
    (side, kind), (other_side, other) = _kind(first), _kind(second)
    kinds = {kind, other}
    if side != other_side:
        return bool(kinds & {"hand", "forearm"}) and not (second == "neck" and kind != "hand")
    return kinds == {"hand"} and _watched_within(first, second)


def _watched_within(first: str, second: str) -> bool:
    """Whether two capsules of one hand are checked; the first stands before the second."""
    (_, one, *_), (_, other, *_) = first.split("_"), second.split("_")
    if other == "palm":
        return one[-1] == "3"
    fingers = _FINGER_ORDER.index(one[:-1]), _FINGER_ORDER.index(other[:-1])
    if fingers[0] == 0:
        return fingers[1] > 0 and one[-1] in "23"
    # Neighbours always touch at their roots.
    return fingers[1] - fingers[0] == 1 and one[-1] in "23" and other[-1] in "23"


_FINGER_ORDER = ("thumb", "index", "middle", "ring", "pinky")


def _kind(name: str) -> tuple[str, str]:
    """(side, kind): the kind is 'hand', 'forearm', 'arm' or 'body', whose side is empty."""
    side, _, part = name.partition("_")
    if side not in ("left", "right"):
        return "", "body"
    return side, part if part in ("arm", "forearm") else "hand"


def collider(capsules: Capsules, joint_rest: np.ndarray, joint_dirs: np.ndarray) -> Collider:
    """The collider of a body.

    Args:
        capsules: of the mean body. joint_rest: (55, 3). joint_dirs: (55, 3, B) of the betas used.
    """
    count = joint_dirs.shape[-1]
    offsets = np.stack([capsules.start, capsules.end]) - joint_rest[capsules.joint]
    dirs = np.stack([capsules.start_dirs[..., :count], capsules.end_dirs[..., :count]])
    dirs = dirs - joint_dirs[capsules.joint]
    pairs = watched_pairs(capsules)
    rest = np.broadcast_to(np.eye(3), (1, 55, 3, 3)), joint_rest[None].astype(np.float64)
    posed = pose_capsules(capsules, joint_rest, *rest)
    gaps = capsule_gaps(posed, capsules.radius, pairs[:, 0], pairs[:, 1])[0]
    free = np.full((len(capsules), len(capsules)), np.inf)
    own_palm = [
        "palm" in capsules.names[b] and _kind(capsules.names[a]) == _kind(capsules.names[b])
        for a, b in pairs
    ]
    soft = np.where(own_palm, PALM_FLESH, FLESH)
    free[pairs[:, 0], pairs[:, 1]] = soft + np.maximum(-gaps, 0)
    movers = np.unique(pairs[:, 0])

    def tensor(values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(values, np.float32))

    return Collider(
        torch.from_numpy(capsules.joint),
        tensor(offsets),
        tensor(dirs),
        tensor(capsules.radius),
        tensor(capsules.radius_dirs[..., :count]),
        torch.from_numpy(movers),
        tensor(free[movers]),
    )


@dataclass(frozen=True)
class Overlaps:
    """K pairs of capsules that overlap: the frame of each, the two joints, the two places of the
    axes nearest to each other as (K, 3) from those joints unturned, and how near these may come."""

    frame: torch.Tensor
    joints: tuple[torch.Tensor, torch.Tensor]
    offsets: tuple[torch.Tensor, torch.Tensor]
    allowed: torch.Tensor


def overlaps(
    hit: Collider, rotations: torch.Tensor, positions: torch.Tensor, betas: torch.Tensor
) -> Overlaps:
    """The watched pairs that overlap more than they may; no gradient.

    Args:
        rotations: (T, 55, 3, 3) global. positions: (T, 55, 3). betas: (B,).
    """
    with torch.no_grad():
        ends = hit.offsets + hit.offset_dirs @ betas
        radius = (hit.radius + hit.radius_dirs @ betas).clamp_min(1e-3)
        start, end = ends_of(ends, hit.joint, rotations, positions)
        frame, first, second, share_a, share_b, allowed = _deep(hit, start, end, radius)
        return Overlaps(
            frame,
            (hit.joint[first], hit.joint[second]),
            (
                torch.lerp(ends[0, first], ends[1, first], share_a[:, None]),
                torch.lerp(ends[0, second], ends[1, second], share_b[:, None]),
            ),
            allowed,
        )


def places(
    found: Overlaps, rotations: torch.Tensor, positions: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The two nearest places (K, 3) of every overlap, differentiable as points on their joints."""
    turns, origins = rotations.flatten(0, 1), positions.flatten(0, 1)
    posed = []
    for joint, offset in zip(found.joints, found.offsets, strict=True):
        flat = found.frame * rotations.shape[1] + joint
        posed.append((turns[flat] @ offset[..., None])[..., 0] + origins[flat])
    return posed[0], posed[1]


def depths(
    hit: Collider, rotations: torch.Tensor, positions: torch.Tensor, betas: torch.Tensor
) -> torch.Tensor:
    """Metres (K,) by which pairs of capsules overlap more than they may, over all frames.

    The shape is taken as given: nobody gets thinner because their hands are placed wrongly. The
    nearest places slide along the axes, to no first-order effect (envelope theorem), so the
    gradient needs only the two points, each riding on its joint.
    """
    return _depths(overlaps(hit, rotations, positions, betas), rotations, positions)


def _depths(found: Overlaps, rotations: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    a, b = places(found, rotations, positions)
    return torch.relu(found.allowed - torch.sqrt(((a - b) ** 2).sum(-1) + 1e-12))


def penetration(
    hit: Collider, rotations: torch.Tensor, positions: torch.Tensor, betas: torch.Tensor
) -> torch.Tensor:
    """Squared centimetres of overlap (T,) (see :func:`depths`), summed over pairs."""
    found = overlaps(hit, rotations, positions, betas)
    square = (100 * _depths(found, rotations, positions)) ** 2
    return square.new_zeros(len(positions)).index_add(0, found.frame, square)


def ends_of(
    offsets: torch.Tensor, joint: torch.Tensor, rotations: torch.Tensor, positions: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Posed ends of all capsules, two of (T, C, 3)."""
    both = offsets.transpose(0, 1).transpose(1, 2)
    posed = rotations[:, joint] @ both + positions[:, joint][..., None]
    return posed[..., 0], posed[..., 1]


def _deep(
    hit: Collider, start: torch.Tensor, end: torch.Tensor, radius: torch.Tensor
) -> tuple[torch.Tensor, ...]:
    """What overlaps: frame, two capsules, where along both axes, and how near these may come."""
    middle = (start + end) / 2
    ball = (end - start).norm(dim=-1) / 2 + radius.max(-1).values
    reach = ball[:, hit.movers, None] + ball[:, None] - hit.free
    close = torch.cdist(middle[:, hit.movers], middle) < reach
    frame, row, second = close.nonzero(as_tuple=True)
    first = hit.movers[row]
    both = torch.cat([start, end - start, radius.expand(*start.shape[:2], 2)], -1).flatten(0, 1)
    one = both.index_select(0, frame * start.shape[1] + first)
    other = both.index_select(0, frame * start.shape[1] + second)
    share_a, share_b = shares_of(one[:, :3], one[:, 3:6], other[:, :3], other[:, 3:6])
    allowed = torch.lerp(one[:, 6], one[:, 7], share_a) - hit.free[row, second]
    allowed += torch.lerp(other[:, 6], other[:, 7], share_b)
    apart = one[:, :3] + share_a[:, None] * one[:, 3:6]
    apart -= other[:, :3] + share_b[:, None] * other[:, 3:6]
    deep = ((apart**2).sum(-1) < allowed**2) & (allowed > 0)
    kept = deep.nonzero()[:, 0]
    return tuple(values[kept] for values in (frame, first, second, share_a, share_b, allowed))


def shares_of(
    start_a: torch.Tensor, along_a: torch.Tensor, start_b: torch.Tensor, along_b: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """:func:`..body.capsules.segment_shares` in torch, of starts and of vectors to the ends."""
    apart = start_a - start_b
    aa = (along_a**2).sum(-1).clamp_min(1e-12)
    bb = (along_b**2).sum(-1).clamp_min(1e-12)
    ab = (along_a * along_b).sum(-1)
    a0, b0 = (along_a * apart).sum(-1), (along_b * apart).sum(-1)
    share_a = ((ab * b0 - a0 * bb) / (aa * bb - ab**2).clamp_min(1e-14)).clamp(0, 1)
    share_b = ((ab * share_a + b0) / bb).clamp(0, 1)
    return ((ab * share_b - a0) / aa).clamp(0, 1), share_b
