"""The detector's points on another body, carried over from the open one.

SMPL-X has no calibrated face points here, and its mesh is its makers'. Heads are alike enough: a
point keeps its place relative to its carrier, in units of the distance between the eyes and the
head's joint, and rides on the vertex nearest to it. Good for where a head looks; for facial actions
it is not.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy.spatial import cKDTree

from .landmarks import Landmarks, PointSet
from .model import Body
from .skeleton import INDEX

_EYES = (INDEX["left_eye_smplhf"], INDEX["right_eye_smplhf"])


def transferred(marks: Landmarks, source: Body, target: Body) -> Landmarks:
    """The landmarks of source on target."""
    rest = [body.J_regressor @ body.v_template for body in (source, target)]
    sizes = [np.linalg.norm(joints[_EYES[0]] - joints[_EYES[1]]) for joints in rest]
    scale = sizes[1] / sizes[0]
    tree = cKDTree(target.v_template)

    def carried(points: PointSet) -> PointSet:
        total = points.vertex_weights.sum(1)
        rows = np.flatnonzero(total > 0)
        weights = points.vertex_weights[rows] / total[rows, None]
        places = (source.v_template[points.vertex_ids[rows]] * weights[..., None]).sum(1)
        own = points.carrier[rows]
        anchors = [
            np.where((own == INDEX["head"])[:, None], j[list(_EYES)].mean(0), j[own]) for j in rest
        ]
        _, nearest = tree.query(anchors[1] + scale * (places - anchors[0]))
        ids, spread = points.vertex_ids.copy(), points.vertex_weights.copy()
        ids[rows] = nearest[:, None]
        spread[rows] = total[rows, None] / 3
        return dataclasses.replace(points, vertex_ids=ids, vertex_weights=spread)

    return Landmarks(**{name: carried(points) for name, points in marks.items()})
