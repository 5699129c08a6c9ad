"""Retargeting: does the sign survive on other bodies?

    python benchmarks/retarget.py [MOTION.npz | CLIP | FILE.pose ...]

Performs the sample motion, an authored clip of touches and the given sources on five bodies of the
open model, by copying angles and by keeping contacts, and prints a Markdown table. Everything is
measured on the meshes with trimesh's point-to-triangle distances and winding numbers, which the
retargeting does not use.

A contact is a frame in which a fingertip or the palm is within 15 mm of the rest of the body. It is
kept if the performer's same part is within 15 mm of the same region: the skin that lies within
30 mm of what was touched, on the source's body. A contact of the performer is false where the
source's part was more than 25 mm off the body.

A source that pierces itself by more than 5 mm does not say what it touches: it is healed first, on
its own body, by the retargeting's own method (`retarget.rig.heal`), and "kept" and "false" count
the contacts of the healed source. What the source touches as it is stands beside them ("unhealed"),
and the rows of the source say how deep it was, how deep it is, by how much it was moved, and how
many of its own contacts it still has.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
import trimesh
from scipy.spatial import cKDTree

from diffsign.render.sample_clip import sample_motion
from diffsign.render.touch_clip import touch_motion
from diffsign.retarget.body.load import load_body
from diffsign.retarget.body.model import (
    Body,
    joint_transforms,
    pose_vertices,
    rotation_matrices,
    shape_body,
)
from diffsign.retarget.body.phenotype import phenotype_betas
from diffsign.retarget.body.skeleton import INDEX, LEFT_HAND, RIGHT_HAND
from diffsign.retarget.motion import Motion
from diffsign.retarget.rig.perform import healed_motion, perform

BODIES = {
    "child": {"age": 1 / 3},
    "tall": {"height": 0.85, "gender": 0.1, "weight": 0.4},
    "heavy": {"weight": 1.0, "muscle": 0.3},
    "broad": {"gender": 0.0, "muscle": 1.0, "weight": 0.7},
    "elderly": {"age": 1.0, "gender": 0.8},
}
TOUCH, PATCH, CLEARLY_OFF = 0.015, 0.030, 0.025
NEARBY = 0.12
EVERY = 5
"""Of the frames, one in so many is measured on the meshes."""
FINGERS = ("thumb", "index", "middle", "ring", "pinky")
SIDES = ("left", "right")


@dataclass(frozen=True)
class Meter:
    """The parts of a body's mesh that are measured: vertex numbers and triangles by side."""

    body: Body
    parts: dict[str, np.ndarray]
    hand: dict[str, np.ndarray]
    arm: dict[str, np.ndarray]
    rest: dict[str, np.ndarray]
    trunk: np.ndarray


def make_meter(body: Body) -> Meter:
    faces = body.faces[body.group_faces("body")]
    skin = np.unique(faces)
    held = body.weights.argmax(1)
    joints = body.J_regressor @ body.v_template
    parts, hand, arm, rest = {}, {}, {}, {}
    for side, fingers in zip(SIDES, (LEFT_HAND, RIGHT_HAND), strict=True):
        wrist = INDEX[f"{side}_wrist"]
        elbow = INDEX[f"{side}_elbow"]
        hand[side] = skin[body.weights[skin][:, [wrist, *fingers]].sum(1) > 0.98]
        arm[side] = skin[held[skin] == elbow]
        own = np.isin(held, [elbow, wrist, *fingers])
        rest[side] = faces[~own[faces].any(1)]
        for finger in FINGERS:
            last = INDEX[f"{side}_{finger}3"]
            parts[f"{side} {finger}"] = skin[body.weights[skin, last] > 0.5]
        middle = joints[INDEX[f"{side}_middle1"]]
        palm = hand[side][np.isin(held[hand[side]], [wrist, *fingers[0:12:3]])]
        inner = body.v_template[palm]
        parts[f"{side} palm"] = palm[
            (inner[:, 1] < middle[1]) & (np.abs(inner[:, 0]) < abs(middle[0]) + 0.01)
        ]
    limbs = [INDEX[f"{side}_{name}"] for side in SIDES for name in ("shoulder", "elbow", "wrist")]
    limbs += [INDEX[f"{side}_collar"] for side in SIDES] + [*LEFT_HAND, *RIGHT_HAND]
    trunk = faces[~np.isin(held, limbs)[faces].any(1)]
    return Meter(body, parts, hand, arm, rest, trunk)


def distances(points: np.ndarray, posed: np.ndarray, faces: np.ndarray) -> tuple:
    """Distance (P,) to the nearest of the triangles, inf beyond NEARBY, and its number."""
    gap, triangle = np.full(len(points), np.inf), np.full(len(points), -1)
    corners = posed[faces]
    low, high = points.min(0) - NEARBY, points.max(0) + NEARBY
    near = np.flatnonzero(((corners > low) & (corners < high)).all((1, 2)))
    if not len(near):
        return gap, triangle
    count = min(12, len(near))
    around, found = cKDTree(corners[near].mean(1)).query(points, k=count)
    around, found = around.reshape(len(points), -1), near[found.reshape(len(points), -1)]
    close = np.flatnonzero(around[:, 0] < NEARBY)
    if len(close):
        repeated = np.repeat(points[close], count, axis=0)
        on = trimesh.triangles.closest_point(corners[found[close].reshape(-1)], repeated)
        apart = np.linalg.norm(on - repeated, axis=1).reshape(-1, count)
        best = apart.argmin(1)
        gap[close] = apart[np.arange(len(close)), best]
        triangle[close] = found[close, best]
    return gap, triangle


def winding(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Generalised winding numbers (P,) by solid angles (van Oosterom & Strackee 1983)."""
    a, b, c = (triangles[None, :, k] - points[:, None] for k in range(3))
    la, lb, lc = (np.linalg.norm(x, axis=-1) for x in (a, b, c))
    top = np.einsum("pfd,pfd->pf", a, np.cross(b, c))
    bottom = la * lb * lc + (a * b).sum(-1) * lc + (b * c).sum(-1) * la + (c * a).sum(-1) * lb
    return np.arctan2(top, bottom).sum(1) / (2 * np.pi)


def inside(
    points: np.ndarray, gap: np.ndarray, triangle: np.ndarray, corners: np.ndarray
) -> np.ndarray:
    """(P,) bool: in the mesh. A few suspects are asked for their winding number, deepest first."""
    near = corners[triangle]
    normal = np.cross(near[:, 1] - near[:, 0], near[:, 2] - near[:, 0])
    behind = ((points - near.mean(1)) * normal).sum(1) < 0
    suspects = np.flatnonzero((triangle >= 0) & behind & (gap > 0.001))
    answer = np.zeros(len(points), bool)
    suspects = suspects[np.argsort(-gap[suspects])]
    if len(suspects):
        # Neighbours share the answer: a few of the suspects are asked, the rest follow them.
        asked = suspects[:: max(len(suspects) // 8, 1)]
        found = winding(points[asked].astype(float), corners.astype(float)) > 0.5
        answer[suspects] = found[cKDTree(points[asked]).query(points[suspects])[1]]
    return answer


def depth(gap: np.ndarray, within: np.ndarray) -> float:
    """How deep the deepest of the points lies, metres."""
    return float(gap[within].max()) if within.any() else 0.0


@dataclass(frozen=True)
class Seen:
    """What the meshes of one performance show, per frame."""

    touching: list[dict[str, tuple[float, np.ndarray]]]
    hands: list[dict[str, float]]
    depth: np.ndarray
    arm_depth: np.ndarray
    posed: np.ndarray


def look(meter: Meter, motion: Motion) -> Seen:
    vertices, joints = shape_body(meter.body, motion.betas)
    posed = pose_vertices(
        meter.body,
        vertices,
        joints,
        motion.poses[::EVERY],
        motion.trans[::EVERY],
        motion.facial_actions[::EVERY],
    )
    touching, hands, arms = [], [], []
    by_hand = []
    for at in posed:
        found: dict[str, tuple[float, np.ndarray]] = {}
        deepest = []
        for side in SIDES:
            faces, ids = meter.rest[side], meter.hand[side]
            gap, triangle = distances(at[ids], at, faces)
            within = inside(at[ids], gap, triangle, at[faces])
            deepest.append(depth(gap, within))
            for name, part in meter.parts.items():
                if name.startswith(side):
                    rows = np.flatnonzero(np.isin(ids, part))
                    best = rows[gap[rows].argmin()]
                    # What is inside touches, however deep.
                    off = 0.0 if within[rows].any() else float(gap[best])
                    found[name] = (off, at[faces[triangle[best]]].mean(0))
        touching.append(found)
        hands.append(max(deepest))
        by_hand.append(dict(zip(SIDES, deepest, strict=True)))
        pressed = []
        for side in SIDES:
            ids = meter.arm[side]
            gap, triangle = distances(at[ids], at, meter.trunk)
            within = inside(at[ids], gap, triangle, at[meter.trunk])
            pressed.append(depth(gap, within))
        arms.append(max(pressed))
    return Seen(touching, by_hand, np.array(hands), np.array(arms), posed)


@dataclass(frozen=True)
class Figures:
    kept: int
    contacts: int
    raw_kept: int
    raw: int
    false: int
    touches: int
    depths: np.ndarray
    arm_depths: np.ndarray
    handshape: float
    palm: float
    jerkiness: float
    speed: float


def held(meter: Meter, before: Seen, after: Seen) -> tuple[int, int]:
    """How many contacts are kept, and how many there were."""
    kept = contacts = 0
    for frame, was in enumerate(before.touching):
        for name, (gap, spot) in was.items():
            if gap > TOUCH:
                continue
            contacts += 1
            faces = meter.rest[name.split()[0]]
            old, new = before.posed[frame], after.posed[frame]
            patch = faces[np.linalg.norm(old[faces].mean(1) - spot, axis=1) < PATCH]
            kept += distances(new[meter.parts[name]], new, patch)[0].min() <= TOUCH
    return kept, contacts


def invented(before: Seen, after: Seen) -> tuple[int, int]:
    """How many contacts are false, and how many there are."""
    now = [(was[name][0], gap) for was, found in zip(before.touching, after.touching, strict=True)
           for name, (gap, _) in found.items() if gap <= TOUCH]  # fmt: skip
    return sum(gap > CLEARLY_OFF for gap, _ in now), len(now)


def compare(
    meter: Meter, source: Motion, raw: Seen, healed: Seen, performed: Motion, speed: float
) -> Figures:
    after = look(meter, performed)
    return Figures(
        *held(meter, healed, after),
        *held(meter, raw, after),
        *invented(healed, after),
        after.depth,
        after.arm_depth,
        handshape_turn(source, performed),
        palm_turn(meter.body, source, performed),
        acceleration(performed) / max(acceleration(source), 1e-9),
        speed,
    )


def handshape_turn(source: Motion, performed: Motion) -> float:
    """The largest change of a finger joint's rotation, degrees."""
    fingers = [
        rotation_matrices(np.asarray(motion.poses, float).reshape(-1, 55, 3)[:, 25:])
        for motion in (source, performed)
    ]
    trace = np.einsum("tjab,tjab->tj", *fingers)
    return float(np.degrees(np.arccos(np.clip((trace - 1) / 2, -1, 1))).max())


def palm_turn(body: Body, source: Motion, performed: Motion) -> float:
    """The largest change of a palm's orientation from the torso, degrees."""
    relative = []
    for motion in (source, performed):
        joints = shape_body(body, motion.betas)[1]
        turns = joint_transforms(joints, motion.poses, motion.trans)[0]
        chest = turns[:, [INDEX["spine3"]]]
        palms = turns[:, [INDEX["left_wrist"], INDEX["right_wrist"]]]
        relative.append(np.swapaxes(chest, -1, -2) @ palms)
    change = np.swapaxes(relative[0], -1, -2) @ relative[1]
    trace = np.trace(change, axis1=-2, axis2=-1)
    return float(np.degrees(np.arccos(np.clip((trace - 1) / 2, -1, 1))).max())


def acceleration(motion: Motion) -> float:
    """Root mean square acceleration of the wrists, in arm's lengths."""
    chain = [INDEX[f"left_{name}"] for name in ("shoulder", "elbow", "wrist")]
    arm = np.linalg.norm(np.diff(motion.joints[0, chain], axis=0), axis=1).sum()
    wrists = motion.joints[:, [INDEX["left_wrist"], INDEX["right_wrist"]]] / arm
    return float(np.sqrt((np.diff(wrists, 2, axis=0) ** 2).sum(-1).mean()))


HEADER = (
    "| clip | body | way | kept | kept, unhealed | false | hand in body p95 / max mm "
    "| forearm in trunk max mm "
    "| handshape ° | palm ° | acceleration | frames/s |\n" + "|---" * 12 + "|"
)


def row(clip: str, body: str, way: str, figures: list[Figures]) -> str:
    kept, contacts = sum(f.kept for f in figures), sum(f.contacts for f in figures)
    raw_kept, raw = sum(f.raw_kept for f in figures), sum(f.raw for f in figures)
    false, touches = sum(f.false for f in figures), sum(f.touches for f in figures)
    depths = 1000 * np.concatenate([f.depths for f in figures])
    arms = 1000 * np.concatenate([f.arm_depths for f in figures])
    return (
        f"| {clip} | {body} | {way} | {_share(kept, contacts)} | {_share(raw_kept, raw)} "
        f"| {_share(false, touches)} "
        f"| {np.percentile(depths, 95):.1f} / {depths.max():.1f} | {arms.max():.1f} "
        f"| {max(f.handshape for f in figures):.1f} | {max(f.palm for f in figures):.1f} "
        f"| {np.mean([f.jerkiness for f in figures]):.2f} "
        f"| {min(f.speed for f in figures):.0f} |"
    )


def source_row(
    meter: Meter, clip: str, motion: Motion, mended: Motion, raw: Seen, healed: Seen
) -> str:
    """What healing did to a source: contacts of the source that the healed one has, and depths."""
    moved = np.linalg.norm(mended.joints - motion.joints, axis=-1).max()
    turned = handshape_turn(motion, mended), palm_turn(meter.body, motion, mended)
    arms = [1000 * seen.arm_depth.max() for seen in (raw, healed)]
    depths = [1000 * seen.depth.max() for seen in (raw, healed)]
    still = _share(*held(meter, raw, healed))
    return (
        f"| {clip} | source | healed by {1000 * moved:.0f} mm | {still} "
        f"| | | max {depths[0]:.1f} -> {depths[1]:.1f} | {arms[0]:.1f} -> {arms[1]:.1f} "
        f"| {turned[0]:.1f} | {turned[1]:.1f} | | |"
    )


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} % of {whole}" if whole else "-"


def load_source(path: Path) -> Motion:
    if path.suffix == ".npz":
        return Motion.load(path)
    from diffsign.retarget.fit.solve import fit_clip
    from diffsign.retarget.keypoints.source import load_keypoints

    return fit_clip(load_keypoints(path))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sources", type=Path, nargs="*")
    parser.add_argument("--bodies", nargs="*", default=list(BODIES), choices=list(BODIES))
    parser.add_argument("--each", action="store_true", help="a row for every clip and body")
    options = parser.parse_args()
    body = load_body("open")
    meter = make_meter(body)
    assets = Path(str(resources.files("diffsign.assets")))
    clips = {
        "sample": sample_motion(body, Motion.load(assets / "sample_motion.npz").betas),
        "touches": touch_motion(body, np.zeros(body.beta_count)),
    }
    clips |= {path.stem: load_source(path) for path in options.sources}
    groups: dict[tuple[str, str, str], list[Figures]] = {}
    print(HEADER)
    for clip, motion in clips.items():
        mended = healed_motion(motion, body)
        raw, before = look(meter, motion), look(meter, mended)
        group = clip if clip in ("sample", "touches") else "fitted"
        for name in options.bodies:
            betas = phenotype_betas(body, BODIES[name])
            for way, keep in (("angles", False), ("contacts", True)):
                perform(motion.part(0, 2), body, betas, keep)
                start = time.process_time()
                performed = perform(motion, body, betas, keep)
                speed = motion.frame_count / (time.process_time() - start)
                figures = compare(meter, motion, raw, before, performed, speed)
                groups.setdefault((group, name, way), []).append(figures)
                if options.each:
                    print(row(clip, name, way, [figures]), flush=True)
        print(source_row(meter, clip, motion, mended, raw, before), flush=True)
    for (group, name, way), several in groups.items():
        print(row(group, name, way, several))
    for way in ("angles", "contacts"):
        print(row("all", "all", way, [f for k, fs in groups.items() if k[2] == way for f in fs]))


if __name__ == "__main__":
    main()
