"""The objective of a fit: a table of costs, and what they need to know of the clip.

To add a cost, write its function, add a line to :data:`COSTS`, and give its name a weight in the
stages of :mod:`.options`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import torch

from ..body.skeleton import INDEX
from ..motion import Camera
from . import contact as contact_costs
from . import costs
from . import hand_prior as hand_priors
from . import penetration as penetrations
from . import sign_priors as sign_prior_costs
from .limits import Limits, joint_limits
from .options import FitOptions, Stage
from .points import BODY, BOTH_HANDS, FACE, HANDS, RiggedPoints
from .priors import Priors
from .state import State
from .targets import HAND_PAIRS, LIMB_PAIRS, Targets
from .vposer import vposer_cost


@dataclass(frozen=True)
class Problem:
    """What the costs know of T frames.

    Attributes:
        targets: what was seen. points: the points that are compared. camera: the clip's.
        limits: the joints' ranges. tolerance: widens the reprojection's robust scale.
        priors: what is known beforehand; None leaves the costs that need it out.
    """

    targets: Targets
    points: RiggedPoints
    camera: Camera
    limits: Limits
    tolerance: float = 1.0
    priors: Priors | None = None

    def part(self, frames: slice | np.ndarray) -> Problem:
        """Some of the frames."""
        priors = self.priors.part(frames) if self.priors else None
        return replace(self, targets=self.targets.part(frames), priors=priors)


@dataclass(frozen=True)
class Cost:
    """One term of the objective.

    Attributes:
        name: what stages weight and ``FitOptions.without`` switches off.
        function: of the problem and the state, differentiable; (T,), a sum over points.
        scale: brings its unit near the others', so that stage weights are near 1.
    """

    name: str
    function: Callable[[Problem, State], torch.Tensor]
    scale: float = 1.0


def build_problem(
    targets: Targets, points: RiggedPoints, camera: Camera, priors: Priors | None = None
) -> Problem:
    """The problem of a clip."""
    return Problem(targets, points, camera, joint_limits(points.joint_rest), priors=priors)


def robust_scale(problem: Problem, part: slice) -> float:
    """Where the reprojection of a part lets go, in thousandths of the longer side."""
    return (60.0 if part == BODY else 30.0) * problem.tolerance


def _reprojection(problem: Problem, state: State, part: slice) -> torch.Tensor:
    targets = problem.targets
    return costs.reprojection(
        state.pixels[:, part],
        targets.pixels[:, part],
        targets.weights[:, part],
        robust_scale(problem, part),
    )


def body(problem: Problem, state: State) -> torch.Tensor:
    """Reprojection of the 33 body points."""
    return _reprojection(problem, state, BODY)


def hands(problem: Problem, state: State) -> torch.Tensor:
    """Reprojection of both hands' 21 points."""
    return _reprojection(problem, state, BOTH_HANDS)


def face(problem: Problem, state: State) -> torch.Tensor:
    """Reprojection of the face points that expressions hardly move: where the head looks."""
    return _reprojection(problem, state, FACE)


SMOOTHED = [
    INDEX[name] for name in ("pelvis", "spine3", "neck", "head", "left_shoulder", "right_shoulder")
] + [INDEX[f"{side}_{name}"] for side in ("left", "right") for name in ("elbow", "wrist")]
"""Joints whose places are kept from jittering."""

LIMBS = torch.tensor(LIMB_PAIRS)
PHALANGES = torch.cat([torch.tensor(HAND_PAIRS) + HANDS[side].start for side in ("left", "right")])


def depth(problem: Problem, state: State) -> torch.Tensor:
    """The limbs point where the detector's metric points say (MediaPipe's world landmarks)."""
    targets = problem.targets
    return costs.direction(state.points, LIMBS, targets.limbs, targets.limb_weights)


def hand_depth(problem: Problem, state: State) -> torch.Tensor:
    """The phalanges point where the detector's hand depth says: weak, but it settles which way
    a finger bends."""
    targets = problem.targets
    return costs.direction(state.points, PHALANGES, targets.phalanges, targets.phalanx_weights)


def limits(problem: Problem, state: State) -> torch.Tensor:
    """Joints beyond their anatomical range."""
    return costs.limits(state.local, problem.limits)


_REST_WEIGHTS = costs.rest_weights()


def rest(problem: Problem, state: State) -> torch.Tensor:
    """Pull to the rest pose, strong where the picture says little."""
    return costs.rest(state.vectors, _REST_WEIGHTS)


def upright(problem: Problem, state: State) -> torch.Tensor:
    """The trunk stands upright: 1 - cosine of its tilt, which unseen hips leave open."""
    return 1 + state.rotations[:, 0, 1, 1]


def shape(problem: Problem, state: State) -> torch.Tensor:
    """Pull to the mean body: the betas are standard deviations."""
    return (state.betas**2).sum().expand(len(state.points))


def smooth(problem: Problem, state: State) -> torch.Tensor:
    """Acceleration of the body's joints in space."""
    return costs.acceleration(state.positions[:, SMOOTHED], quick_metres(problem))


def quick_metres(problem: Problem) -> float:
    """Where :func:`smooth` lets go: late while places are rough, or it would keep their errors."""
    return costs.QUICK_METRES * min(problem.tolerance, 5.0)


def turn(problem: Problem, state: State) -> torch.Tensor:
    """Acceleration of every joint's angles."""
    return costs.acceleration(state.vectors, *steadiness(problem.targets))


def steadiness(targets: Targets) -> tuple[torch.Tensor, torch.Tensor]:
    """How :func:`turn` holds the joints (T - 2, 55): radians from which it lets go, and its weight.
    A joint that nobody sees has no cause to change quickly, so there it never lets go."""
    seen = targets.seen
    there = seen[2:] & seen[1:-1] & seen[:-2]
    return torch.where(there, costs.QUICK_RADIANS, NEVER), torch.where(there, 1.0, UNSEEN_STEADY)


NEVER = 1e3
UNSEEN_STEADY = 20.0


def penetration(problem: Problem, state: State) -> torch.Tensor:
    """Hands in the body, in each other, fingers in fingers and palms (capsules)."""
    if problem.priors is None:
        return state.points.new_zeros(len(state.points))
    hit = problem.priors.collider
    return penetrations.penetration(hit, state.rotations, state.positions, state.betas)


def contact(problem: Problem, state: State) -> torch.Tensor:
    """Fingertips that the picture shows resting on the face or the other hand lie on it."""
    if problem.priors is None or problem.priors.contacts is None:
        return state.points.new_zeros(len(state.points))
    hit, shown = problem.priors.collider, problem.priors.contacts
    return contact_costs.contact(shown, hit, state.rotations, state.positions, state.betas)


def vposer(problem: Problem, state: State) -> torch.Tensor:
    """SMPLify-X's own pose prior, where the user has VPoser's weights."""
    if problem.priors is None or problem.priors.vposer is None:
        return state.points.new_zeros(len(state.points))
    return vposer_cost(problem.priors.vposer, state.vectors)


def finger_chain(problem: Problem, state: State) -> torch.Tensor:
    """Hand prior: a finger's last joint bends with its middle one, bent knuckles do not spread."""
    if problem.priors is None:
        return state.points.new_zeros(len(state.points))
    return hand_priors.finger_chain(problem.priors.chains, state.vectors)


def equal_hands(problem: Problem, state: State) -> torch.Tensor:
    """Sign prior: both hands of a symmetric sign have one handshape."""
    if problem.priors is None:
        return state.points.new_zeros(len(state.points))
    return sign_prior_costs.equal_hands(problem.priors.signs, state.vectors)


def held_hands(problem: Problem, state: State) -> torch.Tensor:
    """Sign prior: between transitions a handshape stays as it is."""
    if problem.priors is None:
        return state.points.new_zeros(len(state.points))
    return sign_prior_costs.held_hands(problem.priors.signs, state.vectors)


COSTS: tuple[Cost, ...] = (
    Cost("body", body, 0.02),
    Cost("hands", hands, 0.02),
    Cost("face", face, 0.01),
    Cost("depth", depth),
    Cost("hand_depth", hand_depth),
    Cost("limits", limits, 10.0),
    Cost("rest", rest),
    Cost("upright", upright),
    Cost("shape", shape),
    Cost("smooth", smooth, 100.0),
    Cost("turn", turn),
    Cost("penetration", penetration),
    Cost("contact", contact),
    Cost("vposer", vposer),
    Cost("finger_chain", finger_chain),
    Cost("equal_hands", equal_hands),
    Cost("held_hands", held_hands),
)

COST_NAMES = tuple(cost.name for cost in COSTS)


class Objective:
    """The weighted sum of the costs of one stage.

    Raises:
        ValueError: a stage or the options name a cost that is not in the table.
    """

    def __init__(self, stage: Stage, problem: Problem, options: FitOptions | None = None) -> None:
        without = options.without if options else ()
        if unknown := sorted((set(stage.weights) | set(without)) - set(COST_NAMES)):
            raise ValueError(f"no cost called {', '.join(unknown)}; there are {COST_NAMES}")
        self.problem = replace(problem, tolerance=stage.tolerance)
        self.weights: Mapping[str, float] = MappingProxyType(
            {
                cost.name: cost.scale * stage.weights[cost.name]
                for cost in COSTS
                if stage.weights.get(cost.name, 0) and cost.name not in without
            }
        )

    def terms(self, state: State) -> dict[str, torch.Tensor]:
        """The weighted cost (T,) of each name."""
        return {
            cost.name: self.weights[cost.name] * cost.function(self.problem, state)
            for cost in COSTS
            if cost.name in self.weights
        }

    def __call__(self, state: State) -> torch.Tensor:
        return self.per_frame(state).mean()

    def per_frame(self, state: State) -> torch.Tensor:
        """What each frame costs (T,); the objective is their mean."""
        return torch.stack(list(self.terms(state).values())).sum(0)
