"""Random signing: plausible frames of a signer seen from the waist up, nothing of any language.

Every frame is a pose of its own: arms in the signing space before the chest, a handshape on each
hand, the head and trunk a little turned, a face that acts. Deterministic in the given generator.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from ..retarget.body.skeleton import INDEX
from ..retarget.motion import Camera
from .arms import SIGN, ArmGoal, ArmPose, reach
from .handshapes import HANDSHAPES, Bend, Handshape, blended, hand_pose

HAND_LENGTH_METRES = 0.17
CHEST_DEPTH_METRES = 0.15
TRIES = 60

FACIAL_GESTURES: tuple[tuple[str, ...], ...] = (
    ("browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
    ("browDownLeft", "browDownRight"),
    ("browDownLeft", "browDownRight", "eyeSquintLeft", "eyeSquintRight", "noseSneerLeft"),
    ("eyeWideLeft", "eyeWideRight"),
    ("eyeBlinkLeft", "eyeBlinkRight"),
    ("eyeSquintLeft", "eyeSquintRight", "cheekSquintLeft", "cheekSquintRight"),
    ("jawOpen",),
    ("jawOpen", "mouthFunnel"),
    ("mouthPucker",),
    ("mouthSmileLeft", "mouthSmileRight"),
    ("mouthFrownLeft", "mouthFrownRight"),
    ("mouthStretchLeft", "mouthStretchRight"),
    ("mouthPressLeft", "mouthPressRight"),
    ("mouthUpperUpLeft", "mouthUpperUpRight", "mouthLowerDownLeft", "mouthLowerDownRight"),
    ("mouthRollLower", "mouthRollUpper"),
    ("mouthShrugLower", "mouthShrugUpper"),
    ("cheekPuff",),
    ("mouthLeft",),
    ("mouthRight",),
    ("jawOpen", "tongueOut"),
)
"""Facial actions that go together."""

EYE_ACTIONS = (
    ("eyeLookUpLeft", "eyeLookUpRight"),
    ("eyeLookDownLeft", "eyeLookDownRight"),
    ("eyeLookInLeft", "eyeLookOutRight"),
    ("eyeLookOutLeft", "eyeLookInRight"),
)


@dataclass(frozen=True)
class RandomPose:
    """One frame: poses (165,) axis-angle, facial_actions (52,), and the handshapes' names."""

    poses: np.ndarray
    facial_actions: np.ndarray
    handshapes: dict[str, str]


def random_pose(
    rng: np.random.Generator, joints: np.ndarray, action_names: tuple[str, ...]
) -> RandomPose:
    """A signing pose on a skeleton.

    Args:
        joints: (55, 3) rest joints in metres. action_names: the 52 facial actions.

    The root turns the rest frame upright into the camera's frame, and a little to a side.
    """
    poses = np.zeros((55, 3))
    upright = Rotation.from_rotvec([np.pi, 0, 0])
    poses[0] = (upright * _tilt(rng, 4, 9, 2)).as_rotvec()
    for name in ("spine1", "spine2", "spine3"):
        poses[INDEX[name]] = _tilt(rng, 2, 3, 2).as_rotvec()
    poses[INDEX["neck"]] = _tilt(rng, 5, 9, 4).as_rotvec()
    poses[INDEX["head"]] = _tilt(rng, 6, 11, 6).as_rotvec()

    one_handed = rng.random() < 0.22
    resting = str(rng.choice(["left", "right"])) if one_handed else None
    arms = _random_arms(rng, joints, resting)
    handshapes = {}
    for side, arm in arms.items():
        for joint, rotation in arm.rotations.items():
            poses[joint] = rotation
        lift = rng.normal(0, 4) + 20 * max(arm.wrist[1] - joints[INDEX[f"{side}_shoulder"], 1], 0)
        poses[INDEX[f"{side}_collar"]] = np.radians([0.0, 0.0, SIGN[side] * lift])
        name, shape = _random_handshape(rng, resting == side)
        handshapes[side] = name
        for joint, rotation in hand_pose(shape, side, joints).items():
            poses[joint] = rotation
    return RandomPose(poses.reshape(-1), random_face(rng, action_names), handshapes)


def random_face(rng: np.random.Generator, action_names: tuple[str, ...]) -> np.ndarray:
    """Facial actions (52,) in 0..1: none to three gestures, a slight asymmetry, a gaze."""
    actions = np.zeros(len(action_names))
    count = int(rng.choice([0, 1, 2, 3], p=[0.15, 0.35, 0.32, 0.18]))
    for choice in rng.choice(len(FACIAL_GESTURES), count, replace=False):
        strength = rng.uniform(0.35, 1.0)
        for name in FACIAL_GESTURES[choice]:
            actions[action_names.index(name)] = strength * rng.uniform(0.8, 1.0)
    if rng.random() < 0.7:
        strength = rng.uniform(0.1, 0.6)
        for name in EYE_ACTIONS[rng.integers(len(EYE_ACTIONS))]:
            actions[action_names.index(name)] = strength
    lids = action_names.index("eyeBlinkLeft"), action_names.index("eyeBlinkRight")
    actions[list(lids)] = np.maximum(actions[list(lids)], rng.uniform(0, 0.15))
    return np.clip(actions, 0, 1)


def random_camera(
    rng: np.random.Generator, chest: np.ndarray, crown: float, size: int
) -> tuple[Camera, np.ndarray]:
    """A camera that frames the signer from the waist up, and where the signer then stands.

    Args:
        chest: (3,) the chest's rest joint. crown: height of the top of the head in the rest frame.
        size: sides of the picture in pixels.

    Returns:
        The camera, and the offset (3,) in the camera's frame that puts the upright chest there.
    """
    distance = rng.uniform(1.3, 3.0)
    span = rng.uniform(0.74, 1.12)
    focal = size * distance / span
    camera = Camera(focal, focal, size / 2, size / 2, size, size)
    headroom = rng.uniform(0.05, 0.14) * span
    chest_below_crown = crown - float(chest[1])
    down = headroom + chest_below_crown - span / 2
    aside = rng.normal(0, 0.03) * span
    return camera, np.array([aside, down, distance])


def _tilt(rng: np.random.Generator, pitch: float, yaw: float, roll: float) -> Rotation:
    """A random small turn; arguments are standard deviations in degrees, cut at two of them."""
    limits = np.array([pitch, yaw, roll])
    angles = np.clip(rng.normal(0, 1, 3), -2, 2) * limits
    return Rotation.from_euler("YXZ", angles[[1, 0, 2]], degrees=True)


def _random_handshape(rng: np.random.Generator, resting: bool) -> tuple[str, Handshape]:
    names = list(HANDSHAPES)
    name = "loose" if resting else names[rng.integers(len(names))]
    shape = HANDSHAPES[name]
    if not resting and rng.random() < 0.25:
        other = names[rng.integers(len(names))]
        shape = blended(shape, HANDSHAPES[other], rng.uniform(0.15, 0.85))
        name = f"{name}>{other}"
    return name, _wobbled(rng, shape)


def _wobbled(rng: np.random.Generator, shape: Handshape) -> Handshape:
    """The same handshape by another hand: a few degrees off everywhere."""
    fingers: list[Bend] = []
    for bend in shape.fingers:
        first, second, third = (
            float(max(angle + rng.normal(0, 4), -6)) if angle < 60 else angle + rng.normal(0, 3)
            for angle in bend
        )
        fingers.append((first, second, third))
    spread = shape.spread + rng.normal(0, 1.5)
    return Handshape((fingers[0], fingers[1], fingers[2], fingers[3]), shape.thumb, spread)


def _random_arms(
    rng: np.random.Generator, joints: np.ndarray, resting: str | None
) -> dict[str, ArmPose]:
    """Both arms, drawn until no hand is inside the trunk, the head or the other hand."""
    arms: dict[str, ArmPose] = {}
    for _ in range(TRIES):
        arms = {
            side: reach(_random_goal(rng, side, joints, side == resting), side, joints)
            for side in ("left", "right")
        }
        if _free(arms, joints):
            break
    return arms


def _random_goal(rng: np.random.Generator, side: str, joints: np.ndarray, resting: bool) -> ArmGoal:
    sign = SIGN[side]
    shoulder = joints[INDEX[f"{side}_shoulder"]]
    head = joints[INDEX["head"]]
    arm = float(np.linalg.norm(joints[INDEX[f"{side}_wrist"]] - shoulder))
    if resting:
        wrist = np.array([sign * rng.uniform(-0.12, 0.05), rng.uniform(-0.97, -0.9) * arm, 0.08])
        return ArmGoal(wrist, swivel=20, twist=-10, flex=rng.uniform(0, 10))
    across = sign * rng.triangular(-0.06, 0.12, 0.34)
    height = rng.triangular(-0.62 * arm, -0.22 * arm, float(head[1] - shoulder[1]) + 0.12)
    forward = rng.uniform(0.16, 0.42)
    wrist = np.array([across, shoulder[1] + height, shoulder[2] + forward]) - shoulder
    return ArmGoal(
        wrist,
        swivel=rng.triangular(0, 25, 75),
        twist=rng.triangular(-100, -20, 80),
        flex=float(np.clip(rng.normal(0, 22), -50, 50)),
        deviate=float(np.clip(rng.normal(0, 8), -18, 14)),
    )


def _free(arms: dict[str, ArmPose], joints: np.ndarray) -> bool:
    """Whether neither hand runs through the trunk, the head or the other hand.

    Hands are taken as three balls from wrist to fingertips.
    """
    shares = np.array([0.15, 0.55, 1.0])[:, None] * HAND_LENGTH_METRES
    balls = {side: arm.wrist + shares * arm.fingers for side, arm in arms.items()}
    chest = joints[INDEX["spine3"]]
    face = joints[INDEX["head"]] + [0, 0.06, 0.03]
    shoulder_width = abs(float(joints[INDEX["left_shoulder"], 0]))
    for side, places in balls.items():
        before_trunk = np.abs(places[:, 0]) < shoulder_width + 0.03
        below_neck = places[:, 1] < joints[INDEX["neck"], 1] + 0.02
        low = places[:, 1] < joints[INDEX["pelvis"], 1] - 0.05
        clear = places[:, 2] > chest[2] + CHEST_DEPTH_METRES
        if (before_trunk & below_neck & ~clear & ~low).any():
            return False
        if (np.linalg.norm(places - face, axis=1) < 0.15).any():
            return False
        if not low.any() and (SIGN[side] * places[:, 0] < -0.22).any():
            return False
    gaps = np.linalg.norm(balls["left"][:, None] - balls["right"][None], axis=-1)
    return bool(gaps.min() > 0.075)
