"""What a fit can be told, and the weights of its stages."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FitOptions:
    """Options of a fit.

    Attributes:
        body: the body model, 'open' or 'smplx'.
        body_path: the SMPL-X file or folder where body is 'smplx'.
        fov: vertical field of view in degrees; None takes :data:`DEFAULT_FOV`.
    """

    body: str = "open"
    body_path: str | None = None
    fov: float | None = None


DEFAULT_FOV = 30.0
"""Degrees. A camera some two metres and a half away, as studios and laptops on a desk are set."""

BETAS_USED = 16
"""Leading shape components that a clip can tell apart; the others stay 0."""


@dataclass(frozen=True)
class Stage:
    """One stage of the optimisation: its length and the weight of every cost.

    Attributes:
        steps: iterations. rate: step size of the solver at its start, radians and metres.
        body, hands, face: reprojection. depth: directions of limbs from the detector's depth.
        hand_depth: directions of the phalanges. limits: joint limits. rest: pull to the rest pose.
        shape: pull to the mean shape. smooth: acceleration of points. turn: acceleration of angles.
    """

    steps: int
    rate: float
    body: float
    hands: float
    face: float
    depth: float
    hand_depth: float
    limits: float
    rest: float
    shape: float
    smooth: float
    turn: float
    tolerance: float


STAGES: tuple[Stage, ...] = (
    # The torso, head and arms find their place; the shape follows.
    Stage(70, 0.05, 1.0, 0.2, 0.6, 30.0, 2.0, 4.0, 0.15, 2.0, 20.0, 0.5, 10.0),
    # Everything together.
    Stage(130, 0.025, 1.0, 1.0, 1.0, 20.0, 1.0, 4.0, 0.05, 0.7, 20.0, 0.5, 1.5),
    # Sharpen.
    Stage(60, 0.008, 1.0, 1.5, 1.0, 15.0, 0.5, 4.0, 0.03, 0.5, 20.0, 0.5, 1.0),
)
