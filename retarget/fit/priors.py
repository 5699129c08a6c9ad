"""What a fit knows before it looks: the body's thickness, how hands move, what signs are like."""

from __future__ import annotations

from dataclasses import dataclass, replace

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


@dataclass(frozen=True)
class Priors:
    """The priors on T frames: the collider and the fingers' chains of the body, the signs, and
    what touches what (None: nothing is known of it)."""

    collider: Collider
    chains: FingerChains
    signs: SignPriors
    contacts: Contacts | None = None

    def part(self, frames: slice | np.ndarray) -> Priors:
        """Some of the frames."""
        contacts = self.contacts.part(frames) if self.contacts else None
        return replace(self, signs=self.signs.part(frames), contacts=contacts)


def priors_of(
    body: Body, points: RiggedPoints, signs: SignPriors, keypoints: Keypoints | None = None
) -> Priors:
    """The priors of a clip; contacts are those that the keypoints show."""
    capsules = body_capsules(body)
    return Priors(
        collider(capsules, points.joint_rest, points.joint_shapedirs),
        finger_chains(joint_limits(points.joint_rest), points.joint_rest),
        signs,
        contacts_of(keypoints, capsules.names) if keypoints else None,
    )
