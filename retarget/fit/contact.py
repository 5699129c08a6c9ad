"""Contact: fingertips that the picture shows resting on a face or on the other hand lie on it.

A picture leaves the depth of a hand open by centimetres, so a finger that touches the chin floats
before it or is in it. Where its tip lies on the other part in the picture and moves with it for
some frames, it is taken to touch, and is drawn to the skin (the capsules of :mod:`.penetration`)
from some centimetres away; from further it is let go, since a hand may well be held before a face.
The trunk is left out: signs are made before it, at rest, without touching it. Rempe et al. (2020)
and TUCH (Mueller et al. 2021, "On self-contact and human pose") let contact settle depth likewise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.ndimage import binary_opening, gaussian_filter1d

from ..keypoints.record import Keypoints
from .costs import geman_mcclure
from .initial import complete
from .penetration import FLESH, Collider, Overlaps, ends_of, places, shares_of

TIPS = {"thumb3": 4, "index3": 8, "middle3": 12, "ring3": 16, "pinky3": 20}
"""Capsule of a fingertip and its point among a hand's 21."""

_PALM = 0.09
"""Metres from the wrist to the middle finger's knuckle: the scale of a picture."""

_NEAR = 0.025
"""Metres, in the picture, from the nearest point of a part within which a tip lies on it."""

_SLOW = 0.2
"""Metres a second beside the part that a resting tip may move."""

_FEWEST = 3
"""Frames that a touch lasts at least."""

_SEEN = 0.5
_STEADIED = 1.5
"""Frames, standard deviation: noise of a pixel is no movement."""

_FACE_POINTS = 120

LETS_GO, LETS_GO_FLAT = 0.03, 0.3
"""Metres from the skin where the pull is let go: soon where the source has depth, whose word then
counts, late where it has none."""

BESIDE_DEPTH = 0.05
"""What a contact weighs where the source has depth: capsules are a centimetre's approximation of
the skin, exact depth is better, and noisy depth needs no more than a nudge."""

_BETWEEN = ((0, 5), (0, 9), (0, 13), (0, 17), (5, 17), (1, 5))


@dataclass(frozen=True)
class Contacts:
    """What touches what in T frames, by the picture.

    Attributes:
        tips: (10,) capsules of the fingertips, left hand first.
        parts: capsules of each part that may be touched: left hand, right hand, head.
        touching: (T, 10, 3) bool.
        lets_go: metres of air beyond which a touch is taken for an accident of the view.
        weight: how much the cost counts: little beside a source's own depth.
    """

    tips: torch.Tensor
    parts: tuple[torch.Tensor, ...]
    touching: torch.Tensor
    lets_go: float = LETS_GO
    weight: float = 1.0

    def part(self, frames: slice | np.ndarray) -> Contacts:
        """Some of the frames."""
        return replace(self, touching=self.touching[frames])


def contacts_of(keypoints: Keypoints, names: Sequence[str]) -> Contacts:
    """The contacts that a clip shows.

    Args:
        names: of the collider's capsules (:mod:`...body.capsules`).
    """
    rows = {name: row for row, name in enumerate(names)}
    tips = [rows[f"{side}_{tip}"] for side in ("left", "right") for tip in TIPS]
    arms = ("arm", "forearm")
    parts = [
        [
            row
            for name, row in rows.items()
            if name.startswith(f"{side}_") and name[len(side) + 1 :] not in arms
        ]
        for side in ("left", "right")
    ]
    parts.append([row for name, row in rows.items() if name.startswith("head_")])
    deep = any(bool(part[..., 2].any()) for part in (keypoints.body, keypoints.body_world))
    return Contacts(
        torch.tensor(tips),
        tuple(torch.tensor(part) for part in parts),
        torch.from_numpy(touching(keypoints)),
        LETS_GO if keypoints.body_world[..., 3].any() else LETS_GO_FLAT,
        BESIDE_DEPTH if deep else 1.0,
    )


def touching(keypoints: Keypoints) -> np.ndarray:
    """(T, 10, 3) bool: which fingertips rest on the left hand, the right hand and the head."""
    hands = [complete(hand) for hand in (keypoints.left_hand, keypoints.right_hand)]
    face = keypoints.face[:, (keypoints.face[..., 3] > _SEEN).any(0)]
    face = complete(face[:, :: max(1, face.shape[1] // _FACE_POINTS)])
    found = np.zeros((keypoints.frame_count, 10, 3), bool)
    sizes = [
        np.linalg.norm(hand[seen, 9, :2] - hand[seen, 0, :2], axis=-1)
        for hand in hands
        if (seen := hand[:, [0, 9], 3].min(1) > _SEEN).any()
    ]
    if not sizes:
        return found
    metre = float(np.percentile(np.concatenate(sizes), 80)) / _PALM
    middles = [[(hand[:, a] + hand[:, b]) / 2 for a, b in _BETWEEN] for hand in hands]
    surfaces = [
        np.concatenate([hand, np.stack(middle, 1)], 1)
        for hand, middle in zip(hands, middles, strict=True)
    ]
    anchors = [*hands, face]
    for side, hand in enumerate(hands):
        points = hand[:, list(TIPS.values())]
        for part, (surface, anchor) in enumerate(zip([*surfaces, face], anchors, strict=True)):
            if part != side and surface.shape[1]:
                rests = _resting(points, surface, anchor, metre, keypoints.fps)
                found[:, 5 * side : 5 * side + 5, part] = rests
    return found


def _resting(
    points: np.ndarray, surface: np.ndarray, anchor: np.ndarray, metre: float, fps: float
) -> np.ndarray:
    """(T, 5) bool: points (T, 5, 4) lie on a surface's (T, N, 4) and move as an anchor's do."""
    both_seen = [(part[..., 3] > _SEEN).mean(1) > 0.5 for part in (points, anchor)]
    there = (both_seen[0] & both_seen[1])[:, None]
    apart = np.stack(
        [
            np.linalg.norm(points[:, tip, None, :2] - surface[..., :2], axis=-1).min(1)
            for tip in range(points.shape[1])
        ],
        1,
    )
    beside = points[..., :2] - anchor[..., :2].mean(1)[:, None]
    beside = gaussian_filter1d(beside, _STEADIED, axis=0, mode="nearest")
    speed = np.linalg.norm(np.gradient(beside, axis=0), axis=-1) if len(beside) > 1 else apart * 0
    rests = there & (apart < _NEAR * metre) & (speed < _SLOW * metre / fps)
    return binary_opening(rests, np.ones((_FEWEST, 1)))


def links(
    contacts: Contacts,
    hit: Collider,
    rotations: torch.Tensor,
    positions: torch.Tensor,
    betas: torch.Tensor,
) -> Overlaps:
    """Every touching tip with the nearest capsule of its part, as pairs whose distance should be
    what they are allowed; no gradient. Arguments as in :func:`.penetration.overlaps`."""
    with torch.no_grad():
        frame, tip, part = contacts.touching.nonzero(as_tuple=True)
        offsets = hit.offsets + hit.offset_dirs @ betas
        radius = (hit.radius + hit.radius_dirs @ betas).clamp_min(1e-3)
        start, end = ends_of(offsets, hit.joint, rotations, positions)
        found = []
        for number, others in enumerate(contacts.parts):
            own = (part == number).nonzero()[:, 0]
            if len(own):
                first = contacts.tips[tip[own]]
                one = start[frame[own], first], (end - start)[frame[own], first]
                other = start[frame[own]][:, others], (end - start)[frame[own]][:, others]
                share_a, share_b = shares_of(one[0][:, None], one[1][:, None], *other)
                a = one[0][:, None] + share_a[..., None] * one[1][:, None]
                b = other[0] + share_b[..., None] * other[1]
                thick = torch.lerp(radius[first, :1], radius[first, 1:], share_a)
                thick = thick + torch.lerp(radius[others, 0], radius[others, 1], share_b)
                gap = (a - b).norm(dim=-1) - thick
                least = gap.argmin(1)
                row = torch.arange(len(own))
                near = (gap[row, least] > -FLESH) & (gap[row, least] < 3 * contacts.lets_go)
                row, least, second = row[near], least[near], others[least[near]]
                first = first[near]
                found.append(
                    (
                        frame[own][near],
                        hit.joint[first],
                        hit.joint[second],
                        torch.lerp(offsets[0, first], offsets[1, first], share_a[row, least, None]),
                        torch.lerp(
                            offsets[0, second], offsets[1, second], share_b[row, least, None]
                        ),
                        thick[row, least],
                    )
                )
        if not found:
            nothing = frame[:0]
            place = offsets.new_zeros(0, 3)
            return Overlaps(nothing, (nothing, nothing), (place, place), place[:, 0])
        frames, a_joint, b_joint, a_offset, b_offset, allowed = map(
            torch.cat, zip(*found, strict=True)
        )
        return Overlaps(frames, (a_joint, b_joint), (a_offset, b_offset), allowed)


def contact(
    contacts: Contacts,
    hit: Collider,
    rotations: torch.Tensor,
    positions: torch.Tensor,
    betas: torch.Tensor,
) -> torch.Tensor:
    """Robust squared centimetres (T,) of air between what touches, weighted; what is in the skin is
    left to the penetration's cost. The shape is taken as given."""
    found = links(contacts, hit, rotations, positions, betas)
    a, b = places(found, rotations, positions)
    air = torch.relu(torch.sqrt(((a - b) ** 2).sum(-1) + 1e-12) - found.allowed)
    cost = contacts.weight * geman_mcclure((100 * air) ** 2, 100 * contacts.lets_go)
    return cost.new_zeros(len(positions)).index_add(0, found.frame, cost)
