"""The focal length of a clip whose camera is not known.

A camera that is near sees a hand that reaches forwards large and the head from below; one that is
far sees all at one size. So bodies of plausible shape, whose limbs point where the detector's depth
says, lie on the points at one focal length better than at others. That shows in a few frames: the
objective of a short fit of them is followed over focal lengths (a profile likelihood, its noise
unknown, so its logarithm counts), beside a prior of what cameras are used. The likelihood counts as
often as there are frames that err independently: a letter that is held for a second is one frame,
whatever a detector's constant error says of it in each.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch

from ..motion import Camera
from .camera import camera_of, zoomed
from .newton import minimise
from .objective import Objective, Problem
from .options import STAGES, TIME_COSTS
from .state import Parameters, state_of
from .windows import moving_joints, part_of

_FRAMES = 16
_FIRST_STEPS, _STEPS = 10, 8
_RATIO = math.log(1.5)
"""Between the focal lengths that are tried."""

_MOST = 3
"""Ratios by which the focal length may leave the usual one: 9 to 84 degrees about 30."""

_USUAL_FOV, _SPREAD = 35.0, 0.4
"""Vertical degrees of cameras before which people sign (studios' 20 to 30, laptops' and phones' 40
to 60), and the standard deviation of their focal lengths' logarithm."""

_STUCK = 1e-2
"""Gain in the objective's logarithm by which a fit from a better neighbour was stuck before."""


def estimated_camera(problem: Problem, parameters: Parameters) -> Camera:
    """The camera of a clip, from the problem's usual one.

    Args:
        problem: of the whole clip. parameters: where its fit would start.
    """
    targets = problem.targets
    frames = np.flatnonzero(targets.seen.any(1).numpy())
    if not len(frames) or not bool(targets.limb_weights.any()):
        return problem.camera  # flat points say too little of perspective
    kept = frames[np.linspace(0, len(frames) - 1, min(_FRAMES, len(frames))).round().astype(int)]
    problem, parameters = problem.part(kept), part_of(parameters, kept)
    layout = moving_joints(problem).without_fingers()
    weights = {n: w for n, w in STAGES[0].weights.items() if n not in (*TIME_COSTS, "contact")}
    stage = replace(STAGES[0], weights=weights)
    usual = camera_of(problem.camera.width, problem.camera.height, _USUAL_FOV)
    height = float(problem.points.joint_rest[0, 2])

    def fitted(start: Parameters, step: int, more: int, steps: int) -> tuple[float, Parameters]:
        camera = zoomed(problem.camera, step * _RATIO)
        objective = Objective(stage, replace(problem, camera=camera))
        trans = start.trans.clone()
        trans[:, 2] = (trans[:, 2] + height) * math.exp(more * _RATIO) - height
        start = replace(start, trans=trans)
        found = minimise(objective, start, layout, steps, with_betas=True)
        with torch.no_grad():
            value = float(objective(state_of(found, problem.points, camera)))
        unusual = math.log(camera.fy / usual.fy) / _SPREAD
        return math.log(value) + trust * unusual**2, found

    trust = 0.0
    found = fitted(parameters, 0, 0, _FIRST_STEPS)[1]
    trust = 1 / _evidence(problem, state_of(found, problem.points, problem.camera).pixels)
    costs, at, middle = {}, {}, 0
    costs[0], at[0] = fitted(found, 0, 0, 1)
    while True:
        for side in (-1, 1):
            if middle + side not in costs:
                step = middle + side
                costs[step], at[step] = fitted(at[middle], step, side, _STEPS)
        best = min(costs, key=lambda step: costs[step])
        if best == middle:
            break
        # A fit that is stuck would pass for evidence against its focal length.
        again, found = fitted(at[best], middle, middle - best, _STEPS)
        if again < costs[middle] - _STUCK:
            costs[middle], at[middle] = again, found
            costs.pop(2 * middle - best, None)
        elif abs(best) == _MOST:
            break
        else:
            middle = best
    if abs(best) == _MOST:
        return zoomed(problem.camera, best * _RATIO)
    before, here, after = (costs[best + side] for side in (-1, 0, 1))
    bend = before - 2 * here + after
    return zoomed(problem.camera, (best + (before - after) / 2 / bend) * _RATIO)


def _evidence(problem: Problem, pixels: torch.Tensor) -> float:
    """How often the likelihood counts: the limbs whose depth is known in each frame, times the
    frames that err independently (the spatial degrees of freedom of Bretherton et al. 1999: squared
    trace over squared norm of their correlations)."""
    targets = problem.targets
    apart = (pixels - targets.pixels) * targets.weights[..., None].sqrt()
    errors = apart.flatten(1) / apart.flatten(1).norm(dim=1, keepdim=True).clamp_min(1e-9)
    independent = len(errors) ** 2 / float(((errors @ errors.T) ** 2).sum().clamp_min(1.0))
    return max(independent * float(targets.limb_weights.sum(1).mean()), 1.0)
