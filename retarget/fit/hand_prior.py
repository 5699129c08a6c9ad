"""What a relaxed tendon does: fingers bend as a chain, and do not spread while they are bent.

The last joint bends about two thirds as far as the middle one, since one tendon bends both
(Rijpkema & Girard 1991, "Computer animation of knowledge-based human grasping"; Lin, Wu & Huang
2000, "Modeling the constraints of human hand motion", where bent knuckles do not spread either,
because their side ligaments are then tight). A picture of a hand seen end-on says nothing of the
last joints: this does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..body.skeleton import INDEX
from .limits import Limits

LAST_TO_MIDDLE = 2 / 3
"""Flexion of the last joint of a finger for each radian of the middle one."""

_TIGHT = 1.0
"""Radians of the knuckle's flexion at which its side ligaments hold the finger."""

_FINGERS = tuple(
    tuple(INDEX[f"{side}_{finger}{k}"] for k in (1, 2, 3))
    for side in ("left", "right")
    for finger in ("index", "middle", "ring", "pinky")
)
_MIDDLE = [1, 5]


@dataclass(frozen=True)
class FingerChains:
    """Eight fingers.

    Attributes:
        joints: (8, 3) knuckle, middle and last joint. axes: (8, 3, 3, 3) their own: columns twist,
            abduction, flexion.
        together: (8,) radians of abduction that bring a finger beside the middle one.
    """

    joints: torch.Tensor
    axes: torch.Tensor
    together: torch.Tensor


def finger_chains(limits: Limits, joint_rest: np.ndarray) -> FingerChains:
    """The fingers' chains in the axes that the joint limits use; joint_rest is (55, 3)."""
    row = {joint: k for k, joint in enumerate(limits.joints)}
    joints = torch.tensor(_FINGERS)
    rows = torch.tensor([[row[joint] for joint in finger] for finger in _FINGERS])
    axes = limits.axes[rows]
    along = joint_rest[joints[:, 1].numpy()] - joint_rest[joints[:, 0].numpy()]
    middle = np.repeat(along[_MIDDLE], 4, axis=0)
    turned = (np.cross(along, middle) * axes[:, 0, :, 1].numpy()).sum(-1)
    together = np.arctan2(turned, (along * middle).sum(-1))
    return FingerChains(joints, axes, torch.from_numpy(together.astype(np.float32)))


def finger_chain(chains: FingerChains, rotvecs: torch.Tensor) -> torch.Tensor:
    """Squared radians (T,) by which fingers (T, 55, 3) bend against their tendons."""
    fingers = rotvecs[:, chains.joints]
    flexion = (fingers * chains.axes[..., 2]).sum(-1)
    spread = (fingers[:, :, 0] * chains.axes[:, 0, :, 1]).sum(-1)
    loose = flexion[..., 2] - LAST_TO_MIDDLE * flexion[..., 1]
    spread = spread - chains.together
    return (loose**2 + tightness(chains, rotvecs) * spread**2).sum(-1)


def tightness(chains: FingerChains, rotvecs: torch.Tensor) -> torch.Tensor:
    """(T, 8) 0..1: how tight the knuckles' side ligaments are; taken as given, no gradient."""
    with torch.no_grad():
        knuckles = (rotvecs[:, chains.joints[:, 0]] * chains.axes[:, 0, :, 2]).sum(-1)
        return (knuckles.abs() / _TIGHT).clamp(max=1) ** 2
