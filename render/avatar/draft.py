"""Parts of an avatar while it is built, and the joining of them into one Avatar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...retarget.body.model import Body
from .avatar import Avatar, Material, Piece
from .charts import unrolled
from .record import Signer
from .sheet import Sheet

_STILL = 2e-5  # metres; smaller movements of a facial action are not stored


@dataclass(frozen=True, eq=False)
class Draft:
    """One piece to be: its surface, linear RGB per vertex (n,3), materials and which of them each
    face has (F,). `weights` (n,55) replaces the skinning that the sheet's anchor gives; `still`
    pieces follow no facial action. `uv` is per corner (F,3,2), made by `charts` where None."""

    name: str
    sheet: Sheet
    colours: np.ndarray
    materials: tuple[Material, ...]
    face_material: np.ndarray
    weights: np.ndarray | None = None
    still: bool = False
    uv: np.ndarray | None = None
    two_sided: bool = False


def plain(
    name: str, sheet: Sheet, colours: np.ndarray, material: Material, **more: object
) -> Draft:
    """A draft of one material; `colours` may be one colour (3,)."""
    colours = np.broadcast_to(colours, (len(sheet.vertices), 3))
    return Draft(name, sheet, colours, (material,), np.zeros(len(sheet.faces), int), **more)  # type: ignore[arg-type]


def skinning_of(draft: Draft, body: Body) -> np.ndarray:
    """(n,55) what the draft's vertices follow."""
    return draft.sheet.anchor @ body.weights if draft.weights is None else draft.weights


def join(
    signer: Signer,
    body: Body,
    joints: np.ndarray,
    drafts: Sequence[Draft],
    body_vertices: np.ndarray,
) -> Avatar:
    """The avatar of the drafts, in order; `body_vertices` are ids within the first draft or -1."""
    materials: list[Material] = []
    pieces = []
    start = 0
    weights, moves = [], []
    actions = body.actiondirs.reshape(len(body.v_template), -1)
    for index, draft in enumerate(drafts, start=1):
        count = len(draft.sheet.vertices)
        weights.append(skinning_of(draft, body))
        moves.append(
            np.zeros((count, actions.shape[1]), np.float32)
            if draft.still
            else np.asarray(draft.sheet.anchor @ actions, np.float32)
        )
        uv = draft.uv
        if uv is None:
            uv = unrolled(draft.sheet.vertices, draft.sheet.faces, joints)
        pieces.append(
            Piece(
                name=draft.name,
                object_index=index,
                start=start,
                stop=start + count,
                faces=(draft.sheet.faces + start).astype(np.int32),
                face_material=(draft.face_material + len(materials)).astype(np.int32),
                uv=uv.astype(np.float32),
                two_sided=draft.two_sided,
            )
        )
        materials += draft.materials
        start += count
    offsets = np.concatenate(moves).reshape(start, 3, -1)
    moved = np.abs(offsets).max(axis=1) > _STILL
    action_vertices = [np.flatnonzero(moved[:, k]) for k in range(offsets.shape[2])]
    skinning = _sparse_weights(np.concatenate(weights))
    return Avatar(
        signer=signer,
        vertices=np.concatenate([draft.sheet.vertices for draft in drafts]).astype(np.float32),
        joints=joints.astype(np.float32),
        parents=np.asarray(body.parents, np.int32),
        joint_names=tuple(body.joint_names),
        weights=skinning,
        colours=np.concatenate([draft.colours for draft in drafts]).clip(0, 1).astype(np.float32),
        pieces=tuple(pieces),
        materials=tuple(materials),
        action_names=tuple(body.action_names),
        action_start=np.cumsum([0, *map(len, action_vertices)]).astype(np.int32),
        action_vertices=np.concatenate(action_vertices).astype(np.int32),
        action_offsets=np.concatenate(
            [offsets[ids, :, k] for k, ids in enumerate(action_vertices)]
        ).astype(np.float32),
        body_vertices=body_vertices.astype(np.int32),
    )


def _sparse_weights(weights: np.ndarray) -> np.ndarray:
    """Weights (N,55) with crumbs under 1 % dropped; rows sum to 1."""
    weights = np.where(weights < 0.01, 0.0, weights)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
