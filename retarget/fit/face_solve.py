"""Facial actions and the head's small corrections, all frames at once, given the signer's face.

Gauss-Newton on the projection: in the head's frame a point moves linearly with the actions and with
a small turn and shift of the head. The turn and shift are free, so an error of the body's head
never becomes a brow or a lid; they are eliminated, and the actions are a bounded problem
(:mod:`.face_lsq`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from ..motion import Camera
from .face_lsq import bounded_lsq
from .face_model import FaceModel

_DEPTH_WEIGHT = 0.004
"""Of the detector's depth beside its pixels: a weak guess, squared."""

_RIGID_RIDGE = 1e-4
_RIDGE = 0.004
STEPS = 4
_FIGHT = 0.5
"""Price of two opposite actions at once, beside their own effects."""

_SAID, _LAST_PRICE = 0.03, 0.15


@dataclass(frozen=True)
class FaceView:
    """The faces of T frames as seen: what the solver is given.

    Attributes:
        pixels: (T, N, 2). depth: (T, N) pixels, or None where the detector gives none.
        seen: (T, N) 0..1. turn: (T, 3, 3) and place: (T, 3) of the head, rest to camera, metres.
    """

    pixels: np.ndarray
    depth: np.ndarray | None
    seen: np.ndarray
    turn: np.ndarray
    place: np.ndarray
    camera: Camera

    def part(self, frames: slice | np.ndarray) -> FaceView:
        depth = None if self.depth is None else self.depth[frames]
        return FaceView(
            self.pixels[frames], depth, self.seen[frames],
            self.turn[frames], self.place[frames], self.camera,
        )  # fmt: skip

    def project(self, model: FaceModel, actions: np.ndarray) -> np.ndarray:
        """Pixels (T, N, 2) of a face with actions (T, A)."""
        local = model.shown(actions)
        return self.camera.project(local @ np.swapaxes(self.turn, 1, 2) + self.place[:, None])

    def moved(self, turn: np.ndarray, place: np.ndarray) -> FaceView:
        return FaceView(self.pixels, self.depth, self.seen, turn, place, self.camera)


def pulls(model: FaceModel, view: FaceView, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the detected points pull at: forces (T, N, 3) in the head's frame, metres, not yet
    weighted by the model's weights, and the metric (T, 3, 3) by which a move answers them."""
    local = model.shown(actions)
    points = local @ np.swapaxes(view.turn, 1, 2) + view.place[:, None]
    depth = points[..., 2:]
    focal = np.array([view.camera.fx, view.camera.fy])
    middle = depth.mean(1)[:, None]
    error = (view.pixels - view.camera.project(points)) * middle / focal
    scale = middle / depth
    error = error * scale
    # One ray for all points, as in the metric: with each its own, what the metric does not feel
    # (the head's distance) would run away.
    ray = (points[..., :2] / depth).mean(1)
    slope = -(ray[:, None] * error).sum(-1, keepdims=True)
    if view.depth is not None:
        guess = view.depth * (middle[..., 0] / focal[0]) - points[..., 2]
        weight = model.weights * view.seen
        guess = guess - (guess * weight).sum(1, keepdims=True) / weight.sum(1, keepdims=True)
        slope = slope + _DEPTH_WEIGHT * guess[..., None]
    force = np.concatenate([error, slope], -1) * view.seen[..., None]
    jacobian = np.zeros((len(points), 2, 3))
    jacobian[:, [0, 1], [0, 1]] = 1
    jacobian[:, :, 2] = -ray
    metric = np.swapaxes(jacobian, 1, 2) @ jacobian
    if view.depth is not None:
        metric[:, 2, 2] += _DEPTH_WEIGHT
    metric = np.swapaxes(view.turn, 1, 2) @ metric @ view.turn
    return force @ view.turn, metric


def solve_actions(
    model: FaceModel,
    view: FaceView,
    price: float,
    shares: np.ndarray | None = None,
    steps: int = STEPS,
    settle: bool = False,
    known: float = 1.0,
) -> tuple[np.ndarray, FaceView, np.ndarray]:
    """Actions (T, A) in [0, 1], the view with the head put right, and the dictionary's shares.

    Args:
        price: what every entry of the dictionary costs, in millimetres of its points' root sum of
            squares, times its own price.
        shares: (T, C) where to begin. settle: take most of the price off at last, of what is said.
        known: how many times more firmly than usual the head is held where the view has it.
    """
    words = model.words
    count, size = len(view.pixels), len(words.price)
    shares = np.zeros((count, size)) if shares is None else shares
    moves = model.moves @ words.actions
    design = np.concatenate([moves, model.rigid()], -1)
    weighted = design * model.weights[:, None, None]
    kernel = np.stack(
        [a.T @ b for a in np.moveaxis(weighted, 1, 0) for b in np.moveaxis(design, 1, 0)]
    )
    kernel = kernel.reshape(9, -1)
    effect = np.sqrt(np.einsum("nda,nda->a", weighted[:, :, :size], moves))
    noise = np.sqrt(model.weights.sum()) * 1e-3
    effect = np.maximum(effect, noise)
    ridge = _RIDGE * effect**2
    cost = price * words.price * noise * effect
    fight = _FIGHT * words.against * np.outer(effect, effect)
    held = known * _RIGID_RIDGE * np.array([0.01, 0.01, 0.01, 10, 10, 10, 0.01])
    rigid_ridge = np.diag(held * model.weights.sum())
    allowed: np.ndarray | float = 1.0
    for step_index in range(steps):
        if settle and step_index == steps - 1:
            # What is said is settled; a price would still say it too softly.
            allowed = (shares > _SAID).astype(float)
            cost = cost * _LAST_PRICE
        actions = words.spell(shares)
        force, metric = pulls(model, view, actions)
        gram = (metric.reshape(count, 9) @ kernel).reshape(count, size + 7, -1)
        gram = gram * ((view.seen @ model.weights) / model.weights.sum())[:, None, None]
        right = force.reshape(count, -1) @ weighted.reshape(-1, size + 7)
        head, cross = gram[:, size:, size:] + rigid_ridge, gram[:, :size, size:]
        answer = np.linalg.solve(head, np.swapaxes(cross, 1, 2))
        own = gram[:, :size, :size] - cross @ answer + np.diag(ridge)
        target = right[:, :size] - (right[:, None, size:] @ answer)[:, 0]
        target = target + (own @ shares[..., None])[..., 0] - ridge * shares
        own = own + fight
        new = bounded_lsq(own, target, cost, shares, allowed)
        left = right[:, size:] - ((new - shares)[:, None] @ cross)[:, 0]
        step = np.linalg.solve(head, left[..., None])[..., 0]
        turn = view.turn @ Rotation.from_rotvec(step[:, :3]).as_matrix()
        place = view.place + np.einsum("tij,tj->ti", view.turn, step[:, 3:6])
        place = place / (1 + np.clip(step[:, 6:], -0.2, 0.2))
        view, shares = view.moved(turn, place), new
    return words.spell(shares), view, shares
