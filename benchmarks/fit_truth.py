"""The fit against exact truth: what a detector that never errs, or errs so much, would see.

    python benchmarks/fit_truth.py [layouts|noise|ablation|camera|contacts|length|real FILES ...]

Motions of the open body (the authored sample clip, and random signing) are projected to the points
of each keypoint layout and fitted. Prints Markdown tables; millimetres are Procrustes-aligned joint
errors (PA-MPJPE), acceleration is the fit's mean over the truth's. Without an argument: layouts,
noise and length.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fit import PARTS, aligned_error

from diffsign.generate.evaluation.reprojection import (
    REFERENCE_SIDE,
    projected_points,
    reprojection_error,
    visible_points,
)
from diffsign.render.random_motion import random_pose
from diffsign.render.sample_clip import sample_motion
from diffsign.render.touch_clip import HOLD, MOVE, TOUCHES, Touch, touch_motion
from diffsign.retarget.body.capsules import body_capsules, capsule_gaps, pose_capsules
from diffsign.retarget.body.landmarks import landmark_points, landmarks
from diffsign.retarget.body.load import load_body
from diffsign.retarget.body.model import Body, joint_transforms, pose_vertices, shape_body
from diffsign.retarget.body.phenotype import phenotype_betas
from diffsign.retarget.body.skeleton import INDEX, JOINT_NAMES
from diffsign.retarget.fit import penetration
from diffsign.retarget.fit.limits import beyond_limits
from diffsign.retarget.fit.objective import COST_NAMES
from diffsign.retarget.fit.options import BETAS_USED, DEFAULT_FOV, FitOptions
from diffsign.retarget.fit.points import rigged_points
from diffsign.retarget.fit.solve import fit_clip
from diffsign.retarget.keypoints.correspondence import BODY25_TO_POSE, FACE70_TO_MESH
from diffsign.retarget.keypoints.record import Keypoints
from diffsign.retarget.keypoints.source import load_keypoints
from diffsign.retarget.motion import CONFIDENCE_PARTS, Camera, Motion

SIZE = 512
HOLISTIC_BODY = [11, 12, 13, 14, 15, 16, 23, 24]


def random_signing(body: Body, seed: int, fov: float = 30.0, frames: int = 90) -> Motion:
    """Random poses 0.4 s apart, between which every joint moves with minimum jerk."""
    from scipy.spatial.transform import Rotation, Slerp

    random = np.random.default_rng(seed)
    phenotype = {name: float(random.uniform(0.2, 0.8)) for name in ("gender", "weight", "height")}
    betas = phenotype_betas(body, phenotype)
    joints = shape_body(body, betas)[1]
    keys = [random_pose(random, joints, body.action_names) for _ in range(frames // 10 + 2)]
    share = (np.arange(frames) % 10) / 10
    times = np.arange(frames) // 10 + share**3 * (10 - 15 * share + 6 * share**2)
    turned = [
        Slerp(np.arange(len(keys)), Rotation.from_rotvec([k.poses.reshape(55, 3)[j] for k in keys]))
        for j in range(55)
    ]
    poses = np.stack([turn(times).as_rotvec() for turn in turned], 1).reshape(frames, -1)
    before = times.astype(int)
    faces = np.array([key.facial_actions for key in keys])
    actions = faces[before] + (times - before)[:, None] * (faces[before + 1] - faces[before])
    focal = SIZE / 2 / np.tan(np.radians(fov) / 2)
    camera = Camera(focal, focal, SIZE / 2, SIZE / 2, SIZE, SIZE)
    chest = np.array([0.0, 0.1, 1.05 * focal / SIZE])
    rest = joints[INDEX["pelvis"]]
    trans = np.tile(chest - (joints[INDEX["spine3"]] - rest) * [1, -1, -1] - rest, (frames, 1))
    return Motion(
        trans=trans,
        poses=poses,
        betas=betas,
        expression=actions,
        facial_actions=actions,
        facial_action_names=body.action_names,
        joints=joint_transforms(joints, poses, trans)[1],
        joint_names=JOINT_NAMES,
        camera=camera,
        confidence={part: np.ones(frames) for part in CONFIDENCE_PARTS},
        fps=25.0,
    )


def seen(body: Body, motion: Motion) -> Keypoints:
    """What a perfect MediaPipe sees: all points, world landmarks, depth of hands and face."""
    vertices, joints = shape_body(body, motion.betas)
    posed = pose_vertices(body, vertices, joints, motion.poses, motion.trans, motion.facial_actions)
    points = landmark_points(landmarks(body), posed, motion.joints, motion.poses)
    scale = motion.camera.fx / motion.trans[:, 2].mean()
    parts = {}
    for name, places in points.items():
        depth = (places[..., 2:] - places[:, :1, 2:]) * scale
        parts[name] = np.concatenate(
            [motion.camera.project(places), depth, np.ones_like(depth)], -1
        )
    world = points["body"] - points["body"][:, 23:25].mean(1, keepdims=True)
    parts["body_world"] = np.concatenate([world, np.ones((*world.shape[:2], 1))], -1)
    return Keypoints(fps=motion.fps, width=SIZE, height=SIZE, **parts)


def _only(points: np.ndarray, kept: list[int], flat: bool) -> np.ndarray:
    left = np.zeros_like(points)
    left[:, kept] = points[:, kept]
    if flat:
        left[..., 2] = 0
    return left


def holistic_reduced(keypoints: Keypoints) -> Keypoints:
    """8 body, 128 face and 2 x 21 hand points with depth, without world landmarks."""
    face = np.linspace(0, 467, 128).astype(int).tolist()
    return replace(
        keypoints,
        body=_only(keypoints.body, HOLISTIC_BODY, flat=False),
        body_world=np.zeros_like(keypoints.body_world),
        face=_only(keypoints.face, face, flat=False),
    )


def openpose(keypoints: Keypoints) -> Keypoints:
    """25 body, 70 face and 2 x 21 hand points, flat."""
    return replace(
        keypoints,
        body=_only(keypoints.body, list(BODY25_TO_POSE.values()), flat=True),
        body_world=np.zeros_like(keypoints.body_world),
        face=_only(keypoints.face, list(FACE70_TO_MESH), flat=True),
        left_hand=_only(keypoints.left_hand, list(range(21)), flat=True),
        right_hand=_only(keypoints.right_hand, list(range(21)), flat=True),
    )


LAYOUTS: dict[str, Callable[[Keypoints], Keypoints]] = {
    "MediaPipe": lambda keypoints: keypoints,
    "Holistic 8+128+21+21": holistic_reduced,
    "OpenPose 25+70+21+21": openpose,
}


def noisy(keypoints: Keypoints, seed: int = 0) -> Keypoints:
    """2 px of noise on every point, one point in ten missing, the right hand lost for 8 frames."""
    random = np.random.default_rng(seed)
    parts: dict[str, Any] = {}
    for name, points in keypoints.parts().items():
        points = points.copy()
        if name == "body_world":
            points[..., :3] += random.normal(0, 0.01, points[..., :3].shape)
        else:
            points[..., :2] += random.normal(0, 2, points[..., :2].shape)
            points[random.random(points.shape[:2]) < 0.1] = 0
        parts[name] = points
    parts["right_hand"][30:38] = 0
    return replace(keypoints, **parts)


def motions(body: Body, fov: float = 30.0) -> Iterator[tuple[str, Motion]]:
    """The truths, by name."""
    yield "sample", sample_motion(body, phenotype_betas(body, {"gender": 0.8, "weight": 0.6}))
    for seed in (1, 2):
        yield f"random {seed}", random_signing(body, seed, fov)


def figures(truth: Motion, motion: Motion) -> list[str]:
    """Upper body, hands (mm), actions, acceleration, hand depth (mm), limits (degrees)."""
    errors = [
        1000 * aligned_error(motion.joints[:, rows], truth.joints[:, rows])
        for rows in PARTS.values()
    ]
    faces = np.abs(motion.facial_actions - truth.facial_actions).mean()
    accelerations = [np.diff(m.joints[:, 12:22], n=2, axis=0) for m in (motion, truth)]
    ratio = np.divide(*(np.linalg.norm(a, axis=-1).mean() for a in accelerations))
    wrists = [INDEX["left_wrist"], INDEX["right_wrist"]]
    deep = [m.joints[:, wrists, 2] - m.joints[:, [INDEX["neck"]], 2] for m in (motion, truth)]
    depth = 1000 * np.median(np.abs(deep[0] - deep[1]))
    return [*(f"{e:.1f}" for e in errors), f"{faces:.3f}", f"{ratio:.2f}", f"{depth:.0f}"]


HEAD = "upper body, mm | left hand | right hand | actions | acceleration | wrist depth, mm"


def table(title: str, head: str) -> None:
    print(f"\n| {title} | {head} |\n|---|" + "---|" * len(head.split("|")), flush=True)


def layouts(body: Body, change: Callable[[Keypoints], Keypoints] | None = None) -> None:
    table("truth, layout" + (", 2 px noise, gaps" if change else ""), HEAD + " | frames/s of CPU")
    for name, truth in motions(body):
        full = seen(body, truth)
        for layout, reduce in LAYOUTS.items():
            keypoints = reduce(full)
            keypoints = change(keypoints) if change else keypoints
            start = time.process_time()
            motion = fit_clip(keypoints)
            speed = motion.frame_count / (time.process_time() - start)
            row = [*figures(truth, motion), f"{speed:.0f}"]
            print(f"| {name}, {layout} | {' | '.join(row)} |", flush=True)


def ablation(body: Body) -> None:
    table("noisy random 1 without", HEAD)
    truth = random_signing(body, 1)
    keypoints = noisy(seen(body, truth))
    for name in ("", *COST_NAMES):
        motion = fit_clip(keypoints, FitOptions(without=(name,) if name else ()))
        print(f"| {name or '(all costs on)'} | {' | '.join(figures(truth, motion))} |", flush=True)


def camera(body: Body) -> None:
    table("true field of view, fitted with", HEAD)
    for true in (20.0, 30.0, 45.0, 60.0):
        truth = random_signing(body, 3, true)
        keypoints = seen(body, truth)
        for fov in (true, DEFAULT_FOV, None):
            motion = fit_clip(keypoints, FitOptions(fov=fov))
            found = np.degrees(2 * np.arctan(motion.camera.height / 2 / motion.camera.fy))
            label = f"{true:g}, {found:.0f}{' (estimated)' if fov is None else ''}"
            print(f"| {label} | {' | '.join(figures(truth, motion))} |", flush=True)


def contacts(body: Body) -> None:
    """Held touches of a fingertip on the face and the other palm; millimetres of the tip's capsule
    from the nearest of the part, less the truth's."""
    touches = tuple(t for t in TOUCHES if t.part != "palm" and t.place not in ("chest", "shoulder"))
    truth = touch_motion(body, phenotype_betas(body, {"gender": 0.7, "weight": 0.6}), touches)
    real = _touch_gaps(body, truth, touches)
    full = seen(body, truth)
    table("touches, layout", "without the contact cost, mm | with it | " + HEAD)
    for name, keypoints in (
        ("MediaPipe", full),
        ("OpenPose", openpose(full)),
        ("OpenPose, noisy", noisy(openpose(full))),
    ):
        found = [
            fit_clip(keypoints, FitOptions(without=off, fov=DEFAULT_FOV))
            for off in (("contact",), ())
        ]
        off_by = [
            1000 * np.abs(_touch_gaps(body, motion, touches) - real).mean() for motion in found
        ]
        row = [*(f"{o:.1f}" for o in off_by), *figures(truth, found[1])]
        print(f"| {name} | {' | '.join(row)} |", flush=True)


def _touch_gaps(body: Body, motion: Motion, touches: tuple[Touch, ...]) -> np.ndarray:
    """Metres, per touch and held frame."""
    capsules = body_capsules(body)
    shaped = capsules.shaped(motion.betas)
    joints = shape_body(body, motion.betas)[1]
    posed = pose_capsules(shaped, joints, *joint_transforms(joints, motion.poses, motion.trans))
    gaps = []
    for number, touch in enumerate(touches):
        first = number * (2 * MOVE + HOLD) + MOVE
        held = posed[0][first : first + HOLD], posed[1][first : first + HOLD]
        part = "left_" if touch.place == "other palm" else "head_"
        others = [k for k in capsules.rows(part) if not capsules.names[k].endswith("arm")]
        tip = np.full(len(others), capsules.names.index(f"right_{touch.part}3"))
        gaps.append(capsule_gaps(held, shaped.radius, tip, np.array(others)).min(1))
    return np.array(gaps)


def length(body: Body) -> None:
    import resource

    table("frames", "CPU ms a frame | peak memory, MB")
    keypoints = seen(body, random_signing(body, 1, frames=100))
    for repeat in (1, 10, 30, 100, 150):
        parts = {n: np.concatenate([p, p[::-1]] * repeat) for n, p in keypoints.parts().items()}
        long = replace(keypoints, **{n: p[: 100 * repeat] for n, p in parts.items()})
        start = time.process_time()
        fit_clip(long)
        spent = 1000 * (time.process_time() - start) / long.frame_count
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(f"| {long.frame_count} | {spent:.1f} | {peak} |", flush=True)


def below_head(projected: np.ndarray, keypoints: Keypoints) -> float:
    """The body's median reprojection without its eleven points of the face (the first), which a
    pose network places worse than Face Mesh does: pixels of 512."""
    visible = visible_points(keypoints, "body")
    visible[:, :11] = False
    apart = np.linalg.norm(projected - keypoints.body[..., :2], axis=-1)[visible]
    scale = REFERENCE_SIDE / max(keypoints.width, keypoints.height)
    return float(np.median(apart)) * scale if len(apart) else np.nan


def deepest(body: Body, motion: Motion) -> np.ndarray:
    """Millimetres (T,) by which the deepest pair of capsules overlaps beyond what is allowed."""
    rigged = rigged_points(body, landmarks(body), BETAS_USED)
    hit = penetration.collider(body_capsules(body), rigged.joint_rest, rigged.joint_shapedirs)
    joints = shape_body(body, motion.betas)[1]
    posed = joint_transforms(joints, motion.poses, motion.trans)
    rotations, positions, betas = (
        torch.from_numpy(np.asarray(values, np.float32))
        for values in (*posed, motion.betas[:BETAS_USED])
    )
    found = penetration.overlaps(hit, rotations, positions, betas)
    a, b = penetration.places(found, rotations, positions)
    depths = np.zeros(motion.frame_count)
    over = (found.allowed - (a - b).norm(dim=-1)).numpy()
    np.maximum.at(depths, found.frame.numpy(), 1000 * over)
    return depths


def real(body: Body, sources: list[Path]) -> None:
    table(
        "clip",
        "frames | body, px of 512 | body below the head | left hand | right hand | face "
        "| beyond limits | jump | deepest overlap, mm, 95 % of frames, worst",
    )
    for source in sources:
        keypoints = load_keypoints(source)
        motion = fit_clip(keypoints)
        projected = projected_points(motion)
        error = reprojection_error(projected, keypoints)
        limits = beyond_limits(motion.poses, body)
        fingers = {name: over.max() for name, over in limits.items() if name[-1] in "123"}
        worst = max(fingers, key=lambda name: fingers[name])
        texts = ["-" if error[p] is None else f"{error[p]:.1f}" for p in CONFIDENCE_PARTS]
        texts.insert(1, f"{below_head(projected['body'], keypoints):.1f}")
        deep = deepest(body, motion)
        jump, where = largest_unseen_jump(motion, keypoints)
        print(
            f"| {source.stem} | {motion.frame_count} | {' | '.join(texts)} "
            f"| {fingers[worst]:.1f} {worst} | {jump:.0f} {where} "
            f"| {np.percentile(deep, 95):.0f}, {deep.max():.0f} |",
            flush=True,
        )


def largest_unseen_jump(motion: Motion, keypoints: Keypoints) -> tuple[float, str]:
    """The largest turn (degrees) of a joint from a frame to the next while no point shows it."""
    from scipy.spatial.transform import Rotation

    turns = Rotation.from_rotvec(motion.poses.reshape(-1, 3))
    turns_of = turns.as_matrix().reshape(motion.frame_count, 55, 3, 3)
    step = np.swapaxes(turns_of[:-1], -1, -2) @ turns_of[1:]
    degrees = np.degrees(Rotation.from_matrix(step.reshape(-1, 3, 3)).magnitude())
    degrees = degrees.reshape(-1, 55)
    for side, first in (("left", 25), ("right", 40)):
        shown = keypoints.seen(f"{side}_hand")
        degrees[shown[:-1] & shown[1:], first : first + 15] = 0
    body_shown = keypoints.seen("body")
    degrees[body_shown[:-1] & body_shown[1:], 12:22] = 0
    if not degrees.size:
        return 0.0, "-"
    joint = int(degrees.max(0).argmax())
    return float(degrees.max()), JOINT_NAMES[joint]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", default=["layouts", "noise", "length"])
    asked = parser.parse_args().what
    body = load_body("open")
    if asked[0] == "real":
        return real(body, [Path(name) for name in asked[1:]])
    jobs: dict[str, Callable[[], None]] = {
        "layouts": lambda: layouts(body),
        "noise": lambda: layouts(body, noisy),
        "ablation": lambda: ablation(body),
        "camera": lambda: camera(body),
        "contacts": lambda: contacts(body),
        "length": lambda: length(body),
    }
    for name in asked:
        jobs[name]()


if __name__ == "__main__":
    main()
