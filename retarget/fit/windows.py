"""Long clips: one shape from a sample of frames, then windows that continue one another.

A window starts from the last two frames of the one before, which stay as they are and tie it by
the costs over time, and looks some frames past its own end; those are fitted again by the next
window. So nothing is blended, no border is visible, and memory does not grow with the clip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from ..body.skeleton import INDEX, LEFT_HAND, RIGHT_HAND
from .jacobian import Layout, layout_of
from .limits import finger_axes
from .newton import minimise
from .objective import Objective, Problem
from .options import STAGES, TIME_COSTS, FitOptions
from .points import HANDS
from .state import Parameters

Progress = Callable[[int, int], None]

WINDOW = 150
"""Frames of a window; a clip that is not much longer is one window."""

LOOK_AHEAD = 12
"""Frames past a window's end that are fitted with it and thrown away: the solver's ties over time
are two frames long, and their influence is gone after some ten."""

SAMPLE = 150
"""Frames from which the shape of a long clip is found."""

FINGER_GIVE = np.radians(3)
"""Radians by which a finger may leave its range where the picture insists."""

_TIE = 2

_BODY = (
    "pelvis", "spine1", "spine3", "neck", "left_collar", "right_collar", "head",
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
)  # fmt: skip
_LEGS = ("left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle")
_LEG_POINTS = slice(25, 33)


@dataclass(frozen=True)
class Window:
    """Frames first to stop are fitted, the first ``frozen`` of them only tie; of them keep_first
    to keep_stop are kept."""

    first: int
    stop: int
    frozen: int
    keep_first: int
    keep_stop: int


def windows_of(frames: int) -> Iterator[Window]:
    """The windows of a clip, in order."""
    start = 0
    while start < frames:
        stop = start + WINDOW
        if stop + 2 * LOOK_AHEAD >= frames:
            stop = frames
        tie = min(_TIE, start)
        yield Window(start - tie, min(stop + LOOK_AHEAD, frames), tie, start, stop)
        start = stop


def moving_joints(problem: Problem) -> Layout:
    """The unknowns of a clip: what no point shows keeps its rest pose. Outer finger joints are
    hinges, as in the hand itself: no picture tells what little else they do."""
    weights = problem.targets.weights
    names: tuple[str, ...] = _BODY
    if bool(weights[:, _LEG_POINTS].any()):
        names += _LEGS
    body = {INDEX[name]: np.eye(3) for name in names}
    fingers: dict[int, np.ndarray] = {}
    for side, joints in (("left", LEFT_HAND), ("right", RIGHT_HAND)):
        if bool(weights[:, HANDS[side]].any()):
            fingers |= {joint: finger_axes(problem.limits, joint) for joint in joints}
    return layout_of(body, fingers, problem.points.fingers, FINGER_GIVE)


def solve(
    problem: Problem,
    parameters: Parameters,
    options: FitOptions,
    progress: Progress | None = None,
) -> Parameters:
    """Minimise the objective of a clip of any length."""
    frames = len(parameters.trans)
    layout = moving_joints(problem)
    vectors = layout.spread(layout.gathered(parameters.vectors.numpy()))
    parameters = replace(parameters, vectors=torch.from_numpy(vectors))
    windows = list(windows_of(frames))
    if len(windows) == 1:
        return _staged(problem, parameters, layout, options, progress=_reporter(progress, frames))
    still = replace(options, without=(*options.without, *TIME_COSTS))
    sample = np.linspace(0, frames - 1, SAMPLE).round().astype(int)
    shaped = _staged(problem.part(sample), part_of(parameters, sample), layout, still)
    result = Parameters(parameters.vectors.clone(), parameters.trans.clone(), shaped.betas)
    for window in windows:
        own = slice(window.first, window.stop)
        found = _staged(
            problem.part(own),
            part_of(result, own),
            layout,
            options,
            frozen=window.frozen,
            with_betas=False,
        )
        kept = slice(window.keep_first, window.keep_stop)
        inside = slice(window.frozen, window.keep_stop - window.first)
        result.vectors[kept] = found.vectors[inside]
        result.trans[kept] = found.trans[inside]
        if progress:
            progress(window.keep_stop, frames)
    return result


def _staged(
    problem: Problem,
    parameters: Parameters,
    layout: Layout,
    options: FitOptions,
    *,
    frozen: int = 0,
    with_betas: bool = True,
    progress: Callable[[float], None] | None = None,
) -> Parameters:
    for number, stage in enumerate(STAGES):
        parameters = minimise(
            Objective(stage, problem, options),
            parameters,
            layout if stage.fingers else layout.without_fingers(),
            stage.steps,
            with_betas=with_betas,
            frozen=frozen,
        )
        if progress:
            progress((number + 1) / len(STAGES))
    return parameters


def _reporter(progress: Progress | None, frames: int) -> Callable[[float], None]:
    def report(share: float) -> None:
        if progress:
            progress(round(share * frames), frames)

    return report


def part_of(parameters: Parameters, frames: slice | np.ndarray) -> Parameters:
    """Some of the frames."""
    index = torch.as_tensor(frames) if isinstance(frames, np.ndarray) else frames
    return Parameters(parameters.vectors[index], parameters.trans[index], parameters.betas)
