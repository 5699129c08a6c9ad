"""What a fit knows before it looks: the body's thickness, how hands move, what signs are like."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..body.capsules import body_capsules
from ..body.model import Body
from .hand_prior import FingerChains, finger_chains
from .limits import joint_limits
from .penetration import Collider, collider
from .points import RiggedPoints
from .sign_priors import SignPriors


@dataclass(frozen=True)
class Priors:
    """The priors on T frames: the collider and the fingers' chains of the body, and the signs."""

    collider: Collider
    chains: FingerChains
    signs: SignPriors

    def part(self, frames: slice | np.ndarray) -> Priors:
        """Some of the frames."""
        return replace(self, signs=self.signs.part(frames))


def priors_of(body: Body, points: RiggedPoints, signs: SignPriors) -> Priors:
    """The priors of a clip."""
    return Priors(
        collider(body_capsules(body), points.joint_rest, points.joint_shapedirs),
        finger_chains(joint_limits(points.joint_rest), points.joint_rest),
        signs,
    )
