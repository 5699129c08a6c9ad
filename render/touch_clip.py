"""A clip of touches, authored on one body: the truth by which a retarget of contacts is judged.

Every cue names what touches what: the index finger the chin, the flat hand the chest, one hand the
other. The wrist's place follows from it, so the skin touches on whichever body the clip is made
for. Between two touches the hand comes back to the space before the chest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..retarget.body.landmarks import landmarks
from ..retarget.body.model import Body, joint_transforms, pose_vertices, shape_body
from ..retarget.body.skeleton import INDEX, JOINT_NAMES
from ..retarget.motion import CONFIDENCE_PARTS, Camera, Motion
from ..retarget.rig.surface import HANDS, pose_surface, sample_surface, shaped
from ..retarget.rig.touch import candidates, nearest
from .arms import ArmGoal, reach
from .handshapes import HANDSHAPES, Handshape, blended, hand_pose

FPS = 25
MOVE, HOLD = 12, 8
"""Frames from the space before the chest to a touch, and of the touch itself."""
CLEARANCE = 0.001
_FACE = {"chin": 152, "forehead": 151, "nose": 1, "cheek": 50, "temple": 162, "lips": 0}
_TRUNK = ("pelvis", "spine1", "spine2", "spine3", "neck")
_NEUTRAL = ArmGoal(np.array([0.0, -0.34, 0.30]), 20, -40, 0)


@dataclass(frozen=True)
class Touch:
    """A hand at a place.

    Attributes:
        shape: handshape. part: 'palm' or the finger whose tip touches. place: what it touches.
        swivel, twist, flex, deviate: as in :class:`.arms.ArmGoal`, degrees.
        base: where the other hand is, for places on it.
    """

    shape: str
    part: str
    place: str
    swivel: float = 25.0
    twist: float = 0.0
    flex: float = 0.0
    deviate: float = 0.0
    base: tuple[str, ArmGoal] | None = None


_PALM_UP = ("flat", ArmGoal(np.array([-0.06, -0.30, 0.30]), 20, 55, 0))

TOUCHES: tuple[Touch, ...] = (
    Touch("index", "index", "chin", 47, -6, 3, 13),
    Touch("b", "middle", "forehead", 45, -79, -20, 11),
    Touch("index", "index", "nose", 54, -13, 23, 2),
    Touch("five", "thumb", "chin", 34, 9, 2, 6),
    Touch("index", "index", "cheek", 39, 6, -10, 11),
    Touch("flat", "palm", "chest", 42, 55, 0, -16),
    Touch("bent", "middle", "shoulder", 45, 29, 32, 0),
    Touch("flat", "palm", "belly", 81, 72, 5, -6),
    Touch("index", "index", "other palm", 52, 12, -33, 0, base=_PALM_UP),
    Touch("b", "middle", "other palm", 52, 12, -33, 0, base=_PALM_UP),
)


def touch_motion(
    body: Body, betas: np.ndarray, touches: tuple[Touch, ...] = TOUCHES, side: str = "right"
) -> Motion:
    """The clip on a body of the given betas (B,): each touch reached, held and left again."""
    joints = shape_body(body, betas)[1]
    other = "left" if side == "right" else "right"
    rest = Touch("loose", "palm", "chest")
    poses = []
    for touch in touches:
        goal = touching_goal(body, betas, touch, side)
        base_shape, base = touch.base or ("loose", _mirrored(_NEUTRAL, other))
        low = _mirrored(_NEUTRAL, side)
        for frame in range(2 * MOVE + HOLD):
            share = _minimum_jerk(np.clip(min(frame, 2 * MOVE + HOLD - 1 - frame) / MOVE, 0, 1))
            hand = blended(HANDSHAPES[rest.shape], HANDSHAPES[touch.shape], share)
            off = _mix(_mirrored(_NEUTRAL, other), base, share)
            base_hand = blended(HANDSHAPES["loose"], HANDSHAPES[base_shape], share)
            pose = np.zeros((55, 3))
            pose[0] = [np.pi, 0, 0]
            _put(pose, side, _mix(low, goal, share), hand, joints)
            _put(pose, other, off, base_hand, joints)
            poses.append(pose)
    return _filmed(body, np.asarray(betas, np.float32), np.stack(poses))


def touching_goal(body: Body, betas: np.ndarray, touch: Touch, side: str) -> ArmGoal:
    """The goal at which the touching part is at its place, by moving the wrist until it is."""
    vertices, joints = shape_body(body, betas)
    other = "left" if side == "right" else "right"
    pose = np.zeros((55, 3))
    if touch.base is not None:
        _put(pose, other, touch.base[1], HANDSHAPES[touch.base[0]], joints)
    place, normal = _place(body, vertices, joints, pose, touch.place, other)
    goal = ArmGoal(
        place - joints[INDEX[f"{side}_shoulder"]] + [0, -0.1, 0.12],
        touch.swivel,
        touch.twist,
        touch.flex,
        touch.deviate,
    )
    tips = _part_vertices(body, touch.part, side)
    for _ in range(12):
        _put(pose, side, goal, HANDSHAPES[touch.shape], joints)
        posed = _posed(body, vertices, joints, pose)[tips]
        nearest = posed[((posed - place) @ normal).argmin()]
        goal = replace(goal, wrist=goal.wrist + place + CLEARANCE * normal - nearest)
    for _ in range(3):
        _put(pose, side, goal, HANDSHAPES[touch.shape], joints)
        goal = replace(goal, wrist=goal.wrist + _depth(body, betas, pose, side) * normal)
    return goal


def _depth(body: Body, betas: np.ndarray, pose: np.ndarray, side: str) -> float:
    """Metres that the rest of the hand, but for the touching part, is in the body."""
    surface = sample_surface(body)
    shape = shaped(body, surface, betas)
    turned = joint_transforms(shape.joints, pose.reshape(1, -1), np.zeros((1, 3)))
    points, normals = (values[0] for values in pose_surface(shape, *turned, None))
    own = (INDEX[f"{side}_elbow"], *HANDS[side])
    probes = points[surface.hands[side]]
    among = candidates(probes, points, ~np.isin(surface.bone, own), 0.03)
    return max(0.0, -float(nearest(probes, points, normals, surface.aside, among).gap.min()))


def _posed(body: Body, vertices: np.ndarray, joints: np.ndarray, pose: np.ndarray) -> np.ndarray:
    still = np.zeros((1, 3))
    return pose_vertices(body, vertices, joints, pose.reshape(1, -1), still)[0]


def _place(
    body: Body,
    vertices: np.ndarray,
    joints: np.ndarray,
    pose: np.ndarray,
    name: str,
    other: str,
) -> tuple[np.ndarray, np.ndarray]:
    """A named place on the posed skin and the direction away from it."""
    posed = _posed(body, vertices, joints, pose)
    if name in _FACE:
        face, point = landmarks(body).face, _FACE[name]
        place = face.vertex_weights[point] @ posed[face.vertex_ids[point]]
        return place, _away(body, posed, place)
    if name == "other palm":
        rotations, at = joint_transforms(joints, pose.reshape(1, -1), np.zeros((1, 3)))
        wrist, middle = (at[0, INDEX[f"{other}_{part}"]] for part in ("wrist", "middle1"))
        down = rotations[0, INDEX[f"{other}_wrist"]] @ [0, -1, 0]
        return _cast(body, posed, 0.3 * wrist + 0.7 * middle, down, other, "palm")
    chest, waist = joints[INDEX["spine3"]], joints[INDEX["spine1"]]
    spots = {
        "chest": chest + np.array([0, 0.02, 0]),
        "belly": waist,
        "shoulder": 0.7 * joints[INDEX[f"{other}_shoulder"]] + 0.3 * chest,
    }
    return _cast(body, posed, spots[name], np.array([0, 0, 1.0]), other, "trunk")


def _cast(
    body: Body, posed: np.ndarray, start: np.ndarray, way: np.ndarray, other: str, part: str
) -> tuple[np.ndarray, np.ndarray]:
    """The outermost vertex near a line from inside a part of the body."""
    held = body.weights.argmax(1)
    names = {
        "palm": [f"{other}_wrist", f"{other}_middle1", f"{other}_index1", f"{other}_ring1"],
        "trunk": [*_TRUNK, f"{other}_collar", f"{other}_shoulder"],
    }[part]
    skin = np.unique(body.faces[body.group_faces("body")])
    skin = skin[np.isin(held[skin], [INDEX[name] for name in names])]
    offset = posed[skin] - start
    along = offset @ way
    aside = np.linalg.norm(offset - along[:, None] * way, axis=1)
    place = posed[skin[np.where((along > 0) & (aside < 0.02), along, -1).argmax()]]
    return place, _away(body, posed, place)


def _away(body: Body, posed: np.ndarray, place: np.ndarray) -> np.ndarray:
    corners = posed[body.faces[body.group_faces("body")]]
    near = np.linalg.norm(corners.mean(1) - place, axis=1) < 0.02
    a, b, c = np.swapaxes(corners[near], 0, 1)
    normal = np.cross(b - a, c - a).sum(0)
    return normal / np.linalg.norm(normal)


def _part_vertices(body: Body, part: str, side: str) -> np.ndarray:
    skin = np.unique(body.faces[body.group_faces("body")])
    if part != "palm":
        return skin[body.weights[skin, INDEX[f"{side}_{part}3"]] > 0.9]
    joints = body.J_regressor @ body.v_template
    wrist, middle = joints[INDEX[f"{side}_wrist"]], joints[INDEX[f"{side}_middle1"]]
    centre = 0.35 * wrist + 0.65 * middle
    hand = skin[body.weights[skin, INDEX[f"{side}_wrist"]] > 0.5]
    below = body.v_template[hand, 1] < centre[1]
    near = np.linalg.norm((body.v_template[hand] - centre)[:, [0, 2]], axis=1) < 0.02
    return hand[below & near]


def _put(pose: np.ndarray, side: str, goal: ArmGoal, shape: Handshape, joints: np.ndarray) -> None:
    for joint, vector in (
        reach(goal, side, joints).rotations | hand_pose(shape, side, joints)
    ).items():
        pose[joint] = vector


def _mirrored(goal: ArmGoal, side: str) -> ArmGoal:
    sign = 1 if side == "left" else -1
    return replace(goal, wrist=goal.wrist * [sign, 1, 1])


def _mix(first: ArmGoal, second: ArmGoal, share: float) -> ArmGoal:
    names = ("wrist", "swivel", "twist", "flex", "deviate")
    return ArmGoal(
        *((1 - share) * getattr(first, name) + share * getattr(second, name) for name in names)
    )


def _minimum_jerk(share: float) -> float:
    return share**3 * (10 - 15 * share + 6 * share**2)


def _filmed(body: Body, betas: np.ndarray, poses: np.ndarray) -> Motion:
    """The poses (T, 55, 3) before a camera at the height of the chest."""
    joints = shape_body(body, betas)[1]
    frames = len(poses)
    poses = poses.reshape(frames, -1).astype(np.float32)
    place = np.array([0.0, joints[INDEX["spine3"], 1] - joints[0, 1] + 0.15, 1.9]) - joints[0]
    trans = np.repeat(place[None], frames, 0).astype(np.float32)
    actions = np.zeros((frames, len(body.action_names)), np.float32)
    return Motion(
        trans=trans,
        poses=poses,
        betas=betas,
        expression=actions,
        facial_actions=actions,
        facial_action_names=body.action_names,
        joints=joint_transforms(joints, poses, trans)[1].astype(np.float32),
        joint_names=JOINT_NAMES,
        camera=Camera(955.0, 955.0, 256.0, 256.0, 512, 512),
        confidence={part: np.ones(frames, np.float32) for part in CONFIDENCE_PARTS},
        fps=float(FPS),
        source={"authored": "diffsign.render.touch_clip"},
    )
