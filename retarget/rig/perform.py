"""Somebody else performs a motion: the source's signs on a body of another shape.

A sign is handshape, orientation, location, movement and non-manuals. Angles alone keep the first
two and lose the third: on a child the hand that touched the chin hovers before it, on a heavy man
it drowns in the chest. Here fingers and the palm's orientation are kept, and collars, shoulders,
elbows and wrists are solved for hands that are to the new body what they were to the old one.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..body.identity import trans_for
from ..body.model import Body, joint_transforms, shape_body
from ..body.skeleton import INDEX
from ..motion import Motion
from .contacts import Performer, hands_apart, solve_contacts
from .locations import pull_to_surface, wrists_from
from .surface import SIDES, Surface, pose_surface, sample_surface, shaped

_WINDOW, _OVERLAP = 256, 32
"""Frames solved at once, which bounds memory, and those shared by two windows."""


def perform(motion: Motion, body: Body, betas: np.ndarray, keep_contacts: bool = True) -> Motion:
    """The motion on a body of the given betas (B,), standing where the source's signer stands.

    The translation keeps neck and shoulders in place, so that renders lie on the source's picture
    as far as proportions allow; ``joints`` are those of the new body. With ``keep_contacts`` the
    arms are solved so that the hands are where they are in the source relative to the body's skin
    and to each other: touches stay touches, nothing new is touched, nothing is pierced. The hands
    may then be elsewhere in the picture. Fingers, spine, neck, head and face keep their angles;
    palms turn by at most 2.2 degrees from the torso. Without it every angle is the source's.
    """
    trans = trans_for(body, motion.betas, betas, motion.trans, motion.poses)
    poses = _kept(motion, body, betas, trans) if keep_contacts else motion.poses
    joints = joint_transforms(shape_body(body, betas)[1], poses, trans)[1]
    return replace(
        motion,
        betas=np.asarray(betas, np.float32),
        trans=trans.astype(np.float32),
        poses=np.asarray(poses, np.float32),
        joints=joints.astype(np.float32),
        source=motion.source
        | {
            "performed_from_betas": np.asarray(motion.betas).tolist(),
            "keep_contacts": keep_contacts,
        },
    )


def _kept(motion: Motion, body: Body, betas: np.ndarray, trans: np.ndarray) -> np.ndarray:
    """Poses (T, 165) with the source's locations and contacts, window by window."""
    surface = sample_surface(body)
    shapes = shaped(body, surface, motion.betas), shaped(body, surface, betas)
    poses = np.zeros(motion.poses.shape)
    total = np.zeros((len(poses), 1))
    start = 0
    while True:
        stop = min(start + _WINDOW, len(poses))
        part = motion.part(start, stop)
        source = Performer(shapes[0], part.poses, part.trans, part.facial_actions)
        performer = Performer(shapes[1], part.poses, trans[start:stop], part.facial_actions)
        wrists = hands_apart(surface, performer, locate(surface, source, performer))
        solved = solve_contacts(surface, source, performer, wrists)
        share = np.ones(stop - start)
        if start > 0:
            share = np.minimum(share, (np.arange(stop - start) + 1) / (_OVERLAP + 1))
        if stop < len(poses):
            share = np.minimum(share, (stop - start - np.arange(stop - start)) / (_OVERLAP + 1))
        poses[start:stop] += share[:, None] * solved
        total[start:stop] += share[:, None]
        if stop == len(poses):
            return poses / total
        start = stop - _OVERLAP


def locate(surface: Surface, source: Performer, performer: Performer) -> np.ndarray:
    """Wrists (T, 2, 3) that are to the performer's body what the source's are to the source's."""
    scale = _arm_length(performer.shape.joints) / _arm_length(source.shape.joints)
    chosen = [surface.anchors, *(surface.probes[side][::4] for side in SIDES)]
    ends = np.cumsum([len(part) for part in chosen])[:-1]
    (before, _), (after, wrists) = (
        _anchors(surface, who, np.concatenate(chosen), ends) for who in (source, performer)
    )
    own = [after[k + 1] - wrists[:, k, None] for k in (0, 1)]
    pulls = []
    for k, side in enumerate(SIDES):
        keep = surface.bone[surface.anchors] != INDEX[f"{side}_elbow"]
        pulls.append(
            pull_to_surface(before[k + 1], before[0][:, keep], own[k], after[0][:, keep], scale)
        )
    between = pull_to_surface(before[1], before[2], own[0], own[1], scale)
    return wrists_from(pulls[0], pulls[1], between)


def _anchors(
    surface: Surface, who: Performer, chosen: np.ndarray, ends: np.ndarray
) -> tuple[list[np.ndarray], np.ndarray]:
    """Chosen points of a performer, split at ends, and the wrists (T, 2, 3)."""
    rotations, positions = joint_transforms(who.shape.joints, who.poses, who.trans)
    points, _ = pose_surface(surface, who.shape, rotations, positions, who.actions, chosen)
    wrists = positions[:, [INDEX[f"{side}_wrist"] for side in SIDES]]
    return np.split(points, ends, axis=1), wrists


def _arm_length(joints: np.ndarray) -> float:
    chain = [INDEX[f"left_{name}"] for name in ("shoulder", "elbow", "wrist")]
    return float(np.linalg.norm(np.diff(joints[chain], axis=0), axis=1).sum())
