"""Handshapes as a table: how far each finger bends, and where the thumb goes.

Angles are degrees from the flat hand, written for the left hand; the right one is its mirror.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from ..retarget.body.skeleton import INDEX

FINGERS = ("index", "middle", "ring", "pinky")

Bend = tuple[float, float, float]
"""Flexion at the knuckle, the middle joint and the last joint, degrees."""

STRAIGHT: Bend = (0, 2, 2)
FIST: Bend = (78, 98, 62)
BENT: Bend = (72, 8, 4)
CLAW: Bend = (8, 62, 42)
CURVED: Bend = (34, 36, 22)
PINCHED: Bend = (52, 44, 26)
HALF: Bend = (48, 62, 40)


@dataclass(frozen=True)
class Thumb:
    """across: the thumb's root turns over the palm. curl: its two outer joints bend. out: away."""

    across: float = 0.0
    curl: float = 0.0
    out: float = 0.0


ASIDE = Thumb(0, 5, 12)
ALONG = Thumb(14, 8, -22)
OVER = Thumb(42, 34, -10)
INTO_PALM = Thumb(52, 42, -4)
MEETING = Thumb(38, 22, 6)


@dataclass(frozen=True)
class Handshape:
    """fingers: the bend of index, middle, ring, pinky. spread: degrees between straight ones."""

    fingers: tuple[Bend, Bend, Bend, Bend]
    thumb: Thumb
    spread: float = 0.0


HANDSHAPES: dict[str, Handshape] = {
    "a": Handshape((FIST, FIST, FIST, FIST), ALONG),
    "s": Handshape((FIST, FIST, FIST, FIST), OVER),
    "b": Handshape((STRAIGHT, STRAIGHT, STRAIGHT, STRAIGHT), INTO_PALM, 2),
    "flat": Handshape((STRAIGHT, STRAIGHT, STRAIGHT, STRAIGHT), ALONG, 3),
    "five": Handshape((STRAIGHT, STRAIGHT, STRAIGHT, STRAIGHT), ASIDE, 15),
    "claw": Handshape((CLAW, CLAW, CLAW, CLAW), Thumb(16, 30, 8), 14),
    "c": Handshape((CURVED, CURVED, CURVED, CURVED), Thumb(26, 10, 6), 4),
    "o": Handshape((PINCHED, PINCHED, PINCHED, PINCHED), MEETING),
    "bent": Handshape((BENT, BENT, BENT, BENT), ALONG),
    "index": Handshape((STRAIGHT, FIST, FIST, FIST), OVER),
    "l": Handshape((STRAIGHT, FIST, FIST, FIST), ASIDE),
    "hook": Handshape(((18, 82, 48), FIST, FIST, FIST), OVER),
    "g": Handshape(((62, 12, 8), FIST, FIST, FIST), Thumb(30, 10, 0)),
    "v": Handshape((STRAIGHT, STRAIGHT, FIST, FIST), OVER, 26),
    "u": Handshape((STRAIGHT, STRAIGHT, FIST, FIST), OVER, 1),
    "bent_v": Handshape(((12, 75, 45), (12, 75, 45), FIST, FIST), OVER, 22),
    "h": Handshape((BENT, BENT, FIST, FIST), OVER),
    "three": Handshape((STRAIGHT, STRAIGHT, FIST, FIST), ASIDE, 24),
    "w": Handshape((STRAIGHT, STRAIGHT, STRAIGHT, FIST), INTO_PALM, 14),
    "four": Handshape((STRAIGHT, STRAIGHT, STRAIGHT, STRAIGHT), INTO_PALM, 14),
    "i": Handshape((FIST, FIST, FIST, STRAIGHT), OVER),
    "y": Handshape((FIST, FIST, FIST, STRAIGHT), ASIDE),
    "ily": Handshape((STRAIGHT, FIST, FIST, STRAIGHT), ASIDE, 7),
    "horns": Handshape((STRAIGHT, FIST, FIST, STRAIGHT), OVER, 4),
    "f": Handshape((PINCHED, STRAIGHT, STRAIGHT, STRAIGHT), MEETING, 13),
    "pinch": Handshape((PINCHED, HALF, FIST, FIST), MEETING),
    "eight": Handshape((STRAIGHT, BENT, STRAIGHT, STRAIGHT), Thumb(20, 8, 4), 12),
    "thumb_up": Handshape((FIST, FIST, FIST, FIST), Thumb(-6, 0, 24)),
    "loose": Handshape(
        ((16, 22, 12), (20, 26, 14), (24, 28, 16), (28, 30, 16)), Thumb(10, 12, 2), 7
    ),
}


def hand_pose(shape: Handshape, side: str, joints: np.ndarray) -> dict[int, np.ndarray]:
    """Axis-angle vectors (3,) in radians by joint number, for the left or right hand.

    Args:
        joints: (55, 3) rest joints; fingers bend square to how they lie in them.
    """
    pose: dict[int, np.ndarray] = {}
    straight = np.array([max(1.0 - bend[0] / 60.0, 0.0) for bend in shape.fingers])
    places = np.arange(len(FINGERS))
    middle = places @ straight / straight.sum() if straight.any() else 1.5
    for place, (finger, bend) in enumerate(zip(FINGERS, shape.fingers, strict=True)):
        along = joints[INDEX[f"left_{finger}2"]] - joints[INDEX[f"left_{finger}1"]]
        lies = np.degrees(np.arctan2(along[2], along[0]))
        wanted = (middle - place) * shape.spread * straight[place]
        aside = Rotation.from_rotvec([0.0, -(wanted - lies), 0.0], degrees=True)
        axis = np.cross(along, [0.0, -1.0, 0.0])
        axis /= np.linalg.norm(axis)
        for k, angle in enumerate(bend):
            turn = Rotation.from_rotvec(axis * angle, degrees=True)
            whole = aside * turn if k == 0 else turn
            pose[INDEX[f"left_{finger}{k + 1}"]] = whole.as_rotvec()
    pose |= _thumb_pose(shape.thumb, joints)
    if side == "left":
        return pose
    offset = INDEX["right_index1"] - INDEX["left_index1"]
    return {joint + offset: vector * [1.0, -1.0, -1.0] for joint, vector in pose.items()}


def _thumb_pose(thumb: Thumb, joints: np.ndarray) -> dict[int, np.ndarray]:
    """Left thumb: `across` turns about the hand's long axis, `out` in the palm's plane."""
    root, outer = joints[INDEX["left_thumb1"]], joints[INDEX["left_thumb3"]]
    along = (outer - root) / np.linalg.norm(outer - root)
    to_pinky = joints[INDEX["left_pinky1"]] - joints[INDEX["left_index1"]]
    curl_axis = np.cross(along, to_pinky / np.linalg.norm(to_pinky))
    curl_axis /= np.linalg.norm(curl_axis)
    across_axis = np.array([1.0, 0.0, 0.0])  # turns the thumb from beside the palm to under it
    out_axis = np.array([0.0, -1.0, 0.0])
    root_turn = thumb.across * across_axis + thumb.out * out_axis
    return {
        INDEX["left_thumb1"]: np.radians(root_turn + 0.35 * thumb.curl * curl_axis),
        INDEX["left_thumb2"]: np.radians(thumb.curl * curl_axis),
        INDEX["left_thumb3"]: np.radians(1.1 * thumb.curl * curl_axis),
    }


def blended(first: Handshape, second: Handshape, share: float) -> Handshape:
    """The handshape `share` of the way from one to another: what a moving hand shows between."""

    def mix(a: float, b: float) -> float:
        return (1 - share) * a + share * b

    fingers = tuple(
        tuple(mix(a, b) for a, b in zip(one, other, strict=True))
        for one, other in zip(first.fingers, second.fingers, strict=True)
    )
    thumb = Thumb(
        mix(first.thumb.across, second.thumb.across),
        mix(first.thumb.curl, second.thumb.curl),
        mix(first.thumb.out, second.thumb.out),
    )
    return Handshape(fingers, thumb, mix(first.spread, second.spread))  # type: ignore[arg-type]
