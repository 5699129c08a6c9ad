"""Somebody else performs a motion: the source's signs on a body of another shape."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..body.identity import trans_for
from ..body.model import Body, joint_transforms, shape_body
from ..motion import Motion
from .contacts import Performer, hands_apart, solve_contacts
from .locations import pull_to_surface, wrists_from
from .surface import SIDES, Surface, pose_surface, sample_surface, shaped
from ..body.skeleton import INDEX

_WRISTS = [INDEX[f"{side}_wrist"] for side in SIDES]


def perform(motion: Motion, body: Body, betas: np.ndarray, keep_contacts: bool = True) -> Motion:
    """The motion on a body of the given betas (B,), standing where the source's signer stands."""
    trans = trans_for(body, motion.betas, betas, motion.trans, motion.poses)
    poses = motion.poses
    if keep_contacts:
        poses = keep_locations(motion, body, betas, trans)
    joints = joint_transforms(shape_body(body, betas)[1], poses, trans)[1]
    return replace(
        motion,
        betas=np.asarray(betas, np.float32),
        trans=trans.astype(np.float32),
        poses=poses.astype(np.float32),
        joints=joints.astype(np.float32),
        source=motion.source | {"performed_from_betas": np.asarray(motion.betas).tolist()},
    )


def keep_locations(motion: Motion, body: Body, betas: np.ndarray, trans: np.ndarray) -> np.ndarray:
    surface = sample_surface(body)
    actions = motion.facial_actions
    source = Performer(shaped(body, surface, motion.betas), motion.poses, motion.trans, actions)
    performer = Performer(shaped(body, surface, betas), motion.poses, trans, actions)
    wrists = hands_apart(surface, performer, locate(surface, source, performer))
    return solve_contacts(surface, source, performer, wrists)


def locate(surface: Surface, source: Performer, performer: Performer) -> np.ndarray:
    """Wrists (T, 2, 3) that are to the performer's body what the source's are to the source's."""
    scale = _arm_length(performer.shape.joints) / _arm_length(source.shape.joints)
    chosen = [surface.anchors, *(surface.probes[side][::4] for side in SIDES)]
    picked = np.concatenate(chosen)
    ends = np.cumsum([len(part) for part in chosen])[:-1]
    sets = []
    for who in (source, performer):
        rotations, positions = joint_transforms(who.shape.joints, who.poses, who.trans)
        points, _ = pose_surface(surface, who.shape, rotations, positions, who.actions, picked)
        sets.append((np.split(points, ends, axis=1), positions[:, _WRISTS]))
    (before, _), (after, wrists) = sets
    own = [after[k + 1] - wrists[:, k, None] for k in (0, 1)]
    pulls = []
    for k, side in enumerate(SIDES):
        keep = ~np.isin(surface.bone[surface.anchors], [INDEX[f"{side}_elbow"]])
        pulls.append(
            pull_to_surface(before[k + 1], before[0][:, keep], own[k], after[0][:, keep], scale)
        )
    between = pull_to_surface(before[1], before[2], own[0], own[1], scale)
    return wrists_from(pulls[0], pulls[1], between)


def _arm_length(joints: np.ndarray) -> float:
    chain = [INDEX[f"left_{name}"] for name in ("shoulder", "elbow", "wrist")]
    return float(np.linalg.norm(np.diff(joints[chain], axis=0), axis=1).sum())
