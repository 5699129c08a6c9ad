"""Put a motion on any rig, keeping handshapes, palms and limb directions; and read it back.

Every mapped bone is given its orientation in the world, not an angle against its parent, so that
neither rest poses nor rolls nor missing or extra bones change what is seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...repeatable import arctan2
from ..body.skeleton import INDEX, JOINT_NAMES, PARENTS
from ..motion import Motion
from ..rotations import frame, transposed, unit
from .calibrate import alignments, identity_map, size
from .rig_map import RigMap
from .skeleton import (
    Skeleton,
    global_rotations,
    local_quaternions,
    quaternions_of,
    rest_skeleton,
)
from .spine import along_spine

ROOTS = ("moved", "scene", "still")
# The joint at the far end of each limb piece, and whether its twist belongs to that end.
_LIMBS = {"shoulder": "elbow", "elbow": "wrist", "hip": "knee", "knee": "ankle"}
_OUTWARD = ("elbow", "knee")


@dataclass(frozen=True)
class TransferOptions:
    """How a motion is put on a rig.

    Attributes:
        root: 'moved': the rig stands in its own place and moves as the source does, scaled to its
            size; 'scene': its shoulders are where the source's are, in the camera's scene;
            'still': in place, it only turns.
        share_twist: twist bones and the halves of limbs share the twist.
    """

    root: str = "moved"
    share_twist: bool = True

    def __post_init__(self) -> None:
        if self.root not in ROOTS:
            raise ValueError(f"root is {self.root!r}, not one of {', '.join(ROOTS)}")


@dataclass(frozen=True)
class RigMotion:
    """A rig's animation: T frames of B bones.

    Attributes:
        names: the B bones. fps: frames per second.
        quaternions: (T, B, 4) w first, from rest, in the bone's own axes; 1 for bones that only
            follow. Signs are continuous.
        translations: bone -> (T, 3) in its rest axes and local units: the root, and bones that
            do not hang under the part they belong to.
        rotations: (T, B, 3, 3), heads: (T, B, 3): the same in the rig's world, in metres.
        driven: the bones that the motion turns.
    """

    names: tuple[str, ...]
    fps: float
    quaternions: np.ndarray
    translations: dict[str, np.ndarray]
    rotations: np.ndarray
    heads: np.ndarray
    driven: tuple[str, ...]


def to_world(up: tuple[float, float, float]) -> np.ndarray:
    """(3, 3) from the camera's frame (x right, y down, z forward) to a world with that up.

    For +Z up it is Blender's scene (X = x, Y = z, Z = -y), where a signer who faces the camera
    faces -Y; for +Y up (glTF, BVH) the signer faces +Z.
    """
    turn = np.diag([1.0, -1.0, -1.0])  # to y up, x right, z towards the viewer
    if np.allclose(up, (0, 1, 0)):
        return turn
    if np.allclose(up, (0, 0, 1)):
        return np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    side = np.array([1.0, 0, 0]) if abs(up[0]) < 0.9 else np.array([0, 0, -1.0])
    goal = frame(np.asarray(up, float), side)
    return goal @ frame(np.array([0.0, 1.0, 0.0]), np.array([1.0, 0.0, 0.0])).T @ turn


def transfer(
    motion: Motion,
    target: Skeleton,
    rig_map: RigMap,
    options: TransferOptions | None = None,
    source: Skeleton | None = None,
) -> RigMotion:
    """The motion on a rig.

    Args:
        motion: of any body in SMPL-X parameters. target: the rig's rest skeleton.
        rig_map: from :func:`.recognise` or a file. source: the motion's own T-posed skeleton
            where it is known better than from the motion, such as with fingertips.

    Raises:
        UserError: the map does not fit the skeleton.
    """
    options = options or TransferOptions()
    rig_map.check(target)
    source = rest_skeleton(motion) if source is None else source
    turns = alignments(target, rig_map, source)
    world = to_world(target.up)
    joints = world @ along_spine(global_rotations(motion.poses), target, rig_map, source)
    goals = _goals(joints, target, rig_map, turns, source, options)
    places = motion.joints.astype(float) @ world.T
    rotations, heads, moved = _pose(
        target, rig_map, goals, _root_path(places, joints, target, rig_map, source, turns, options)
    )
    return RigMotion(
        names=target.names,
        fps=motion.fps,
        quaternions=local_quaternions(target, rotations),
        translations=moved,
        rotations=rotations,
        heads=heads,
        driven=tuple(target.names[bone] for bone in sorted(goals)),
    )


def joint_rotations(
    rotations: np.ndarray, skeleton: Skeleton, rig_map: RigMap, source: Skeleton
) -> np.ndarray:
    """SMPL-X joint rotations (T, 55, 3, 3), in the camera's frame, of a posed rig: the way back.

    Args:
        rotations: (T, B, 3, 3) of its bones in its world. source: the T-posed SMPL-X skeleton
            whose angles are wanted. Joints that the rig lacks keep to their parents.
    """
    turns = alignments(skeleton, rig_map, source)
    back = to_world(skeleton.up).T
    found = np.empty((len(rotations), len(JOINT_NAMES), 3, 3))
    for joint, name in enumerate(JOINT_NAMES):
        if name not in rig_map.bones:
            parent = PARENTS[joint]
            found[:, joint] = np.eye(3) if parent < 0 else found[:, parent]
            continue
        # The half of an upper limb that is next to the far joint has all of the twist.
        near = name.endswith(("shoulder", "hip"))
        bone = skeleton.index(rig_map.bones[name][-1 if near else 0])
        found[:, joint] = back @ rotations[:, bone] @ (turns[name] @ skeleton.rotations[bone]).T
    return found


def _goals(
    joints: np.ndarray,
    target: Skeleton,
    rig_map: RigMap,
    turns: dict[str, np.ndarray],
    source: Skeleton,
    options: TransferOptions,
) -> dict[int, np.ndarray]:
    """Bone -> (T, 3, 3) orientation in the world, for all bones that the map names."""
    goals = {}
    for joint, names in rig_map.bones.items():
        turn = joints[:, INDEX[joint]]
        bones = [target.index(name) for name in names]
        shares = _chain_shares(joint, len(bones))
        helpers = [target.index(name) for name in rig_map.twists.get(joint, ())]
        shares += [_along(target, rig_map, joint, bone) for bone in helpers]
        twist = None
        if options.share_twist and any(shares) and _far(joint) in rig_map.bones:
            twist = _limb_twist(joints, joint, source)
        for bone, share in zip(bones + helpers, shares, strict=True):
            turned = turn
            if twist is not None and share:
                # About the piece itself, so that what follows stays where it is.
                axis = turns[joint] @ _piece(target, rig_map, joint, bone)
                turned = turn @ _about(axis, share * twist)
            goals[bone] = turned @ (turns[joint] @ target.rotations[bone])
    return goals


def _part(joint: str) -> str:
    return joint.split("_")[-1]


def _far(joint: str) -> str:
    """The joint at the far end of a limb's piece."""
    side, part = joint.split("_")
    return f"{side}_{_LIMBS[part]}"


def _chain_shares(joint: str, count: int) -> list[float]:
    """How much of the limb's twist each piece adds to its joint's own orientation.

    The forearm takes on the wrist's twist towards the wrist; the upper arm, whose joint has all
    of it, gives it back towards the shoulder.
    """
    if _part(joint) in _OUTWARD:
        return [k / count for k in range(count)]
    if _part(joint) in _LIMBS:
        return [(k + 1) / count - 1 for k in range(count)]
    return [0.0] * count


def _along(target: Skeleton, rig_map: RigMap, joint: str, bone: int) -> float:
    """The share of a bone beside the limb, by where along the limb it stands."""
    far = rig_map.bones.get(_far(joint))
    if far is None:
        return 0.0
    start = target.heads[target.index(rig_map.bones[joint][0])]
    limb = target.heads[target.index(far[0])] - start
    place = float(np.clip((target.heads[bone] - start) @ limb / (limb @ limb), 0, 1))
    return place if _part(joint) in _OUTWARD else place - 1


def _piece(target: Skeleton, rig_map: RigMap, joint: str, bone: int) -> np.ndarray:
    """The direction (3,) of a limb's piece at rest: to the next piece or to the limb's end."""
    chain = [target.index(name) for name in rig_map.bones[joint]]
    ends = [*chain, target.index(rig_map.bones[_far(joint)][0])]
    at = ends.index(bone) if bone in chain else 0
    end = ends[at + 1] if bone in chain else ends[-1]
    return unit(target.heads[end] - target.heads[ends[at]])


def _limb_twist(joints: np.ndarray, joint: str, source: Skeleton) -> np.ndarray:
    """The twist (T,) in radians about a limb that is to be shared."""
    far = _far(joint)
    axis = unit(source.heads[INDEX[far]] - source.heads[INDEX[joint]])
    index = INDEX[far] if _part(joint) in _OUTWARD else INDEX[joint]
    local = transposed(joints[:, PARENTS[index]]) @ joints[:, index]
    quaternions = quaternions_of(local)
    half = arctan2(quaternions[:, 1:] @ axis, quaternions[:, 0])
    return np.unwrap((2 * half + np.pi) % (2 * np.pi) - np.pi)


def _about(axis: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Rotations (T, 3, 3) by angles (T,) about one unit axis (3,)."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    sine, cosine = np.sin(angles)[:, None, None], np.cos(angles)[:, None, None]
    return np.eye(3) + sine * cross + (1 - cosine) * (cross @ cross)


def _root_path(
    places: np.ndarray,
    joints: np.ndarray,
    target: Skeleton,
    rig_map: RigMap,
    source: Skeleton,
    turns: dict[str, np.ndarray],
    options: TransferOptions,
) -> np.ndarray:
    """(T, 3) where the root bone's head goes, in the rig's world."""
    rest = target.heads[target.index(rig_map.bones["pelvis"][0])]
    if options.root == "still":
        return np.broadcast_to(rest, places[:, 0].shape)
    ratio = size(target, rig_map) / size(source, identity_map(), set(rig_map.bones))
    path = places[:, INDEX["pelvis"]]
    middle = np.median(path, axis=0)
    if options.root == "moved":
        return rest + ratio * (path - middle)
    # The rig's own torso, turned as a whole, tells where its shoulders are above its root.
    sides = ("left_shoulder", "right_shoulder")
    own = np.mean([target.heads[target.index(rig_map.bones[s][0])] for s in sides], axis=0) - rest
    shoulders = places[:, [INDEX[s] for s in sides]].mean(axis=1)
    above = (joints[:, INDEX["spine2"]] @ (turns["pelvis"] @ own)[:, None])[..., 0]
    return path + np.median(shoulders - above - path, axis=0)


def _pose(
    target: Skeleton, rig_map: RigMap, goals: dict[int, np.ndarray], root: np.ndarray
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Rotations and heads of all bones in the world, and the translations that this takes."""
    frames, count = len(root), len(target.names)
    rotations = np.empty((frames, count, 3, 3))
    heads = np.empty((frames, count, 3))
    carriers = _carriers(target, rig_map)
    first = target.index(rig_map.bones["pelvis"][0])
    moved: dict[str, np.ndarray] = {}
    for bone in _carriers_first(target, carriers):
        parent = target.parents[bone]
        carried = np.broadcast_to(np.eye(3), (frames, 3, 3))
        heads[:, bone] = target.heads[bone]
        if parent >= 0:
            carried = rotations[:, parent] @ target.rotations[parent].T
            heads[:, bone] = heads[:, parent] + carried @ (
                target.heads[bone] - target.heads[parent]
            )
        rest = carried @ target.rotations[bone]
        rotations[:, bone] = goals.get(bone, rest)
        place = None
        if bone == first:
            place = root
        elif bone in carriers:
            other = carriers[bone]
            turn = rotations[:, other] @ target.rotations[other].T
            place = heads[:, other] + turn @ (target.heads[bone] - target.heads[other])
        if place is not None:
            step = (place - heads[:, bone])[:, None] @ rest
            moved[target.names[bone]] = step[:, 0] / target.unit
            heads[:, bone] = place
    return rotations, heads, moved


def _carriers(target: Skeleton, rig_map: RigMap) -> dict[int, int]:
    """Mapped bones that do not hang under the part they belong to -> the bone that carries them."""
    found = {}
    for joint, names in rig_map.bones.items():
        above = PARENTS[INDEX[joint]]
        while above >= 0 and JOINT_NAMES[above] not in rig_map.bones:
            above = PARENTS[above]
        bone = target.index(names[0])
        carrier = -1 if above < 0 else target.index(rig_map.bones[JOINT_NAMES[above]][-1])
        for name in (*names, *rig_map.twists.get(joint, ())):
            bone = target.index(name)
            if carrier >= 0 and not _hangs_under(target, bone, carrier):
                main = above >= 0 and _hangs_under(
                    target, bone, target.index(rig_map.bones[JOINT_NAMES[above]][0])
                )
                if not main:
                    found[bone] = carrier
            if name in names:
                carrier = bone
    return found


def _hangs_under(target: Skeleton, bone: int, other: int) -> bool:
    while bone >= 0 and bone != other:
        bone = target.parents[bone]
    return bone == other


def _carriers_first(target: Skeleton, carriers: dict[int, int]) -> list[int]:
    """All bones, each after its parent and after what carries it."""
    order: list[int] = []
    seen: set[int] = set()

    def place(bone: int) -> None:
        if bone < 0 or bone in seen:
            return
        seen.add(bone)
        place(target.parents[bone])
        place(carriers.get(bone, -1))
        order.append(bone)

    for bone in target.order:
        place(bone)
    return order
