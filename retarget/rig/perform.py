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
from ..motion import Motion
from .contacts import solve_contacts
from .heal import healed
from .locations import locate
from .rules import Performer
from .surface import Shape, Surface, sample_surface, shaped

_WINDOW, _OVERLAP = 256, 32
"""Frames solved at once, which bounds memory, and those shared by two windows."""


def perform(motion: Motion, body: Body, betas: np.ndarray, keep_contacts: bool = True) -> Motion:
    """The motion on a body of the given betas (B,), standing where the source's signer stands.

    The translation keeps neck and shoulders in place, so that renders lie on the source's picture
    as far as proportions allow; ``joints`` are those of the new body. With ``keep_contacts`` the
    arms are solved so that the hands are where they are in the source relative to the body's skin
    and to each other: touches stay touches, nothing new is touched, nothing is pierced. The hands
    may then be elsewhere in the picture. Spine, neck, head and face keep their angles, finger
    joints theirs within 1.7 degrees, and palms turn by at most 2.2 degrees from the torso. A source
    that pierces itself is healed first (see `heal`). Without it every angle is the source's.
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


def healed_motion(motion: Motion, body: Body) -> Motion:
    """The motion with its hands drawn out of what they pierce, on its own body (see `heal`)."""
    surface = sample_surface(body)
    source = performer_of(motion, shaped(body, surface, motion.betas), motion.trans)
    poses = healed(surface, source)[0].poses
    joints = joint_transforms(source.shape.joints, poses, motion.trans)[1]
    return replace(motion, poses=poses.astype(np.float32), joints=joints.astype(np.float32))


def performer_of(motion: Motion, shape: Shape, trans: np.ndarray) -> Performer:
    """Who performs a motion with the source's angles. trans: (T, 3)."""
    return Performer(shape, np.asarray(motion.poses, float), trans, motion.facial_actions)


def _kept(motion: Motion, body: Body, betas: np.ndarray, trans: np.ndarray) -> np.ndarray:
    """Poses (T, 165) with the source's locations and contacts."""
    surface = sample_surface(body)
    source = performer_of(motion, shaped(body, surface, motion.betas), motion.trans)
    performer = performer_of(motion, shaped(body, surface, betas), trans)
    return perform_touches(surface, source, performer)


def perform_touches(surface: Surface, source: Performer, performer: Performer) -> np.ndarray:
    """The performer's poses (T, 165), with the source's locations and contacts.

    Window by window, which bounds memory.
    """
    frames = len(source.poses)
    poses, total = np.zeros(performer.poses.shape), np.zeros((frames, 1))
    start = 0
    while True:
        stop = min(start + _WINDOW, frames)
        own, rules = healed(surface, source.part(start, stop))
        other = performer.part(start, stop)
        solved = solve_contacts(surface, rules, other, locate(surface, own, other))
        share = np.ones(stop - start)
        if start > 0:
            share = np.minimum(share, (np.arange(stop - start) + 1) / (_OVERLAP + 1))
        if stop < frames:
            share = np.minimum(share, (stop - start - np.arange(stop - start)) / (_OVERLAP + 1))
        poses[start:stop] += share[:, None] * solved
        total[start:stop] += share[:, None]
        if stop == frames:
            return poses / total
        start = stop - _OVERLAP
