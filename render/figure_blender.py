"""A character of the scene as a figure, whose skin hands can touch. Runs inside Blender."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..retarget.rig.figure import Figure
from ..retarget.rig.rig_map import RigMap
from .rig_blender import skeleton_of

_STRONGEST = 6
"""Bones that are looked at for each vertex."""


def figure_of(armature: Any, meshes: Iterable[Any], rig_map: RigMap) -> Figure:
    """The armature and the skin of its meshes, at rest, in the scene's world.

    Raises:
        UserError: the armature cannot be posed.
    """
    skeleton = skeleton_of(armature)
    index = {name: k for k, name in enumerate(skeleton.names)}
    vertices, faces, bones, shares = [], [], [], []
    start = 0
    for mesh in meshes:
        own = rest_points(mesh)
        held = _held_by(mesh, index)
        vertices.append(own)
        faces.append(_triangles(mesh) + start)
        bones.append(held[0])
        shares.append(held[1])
        start += len(own)
    if not vertices:
        vertices, faces = [np.zeros((0, 3))], [np.zeros((0, 3), int)]
        bones, shares = [np.zeros((0, 1), int)], [np.zeros((0, 1))]
    return Figure(
        skeleton,
        rig_map,
        np.concatenate(vertices),
        np.concatenate(faces),
        np.concatenate([_wide(part, -1) for part in bones]),
        np.concatenate([_wide(part, 0) for part in shares]),
    )


def rest_points(mesh: Any) -> np.ndarray:
    """(n, 3) a mesh's vertices at rest in the world."""
    points = np.zeros(3 * len(mesh.data.vertices), np.float32)
    mesh.data.vertices.foreach_get("co", points)
    world = np.array(mesh.matrix_world)
    return points.reshape(-1, 3) @ world[:3, :3].T + world[:3, 3]


def _triangles(mesh: Any) -> np.ndarray:
    """(F, 3) vertices, counter-clockwise from outside in the world too."""
    mesh.data.calc_loop_triangles()
    found = np.zeros(3 * len(mesh.data.loop_triangles), np.int32)
    mesh.data.loop_triangles.foreach_get("vertices", found)
    found = found.reshape(-1, 3).astype(int)
    mirrored = np.linalg.det(np.array(mesh.matrix_world)[:3, :3]) < 0
    return found[:, ::-1] if mirrored else found


def _held_by(mesh: Any, index: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """(n, K) bones that move each vertex, -1 for none, and their weights."""
    count = len(mesh.data.vertices)
    bones, shares = np.full((count, _STRONGEST), -1), np.zeros((count, _STRONGEST))
    if mesh.parent_type == "BONE":
        bones[:, 0], shares[:, 0] = index.get(mesh.parent_bone, -1), 1.0
        return bones, shares
    groups = [index.get(group.name, -1) for group in mesh.vertex_groups]
    for number, vertex in enumerate(mesh.data.vertices):
        own = [(g.weight, groups[g.group]) for g in vertex.groups if groups[g.group] >= 0]
        for k, (weight, bone) in enumerate(sorted(own, reverse=True)[:_STRONGEST]):
            bones[number, k], shares[number, k] = bone, weight
    return bones, shares


def _wide(table: np.ndarray, filler: int) -> np.ndarray:
    missing = _STRONGEST - table.shape[1]
    return np.pad(table, ((0, 0), (0, max(missing, 0))), constant_values=filler)
