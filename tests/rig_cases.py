"""What the tests of rigs share: real skeletons, a motion, and how directions are measured."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np

from diffsign.retarget.body.load import load_body
from diffsign.retarget.body.model import (
    shape_body,
)
from diffsign.retarget.body.skeleton import INDEX, JOINT_NAMES, PARENTS
from diffsign.retarget.motion import Motion
from diffsign.retarget.rig.calibrate import identity_map
from diffsign.retarget.rig.mpfb import RIGS, mpfb_skeleton
from diffsign.retarget.rig.rig_map import RigMap
from diffsign.retarget.rig.skeleton import (
    Skeleton,
    rest_skeleton,
)
from diffsign.retarget.rig.transfer import (
    to_world,
)

FULL = [name for name in RIGS if name != "cmu"]
FAMILY = {
    "makehuman": "makehuman",
    "makehuman without toes": "makehuman",
    "mixamo": "mixamo",
    "game engine": "unreal",
    "cmu": "cmu",
    "rigify metarig": "rigify-metarig",
    "rigify metarig with toes": "rigify-metarig",
}
FINGER_JOINTS = [n for n in JOINT_NAMES if INDEX[n] >= INDEX["left_index1"]]


@cache
def sample() -> Motion:
    """Frames of the sample clip, spread over it."""
    motion = Motion.load(Path(str(resources.files("diffsign.assets"))) / "sample_motion.npz")
    keep = np.arange(0, motion.frame_count, 7)
    return replace(
        motion,
        **{n: getattr(motion, n)[keep] for n in ("trans", "poses", "expression", "joints")},
        facial_actions=motion.facial_actions[keep],
        confidence={part: values[keep] for part, values in motion.confidence.items()},
    )


@cache
def skeleton(name: str) -> Skeleton:
    return mpfb_skeleton(name)


@cache
def own_body() -> tuple[np.ndarray, np.ndarray]:
    """T-posed vertices and joints of the sample's own signer."""
    return shape_body(load_body(), sample().betas)


def degrees(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angles (...) between rotations (..., 3, 3), exact near 0 too."""
    return np.degrees(2 * np.arcsin(np.clip(np.linalg.norm(a - b, axis=(-2, -1)) / 8**0.5, 0, 1)))


def bone_directions(rig: Skeleton, found: RigMap, heads: np.ndarray) -> dict[str, np.ndarray]:
    """Unit directions (T, 3) from each joint to the next one of its limb, in the rig's world."""
    directions = {}
    for joint, parent in enumerate(PARENTS):
        name, above = JOINT_NAMES[joint], JOINT_NAMES[max(parent, 0)]
        if parent < 0 or name not in found.bones or above not in found.bones:
            continue
        if not above.endswith(("1", "2", "shoulder", "elbow", "hip", "knee")) or "spine" in above:
            continue
        ends = [heads[:, rig.index(found.bones[n][0])] for n in (above, name)]
        bone = ends[1] - ends[0]
        directions[above] = bone / np.linalg.norm(bone, axis=-1, keepdims=True)
    return directions


def source_directions(motion: Motion, up: tuple[float, float, float]) -> dict[str, np.ndarray]:
    names = tuple(JOINT_NAMES)
    rig = rest_skeleton(motion)
    return {
        joint: found
        for joint, found in bone_directions(
            replace(rig, names=names), identity_map(), motion.joints @ to_world(up).T
        ).items()
    }
