"""What a fit can be told, and the weights of its stages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType


@dataclass(frozen=True)
class FitOptions:
    """Options of a fit.

    Attributes:
        body: the body model, 'open' or 'smplx'.
        body_path: the SMPL-X file or folder where body is 'smplx'.
        fov: vertical field of view in degrees; None estimates it (:mod:`.focal`).
        sign_priors: use what is known of signs: equal handshapes, handshapes that hold.
        sign_priors_file: a JSON file that says where they act (:mod:`.sign_file`); there it
            overrides what is found in the keypoints.
        vposer: a file or folder of VPoser's weights (:mod:`.vposer`), as a further pose prior.
        without: names of costs that are switched off, to see what they are for.
    """

    body: str = "open"
    body_path: str | None = None
    fov: float | None = None
    sign_priors: bool = True
    sign_priors_file: Path | None = None
    vposer: Path | None = None
    without: tuple[str, ...] = ()


DEFAULT_FOV = 30.0
"""Degrees, where the estimate starts. A camera some two metres and a half away, as studios and
laptops on a desk are set."""

BETAS_USED = 16
"""Leading shape components that a clip can tell apart; the others stay 0."""


@dataclass(frozen=True)
class Stage:
    """One stage of the optimisation.

    Attributes:
        steps: iterations at most.
        tolerance: widens the robust scale of the reprojection: large while places are rough.
        weights: by the name of the cost (:data:`.objective.COSTS`); what is absent is off.
        fingers: whether they move; else they stay as they are, which is far quicker.
    """

    steps: int
    tolerance: float
    weights: Mapping[str, float]
    fingers: bool = True


def _stage(steps: int, tolerance: float, fingers: bool = True, **weights: float) -> Stage:
    return Stage(steps, tolerance, MappingProxyType(weights), fingers)


STAGES: tuple[Stage, ...] = (
    # The torso, head and arms find their place; the shape follows.
    _stage(
        8, 10.0, fingers=False,
        body=1.0, hands=0.2, face=0.6, depth=30.0, hand_depth=2.0, limits=4.0, rest=0.15,
        upright=10.0, shape=0.8, smooth=60.0, turn=4.0, contact=1.0,
        vposer=0.1,
    ),
    # Everything together.
    _stage(
        4, 1.5,
        body=1.0, hands=1.0, face=1.0, depth=20.0, hand_depth=1.0, limits=4.0, rest=0.05,
        upright=10.0, shape=0.3, smooth=150.0, turn=4.0, penetration=1.0, contact=1.0, vposer=0.05,
        finger_chain=3.0, equal_hands=20.0, held_hands=100.0,
    ),
    # Sharpen.
    _stage(
        6, 1.0,
        body=1.0, hands=1.5, face=1.0, depth=15.0, hand_depth=0.5, limits=4.0, rest=0.03,
        upright=10.0, shape=0.2, smooth=500.0, turn=4.0, penetration=3.0, contact=1.0, vposer=0.05,
        finger_chain=3.0, equal_hands=20.0, held_hands=100.0,
    ),
)  # fmt: skip

TIME_COSTS = ("smooth", "turn", "held_hands")
"""Costs that tie frames to their neighbours."""
