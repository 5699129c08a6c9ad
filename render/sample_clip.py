"""The sample clip: a signed sentence authored by hand, with its exact truth beside it.

D-I-F-F is fingerspelled with the brows raised (a topic), then DIFFERENT is signed with a shake of
the head (negation), both in ASL. The motion is a table of cues between which every number moves
with minimum jerk (Flash & Hogan 1985), as hands do.

``python -m diffsign.render.sample_clip`` writes ``assets/sample.mp4`` and its truth anew.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from ..retarget.body.model import Body, joint_transforms, shape_body
from ..retarget.body.skeleton import INDEX, JOINT_NAMES
from ..retarget.motion import CONFIDENCE_PARTS, Camera, Motion
from .arms import ArmGoal, reach
from .avatar.record import Signer
from .handshapes import FIST, HANDSHAPES, MEETING, PINCHED, STRAIGHT, Handshape, blended, hand_pose

FPS = 25
SIZE = 512
SECONDS = 3.4
DISTANCE_METRES = 1.9
FOV_DEGREES = 30.0

_SHAPES = HANDSHAPES | {
    "d": Handshape((STRAIGHT, PINCHED, PINCHED, PINCHED), MEETING),
    "one": Handshape((STRAIGHT, FIST, FIST, FIST), replace(MEETING, across=44, curl=30)),
}


@dataclass(frozen=True)
class Hand:
    """One hand at one moment: a handshape's name and where the wrist is."""

    shape: str
    goal: ArmGoal


@dataclass(frozen=True)
class Cue:
    """The signer at one moment.

    Attributes:
        at: seconds. right, left: the hands. head: pitch, yaw, roll in degrees.
        brows, furrow, blink, mouth, pucker: strength of the non-manuals in 0..1.
    """

    at: float
    right: Hand
    left: Hand
    head: tuple[float, float, float] = (0, 0, 0)
    face: dict[str, float] = field(default_factory=dict)


def _low(sign: float) -> Hand:
    return Hand("loose", ArmGoal(np.array([sign * 0.09, -0.53, 0.06]), 18, -10, 5))


def _spell(shape: str, aside: float, turn: float = -78) -> Hand:
    return Hand(shape, ArmGoal(np.array([-0.05 - aside, -0.07, 0.21]), 4, turn, -6))


def _cross(sign: float, aside: float, height: float, forward: float = 0.25) -> Hand:
    goal = ArmGoal(np.array([sign * aside, height, forward]), 14, -74, -4)
    return Hand("one", goal)


_RAISED = {"browInnerUp": 0.9, "browOuterUpLeft": 0.9, "browOuterUpRight": 0.9, "eyeWideLeft": 0.4}
_RAISED |= {"eyeWideRight": 0.4}
_FURROWED = {"browDownLeft": 0.8, "browDownRight": 0.8, "mouthFrownLeft": 0.5}
_FURROWED |= {"mouthFrownRight": 0.5, "eyeSquintLeft": 0.3, "eyeSquintRight": 0.3}
_BLINK = {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}

CUES: tuple[Cue, ...] = (
    Cue(0.00, _spell("loose", 0.00, -50), _low(1)),
    Cue(0.24, _spell("d", 0.00), _low(1), (4, 0, 0), _RAISED),
    Cue(0.48, _spell("d", 0.00), _low(1), (5, 0, 0), _RAISED | {"jawOpen": 0.25}),
    Cue(0.68, _spell("i", 0.02), _low(1), (5, 0, 0), _RAISED | {"mouthStretchLeft": 0.4}),
    Cue(0.92, _spell("i", 0.02), _low(1), (5, 0, 0), _RAISED),
    Cue(1.12, _spell("f", 0.04), _low(1), (5, 0, 0), _RAISED | {"mouthRollLower": 0.8}),
    Cue(1.32, _spell("f", 0.04), _low(1), (5, 0, 0), _RAISED | {"mouthRollLower": 0.8}),
    Cue(1.52, _spell("f", 0.06), _low(1), (4, 0, 0), _RAISED | {"mouthRollLower": 0.6}),
    Cue(1.68, _spell("f", 0.06), _low(1), (3, 0, 0), _RAISED),
    Cue(1.80, _spell("f", 0.06), _low(1), (0, 0, 0), _BLINK),
    Cue(2.12, _cross(-1, -0.105, -0.14), _cross(1, -0.105, -0.17, 0.263), (0, 12, 0), _FURROWED),
    Cue(2.24, _cross(-1, -0.105, -0.14), _cross(1, -0.105, -0.17, 0.263), (0, 4, 0), _FURROWED),
    Cue(2.46, _cross(-1, 0.03, -0.13), _cross(1, 0.03, -0.13), (0, -13, 0), _FURROWED),
    Cue(2.72, _cross(-1, 0.09, -0.10), _cross(1, 0.09, -0.10), (0, 13, 0), _FURROWED),
    Cue(2.96, _cross(-1, 0.10, -0.10), _cross(1, 0.10, -0.10), (0, -9, 0), _FURROWED),
    Cue(3.16, _cross(-1, 0.09, -0.12), _cross(1, 0.09, -0.12), (0, 4, 0), {"jawOpen": 0.1}),
    Cue(3.40, _cross(-1, 0.08, -0.14), _cross(1, 0.08, -0.14), (0, 0, 0)),
)


def _between(hand: Hand, following: Hand, share: float) -> tuple[Handshape, ArmGoal]:
    a, b = hand.goal, following.goal

    def mix(first: float, second: float) -> float:
        return (1 - share) * first + share * second

    goal = ArmGoal(
        (1 - share) * a.wrist + share * b.wrist,
        mix(a.swivel, b.swivel),
        mix(a.twist, b.twist),
        mix(a.flex, b.flex),
        mix(a.deviate, b.deviate),
    )
    return blended(_SHAPES[hand.shape], _SHAPES[following.shape], share), goal


def _minimum_jerk(share: float) -> float:
    return share**3 * (10 - 15 * share + 6 * share**2)


def sample_motion(body: Body, betas: np.ndarray) -> Motion:
    """The authored motion on a body of the given betas (B,): its truth, to the last joint."""
    joints = shape_body(body, betas)[1]
    frames = round(SECONDS * FPS)
    poses = np.zeros((frames, 55, 3))
    actions = np.zeros((frames, len(body.action_names)), np.float32)
    poses[:, 0] = [np.pi, 0, 0]
    for frame in range(frames):
        time = frame / FPS
        after = next(k for k, cue in enumerate(CUES) if cue.at > time or k == len(CUES) - 1)
        before, following = CUES[after - 1], CUES[after]
        share = _minimum_jerk(np.clip((time - before.at) / (following.at - before.at), 0, 1))
        for side in ("left", "right"):
            shape, goal = _between(getattr(before, side), getattr(following, side), share)
            rotations = reach(goal, side, joints).rotations | hand_pose(shape, side, joints)
            for joint, rotation in rotations.items():
                poses[frame, joint] = rotation
        head = (1 - share) * np.array(before.head) + share * np.array(following.head)
        turn = Rotation.from_euler("YXZ", [head[1] / 2, head[0] / 2, head[2] / 2], degrees=True)
        poses[frame, INDEX["neck"]] = poses[frame, INDEX["head"]] = turn.as_rotvec()
        for index, name in enumerate(body.action_names):
            ends = before.face.get(name, 0.0), following.face.get(name, 0.0)
            actions[frame, index] = (1 - share) * ends[0] + share * ends[1]
    return _placed(body, betas, joints, poses.reshape(frames, -1).astype(np.float32), actions)


def _placed(
    body: Body, betas: np.ndarray, joints: np.ndarray, poses: np.ndarray, actions: np.ndarray
) -> Motion:
    """Stand the signer before the camera, head and waist in the picture."""
    focal = SIZE / 2 / np.tan(np.radians(FOV_DEGREES) / 2)
    camera = Camera(focal, focal, SIZE / 2, SIZE / 2, SIZE, SIZE)
    chest = joints[INDEX["spine3"]] - joints[0]
    place = np.array([0.0, chest[1] + 0.15, DISTANCE_METRES]) - joints[0]
    trans = np.repeat(place[None], len(poses), 0).astype(np.float32)
    return Motion(
        trans=trans,
        poses=poses,
        betas=np.asarray(betas, np.float32),
        expression=actions,
        facial_actions=actions,
        facial_action_names=body.action_names,
        joints=joint_transforms(joints, poses, trans)[1].astype(np.float32),
        joint_names=JOINT_NAMES,
        camera=camera,
        confidence={part: np.ones(len(poses), np.float32) for part in CONFIDENCE_PARTS},
        fps=float(FPS),
        source={"authored": "diffsign.render.sample_clip", "gloss": "D-I-F-F DIFFERENT(neg)"},
    )


SAMPLE_SIGNER = Signer(
    skin="#a5714d",
    hair_style="bob",
    hair_colour="#20160f",
    top="long_sleeve",
    top_colour="#2f4a73",
    background="#9aa7b0",
)


def write_sample(folder: Path) -> None:
    """Render the clip: ``sample.mp4``, ``sample_motion.npz`` and ``sample_signer.json``."""
    from ..retarget.body.load import load_body
    from ..retarget.body.phenotype import phenotype_betas
    from ..video import write_video
    from .avatar.build import build_avatar
    from .pass_set import read_pass_set
    from .passes import PassOptions, render_passes

    body = load_body("open")
    betas = phenotype_betas(body, SAMPLE_SIGNER.phenotype)
    motion = sample_motion(body, betas)
    motion.save(folder / "sample_motion.npz")
    SAMPLE_SIGNER.save(folder / "sample_signer.json")
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        build_avatar(SAMPLE_SIGNER, body, betas).save(scratch / "avatar.npz")
        render_passes(
            folder / "sample_motion.npz",
            scratch / "avatar.npz",
            scratch / "passes",
            PassOptions(samples=16),
        )
        passes = read_pass_set(scratch / "passes")
        frames = (passes.beauty_srgb(index) for index in range(motion.frame_count))
        write_video(folder / "sample.mp4", frames, FPS)


if __name__ == "__main__":
    write_sample(Path(__file__).parents[1] / "assets")
