"""What is known of signs: hands that sign together take one handshape, and handshapes are held.

SGNify (Forte et al., CVPR 2023) gives isolated signs of known classes these two priors: both hands
of a symmetric sign share their handshape, and a handshape stays as it is while a sign lasts. Here
they act on spans of continuous signing (:mod:`.sign_spans` finds them), frame by frame. The first
is the Symmetry Condition of Battison (1978), "Lexical borrowing in American Sign Language".

Both are robust: where the picture shows something else for sure, they let go.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..body.skeleton import LEFT_HAND, RIGHT_HAND
from .costs import geman_mcclure

MIRROR = torch.tensor([1.0, -1.0, -1.0])
"""Takes a right joint's rotation vector to the left one's: mirrored in the plane x = 0."""

LETS_GO = 0.6
"""Radians beyond which a finger joint that differs is taken to mean it."""

STEP_LETS_GO = 0.25
"""Radians in one frame beyond which a finger joint is taken to have left the hold."""


@dataclass(frozen=True)
class SignPriors:
    """Where the priors act on T frames.

    Attributes:
        equal: (T,) 0..1, how surely both hands have one handshape.
        held: (T, 2) for the left and the right hand, which hold a frame belongs to; -1 for none.
    """

    equal: torch.Tensor
    held: torch.Tensor

    def part(self, frames: slice | np.ndarray) -> SignPriors:
        """Some of the frames."""
        return SignPriors(self.equal[frames], self.held[frames])


def no_sign_priors(frames: int) -> SignPriors:
    """Nothing is known of any frame."""
    return SignPriors(torch.zeros(frames), torch.full((frames, 2), -1))


def equal_hands(priors: SignPriors, rotvecs: torch.Tensor) -> torch.Tensor:
    """Robust squared radians (T,) between the finger joints of both hands (T, 55, 3), mirrored."""
    apart = rotvecs[:, LEFT_HAND] - rotvecs[:, RIGHT_HAND] * MIRROR
    return geman_mcclure((apart**2).sum(-1), LETS_GO).sum(-1) * priors.equal


def held_links(priors: SignPriors) -> torch.Tensor:
    """(T - 1, 2) bool: whether each hand's handshape goes on from one frame to the next."""
    held = priors.held
    return (held[1:] == held[:-1]) & (held[1:] >= 0)


def held_hands(priors: SignPriors, rotvecs: torch.Tensor) -> torch.Tensor:
    """Robust squared radians (T,) that finger joints (T, 55, 3) turn to the next frame in holds.

    A chain of equal frames averages the noise of all, and lets go where one change is too much.
    """
    total = rotvecs.new_zeros(len(rotvecs) - 1)
    links = held_links(priors)
    for column, joints in enumerate((LEFT_HAND, RIGHT_HAND)):
        hands = rotvecs[:, joints]
        step = hands[1:] - hands[:-1]
        total = total + geman_mcclure((step**2).sum(-1), STEP_LETS_GO).sum(-1) * links[:, column]
    return torch.cat([total, total.new_zeros(1)])
