"""The data layers of an avatar's frames, exactly, from its vertices and the camera alone.

Each pixel has the values of the surface that its centre sees. Blender's Cycles gives the same
layers (`cycles.render_data`) and is the witness; this way is faster, and its motion vectors are
true however the vertices move.
"""

from __future__ import annotations

import numpy as np

from ..retarget.motion import Camera
from .avatar.avatar import Avatar
from .avatar.parts import PART_INDEX
from .raster import rasterise

SEE_THROUGH = 0.5
"""Surfaces less opaque than this are looked through, as Cycles' passes do by default."""

_VIEW_FROM_CAMERA = np.array([1.0, -1.0, -1.0])


class Surface:
    """One avatar's faces, ready to be seen by a camera.

    world_from_camera: (3, 3), the turn into the frame of `normal_world`.
    """

    def __init__(self, avatar: Avatar, camera: Camera, world_from_camera: np.ndarray) -> None:
        self.camera, self.world_from_camera = camera, world_from_camera
        opaque = np.array([material.alpha >= SEE_THROUGH for material in avatar.materials])
        part = np.array([PART_INDEX[material.part] for material in avatar.materials])
        faces, uvs, objects, materials = [], [], [], []
        for piece in avatar.pieces:
            solid = opaque[piece.face_material]
            count = int(solid.sum())
            faces.append(piece.faces[solid])
            uvs.append(np.zeros((count, 3, 2)) if piece.uv is None else piece.uv[solid])
            objects.append(np.full(count, piece.object_index))
            materials.append(piece.face_material[solid])
        self.faces = np.concatenate(faces)
        self._rest = np.asarray(avatar.vertices, np.float32)
        self._uv = np.concatenate(uvs).astype(np.float32).reshape(-1, 2)
        self._object = np.concatenate(objects).astype(np.float32)
        self._part = part[np.concatenate(materials)].astype(np.float32)

    def layers(
        self, vertices: np.ndarray, before: np.ndarray, after: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Every data layer of `frame_file.LAYERS`, float32 (H, W) or (H, W, channels).

        Args:
            vertices, before, after: (N, 3) metres in the camera's frame, in this frame, the one
                before and the one after; where the clip ends, give this frame's again.
        """
        hits = rasterise(vertices, self.faces, self.camera)
        width, height = self.camera.width, self.camera.height
        row, column = np.divmod(hits.pixel, width)
        here = np.stack([column, row], axis=1) + 0.5
        others = [other for other in (before, after) if other is not vertices]
        corners = np.take(self.faces, hits.face, axis=0)
        wanted = np.zeros(len(vertices), bool)
        wanted[corners] = True
        about = self.faces[wanted[self.faces].any(axis=1)]  # all faces at the vertices seen
        values = [vertex_normals(vertices, about), self._rest, *others]
        shares = hits.weights.astype(np.float32)
        blended = _blend(np.concatenate(values, axis=1, dtype=np.float32), corners, shares)
        normal = blended[:, :3] * np.where(hits.front, 1.0, -1.0)[:, None]
        normal /= np.maximum(np.sqrt(np.einsum("pc,pc->p", normal, normal)), 1e-12)[:, None]
        motion = np.zeros((len(here), 4), np.float32)
        places = iter(np.split(blended[:, 6:], range(3, 3 * len(others), 3), axis=1))
        for first, other in ((0, before), (2, after)):
            if other is not vertices:
                motion[:, first : first + 2] = self.camera.project(next(places)) - here
        seen = {
            "depth": hits.depth,
            "normal": normal * _VIEW_FROM_CAMERA,
            "normal_world": normal @ self.world_from_camera.T,
            "position": _rays(here, self.camera) * hits.depth[:, None],
            "uv": _blend(self._uv, 3 * hits.face[:, None] + np.arange(3), shares),
            "rest": blended[:, 3:6],
            "motion": motion,
            "object": self._object[hits.face],
            "part": self._part[hits.face],
        }
        layers = {}
        for name, values in seen.items():
            empty = np.inf if name == "depth" else 0.0
            picture = np.full((height * width, *values.shape[1:]), empty, np.float32)
            picture[hits.pixel] = values
            layers[name] = picture.reshape(height, width, *values.shape[1:])
        return layers


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(N, 3) unit normals, every face weighted by its angle there, as Blender does.

    The weighting is that of Thürrner and Wüthrich 1998, "Computing vertex normals from polygonal
    facets". A vertex of no face has a normal of zero.
    """
    corners = np.asarray(vertices, np.float64)[faces]
    edges = np.roll(corners, -1, axis=1) - corners
    edges /= np.maximum(np.linalg.norm(edges, axis=2, keepdims=True), 1e-12)
    flat = np.cross(edges[:, 0], edges[:, 1])
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
    cosine = -np.einsum("fki,fki->fk", edges, np.roll(edges, 1, axis=1))
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))
    ids = faces.ravel()
    total = np.stack(
        [
            np.bincount(ids, (angle * flat[:, axis, None]).ravel(), len(vertices))
            for axis in range(3)
        ],
        axis=1,
    )
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)


def _blend(values: np.ndarray, corners: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """(P, C): values (N, C) at places between three of them (P, 3), as shares (P, 3) say."""
    total = np.take(values, corners[:, 0], axis=0)
    total *= shares[:, :1]
    for k in (1, 2):
        total += np.take(values, corners[:, k], axis=0) * shares[:, k : k + 1]
    return total


def _rays(pixels: np.ndarray, camera: Camera) -> np.ndarray:
    """(P, 3) directions of depth 1 through places (P, 2) of the picture."""
    across = (pixels - [camera.cx, camera.cy]) / [camera.fx, camera.fy]
    return np.concatenate([across, np.ones((len(pixels), 1))], axis=1)
