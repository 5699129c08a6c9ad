"""The solver: Gauss-Newton steps over all frames at once (Levenberg-Marquardt where they fail).

The curvature comes from :mod:`.curvature`, the gradient from autograd over the whole objective.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from .banded import factorised, solved
from .curvature import CURVATURES, System
from .jacobian import Layout
from .objective import Objective
from .state import Parameters, State, state_of

_CLOSE = 3e-3
"""Relative decrease of the objective at which a stage ends."""

_FARTHEST = 0.6
"""Radians that an angle may turn in one step."""

_SHORTEST = 0.05
"""Share of a step below which a line search gives up."""

_DAMPING = (1e-3, 1e3)
"""Least and most damping, in the objective's units per squared radian or metre, per frame."""


@dataclass(frozen=True)
class Gradient:
    """Where the objective stands: its value, the state, and its slopes (T, n) and (B,)."""

    value: float
    state: State
    frames: np.ndarray
    betas: np.ndarray


def minimise(
    objective: Objective,
    parameters: Parameters,
    layout: Layout,
    steps: int,
    *,
    with_betas: bool,
    frozen: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Parameters:
    """Take up to ``steps`` steps, or fewer where they no longer gain.

    Args:
        frozen: how many leading frames stay as they are and only tie the others to them.
        progress: called with the number of steps done.
    """
    damping = 1e-2
    here = _gradient(objective, parameters, layout, with_betas)
    for step in range(steps):
        matrix = _curvature(objective, here.state, layout, with_betas, frozen)
        try:
            factor = factorised(matrix, damping)
        except np.linalg.LinAlgError:
            damping *= 100
            continue
        move, shape = solved(factor, here.frames[frozen:], here.betas)
        move = _bounded(np.concatenate([np.zeros((frozen, layout.size)), move]))
        value, share = here.value, 1.0
        while share > _SHORTEST:
            trial = _moved(parameters, layout, -share * move, -share * shape)
            value = _value(objective, trial)
            if value < here.value:
                break
            share /= 2.5
        if progress:
            progress(step + 1)
        if value >= here.value:
            damping *= 100
            if damping > _DAMPING[1]:
                break
            continue
        damping = damping / 10 if share == 1 else damping * 3
        damping = max(damping, _DAMPING[0])
        gained = (here.value - value) / here.value
        parameters = trial
        if gained < _CLOSE or step + 1 == steps:
            break
        here = _gradient(objective, parameters, layout, with_betas)
    return parameters


def _bounded(move: np.ndarray) -> np.ndarray:
    """Every frame's step (T, n), shortened where an angle would turn too far for the tangent."""
    longest = np.abs(move[:, 3:]).max(axis=1, keepdims=True)
    return move * np.minimum(1, _FARTHEST / np.maximum(longest, 1e-9))


def _value(objective: Objective, parameters: Parameters) -> float:
    problem = objective.problem
    with torch.no_grad():
        state = state_of(parameters, problem.points, problem.camera)
        return float(objective(state)) * len(parameters.trans)


def _gradient(
    objective: Objective, parameters: Parameters, layout: Layout, with_betas: bool
) -> Gradient:
    unknowns = [values.detach().requires_grad_() for values in parameters.all()]
    problem = objective.problem
    state = state_of(Parameters(*unknowns), problem.points, problem.camera)
    value = objective(state)
    value.backward()
    value = value.detach()
    rotvecs, trans, betas = (values.grad for values in unknowns)
    assert rotvecs is not None and trans is not None and betas is not None
    frames = len(trans)
    # The objective is a mean over frames; the matrix is of their sum.
    own = np.concatenate([trans.numpy(), layout.gathered(rotvecs.numpy())], 1) * float(frames)
    shared = betas if with_betas else betas[:0]
    return Gradient(
        float(value) * frames,
        state.detached(),
        own.astype(float),
        shared.double().numpy() * frames,
    )


def _curvature(objective: Objective, state: State, layout: Layout, with_betas: bool, frozen: int):
    system = System(objective.problem, state, layout, with_betas)
    for name, weight in objective.weights.items():
        if name in CURVATURES:
            CURVATURES[name](system, weight)
    return system.finished().after(frozen)


def _moved(
    parameters: Parameters, layout: Layout, frames: np.ndarray, betas: np.ndarray
) -> Parameters:
    rotvecs, trans, shape = (values.detach().clone() for values in parameters.all())
    rotvecs += torch.from_numpy(layout.spread(frames[:, 3:].astype(np.float32)))
    trans += torch.from_numpy(frames[:, :3].astype(np.float32))
    if len(betas):
        shape += torch.from_numpy(np.clip(betas, -2, 2).astype(np.float32))
    return Parameters(rotvecs, trans, shape)
