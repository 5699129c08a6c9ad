"""Where each part of a rig stands at rest against the SMPL-X T-pose, from joint positions alone.

Bone rolls and bone axes are not read, so it does not matter how a rig was drawn, and neither does
its rest pose: every part has a direction or a frame that turns with it. The torso's comes from
hips, shoulders and the direction up; the head's from the eyes; the palm's from wrist and knuckles;
the upper arm's from the elbow's bend where there is one; a finger is laid back into the palm about
its flexion axis, then into the source finger's direction; feet stand level.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ..body.skeleton import INDEX, JOINT_NAMES
from ..rotations import aligning, frame, unit
from .rig_map import RigMap
from .skeleton import Skeleton, smplx_skeleton

UPRIGHT_DEGREES = 25.0  # a torso nearer than this to `up` stands; beyond it, it lies or leans
BENT_DEGREES = 10.0  # an elbow or thumb bent more than this shows its flexion axis
TAIL_DEGREES = 12.0
FINGERS = ("index", "middle", "ring", "pinky")
_SIDES = ("left", "right")


class Points:
    """Rest positions of a skeleton's joints, and where its last finger bones end."""

    def __init__(self, skeleton: Skeleton, rig_map: RigMap) -> None:
        self.up = np.asarray(skeleton.up, float)
        self.heads = {
            joint: skeleton.heads[skeleton.index(bones[0])]
            for joint, bones in rig_map.bones.items()
        }
        self.tips = _tips(skeleton, rig_map)

    def has(self, *joints: str) -> bool:
        return all(joint in self.heads for joint in joints)

    def bone(self, start: str, end: str) -> np.ndarray:
        """The unit direction (3,) between two joints."""
        return unit(self.heads[end] - self.heads[start])


def identity_map() -> RigMap:
    """The map of the SMPL-X skeleton onto itself."""
    return RigMap("smplx", {name: (name,) for name in JOINT_NAMES})


def alignments(skeleton: Skeleton, rig_map: RigMap, source: Skeleton) -> dict[str, np.ndarray]:
    """Joint -> rotation (3, 3) from the rig's rest, in its world, to the source's T-pose.

    Applied to the rig's bone it gives the orientation in which that bone stands like the source's
    with all joint angles 0. ``source`` is a T-posed SMPL-X skeleton (:func:`.rest_skeleton`).
    """
    rig = Points(skeleton, rig_map)
    model = Points(source, identity_map())
    torso = _torso_frame(model, rig) @ _torso_frame(rig, rig).T
    found = {joint: torso for joint in rig_map.bones}
    head = _head(rig, model, torso)
    for joint in ("head", "jaw", "left_eye_smplhf", "right_eye_smplhf"):
        found[joint] = head
    for side in _SIDES:
        _arm(found, rig, model, side)
        _leg(found, rig, model, side)
    return {joint: found[joint] for joint in rig_map.bones}


def size(skeleton: Skeleton, rig_map: RigMap, joints: set[str] | None = None) -> float:
    """A rig's size in metres: torso and both arms, over the joints named (all by default)."""
    points = Points(skeleton, rig_map)
    total = 0.0
    for start, end in _MEASURED:
        if points.has(start, end) and (joints is None or {start, end} <= joints):
            total += float(np.linalg.norm(points.heads[end] - points.heads[start]))
    return total


_MEASURED = (
    ("left_hip", "left_shoulder"),
    ("right_hip", "right_shoulder"),
    ("left_shoulder", "left_elbow"),
    ("right_shoulder", "right_elbow"),
    ("left_elbow", "left_wrist"),
    ("right_elbow", "right_wrist"),
)


def smplx_rest(skeleton: Skeleton, rig_map: RigMap, source: Skeleton) -> Skeleton:
    """A rig's own proportions as a T-posed SMPL-X skeleton: what a contact solve works on.

    Bones the rig lacks are the source's, scaled; the pelvis stands where the source's does.
    """
    turns = alignments(skeleton, rig_map, source)
    rig = Points(skeleton, rig_map)
    ratio = size(skeleton, rig_map) / size(source, identity_map(), set(rig_map.bones))
    rest = source.heads.copy()
    for joint, name in enumerate(JOINT_NAMES):
        parent = source.parents[joint]
        if parent < 0:
            continue
        offset = (source.heads[joint] - source.heads[parent]) * ratio
        # The nearest ancestor that the rig has; what lies between keeps the source's scaled offset.
        if rig.has(name):
            above = parent
            while above >= 0 and not rig.has(JOINT_NAMES[above]):
                above = source.parents[above]
            if above >= 0:
                known = JOINT_NAMES[above]
                moved = turns[known] @ (rig.heads[name] - rig.heads[known])
                rest[joint] = rest[above] + moved
                continue
        rest[joint] = rest[parent] + offset
    tips = {
        name: rest[INDEX[name]] + turns[name] @ (tip - rig.heads[name])
        for name, tip in rig.tips.items()
    }
    return smplx_skeleton(rest, tips)


def _torso_frame(points: Points, common: Points) -> np.ndarray:
    """(3, 3) up, left and backward of a torso, over joints that `common` has too."""
    left, up = np.zeros(3), np.zeros(3)
    for part in ("hip", "shoulder"):
        if common.has(f"left_{part}", f"right_{part}"):
            left = left + points.heads[f"left_{part}"] - points.heads[f"right_{part}"]
    middle = (points.heads["left_shoulder"] + points.heads["right_shoulder"]) / 2
    low = points.heads["pelvis"]
    if common.has("left_hip", "right_hip"):
        low = (points.heads["left_hip"] + points.heads["right_hip"]) / 2
    up = unit(middle - low)
    if up @ points.up > np.cos(np.deg2rad(UPRIGHT_DEGREES)):
        up = points.up
    return frame(up, left)


def _head(rig: Points, model: Points, torso: np.ndarray) -> np.ndarray:
    """The eyes say how the head is turned and tilted; its nod at rest is taken as level."""
    eyes = ("right_eye_smplhf", "left_eye_smplhf")
    if not rig.has(*eyes) or np.linalg.norm(rig.heads[eyes[0]] - rig.heads[eyes[1]]) < 1e-6:
        return torso
    up = torso.T @ model.up
    return frame(model.bone(*eyes), model.up) @ frame(rig.bone(*eyes), up).T


def _towards(turn: np.ndarray, direction: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """The turn, followed by the smallest rotation that brings a direction to its goal."""
    return aligning(turn @ direction, goal) @ turn


def _arm(found: dict[str, np.ndarray], rig: Points, model: Points, side: str) -> None:
    shoulder, elbow, wrist = (f"{side}_{part}" for part in ("shoulder", "elbow", "wrist"))
    upper, fore = rig.bone(shoulder, elbow), rig.bone(elbow, wrist)
    goal = model.bone(shoulder, elbow)
    if _angle(upper, fore) > BENT_DEGREES:
        forward = np.cross(model.bone("right_shoulder", "left_shoulder"), model.up)
        turn = frame(goal, forward) @ frame(upper, fore).T
    else:
        turn = _towards(found[shoulder], upper, goal)
    found[shoulder] = turn
    goal = model.bone(elbow, wrist)
    found[elbow] = _towards(turn, fore, goal)
    knuckles = [f"{side}_{finger}1" for finger in FINGERS if rig.has(f"{side}_{finger}1")]
    if not knuckles:
        found[wrist] = found[elbow]
        return
    across = (knuckles[-1], knuckles[0])
    if len(knuckles) == 1:  # a mitten: the thumb shows the side
        if not rig.has(f"{side}_thumb1"):
            found[wrist] = _towards(
                found[elbow], rig.bone(wrist, knuckles[0]), model.bone(wrist, knuckles[0])
            )
            return
        across = (wrist, f"{side}_thumb1")
    found[elbow] = frame(goal, model.bone(*across)) @ frame(fore, rig.bone(*across)).T
    palms = [frame(_palm(points, wrist, knuckles), points.bone(*across)) for points in (model, rig)]
    hand = palms[0] @ palms[1].T
    found[wrist] = hand
    for finger in FINGERS:
        _finger(found, rig, model, f"{side}_{finger}", hand, palms[0][:, 2])
    _thumb(found, rig, model, f"{side}_thumb", hand)


def _palm(points: Points, wrist: str, knuckles: list[str]) -> np.ndarray:
    """From the wrist to the middle finger's knuckle, or to the middle of the knuckles there are."""
    middle = wrist.replace("wrist", "middle1")
    if middle in knuckles:
        return points.bone(wrist, middle)
    return unit(np.mean([points.heads[name] for name in knuckles], axis=0) - points.heads[wrist])


def _directions(rig: Points, model: Points, finger: str, k: int) -> tuple[np.ndarray, ...] | None:
    """Directions of a finger bone in the rig and in the model, or None where either is unknown."""
    name, beyond = f"{finger}{k}", f"{finger}{k + 1}"
    if rig.has(beyond):
        return rig.bone(name, beyond), model.bone(name, beyond)
    if k < 3 and name in rig.tips:
        return unit(rig.tips[name] - rig.heads[name]), model.bone(name, beyond)
    if name in rig.tips and name in model.tips:
        return (
            unit(rig.tips[name] - rig.heads[name]),
            unit(model.tips[name] - model.heads[name]),
        )
    return None


def _finger(
    found: dict[str, np.ndarray],
    rig: Points,
    model: Points,
    finger: str,
    hand: np.ndarray,
    normal: np.ndarray,
) -> None:
    """Lay a finger straight, bone by bone, without turning it about itself."""
    turn = hand
    for k in (1, 2, 3):
        if not rig.has(f"{finger}{k}"):
            return
        pair = _directions(rig, model, finger, k)
        if pair is not None:
            direction, goal = turn @ pair[0], pair[1]
            if k == 1:
                # Flexion is undone about the palm's own axis first, abduction after it.
                flat = direction - (direction @ normal) * normal
                if unit(flat) @ goal > 0.5 and np.linalg.norm(flat) > 0.3:
                    turn = aligning(direction, flat) @ turn
                    direction = unit(flat)
            turn = aligning(direction, goal) @ turn
        found[f"{finger}{k}"] = turn


def _thumb(
    found: dict[str, np.ndarray], rig: Points, model: Points, thumb: str, hand: np.ndarray
) -> None:
    """The thumb's bend shows how it is turned about itself; a straight one is turned least."""
    if not rig.has(f"{thumb}1"):
        return
    turn, start = hand, 1
    if rig.has(f"{thumb}2", f"{thumb}3"):
        bends = [
            (p.bone(f"{thumb}1", f"{thumb}2"), p.bone(f"{thumb}2", f"{thumb}3"))
            for p in (model, rig)
        ]
        if min(_angle(*bend) for bend in bends) > BENT_DEGREES:
            turn = frame(*bends[0]) @ frame(*bends[1]).T
            found[f"{thumb}1"], start = turn, 2
    for k in range(start, 4):
        if not rig.has(f"{thumb}{k}"):
            return
        pair = _directions(rig, model, thumb, k)
        if pair is not None:
            turn = _towards(turn, *pair)
        found[f"{thumb}{k}"] = turn


def _leg(found: dict[str, np.ndarray], rig: Points, model: Points, side: str) -> None:
    hip, knee, ankle, foot = (f"{side}_{part}" for part in ("hip", "knee", "ankle", "foot"))
    if not rig.has(hip, knee, ankle):
        return
    torso = found["pelvis"]
    thigh = _towards(torso, rig.bone(hip, knee), model.bone(hip, knee))
    found[hip] = thigh
    found[knee] = _towards(thigh, rig.bone(knee, ankle), model.bone(knee, ankle))
    found[ankle] = torso
    if rig.has(foot):
        toes = frame(model.up, model.bone(ankle, foot))
        found[ankle] = toes @ frame(torso.T @ model.up, rig.bone(ankle, foot)).T
    found[foot] = found[ankle]


def _angle(a: np.ndarray, b: np.ndarray) -> float:
    """Degrees between unit directions."""
    return float(np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b)))


def _tips(skeleton: Skeleton, rig_map: RigMap) -> dict[str, np.ndarray]:
    """Where the last finger bones end: at a child's head, or at tails that can be trusted.

    Importers invent the tails of bones without children. They are trusted where the tails of the
    finger bones before them do point at the next bone.
    """
    children: dict[int, list[int]] = {}
    for bone, parent in enumerate(skeleton.parents):
        children.setdefault(parent, []).append(bone)
    tips, guesses, offs = {}, {}, []
    for side in _SIDES:
        for finger in ("thumb", *FINGERS):
            names = [
                f"{side}_{finger}{k}" for k in (1, 2, 3) if f"{side}_{finger}{k}" in rig_map.bones
            ]
            bones = [skeleton.index(rig_map.bones[name][-1]) for name in names]
            for bone, after in pairwise(bones):
                ends = skeleton.tails[bone] - skeleton.heads[bone]
                next_one = skeleton.heads[after] - skeleton.heads[bone]
                if np.isfinite(ends).all():
                    offs.append(_angle(unit(ends), unit(next_one)))
            if not bones:
                continue
            last, below = bones[-1], children.get(bones[-1], [])
            if (
                len(below) == 1
                and np.linalg.norm(skeleton.heads[below[0]] - skeleton.heads[last]) > 0
            ):
                tips[names[-1]] = skeleton.heads[below[0]]
            elif np.isfinite(skeleton.tails[last]).all():
                guesses[names[-1]] = skeleton.tails[last]
    # No finger bone tells: a map of the SMPL-X skeleton gives tails on purpose only.
    if not offs or np.median(offs) < TAIL_DEGREES:
        tips |= guesses
    return tips
