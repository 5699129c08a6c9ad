"""The Gauss-Newton curvature of the objective: what makes a step of the solver a good one.

Each cost that pulls hard has a function here that adds its J^T W J, with the robust losses
reweighted as of now (IRLS; Holland & Welsch 1977). A cost without one still acts through its
gradient. Nothing here changes the minimum, only the way to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch

from . import costs
from .banded import BlockBanded
from .jacobian import Layout, motions_of, rows
from .limits import over_limits
from .objective import (
    LIMBS,
    PHALANGES,
    SMOOTHED,
    Problem,
    quick_metres,
    robust_scale,
    steadiness,
)
from .points import BODY, FACE, HANDS
from .prior_curvature import PRIOR_CURVATURES
from .state import State
from .targets import PHALANGES_OF


class System:
    """Adds up the curvature of T frames, about one pose.

    Attributes:
        layout: the unknowns. state: the pose, in torch. diagonal ... corner: as in
            :class:`.banded.BlockBanded`, so far.
    """

    def __init__(self, problem: Problem, state: State, layout: Layout, with_betas: bool) -> None:
        self.problem, self.state, self.layout = problem, state, layout
        self.with_betas = with_betas
        self.points = state.points.numpy()
        self.positions = state.positions.numpy()
        self.vectors = state.vectors.numpy()
        rotations = state.rotations.numpy()
        self.motions = motions_of(
            layout, self.vectors, rotations, self.positions, problem.points, with_betas
        )
        frames, size = len(self.points), layout.size
        shared = len(state.betas) if with_betas else 0
        self.diagonal = np.zeros((frames, size, size), np.float32)
        self.first = np.zeros_like(self.diagonal)
        self.second = np.zeros_like(self.diagonal)
        self.border = np.zeros((frames, size, shared), np.float32)
        self.corner = np.zeros((shared, shared))
        self._rows: dict[tuple[int, ...], list[tuple[np.ndarray, np.ndarray]]] = {}

    def measure(
        self, ids: np.ndarray, measured: np.ndarray, columns: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Jacobians (T, M R, k) by the unknowns in columns (k,), and (T, M R, B), of rows
        (T, M, R, 3) of the listed points (M,)."""
        joint = self.problem.points.joint[ids]
        own = rows(self.layout, self.motions, self.points[:, ids], joint, measured, columns)
        shared = np.zeros((*own.shape[:2], 0), np.float32)
        if self.with_betas:
            shared = (measured @ self.motions.point_betas[:, ids]).reshape(*own.shape[:2], -1)
        return own, shared

    def add(self, own: np.ndarray, shared: np.ndarray, columns: np.ndarray) -> None:
        """Add rows (T, R, k) of the unknowns in columns (k,) and (T, R, B), weighted by the roots
        of their weights."""
        self._rows.setdefault(tuple(columns), []).append((own, shared))

    def add_angles(self, weights: np.ndarray) -> None:
        """Add weights (T, 55) of all rotations of a joint."""
        index = np.arange(3, self.layout.size)
        self.diagonal[:, index, index] += weights[:, self.layout.joint]

    def add_accelerations(self, own: np.ndarray, weights: np.ndarray) -> None:
        """Add second differences over time of what the rows (T, R, k) measure, by weights
        (T - 2, R); the rows cover the first k unknowns."""
        width = own.shape[2]
        taps = (1.0, -2.0, 1.0)
        for late in range(3):
            for early in range(late + 1):
                block = (self.diagonal, self.first, self.second)[late - early]
                count = len(weights)
                left = np.swapaxes(own[late : late + count], 1, 2) * weights[:, None]
                product = taps[late] * taps[early] * (left @ own[early : early + count])
                block[early : early + count, :width, :width] += product

    def add_turns(self, weights: np.ndarray) -> None:
        """Add second differences over time of the angles, by weights (T - 2, 55) of the
        joints."""
        index = np.arange(3, self.layout.size)
        spread = weights[:, self.layout.joint]
        taps, count = (1.0, -2.0, 1.0), len(weights)
        for late in range(3):
            for early in range(late + 1):
                block = (self.diagonal, self.first, self.second)[late - early]
                block[early : early + count, index, index] += taps[late] * taps[early] * spread

    def finished(self) -> BlockBanded:
        """The whole matrix. Rows of the same unknowns are multiplied together: to gather and
        scatter blocks takes as long as their products."""
        for columns, parts in self._rows.items():
            own, shared = (np.concatenate(rows, 1) for rows in zip(*parts, strict=True))
            turned, index = np.swapaxes(own, 1, 2), np.array(columns)
            if len(index) == self.layout.size:
                self.diagonal += turned @ own
            else:
                self.diagonal[:, index[:, None], index] += turned @ own
            if self.with_betas:
                self.border[:, index] += turned @ shared
                flat = shared.reshape(-1, shared.shape[2])
                self.corner += flat.T @ flat
        self._rows.clear()
        return BlockBanded(self.diagonal, self.first, self.second, self.border, self.corner)


def _reprojection(part: slice) -> Callable[[System, float], None]:
    def add(system: System, weight: float) -> None:
        problem, targets = system.problem, system.problem.targets
        ids = np.arange(part.start, part.stop)
        seen = np.flatnonzero(targets.weights[:, ids].numpy().any(0))
        if not len(seen):
            return
        ids = ids[seen]
        apart = system.state.pixels[:, ids] - targets.pixels[:, ids]
        square = (apart**2).sum(-1).numpy() * 1e6
        robust = (1 + square / robust_scale(problem, part) ** 2) ** -2.0
        root = np.sqrt(2e6 * weight * robust * targets.weights[:, ids].numpy())
        camera = problem.camera
        longer = max(camera.width, camera.height)
        x, y, z = np.moveaxis(system.points[:, ids], -1, 0)
        z = np.maximum(z, 0.1)
        fx, fy = camera.fx / longer / z * root, camera.fy / longer / z * root
        zero = np.zeros_like(fx)
        measured = np.stack(
            [np.stack([fx, zero, -fx * x / z], -1), np.stack([zero, fy, -fy * y / z], -1)], -2
        )
        columns = system.layout.moving(problem.points.joint[ids])
        own, shared = system.measure(ids, measured.astype(np.float32), columns)
        system.add(own, shared, columns)

    return add


def _direction(
    pairs: torch.Tensor, weights_name: str, part: slice = slice(None)
) -> Callable[[System, float], None]:
    start, end = pairs[part].numpy().T

    def add(system: System, weight: float) -> None:
        confidence = getattr(system.problem.targets, weights_name)[:, part].numpy()
        kept = np.flatnonzero(confidence.any(0))
        if not len(kept):
            return
        ends, starts = end[kept], start[kept]
        bones = system.points[:, ends] - system.points[:, starts]
        length = np.linalg.norm(bones, axis=-1, keepdims=True)
        across = _square_to(bones / length) / length[..., None]
        measured = across * np.sqrt(weight * confidence[:, kept])[..., None, None]
        measured = measured.astype(np.float32)
        columns = system.layout.moving(system.problem.points.joint[np.union1d(starts, ends)])
        late, early = (system.measure(ids, measured, columns) for ids in (ends, starts))
        system.add(late[0] - early[0], late[1] - early[1], columns)

    return add


def _square_to(units: np.ndarray) -> np.ndarray:
    """Two unit vectors (..., 2, 3) square to each of the units (..., 3) and to each other."""
    least = np.abs(units).argmin(-1)
    first = np.cross(units, np.eye(3, dtype=units.dtype)[least])
    first /= np.linalg.norm(first, axis=-1, keepdims=True)
    return np.stack([first, np.cross(units, first)], -2)


def _limits(system: System, weight: float) -> None:
    over = over_limits(system.state.local, system.problem.limits).numpy()
    axes = system.problem.limits.axes.numpy()
    layout = system.layout
    for row, joint in enumerate(system.problem.limits.joints):
        active = (over[:, row] > 0) * 2.0 * weight
        columns = np.flatnonzero(layout.joint == joint)
        if active.any() and len(columns):
            own = layout.axis[columns] @ axes[row]
            place = slice(3 + columns[0], 4 + columns[-1])
            system.diagonal[:, place, place] += (own * active[:, None]) @ own.T


def _rest(system: System, weight: float) -> None:
    per_joint = 2 * weight * costs.rest_weights().numpy()
    system.add_angles(np.broadcast_to(per_joint, (len(system.points), len(per_joint))))


def _upright(system: System, weight: float) -> None:
    columns = np.flatnonzero(system.layout.joint == 0)
    up = system.state.rotations[:, 0, :, 1].numpy()
    turns = system.motions.turns[:, :3, columns]
    moved = np.cross(np.swapaxes(turns, 1, 2), up[:, None])
    place = slice(3 + columns[0], 4 + columns[-1])
    system.diagonal[:, place, place] += weight * (moved @ np.swapaxes(moved, 1, 2))


def _shape(system: System, weight: float) -> None:
    if system.with_betas:
        system.corner += 2 * weight * len(system.points) * np.eye(len(system.corner))


def _smooth(system: System, weight: float) -> None:
    if len(system.points) < 3:
        return
    places = system.positions[:, SMOOTHED]
    second = places[2:] - 2 * places[1:-1] + places[:-2]
    robust = (1 + (second**2).sum(-1) / quick_metres(system.problem) ** 2) ** -2.0
    identity = np.broadcast_to(np.eye(3, dtype=np.float32), (*places.shape[:2], 3, 3))
    body = np.arange(system.layout.body)
    own = rows(system.layout, system.motions, places, np.array(SMOOTHED), identity, body)
    weights = np.repeat(2 * weight * robust, 3, axis=1)
    system.add_accelerations(own, weights.astype(np.float32))


def _turn(system: System, weight: float) -> None:
    if len(system.points) < 3:
        return
    angles = system.vectors
    second = angles[2:] - 2 * angles[1:-1] + angles[:-2]
    scale, counts = (part.numpy() for part in steadiness(system.problem.targets))
    robust = counts * (1 + (second**2).sum(-1) / scale**2) ** -2.0
    system.add_turns((2 * weight * robust).astype(np.float32))


def _each(
    *parts: Callable[[System, float], None],
) -> Callable[[System, float], None]:
    """Several parts of one cost, one after the other: what a hand shows moves with few unknowns."""

    def add(system: System, weight: float) -> None:
        for part in parts:
            part(system, weight)

    return add


CURVATURES: Mapping[str, Callable[[System, float], None]] = {
    "body": _reprojection(BODY),
    "hands": _each(*(_reprojection(part) for part in HANDS.values())),
    "face": _reprojection(FACE),
    "depth": _direction(LIMBS, "limb_weights"),
    "hand_depth": _each(
        *(_direction(PHALANGES, "phalanx_weights", part) for part in PHALANGES_OF.values())
    ),
    "limits": _limits,
    "rest": _rest,
    "upright": _upright,
    "shape": _shape,
    "smooth": _smooth,
    "turn": _turn,
    **PRIOR_CURVATURES,
}
"""By the name of the cost: adds weight times its curvature."""
