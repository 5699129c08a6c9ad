"""The face: how near its actions come to a known truth, and what it looks like.

    python benchmarks/face.py [--sheet SHEET.png] [--clip CLIP --frames 0,15,30]

Prints Markdown tables: the mean absolute error of the 52 actions on exact truth (the sample motion,
and the same with random sparse actions), without noise and with 2 px of it at 512; then, through
the detector on the sample clip, whose truth is known, Pearson's r of every action that moves, its
highest value and the frame of that. The sheet shows frames of a clip above the fitted head.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np

from diffsign.render.sample_clip import sample_motion
from diffsign.retarget.body.landmarks import landmark_points, landmarks
from diffsign.retarget.body.load import load_body
from diffsign.retarget.body.model import Body, joint_transforms, pose_vertices, shape_body
from diffsign.retarget.body.phenotype import phenotype_betas
from diffsign.retarget.body.skeleton import INDEX
from diffsign.retarget.fit.face import FaceFit, fit_face
from diffsign.retarget.keypoints.record import Keypoints, missing
from diffsign.retarget.keypoints.source import load_keypoints
from diffsign.retarget.motion import Motion

TILE = 300
MOVES = 0.05


def fit(body: Body, motion: Motion, keypoints: Keypoints) -> FaceFit:
    """The face on a body whose joints are known."""
    joints = shape_body(body, motion.betas)[1]
    rotations, positions = joint_transforms(joints, motion.poses, motion.trans)
    return fit_face(body, motion.betas, rotations, positions, motion.camera, keypoints)


def exact_keypoints(body: Body, motion: Motion, noise: float) -> Keypoints:
    """The face points of a motion, with noise of so many pixels."""
    vertices, joints = shape_body(body, motion.betas)
    posed = pose_vertices(body, vertices, joints, motion.poses, motion.trans, motion.facial_actions)
    places = landmark_points(landmarks(body), posed, motion.joints, motion.poses)["face"]
    pixels = motion.camera.project(places)
    pixels = pixels + noise * np.random.default_rng(1).normal(size=pixels.shape)
    depth = (places[..., 2:] - places[:, :1, 2:]) * motion.camera.fx / places[..., 2].mean()
    face = np.concatenate([pixels, depth, np.ones_like(depth)], -1)
    parts = missing(len(face)) | {"face": face}
    return Keypoints(motion.fps, motion.camera.width, motion.camera.height, **parts)


def reprojection(found: FaceFit, keypoints: Keypoints) -> float:
    """Median pixels of 512 between fitted and detected points."""
    missed = np.linalg.norm(found.pixels - keypoints.face[..., :2], axis=-1)
    return float(np.nanmedian(missed)) * 512 / max(keypoints.width, keypoints.height)


def exact_table(body: Body) -> None:
    sample = sample_motion(body, phenotype_betas(body, {"gender": 0.8, "weight": 0.6}))
    random, actions = np.random.default_rng(0), np.zeros((sample.frame_count, 52), np.float32)
    for row in actions:
        row[random.choice(51, 5, replace=False)] = random.uniform(0, 1, 5)
    print("| exact truth | noise, px | mean absolute error | worst action | frames/s |")
    print("|---|---|---|---|---|")
    for name, motion in (("sample", sample), ("random", replace(sample, facial_actions=actions))):
        for noise in (0.0, 2.0):
            start = time.process_time()
            found = fit(body, motion, exact_keypoints(body, motion, noise))
            speed = motion.frame_count / (time.process_time() - start)
            error = np.abs(found.actions - motion.facial_actions)
            worst = body.action_names[error.mean(0).argmax()]
            print(f"| {name} | {noise:g} | {error.mean():.3f} | {worst} | {speed:.0f} |")


def detector_table(body: Body, motion: Motion, keypoints: Keypoints) -> None:
    found = fit(body, motion, keypoints)
    error = np.abs(found.actions - motion.facial_actions).mean()
    print(f"\nThrough the detector: mean absolute error {error:.3f}, median reprojection ", end="")
    print(f"{reprojection(found, keypoints):.2f} px of 512.\n")
    print("| action | r | highest | true | frame | true |")
    print("|---|---|---|---|---|---|")
    for index, name in enumerate(body.action_names):
        ours, true = found.actions[:, index], motion.facial_actions[:, index]
        if true.max() > MOVES:
            r = np.corrcoef(ours, true)[0, 1] if ours.std() > 0 else 0.0
            peaks = f"{ours.max():.2f} | {true.max():.2f} | {ours.argmax()} | {true.argmax()}"
            print(f"| {name} | {r:.2f} | {peaks} |")


def write_sheet(
    path: Path, body: Body, clip: Path, motion: Motion, keypoints: Keypoints, frames: list[int]
) -> None:
    """The clip's faces above the fitted heads, drawn by OpenGL."""
    from PIL import Image
    from scipy.spatial.transform import Rotation

    from diffsign.render.avatar.build import build_avatar
    from diffsign.render.avatar.record import Signer
    from diffsign.render.preview import Previewer
    from diffsign.retarget.motion import Camera
    from diffsign.video import read_frames

    found = fit(body, motion, keypoints)
    avatar = build_avatar(Signer(skin="#d9a883", hair_style="short"), body, motion.betas)
    pictures = {i: frame for i, frame in enumerate(read_frames(clip)) if i in frames}
    joints = shape_body(body, motion.betas)[1]
    arm = joints[INDEX["head"]] - joints[0]
    rows: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for i in frames:
        points = keypoints.face[i, :, :2]
        half = 0.6 * np.ptp(points, axis=0).max()
        left, top = (points.min(0) + points.max(0)) / 2 - half
        crop = Image.fromarray(pictures[i]).crop((left, top, left + 2 * half, top + 2 * half))
        rows[0].append(np.asarray(crop.resize((TILE, TILE))))
        zoom, seen = TILE / (2 * half), motion.camera
        camera = Camera(
            seen.fx * zoom, seen.fy * zoom, (seen.cx - left) * zoom, (seen.cy - top) * zoom,
            TILE, TILE,
        )  # fmt: skip
        poses = np.zeros((1, 165), np.float32)
        poses[0, :3] = Rotation.from_matrix(found.turn[i]).as_rotvec()
        trans = (found.place[i] - found.turn[i] @ arm - joints[0])[None].astype(np.float32)
        one = replace(
            motion.part(i, i + 1), poses=poses, trans=trans, facial_actions=found.actions[i : i + 1]
        )
        with Previewer(avatar, camera) as previewer:
            rows[1].append(previewer.draw(one, 0).colour)
    Image.fromarray(np.vstack([np.hstack(row) for row in rows])).save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--clip", type=Path, help="for the sheet; the sample clip if not given")
    parser.add_argument("--frames", default="1,6,12,17,28,45,53,61", help="of the sheet")
    options = parser.parse_args()
    body = load_body("open")
    assets = Path(str(resources.files("diffsign.assets")))
    clip, motion = assets / "sample.mp4", Motion.load(assets / "sample_motion.npz")
    if options.clip:
        from diffsign.retarget.fit.solve import fit_clip

        clip, keypoints = options.clip, load_keypoints(options.clip)
        motion = fit_clip(keypoints)
        missed = reprojection(fit(body, motion, keypoints), keypoints)
        print(f"{clip.name}: median reprojection {missed:.2f} px of 512")
    else:
        keypoints = load_keypoints(clip)
        exact_table(body)
        detector_table(body, motion, keypoints)
    if options.sheet:
        frames = [int(frame) for frame in options.frames.split(",")]
        write_sheet(options.sheet, body, clip, motion, keypoints, frames)


if __name__ == "__main__":
    main()
