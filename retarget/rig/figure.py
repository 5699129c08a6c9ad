"""Anybody's skin in the body's terms: contacts are kept on any character whose bones are known.

A character's mesh is laid into the T-pose of its own proportions, by the calibration that moves
its bones. The open body, given these proportions, is laid beside it, and each of its points finds
the character's skin: of the same part, facing the same way. From then on a point of the source's
chin is a point of the character's chin, and the character is one more shape.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...errors import UserError
from ..body.model import Body, joint_transforms
from ..body.skeleton import INDEX, JOINT_NAMES, PARENTS
from ..motion import Motion
from .calibrate import alignments, smplx_rest
from .perform import perform_touches, performer_of
from .reference import laid_beside
from .regions import REGIONS, match, sampled
from .rig_map import RigMap, mapped_joint
from .skeleton import Skeleton, rest_skeleton
from .spine import bent_poses
from .surface import Shape, Surface, sample_surface, shaped, vertex_normals


@dataclass(frozen=True)
class Figure:
    """A character at rest, in its skeleton's world.

    Attributes:
        skeleton, rig_map: its bones, and which joint each moves with.
        vertices: (V, 3) metres. faces: (F, 3), counter-clockwise from outside.
        bones: (V, K) numbers of the skeleton's bones that move each, -1 for none; shares: (V, K).
    """

    skeleton: Skeleton
    rig_map: RigMap
    vertices: np.ndarray
    faces: np.ndarray
    bones: np.ndarray
    shares: np.ndarray


def perform_on_figure(motion: Motion, body: Body, figure: Figure) -> Motion:
    """The motion on a character's own proportions, with the source's locations and contacts.

    What comes out is the character's, to be put on its rig by :func:`.transfer.transfer`: its
    ``joints`` have the rig's bone lengths, its ``betas`` are still the source's.

    Raises:
        UserError: the mesh does not hang on the rig's bones.
    """
    source_rest = rest_skeleton(motion)
    surface = sample_surface(body)
    shape = figure_shape(figure, body, surface, source_rest)
    poses = bent_poses(motion.poses, figure.skeleton, figure.rig_map, source_rest)
    trans = _standing(motion, poses, shape)
    source = performer_of(motion, shaped(body, surface, motion.betas), motion.trans)
    performer = replace(performer_of(motion, shape, trans), poses=poses)
    solved = perform_touches(surface, source, performer)
    return replace(
        motion,
        trans=trans.astype(np.float32),
        poses=solved.astype(np.float32),
        joints=joint_transforms(shape.joints, solved, trans)[1].astype(np.float32),
        source=motion.source | {"performed_on": figure.rig_map.name, "keep_contacts": True},
    )


def _standing(motion: Motion, poses: np.ndarray, shape: Shape) -> np.ndarray:
    """(T, 3) translation that keeps the shoulders where the source has them."""
    anchors = [INDEX["left_shoulder"], INDEX["right_shoulder"]]
    after = joint_transforms(shape.joints, poses, motion.trans)[1]
    return motion.trans + (motion.joints - after)[:, anchors].mean(1)


def figure_shape(figure: Figure, body: Body, surface: Surface, source: Skeleton) -> Shape:
    """The surface on a character.

    Args:
        surface: of the body. source: the T-posed skeleton of who signs, for bones the rig lacks.

    Raises:
        UserError: the mesh does not hang on the rig's bones.
    """
    rest = smplx_rest(figure.skeleton, figure.rig_map, source).heads
    weights, vertices = _t_posed(figure, rest, source)
    held = np.flatnonzero(weights.any(1))
    faces = figure.faces[np.isin(figure.faces, held).all(1)]
    if len(faces) < 100:
        raise UserError(
            f"Of the character's mesh {len(faces)} faces hang on the bones of its rig "
            f"({figure.rig_map.name}): bind the mesh to the armature with weights."
        )
    normals = vertex_normals(vertices, faces)
    skin = sampled(vertices, normals, weights, faces)
    reference, directions = laid_beside(body, surface, rest, skin)
    # A rig that lacks a bone moves its skin with the one above.
    known = np.array([_known(joint, figure.rig_map) for joint in range(len(JOINT_NAMES))])
    found = match(reference, directions, known[surface.bone], skin)
    nothing = np.zeros((len(reference), 3, 0))
    return Shape(skin.points[found], skin.normals[found], skin.weights[found], rest, nothing)


def _known(joint: int, rig_map: RigMap) -> int:
    while JOINT_NAMES[joint] not in rig_map.bones and PARENTS[joint] >= 0:
        joint = PARENTS[joint]
    return REGIONS[joint]


def _t_posed(figure: Figure, rest: np.ndarray, source: Skeleton) -> tuple[np.ndarray, np.ndarray]:
    """Skinning weights (V, 55) by joint, and vertices (V, 3) in the T-pose of rest (55, 3)."""
    skeleton, rig_map = figure.skeleton, figure.rig_map
    joint_of = np.append(mapped_joint(skeleton, rig_map), -1)
    weights = np.zeros((len(figure.vertices), len(JOINT_NAMES) + 1))
    rows = np.arange(len(figure.vertices))
    for bones, shares in zip(figure.bones.T, figure.shares.T, strict=True):
        np.add.at(weights, (rows, joint_of[bones]), np.where(bones >= 0, shares, 0.0))
    weights = weights[:, :-1]
    weights = weights / np.maximum(weights.sum(1, keepdims=True), 1e-9)
    turns = alignments(skeleton, rig_map, source)
    vertices = np.zeros((len(weights), 3))
    for joint, names in rig_map.bones.items():
        own = np.flatnonzero(weights[:, INDEX[joint]])
        off = figure.vertices[own] - skeleton.heads[skeleton.index(names[0])]
        laid = rest[INDEX[joint]] + off @ turns[joint].T
        vertices[own] += weights[own, INDEX[joint], None] * laid
    return weights, vertices
