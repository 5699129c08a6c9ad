"""Places on the face, given as seen from the front of the mean body, for any body's shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from .shape import SKIN, Shape
from .sheet import normals


@dataclass(frozen=True, eq=False)
class FaceMap:
    """Finds the foremost skin triangle at (x, y) on the mean face and anchors points to it."""

    shape: Shape
    faces: np.ndarray

    @classmethod
    def of(cls, shape: Shape) -> FaceMap:
        """The map of the front of a shape's head."""
        faces = shape.skin_faces
        corners = shape.mean[faces]
        facing = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2] > 0
        head = shape.head_weight()[faces].min(axis=1) > 0.3
        front = corners[..., 2].min(axis=1) > shape.joint("head", mean=True)[2] + 0.02
        return cls(shape, faces[facing & head & front])

    def anchor(self, places: np.ndarray) -> sparse.csr_matrix:
        """(n,V) barycentric anchors of places (n,2), x and y in metres on the mean body.

        A place beside the face takes the nearest triangle's nearest point.
        """
        corners = self.shape.mean[self.faces]
        a, b, c = corners[:, 0, :2], corners[:, 1, :2], corners[:, 2, :2]
        ab, ac = b - a, c - a
        area = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
        area = np.where(np.abs(area) < 1e-12, 1e-12, area)
        columns = np.empty((len(places), 3), int)
        shares = np.empty((len(places), 3))
        low, high = corners[..., :2].min(axis=1) - 1e-7, corners[..., :2].max(axis=1) + 1e-7
        for row, place in enumerate(places):
            near = np.flatnonzero(((low <= place) & (place <= high)).all(axis=1))
            if not len(near):
                near = np.arange(len(corners))
            offset = place - a[near]
            second = (offset[:, 0] * ac[near, 1] - offset[:, 1] * ac[near, 0]) / area[near]
            third = (ab[near, 0] * offset[:, 1] - ab[near, 1] * offset[:, 0]) / area[near]
            bary = np.stack([1 - second - third, second, third], 1)
            worst = bary.min(axis=1)
            within = np.flatnonzero(worst > -1e-6)
            depth = (bary[within] * corners[near[within], :, 2]).sum(axis=1)
            best = within[depth.argmax()] if len(within) else int(worst.argmax())
            share = np.clip(bary[best], 0, 1)
            columns[row], shares[row] = self.faces[near[best]], share / share.sum()
        rows = np.repeat(np.arange(len(places)), 3)
        return sparse.csr_matrix(
            (shares.ravel(), (rows, columns.ravel())),
            shape=(len(places), len(self.shape.mean)),
        )

    def lifted(self, anchor: sparse.csr_matrix, height: np.ndarray | float) -> np.ndarray:
        """(n,3) points `height` metres above the shaped skin at the anchors."""
        up = np.zeros((len(self.shape.vertices), 3))
        up[SKIN] = normals(self.shape.vertices[SKIN], self.shape.skin_faces)
        direction = anchor @ up
        direction /= np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-9)
        return anchor @ self.shape.vertices + np.reshape(height, (-1, 1)) * direction
