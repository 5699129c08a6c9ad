"""A bent torso on a rig whose vertebrae stand at other heights: the bend stays where it is."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ..body.skeleton import INDEX
from ..rotations import transposed
from .rig_map import RigMap
from .rotations import nearest_turns, rotation_vectors
from .skeleton import Skeleton, global_rotations

_SPINE = ("pelvis", "spine1", "spine2", "spine3")
_HIPS = ("left_hip", "right_hip")
_SHORT = 0.02
"""Share of the torso below which a vertebra has no bend of its own."""


def along_spine(
    joints: np.ndarray, target: Skeleton, rig_map: RigMap, source: Skeleton
) -> np.ndarray:
    """Global rotations (T, 55, 3, 3) whose middle vertebrae are turned as the source's torso is at
    the heights where the rig has them.

    A rig whose vertebrae stand higher, as Mixamo's do, would else carry the shoulders elsewhere
    over the hips. The pelvis and the uppermost vertebra, which carry legs and arms, keep their own.

    Args:
        joints: (T, 55, 3, 3) of the source.
    """
    names = [name for name in (*_SPINE, "neck") if name in rig_map.bones]
    if names[0] != "pelvis" or names[-1] != "neck" or not set(_HIPS) <= rig_map.bones.keys():
        return joints
    there = _heights(source, {name: name for name in (*_SPINE, "neck", *_HIPS)})
    here = _heights(target, {name: rig_map.bones[name][0] for name in (*names, *_HIPS)})
    turns = joints[:, [INDEX[name] for name in _SPINE]]
    bent = joints.copy()
    # What the pelvis cannot show, since its bone ends higher, the lowest vertebra makes good.
    start = there["spine1"]
    for name, above in pairwise(names[1:]):
        end = here[above]
        if name != "spine3" and end - here[name] > _SHORT:
            edges = np.array([*(there[part] for part in _SPINE), np.inf])
            shares = np.diff(np.clip(edges, min(start, here[name]), end))
            left, _, right = np.linalg.svd((shares[:, None, None] * turns).sum(1))
            bent[:, INDEX[name]] = left @ right
        start = end
    return bent


def bent_poses(
    poses: np.ndarray, target: Skeleton, rig_map: RigMap, source: Skeleton
) -> np.ndarray:
    """Poses (T, 165) with the spine of :func:`along_spine`; all else keeps its numbers."""
    bent = along_spine(global_rotations(poses), target, rig_map, source)
    found = np.array(poses, float).reshape(len(poses), -1, 3)
    for parent, joint in pairwise(_SPINE):
        local = transposed(bent[:, INDEX[parent]]) @ bent[:, INDEX[joint]]
        found[:, INDEX[joint]] = nearest_turns(rotation_vectors(local), found[:, INDEX[joint]])
    return found.reshape(len(poses), -1)


def _heights(skeleton: Skeleton, bones: dict[str, str]) -> dict[str, float]:
    """How far along the line from the hips to the neck each joint stands: 0 to 1."""
    heads = {joint: skeleton.heads[skeleton.index(bone)] for joint, bone in bones.items()}
    low = (heads[_HIPS[0]] + heads[_HIPS[1]]) / 2
    way = heads["neck"] - low
    return {joint: float((head - low) @ way / (way @ way)) for joint, head in heads.items()}
