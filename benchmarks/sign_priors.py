"""What the sign priors gain: the same authored signing fitted with and without them.

    python benchmarks/sign_priors.py [--seeds N] [--without COST ...]

Three clips of known truth: two-handed signs of one handshape (mirrored movement), one-handed
spelling (handshapes that hold), and signs that the priors must leave alone (two handshapes, hands
that open and close while they move). Their points are projected, then spoilt as a detector spoils
them: 2 px of noise at 512, a tenth of the frames without a hand, one hand hidden for 8 frames.
Prints a Markdown table: each hand's joints after Procrustes alignment, and the mean angle between
the fitted and the true rotation of finger joints, over all frames and over the hidden ones.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from diffsign.render.arms import ArmGoal, reach
from diffsign.render.handshapes import HANDSHAPES, blended, hand_pose
from diffsign.render.sample_clip import sample_motion
from diffsign.retarget.body.landmarks import landmark_points, landmarks
from diffsign.retarget.body.load import load_body
from diffsign.retarget.body.model import Body, joint_transforms, pose_vertices, shape_body
from diffsign.retarget.body.phenotype import phenotype_betas
from diffsign.retarget.body.skeleton import LEFT_HAND, RIGHT_HAND
from diffsign.retarget.fit.options import FitOptions
from diffsign.retarget.fit.solve import fit_clip
from diffsign.retarget.keypoints.record import Keypoints
from diffsign.retarget.motion import Motion

FPS = 25
NOISE_PIXELS = 2.0
DROPPED = 0.1
HIDDEN_FRAMES = 8
HANDS = {"left": list(LEFT_HAND), "right": list(RIGHT_HAND)}


@dataclass(frozen=True)
class Moment:
    """Both hands at one time in seconds: their handshapes, and the wrists' places from the
    shoulders (outwards, up, forward), metres."""

    at: float
    shapes: tuple[str, str]
    places: tuple[tuple[float, float, float], tuple[float, float, float]]


def _symmetric() -> list[Moment]:
    moments = []
    for k, shape in enumerate(("five", "claw", "index", "y", "flat", "s")):
        start = 0.8 * k
        low, high = (0.02, -0.24, 0.27), (0.12 - 0.04 * (k % 2), -0.05, 0.22)
        moments += [
            Moment(start + 0.0, (shape, shape), (low, low)),
            Moment(start + 0.5, (shape, shape), (high, high)),
        ]
    return moments


_LOW = (0.0, -0.5, 0.08)


def _spelling() -> list[Moment]:
    moments = []
    for k, shape in enumerate(("b", "v", "y", "c", "w", "a", "l")):
        place = (-0.05 + 0.01 * k, -0.06, 0.22)
        moments += [
            Moment(0.6 * k, ("loose", shape), (_LOW, place)),
            Moment(0.6 * k + 0.32, ("loose", shape), (_LOW, place)),
        ]
    return moments


def _unlike() -> list[Moment]:
    a, b = (-0.06, -0.2, 0.27), (-0.06, -0.08, 0.3)
    still = (-0.05, -0.2, 0.25)
    moments = []
    for k, (left, right) in enumerate((("flat", "index"), ("s", "v"), ("five", "claw"))):
        moments += [
            Moment(0.9 * k, (left, right), (still, a)),
            Moment(0.9 * k + 0.6, (left, right), (still, b)),
        ]
    opening = ("s", "five", "s", "five", "o", "five")
    for k, shape in enumerate(opening):
        place = (0.05, -0.2 + 0.05 * (k % 2), 0.25)
        moments.append(Moment(3.0 + 0.3 * k, (shape, shape), (place, place)))
    for k, shape in enumerate(("u", "v", "bent_v", "v")):
        moments.append(Moment(5.0 + 0.3 * k, ("b", shape), (still, a)))
    return moments


CLIPS = {"symmetric": _symmetric, "spelling": _spelling, "unlike": _unlike}


def authored(name: str, body: Body, betas: np.ndarray) -> Motion:
    """The motion of a clip, before the camera of the sample clip."""
    moments = CLIPS[name]()
    joints = shape_body(body, betas)[1]
    times = np.arange(0, moments[-1].at, 1 / FPS)
    poses = np.zeros((len(times), 55, 3))
    poses[:, 0] = [np.pi, 0, 0]
    at = [moment.at for moment in moments]
    for frame, time in enumerate(times):
        after = int(np.searchsorted(at, time, side="right"))
        first, second = moments[after - 1], moments[after]
        share = (time - first.at) / (second.at - first.at)
        share = share**3 * (10 - 15 * share + 6 * share**2)  # minimum jerk
        for side, sign, k in (("left", 1, 0), ("right", -1, 1)):
            place = (1 - share) * np.array(first.places[k]) + share * np.array(second.places[k])
            goal = ArmGoal(place * [sign, 1, 1], 18, -55, 5)
            shape = blended(HANDSHAPES[first.shapes[k]], HANDSHAPES[second.shapes[k]], share)
            pose = reach(goal, side, joints).rotations | hand_pose(shape, side, joints)
            for joint, rotation in pose.items():
                poses[frame, joint] = rotation
    like = sample_motion(body, betas)
    poses = poses.reshape(len(times), -1).astype(np.float32)
    trans = np.repeat(like.trans[:1], len(times), 0)
    nothing = np.zeros((len(times), len(body.action_names)), np.float32)
    return replace(
        like,
        poses=poses,
        trans=trans,
        expression=nothing,
        facial_actions=nothing,
        joints=joint_transforms(joints, poses, trans)[1].astype(np.float32),
        confidence={part: np.ones(len(times), np.float32) for part in like.confidence},
    )


def perfect_keypoints(body: Body, motion: Motion) -> Keypoints:
    """What a perfect detector sees of a motion."""
    vertices, joints = shape_body(body, motion.betas)
    posed = pose_vertices(body, vertices, joints, motion.poses, motion.trans, motion.facial_actions)
    points = landmark_points(landmarks(body), posed, motion.joints, motion.poses)
    scale = motion.camera.fx / motion.trans[:, 2].mean()
    parts = {}
    for name, places in points.items():
        depth = (places[..., 2:] - places[:, :1, 2:]) * scale
        pixels = motion.camera.project(places)
        parts[name] = np.concatenate([pixels, depth, np.ones_like(depth)], -1)
    world = points["body"] - points["body"][:, 23:25].mean(1, keepdims=True)
    parts["body_world"] = np.concatenate([world, np.ones((*world.shape[:2], 1))], -1)
    camera = motion.camera
    return Keypoints(fps=motion.fps, width=camera.width, height=camera.height, **parts)


def spoilt(keypoints: Keypoints, rng: np.random.Generator) -> tuple[Keypoints, slice]:
    """Noise, dropped hands, and the right hand hidden; and the frames in which it is."""
    parts: dict[str, Any] = {name: part.copy() for name, part in keypoints.parts().items()}
    for name, part in parts.items():
        size = 0.01 if name == "body_world" else NOISE_PIXELS
        part[..., :3] += rng.normal(0, size, part[..., :3].shape)
    frames = len(keypoints.body)
    for name in ("left_hand", "right_hand"):
        parts[name][rng.random(frames) < DROPPED] = 0
    first = int(rng.integers(8, frames - HIDDEN_FRAMES - 8))
    hidden = slice(first, first + HIDDEN_FRAMES)
    parts["right_hand"][hidden] = 0
    return replace(keypoints, **parts), hidden


def aligned_error(found: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Mean joint error (T,) in metres after the best similarity, frame by frame (PA-MPJPE)."""
    a, b = (points - points.mean(1, keepdims=True) for points in (found, real))
    u, s, vt = np.linalg.svd(np.swapaxes(a, 1, 2) @ b)
    flip = np.sign(np.linalg.det(u @ vt))
    s[:, -1] *= flip
    u[:, :, -1] *= flip[:, None]
    scale = s.sum(1) / (a**2).sum((1, 2))
    return np.linalg.norm(scale[:, None, None] * (a @ (u @ vt)) - b, axis=-1).mean(1)


def angle_error(found: Motion, real: Motion, joints: list[int]) -> np.ndarray:
    """Mean angle (T,) in degrees between fitted and true local rotations of the joints."""
    a, b = (
        Rotation.from_rotvec(motion.poses.reshape(-1, 55, 3)[:, joints].reshape(-1, 3))
        for motion in (found, real)
    )
    return np.degrees((a.inv() * b).magnitude()).reshape(-1, len(joints)).mean(1)


def errors(found: Motion, real: Motion, hidden: slice) -> dict[str, float]:
    """Millimetres and degrees of both hands, and of the right one while it is hidden."""
    place, angle = {}, {}
    for side, joints in HANDS.items():
        place[side] = 1000 * aligned_error(found.joints[:, joints], real.joints[:, joints])
        angle[side] = angle_error(found, real, joints)
    return {
        "left, mm": place["left"].mean(),
        "right, mm": place["right"].mean(),
        "left, deg": angle["left"].mean(),
        "right, deg": angle["right"].mean(),
        "hidden, mm": place["right"][hidden].mean(),
        "hidden, deg": angle["right"][hidden].mean(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--clips", nargs="*", default=list(CLIPS), choices=list(CLIPS))
    parser.add_argument("--without", nargs="*", default=[], help="costs to switch off as well")
    arguments = parser.parse_args()
    body = load_body("open")
    betas = phenotype_betas(body, {"gender": 0.8, "weight": 0.6})
    header: list[str] = []
    for name in arguments.clips:
        truth = authored(name, body, betas)
        perfect = perfect_keypoints(body, truth)
        for label, options in (
            ("without", FitOptions(sign_priors=False, without=tuple(arguments.without))),
            ("with", FitOptions(without=tuple(arguments.without))),
        ):
            rows = []
            for seed in range(arguments.seeds):
                keypoints, hidden = spoilt(perfect, np.random.default_rng(seed))
                rows.append(errors(fit_clip(keypoints, options), truth, hidden))
            means = {key: np.mean([row[key] for row in rows]) for key in rows[0]}
            if not header:
                header = list(means)
                print("| clip | sign priors | " + " | ".join(header) + " |")
                print("|---" * (2 + len(header)) + "|")
            print(f"| {name} | {label} | " + " | ".join(f"{means[k]:.1f}" for k in header) + " |")


if __name__ == "__main__":
    main()
