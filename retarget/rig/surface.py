"""The skin that hands touch, thinned to a few thousand points that are posed quickly.

The same vertices are taken on every shape of a body model, so a point of the source's chin is a
point of the avatar's chin.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..body.model import Body, shape_body
from ..body.skeleton import INDEX, LEFT_HAND, RIGHT_HAND

SIDES = ("left", "right")
HANDS = {
    "left": (INDEX["left_wrist"], *LEFT_HAND),
    "right": (INDEX["right_wrist"], *RIGHT_HAND),
}
_HEAD = (INDEX["head"], INDEX["jaw"])
_TRUNK = ("pelvis", "spine1", "spine2", "spine3", "neck", "left_collar", "right_collar")
_LAP = ("left_hip", "right_hip")
_ARM = ("shoulder", "elbow")

# Metres between neighbouring points: about a third of the radius of what they cover.
_SPACING_HAND, _SPACING_HEAD, _SPACING_TRUNK, _SPACING_ARM, _SPACING_LAP = (
    0.006,
    0.009,
    0.014,
    0.013,
    0.014,
)
_SPACING_PROBES, _SPACING_ANCHORS = 0.010, 0.040
_ASIDE = 0.9
_HIDDEN = 0.012
"""Metres that a point of the head may lie under its neighbours: lips do, the inside of the mouth
and the sockets do not count as skin."""


@dataclass(frozen=True)
class Surface:
    """N points of a body's skin.

    Attributes:
        ids: (N,) vertices. bone: (N,) the joint that holds each most. aside: (N,) metres aside of
        a point up to which its tangent plane stands for the skin: about half way to the next.
        hands: by side, the numbers (H,) of the points that move with a hand alone.
        arms: by side, the numbers of the points on the forearm and around the elbow.
        probes: by side, those of the hand's points that are kept off the rest of the body.
        anchors: (A,) a thin choice of the points, by which places are described.
    """

    ids: np.ndarray
    bone: np.ndarray
    aside: np.ndarray
    hands: dict[str, np.ndarray]
    arms: dict[str, np.ndarray]
    probes: dict[str, np.ndarray]
    anchors: np.ndarray


@dataclass(frozen=True)
class Shape:
    """A surface on one person, at rest: points and normals (N, 3), skinning weights (N, 55),
    joints (55, 3), and actiondirs (N, 3, 52 or 0), what the facial actions add."""

    points: np.ndarray
    normals: np.ndarray
    weights: np.ndarray
    joints: np.ndarray
    actiondirs: np.ndarray

    @cached_property
    def blends(self) -> tuple[np.ndarray, np.ndarray]:
        """(N, 220), (N, 165): what a frame's joints are multiplied by to pose points, normals."""
        count = len(self.points)
        homogeneous = np.concatenate([self.points, np.ones((count, 1))], 1)
        weights = self.weights[:, :, None]
        return (
            (weights * homogeneous[:, None]).reshape(count, -1).astype(np.float32),
            (weights * self.normals[:, None]).reshape(count, -1).astype(np.float32),
        )


def sample_surface(body: Body) -> Surface:
    """Choose the points: fine on hands and head, coarser on trunk, arms and lap."""
    skin = np.unique(body.faces[body.group_faces("body")])
    vertices = body.v_template
    bone = body.weights.argmax(1)
    head = skin[np.isin(bone[skin], _HEAD)]
    joints = body.J_regressor @ vertices
    head = head[_outermost(vertices[head], joints[INDEX["head"]] + [0, 0.05, 0.02])]
    parts = [(head, _SPACING_HEAD)]
    for names, spacing in ((_TRUNK, _SPACING_TRUNK), (_LAP, _SPACING_LAP)):
        parts.append((skin[np.isin(bone[skin], [INDEX[name] for name in names])], spacing))
    limbs = [INDEX[f"{side}_{name}"] for side in SIDES for name in _ARM]
    parts.append((skin[np.isin(bone[skin], limbs)], _SPACING_ARM))
    for side in SIDES:
        parts.append((skin[np.isin(bone[skin], HANDS[side])], _SPACING_HAND))
    thin = [part[_thinned(vertices[part], spacing)] for part, spacing in parts]
    ids = np.concatenate(thin)
    aside = np.repeat([_ASIDE * spacing for _, spacing in parts], [len(part) for part in thin])
    weights = body.weights[ids]
    holder = bone[ids]
    hands = {side: np.flatnonzero(weights[:, HANDS[side]].sum(1) > 0.98) for side in SIDES}
    probes = {s: hands[s][_thinned(vertices[ids[hands[s]]], _SPACING_PROBES)] for s in SIDES}
    arms = {s: np.flatnonzero(holder == INDEX[f"{s}_elbow"])[::2] for s in SIDES}
    fixed = np.flatnonzero(~np.isin(holder, (*HANDS["left"], *HANDS["right"])))
    anchors = fixed[_thinned(vertices[ids[fixed]], _SPACING_ANCHORS)]
    return Surface(ids, holder, aside, hands, arms, probes, anchors)


def shaped(body: Body, surface: Surface, betas: np.ndarray) -> Shape:
    """The surface on the person of the given betas (up to B)."""
    vertices, joints = shape_body(body, betas)
    normals = vertex_normals(vertices, body.faces[body.group_faces("body")])
    ids = surface.ids
    return Shape(vertices[ids], normals[ids], body.weights[ids], joints, body.actiondirs[ids])


def pose_surface(
    shape: Shape,
    rotations: np.ndarray,
    positions: np.ndarray,
    actions: np.ndarray | None,
    chosen: np.ndarray | slice = slice(None),
) -> tuple[np.ndarray, np.ndarray]:
    """Posed points and unit normals, (T, N, 3) each, by linear blend skinning.

    Args:
        rotations: (T, 55, 3, 3), positions: (T, 55, 3) of the joints. actions: (T, 52) or None.
        chosen: the points wanted, all by default.
    """
    frames = len(rotations)
    offsets = positions - (rotations @ shape.joints[..., None])[..., 0]
    turns = np.swapaxes(rotations, -1, -2)
    moves = np.concatenate([turns, offsets[:, :, None]], 2)

    def posed(blend: np.ndarray, table: np.ndarray) -> np.ndarray:
        # One product for all frames: (N, K) times (K, T * 3).
        flat = table.reshape(frames, -1, 3).transpose(1, 0, 2).reshape(-1, frames * 3)
        found = blend[chosen] @ flat.astype(np.float32)
        return np.ascontiguousarray(found.reshape(-1, frames, 3).transpose(1, 0, 2))

    points, normals = posed(shape.blends[0], moves), posed(shape.blends[1], turns)
    normals /= np.maximum(np.sqrt((normals * normals).sum(-1, keepdims=True)), 1e-9)
    if actions is not None and shape.actiondirs.shape[2] == actions.shape[1]:
        _add_actions(points, shape, rotations, actions, chosen)
    return points, normals


def _add_actions(
    points: np.ndarray,
    shape: Shape,
    rotations: np.ndarray,
    actions: np.ndarray,
    chosen: np.ndarray | slice,
) -> None:
    """Add what the facial actions move; few points do, so only those are computed."""
    dirs, weights = shape.actiondirs[chosen], shape.weights[chosen]
    moving = np.flatnonzero(np.abs(dirs).max(axis=(1, 2)) > 1e-5)
    frames = len(actions)
    flat = dirs[moving].reshape(-1, dirs.shape[2]) @ actions.T.astype(np.float32)
    moved = flat.T.reshape(frames, len(moving), 1, 3)
    turns = weights[moving] @ rotations.reshape(frames, -1, 9).astype(np.float32)
    points[:, moving] += (turns.reshape(frames, -1, 3, 3) * moved).sum(-1)


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Outward unit normals (V, 3) of a mesh whose faces (F, 3) are counter-clockwise outside."""
    corners = vertices[faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    flat = faces.reshape(-1)
    summed = np.stack(
        [np.bincount(flat, np.repeat(across[:, k], 3), len(vertices)) for k in range(3)], -1
    )
    return summed / np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), 1e-12)


def _thinned(points: np.ndarray, spacing: float) -> np.ndarray:
    """Numbers of the points that are kept: one to a cube of the given side."""
    cells = np.floor(points / spacing).astype(np.int64)
    return np.unique(cells, axis=0, return_index=True)[1]


def _outermost(points: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Numbers of the points that are seen from outside, along rays from a centre."""
    rays = points - centre
    far = np.linalg.norm(rays, axis=1)
    cells = np.floor(rays / far[:, None] / 0.07).astype(np.int64)
    _, cell = np.unique(cells, axis=0, return_inverse=True)
    cell = cell.reshape(-1)
    furthest = np.zeros(cell.max() + 1)
    np.maximum.at(furthest, cell, far)
    return np.flatnonzero(far > furthest[cell] - _HIDDEN)
