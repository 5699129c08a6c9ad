"""What a fit knows before it looks: the body's thickness, how hands move, what signs are like."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..body.capsules import body_capsules
from ..body.model import Body
from ..keypoints.record import Keypoints
from .contact import Contacts, contacts_of
from .hand_prior import FingerChains, finger_chains
from .limits import joint_limits
from .penetration import Collider, collider
from .points import RiggedPoints
from .sign_priors import SignPriors
from .vposer import VPoser, load_vposer


@dataclass(frozen=True)
class Priors:
    """The priors on T frames: the collider and the fingers' chains of the body, the signs, and
    what touches what (None: nothing is known of it), and a VPoser where the user has one."""

    collider: Collider
    chains: FingerChains
    signs: SignPriors
    contacts: Contacts | None = None
    vposer: VPoser | None = None

    def part(self, frames: slice | np.ndarray) -> Priors:
        """Some of the frames."""
        contacts = self.contacts.part(frames) if self.contacts else None
        return replace(self, signs=self.signs.part(frames), contacts=contacts)


def priors_of(
    body: Body,
    points: RiggedPoints,
    signs: SignPriors,
    keypoints: Keypoints | None = None,
    vposer: Path | None = None,
) -> Priors:
    """The priors of a clip; contacts are those that the keypoints show, vposer is its file."""
    capsules = body_capsules(body)
    return Priors(
        collider(capsules, points.joint_rest, points.joint_shapedirs),
        finger_chains(joint_limits(points.joint_rest), points.joint_rest),
        signs,
        contacts_of(keypoints, capsules.names) if keypoints else None,
        load_vposer(vposer) if vposer else None,
    )
