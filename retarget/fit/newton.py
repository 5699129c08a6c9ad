"""The solver: Gauss-Newton steps over all frames at once (Levenberg-Marquardt where they fail).

The curvature comes from :mod:`.curvature`, the gradient from autograd over the whole objective.
Frames are tied only to their neighbours, so damping and step length are each frame's own: a hand
that is hard to fit somewhere in a clip does not hold up the rest. Angles stay within their bounds:
the step leaves out those that lie on one and are pushed out (projected Newton; Bertsekas 1982).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from .banded import BlockBanded, factorised, solved
from .curvature import CURVATURES, System
from .jacobian import Layout
from .objective import Objective
from .state import Parameters, State, state_of

_CLOSE = 1e-3
"""Relative decrease of the objective at which a stage ends."""

_FARTHEST = 0.6
"""Radians that an angle may turn in one step."""

_TRIALS = 4
"""Lengths of a step that are tried."""

_SHORTER = 0.3

_LOSS = 0.25
"""Share of what other frames gain that frames may lose in a step."""

_DAMPING = (1e-3, 1e3)
"""Least and most damping, in the objective's units per squared radian or metre, per frame."""


@dataclass(frozen=True)
class Slope:
    """Where the objective stands: each frame's value (T,), the state, and slopes (T, n), (B,)."""

    values: np.ndarray
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
    damping = np.full(len(parameters.trans), _DAMPING[0] * 10)
    here = _slope(objective, parameters, layout, with_betas)
    for step in range(steps):
        matrix = _curvature(objective, here.state, layout, with_betas, frozen)
        held = _pushed_out(parameters, layout, here.frames)[frozen:]
        try:
            factor = factorised(matrix, damping[frozen:], held)
        except np.linalg.LinAlgError:
            damping *= 100
            continue
        move, shape = solved(factor, here.frames[frozen:], here.betas)
        move = _bounded(np.concatenate([np.zeros((frozen, layout.size)), move]))
        share = np.ones(len(move))
        for _ in range(_TRIALS):
            trial = _moved(parameters, layout, -share[:, None] * move, -share.mean() * shape)
            values = _values(objective, trial)
            rise = values - here.values
            loss, gain = rise[rise > 0].sum(), -rise[rise < 0].sum()
            if loss <= _LOSS * gain:
                break
            share = _shortened(share, rise > 0)
        if progress:
            progress(step + 1)
        if loss >= gain:
            damping *= 10
            if damping.min() > _DAMPING[1]:
                break
            continue
        damping = np.clip(damping * np.where(share == 1, 0.2, 4.0), *_DAMPING)
        parameters = trial
        if gain - loss < _CLOSE * here.values.sum() or step + 1 == steps:
            break
        here = _slope(objective, parameters, layout, with_betas)
    return parameters


def _shortened(share: np.ndarray, worse: np.ndarray) -> np.ndarray:
    """Steps (T,) shorter where frames fared worse; neighbours follow, being tied to them."""
    around = maximum_filter1d(worse.astype(float), 5)
    shorter = gaussian_filter1d(around * (1 - _SHORTER), 1.5, mode="nearest")
    return share * np.minimum(1 - shorter, np.where(worse, _SHORTER, 1))


def _pushed_out(parameters: Parameters, layout: Layout, slopes: np.ndarray) -> np.ndarray:
    """(T, n) bool: the unknowns that lie on a bound and would leave it."""
    angles, down = layout.gathered(parameters.vectors.numpy()), slopes[:, 3:]
    out = ((angles <= layout.low + 1e-4) & (down > 0)) | (
        (angles >= layout.high - 1e-4) & (down < 0)
    )
    return np.concatenate([np.zeros((len(out), 3), bool), out], 1)


def _bounded(move: np.ndarray) -> np.ndarray:
    """Every frame's step (T, n), shortened where an angle would turn too far for the tangent."""
    longest = np.abs(move[:, 3:]).max(axis=1, keepdims=True)
    return move * np.minimum(1, _FARTHEST / np.maximum(longest, 1e-9))


def _values(objective: Objective, parameters: Parameters) -> np.ndarray:
    problem = objective.problem
    with torch.no_grad():
        state = state_of(parameters, problem.points, problem.camera)
        return objective.per_frame(state).double().numpy()


def _slope(objective: Objective, parameters: Parameters, layout: Layout, with_betas: bool) -> Slope:
    unknowns = [values.detach().requires_grad_() for values in parameters.all()]
    problem = objective.problem
    state = state_of(Parameters(*unknowns), problem.points, problem.camera)
    values = objective.per_frame(state)
    values.sum().backward()
    vectors, trans, betas = (values.grad for values in unknowns)
    assert vectors is not None and trans is not None and betas is not None
    own = np.concatenate([trans.numpy(), layout.gathered(vectors.numpy())], 1)
    shared = betas if with_betas else betas[:0]
    return Slope(
        values.detach().double().numpy(),
        state.detached(),
        own.astype(float),
        shared.double().numpy(),
    )


def _curvature(
    objective: Objective, state: State, layout: Layout, with_betas: bool, frozen: int
) -> BlockBanded:
    system = System(objective.problem, state, layout, with_betas)
    for name, weight in objective.weights.items():
        if name in CURVATURES:
            CURVATURES[name](system, weight)
    return system.finished().after(frozen)


def _moved(
    parameters: Parameters, layout: Layout, frames: np.ndarray, betas: np.ndarray
) -> Parameters:
    vectors, trans, shape = (values.detach().clone() for values in parameters.all())
    angles = layout.gathered(vectors.numpy())
    move = np.clip(angles + frames[:, 3:], layout.low, layout.high) - angles
    vectors += torch.from_numpy(layout.spread(move.astype(np.float32)))
    trans += torch.from_numpy(frames[:, :3].astype(np.float32))
    if len(betas):
        shape += torch.from_numpy(np.clip(betas, -2, 2).astype(np.float32))
    return Parameters(vectors, trans, shape)
