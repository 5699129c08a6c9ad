"""The 52 facial actions of a clip from its face points: a bounded linear problem in every frame.

In the head's frame a point moves linearly with the actions, and its projection is very nearly
linear too, so every frame is min |A a - r|^2 + ridge, 0 <= a <= 1, solved for all frames at once by
projected gradient descent with Nesterov's momentum (FISTA; Beck & Teboulle 2009).
"""

from __future__ import annotations

import numpy as np

from ..body.landmarks import landmarks
from ..body.model import Body
from ..body.skeleton import INDEX
from ..keypoints.record import Keypoints
from ..motion import Camera

_UNSEEN = ("tongueOut", "cheekPuff", "jawForward", "cheekSquintLeft", "cheekSquintRight")
"""Actions that hardly move a point of the picture; they stay near 0."""

_HELD = ("mouthSmileLeft", "mouthSmileRight")
"""Actions that people hold through a whole clip; a median must not take them for the face itself,
or a moment without a smile reads as a frown."""

_RIDGE = 0.02
_STEPS = 150


def solve_face(
    body: Body,
    betas: np.ndarray,
    rotations: np.ndarray,
    positions: np.ndarray,
    camera: Camera,
    keypoints: Keypoints,
) -> np.ndarray:
    """Facial actions (T, 52) in [0, 1]; 0 in frames without a face.

    Args:
        betas: (B,). rotations: (T, 55, 3, 3) global and positions: (T, 55, 3) of the posed joints.
    """
    present = keypoints.seen("face")
    actions = np.zeros((len(present), len(body.action_names)), np.float32)
    if not present.any():
        return actions
    head = INDEX["head"]
    turn, place = rotations[present, head], positions[present, head]
    points = landmarks(body).face
    ids, weights = points.vertex_ids, points.vertex_weights
    rest = np.einsum("nk,nkd->nd", weights, body.v_template[ids] + body.shapedirs[ids] @ betas)
    joints = body.J_regressor[head] @ (body.v_template + body.shapedirs @ betas)
    local = rest - joints
    dirs = np.einsum("nk,nkda->nda", weights, body.actiondirs[ids])
    neutral = np.einsum("tij,nj->tni", turn, local) + place[:, None]
    depth = neutral[..., 2:]
    scale = camera.fx / float(np.median(depth))
    detected = keypoints.face[present][..., :2]
    # Residuals in metres of the head's own picture plane, so that the ridge has one meaning.
    residual = (detected - camera.project(neutral)) / scale
    design = np.einsum("tij,njk->tnik", turn, dirs)[:, :, :2]
    residual = residual - _identity(residual, design, body.action_names)
    actions[present] = _bounded(design, residual, _ridge(body.action_names))
    return actions


def _identity(residual: np.ndarray, design: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """What this signer's resting face adds to the body's (N, 2): the median over the clip, without
    what held actions explain of it.

    In a very short clip there is no telling a face from its expression; then less is taken off.
    """
    frames = len(residual)
    typical = np.median(residual, axis=0)
    held = [names.index(name) for name in _HELD]
    columns = design.mean(axis=0)[None, :, :, held]
    amount = _bounded(columns, typical[None], np.full(len(held), _RIDGE))[0]
    return (typical - columns[0] @ amount) * frames / (frames + 10)


def _ridge(names: tuple[str, ...]) -> np.ndarray:
    ridge = np.full(len(names), _RIDGE)
    ridge[[names.index(name) for name in _UNSEEN]] = 10.0
    return ridge


def _bounded(design: np.ndarray, residual: np.ndarray, ridge: np.ndarray) -> np.ndarray:
    """Solve every frame: design (T, N, 2, A), residual (T, N, 2), ridge (A,) -> (T, A)."""
    frames, count, _, size = design.shape
    matrix = design.reshape(frames, count * 2, size)
    gram = np.swapaxes(matrix, 1, 2) @ matrix
    power = np.trace(gram, axis1=1, axis2=2).mean() / size
    gram = gram + np.diag(ridge * power)
    right = (np.swapaxes(matrix, 1, 2) @ residual.reshape(frames, -1, 1))[..., 0]
    step = 1 / np.linalg.norm(gram, ord=2, axis=(1, 2))[:, None]
    actions = np.zeros((frames, size))
    ahead, momentum = actions, 1.0
    for _ in range(_STEPS):
        gradient = (gram @ ahead[..., None])[..., 0] - right
        following = np.clip(ahead - step * gradient, 0, 1)
        next_momentum = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = following + (momentum - 1) / next_momentum * (following - actions)
        actions, momentum = following, next_momentum
    return actions.astype(np.float32)
