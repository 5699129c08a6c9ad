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

_MIRROR = torch.tensor([1.0, -1.0, -1.0])
"""Takes a right joint's rotation vector to the left one's: mirrored in the plane x = 0."""

_LETS_GO = 0.6
"""Radians beyond which a finger joint that differs is taken to mean it."""


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
    """Robust squared radians between the finger joints of both hands (T, 55, 3), mirrored."""
    frames = priors.equal.nonzero()[:, 0]
    hands = rotvecs[frames]
    apart = hands[:, LEFT_HAND] - hands[:, RIGHT_HAND] * _MIRROR
    cost = geman_mcclure((apart**2).sum(-1), _LETS_GO).sum(-1)
    return (cost * priors.equal[frames]).sum() / len(rotvecs)


def held_hands(priors: SignPriors, rotvecs: torch.Tensor) -> torch.Tensor:
    """Robust squared radians of finger joints (T, 55, 3) from their mean over the hold."""
    total = rotvecs.new_zeros(())
    for column, joints in enumerate((LEFT_HAND, RIGHT_HAND)):
        frames = (priors.held[:, column] >= 0).nonzero()[:, 0]
        if not len(frames):
            continue
        _, hold = priors.held[frames, column].unique(return_inverse=True)
        fingers = rotvecs[frames][:, joints]
        with torch.no_grad():
            # To first order the mean is where it is whatever one frame does.
            count = torch.bincount(hold).to(fingers)[:, None, None]
            mean = fingers.new_zeros(len(count), *fingers.shape[1:]).index_add(0, hold, fingers)
            mean = (mean / count)[hold]
        total = total + geman_mcclure(((fingers - mean) ** 2).sum(-1), _LETS_GO).sum()
    return total / len(rotvecs)
