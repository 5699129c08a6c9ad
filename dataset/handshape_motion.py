"""Made-up stills that show a handshape: sources that need no recording of anybody."""

from __future__ import annotations

import numpy as np

from ..render.handshapes import HANDSHAPES, blended, hand_pose
from ..render.random_motion import random_pose
from ..retarget.body.load import load_body
from ..retarget.body.model import joint_transforms, shape_body
from ..retarget.body.skeleton import JOINT_NAMES
from ..retarget.motion import CONFIDENCE_PARTS, Motion
from ..retarget.motion_files.framing import upper_body_camera

FPS = 25.0
_OTHERWISE = 0.12
"""Up to so much of the way to another handshape: no two people make the same one."""


def handshape_motion(name: str, number: int, seed: int) -> Motion:
    """One frame: the right hand shows the handshape, all else is a made-up pose."""
    rng = np.random.default_rng([seed, number, *name.encode()])
    body = load_body("open")
    betas = np.zeros(body.beta_count, np.float32)
    rest = shape_body(body, betas)[1]
    made = random_pose(rng, rest, body.action_names)
    poses = made.poses.reshape(-1, 3)
    others = list(HANDSHAPES)
    other = HANDSHAPES[others[int(rng.integers(len(others)))]]
    shape = blended(HANDSHAPES[name], other, float(rng.uniform(0, _OTHERWISE)))
    for joint, rotation in hand_pose(shape, "right", rest).items():
        poses[joint] = rotation
    flat = poses.reshape(1, -1).astype(np.float32)
    posed = joint_transforms(rest, flat, np.zeros((1, 3)))[1]
    camera, shift = upper_body_camera(posed)
    actions = made.facial_actions[None].astype(np.float32)
    return Motion(
        trans=shift[None].astype(np.float32),
        poses=flat,
        betas=betas,
        expression=actions,
        facial_actions=actions,
        facial_action_names=body.action_names,
        joints=(posed + shift).astype(np.float32),
        joint_names=JOINT_NAMES,
        camera=camera,
        confidence={part: np.ones(1, np.float32) for part in CONFIDENCE_PARTS},
        fps=FPS,
        source={"made_up": name},
    )
