"""The body that one avatar is built on: its shaped vertices and the measures the parts need."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.spatial import cKDTree

from ...retarget.body.model import Body
from .sheet import Sheet, normals

SKIN = slice(0, 13380)
EYES = {"left": slice(14598, 14670), "right": slice(14670, 14742)}


@dataclass(frozen=True, eq=False)
class Surface:
    """Points (n,3) of a closed surface with their outward normals and skinning weights (n,55), to
    measure distance from and to move with."""

    points: np.ndarray
    normals: np.ndarray
    weights: np.ndarray

    @cached_property
    def tree(self) -> cKDTree:
        return cKDTree(self.points)

    def clearance(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Signed distance (n,) of points from the surface, positive outside, and the outward
        normal there (n,3), from the four nearest points of the surface."""
        distance, ids = self.tree.query(points, k=4)
        weight = 1 / np.maximum(distance, 1e-6)
        weight /= weight.sum(axis=1, keepdims=True)
        along = np.einsum("nkc,nkc->nk", points[:, None] - self.points[ids], self.normals[ids])
        outward = (weight[..., None] * self.normals[ids]).sum(axis=1)
        outward /= np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-9)
        return (weight * along).sum(axis=1), outward

    def nearest_weights(self, points: np.ndarray) -> np.ndarray:
        """(n,55) mean skinning weights of the four points of the surface nearest to each point."""
        return self.weights[self.tree.query(points, k=4)[1]].mean(axis=1)

    def with_sheets(
        self, hidden: np.ndarray, sheets: list[tuple[Sheet, np.ndarray]], margin: float
    ) -> Surface:
        """This surface without its `hidden` (n,) points, and with the outer sides of sheets, which
        count as `margin` metres thicker than they are; each comes with its skinning (m,55).

        A hem's inner side faces the skin: kept, it would draw what comes near under the cloth.
        """
        points, ups, weights = [self.points[~hidden]], [self.normals[~hidden]], []
        weights.append(self.weights[~hidden])
        for sheet, moving in sheets:
            up = normals(sheet.vertices, sheet.faces)
            outer = (up * self.clearance(sheet.vertices)[1]).sum(axis=1) > 0.2
            points.append(sheet.vertices[outer] + margin * up[outer])
            ups.append(up[outer])
            weights.append(moving[outer])
        return Surface(np.concatenate(points), np.concatenate(ups), np.concatenate(weights))


@dataclass(frozen=True, eq=False)
class Shape:
    """body: the open body; vertices (V,3) and joints (55,3): its rest shape, metres.

    Lines such as a hem or the hairline are defined on the mean body (`mean`, `mean_joints`), so
    that they fall on the same skin whatever the shape is.
    """

    body: Body
    vertices: np.ndarray
    joints: np.ndarray

    @cached_property
    def mean(self) -> np.ndarray:
        return np.asarray(self.body.v_template, np.float64)

    @cached_property
    def mean_joints(self) -> np.ndarray:
        return self.body.J_regressor @ self.mean

    @cached_property
    def skin_faces(self) -> np.ndarray:
        """(F,3) triangles of the body's skin."""
        return self.body.faces[self.body.group_faces("body")]

    @cached_property
    def skin_normals(self) -> np.ndarray:
        """(13380,3) outward normals of the shaped skin."""
        return normals(self.vertices[SKIN], self.skin_faces)

    def joint(self, name: str, mean: bool = False) -> np.ndarray:
        """(3,) place of a joint on this shape, or on the mean body."""
        index = self.body.joint_names.index(name)
        return (self.mean_joints if mean else self.joints)[index]

    def joint_weight(self, *prefixes: str) -> np.ndarray:
        """(V,) skinning weight on the joints whose names start with one of the prefixes."""
        columns = [i for i, name in enumerate(self.body.joint_names) if name.startswith(prefixes)]
        return self.body.weights[:, columns].sum(axis=1)

    def head_weight(self) -> np.ndarray:
        """(V,) skinning weight on head, jaw and eyes."""
        return self.joint_weight("head", "jaw", "left_eye", "right_eye")

    def hand_weight(self, side: str) -> np.ndarray:
        """(V,) skinning weight on the wrist and fingers of the "left" or "right" hand."""
        return self.joint_weight(
            *(f"{side}_{part}" for part in ("wrist", "index", "middle", "ring", "pinky", "thumb"))
        )

    @cached_property
    def skin(self) -> Surface:
        """The whole skin as a surface to keep clear of."""
        return Surface(self.vertices[SKIN], self.skin_normals, self.body.weights[SKIN])
