"""Where a character's points are: body and hands from its bones, the face from its head's size.

The sets are those of `points.POINT_SETS`, so that the pose maps and what reads them work on any
character as on an avatar.
"""

from __future__ import annotations

import numpy as np

from ..retarget.rig.rig_map import RigMap
from ..retarget.rig.skeleton import Skeleton
from ..retarget.rig.transfer import RigMotion
from .points import openpose_body, openpose_face

FINGERS = ("thumb", "index", "middle", "ring", "pinky")
_TIP_SHARE = 0.8
"""Of the bone before it, where nothing says how long the last bone of a finger is."""
_FACE_OF_BODY33 = (1, 473, 473, 473, 468, 468, 468, 454, 234, 291, 61)
"""MediaPipe's face point for each of the body's first 11: nose, left and right eye, ears, mouth."""
_BODY33 = {
    "shoulder": 11, "elbow": 13, "wrist": 15, "pinky1": 17, "index1": 19, "thumb3": 21,
    "hip": 23, "knee": 25, "ankle": 27, "foot": 31,
}  # fmt: skip
"""The left one of each pair; the right one follows it."""


def head_box(points: np.ndarray) -> np.ndarray:
    """(2, 3) least and greatest coordinates of a head's skin (n, 3) in the head's axes.

    Downwards the chin counts, not where the neck's skinning happens to begin.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    front = points[points[:, 2] > low[2] + 0.7 * (high[2] - low[2])]
    low[1] = front[:, 1].min()
    return np.stack([low, high])


def places(
    result: RigMotion,
    rest: Skeleton,
    rig_map: RigMap,
    tips: dict[str, np.ndarray],
    face: np.ndarray | None,
) -> dict[str, np.ndarray]:
    """Points (T, N, 3) in the rig's world, by set; NaN where the rig has no bone for one.

    Args:
        tips: finger, such as "left_index" -> its tip (3,) at rest in the world.
        face: (T, 478, 3) in the world.
    """
    frames = len(result.heads)

    def joint(name: str) -> np.ndarray:
        if name not in rig_map.bones:
            return np.full((frames, 3), np.nan)
        return result.heads[:, rest.index(rig_map.bones[name][0])]

    found = {}
    for side in ("left", "right"):
        hand = [joint(f"{side}_wrist")]
        for finger in FINGERS:
            hand += [joint(f"{side}_{finger}{k}") for k in (1, 2, 3)]
            hand.append(_tip(result, rest, rig_map, f"{side}_{finger}", tips))
        found[f"{side}_hand"] = np.stack(hand, axis=1)
    body = np.full((frames, 33, 3), np.nan)
    for part, left in _BODY33.items():
        for side, index in (("left", left), ("right", left + 1)):
            body[:, index] = joint(f"{side}_{part}")
    # Of heels a rig says nothing: they stand in for the ankles.
    body[:, 29:31] = body[:, 27:29]
    if face is not None:
        body[:, :11] = face[:, list(_FACE_OF_BODY33)]
        found |= {"face478": face, "face70": openpose_face(face)}
    return found | {"body33": body, "body18": openpose_body(body)}


def _tip(
    result: RigMotion,
    rest: Skeleton,
    rig_map: RigMap,
    finger: str,
    tips: dict[str, np.ndarray],
) -> np.ndarray:
    """(T, 3) where a finger ends."""
    last = next((f"{finger}{k}" for k in (3, 2, 1) if f"{finger}{k}" in rig_map.bones), None)
    if last is None:
        return np.full((len(result.heads), 3), np.nan)
    bone = rest.index(rig_map.bones[last][-1])
    tip = tips.get(finger)
    if tip is None:
        before = rest.heads[rest.parents[bone]]
        tip = rest.heads[bone] + _TIP_SHARE * (rest.heads[bone] - before)
    turn = result.rotations[:, bone] @ rest.rotations[bone].T
    return result.heads[:, bone] + turn @ (tip - rest.heads[bone])


def finger_tips(
    points: np.ndarray, strongest: np.ndarray, rest: Skeleton, rig_map: RigMap
) -> dict[str, np.ndarray]:
    """The end (3,) of each finger at rest: of the skin that its last bone moves, what is furthest
    along it.

    Args:
        points: (n, 3) of all meshes at rest in the world. strongest: (n,) the bone that moves each
            most, -1 for none.
    """
    found = {}
    for side in ("left", "right"):
        for finger in FINGERS:
            names = [f"{side}_{finger}{k}" for k in (2, 3)]
            if not all(name in rig_map.bones for name in names):
                continue
            start, end = (rest.index(rig_map.bones[name][-1]) for name in names)
            own = points[strongest == end]
            way = rest.heads[end] - rest.heads[start]
            if len(own) < 3 or not np.linalg.norm(way) > 0:
                continue
            along = (own - rest.heads[end]) @ (way / np.linalg.norm(way))
            if along.max() > 0:
                far = along > 0.85 * along.max()
                found[f"{side}_{finger}"] = own[far].mean(axis=0)
    return found


def face_places(
    face: np.ndarray,
    own_box: np.ndarray,
    box: np.ndarray,
    result: RigMotion,
    rest: Skeleton,
    rig_map: RigMap,
    turn: np.ndarray,
) -> np.ndarray:
    """(T, 478, 3) the face's points on the character's head, in its world.

    Args:
        face, own_box: of `character.face_on_head`. box: `head_box` of the character's head, in
            SMPL-X's axes from the head bone. turn: (3, 3) from the world at rest to those axes.
    """
    scale = (box[1] - box[0]) / (own_box[1] - own_box[0])
    local = box[0] + (face - own_box[0]) * scale
    bone = rest.index(rig_map.bones["head"][0])
    world = result.rotations[:, bone] @ (turn @ rest.rotations[bone]).T
    return result.heads[:, bone, None] + np.einsum("tij,tnj->tni", world, local)
