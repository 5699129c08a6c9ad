"""Measure where MediaPipe sees the points of body and hands, on signers whose truth is known.

    diffsign mini samples -o SAMPLES --count 400
    python -m diffsign.render.calibration.body SAMPLES -o assets/landmark_offsets.json

Every sample's pose and camera follow from its seed and number, so the truth need not be stored. The
offsets are found on three signers in four, shared by both sides, and tested on the rest; the table
that is printed gives the median distance there, in millimetres on the body.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from ...errors import UserError
from ...files import write_json
from ...retarget.body.landmarks import landmarks
from ...retarget.body.load import load_body
from ...retarget.body.model import joint_transforms, pose_vertices, shape_body
from ...retarget.body.phenotype import phenotype_betas
from ...retarget.body.skeleton import INDEX
from ...retarget.keypoints.mediapipe_holistic import detect_image
from ...retarget.keypoints.record import BODY_COUNT, HAND_COUNT
from ...retarget.motion import Camera
from ..avatar.avatar import Avatar
from ..avatar.build import build_avatar
from ..avatar.record import Signer
from ..dress.image_file import load_appearance
from ..shots import shot_of
from .offsets import Views, joined, scatter, solve_offset

SURE = 0.5
HELD_OUT = 4  # every fourth signer only tests
FEWEST_VIEWS = 60
UNMEASURED_NOISE = 0.03

BODY_PARTNERS = {0: 0} | {
    left: right
    for lefts, step in (((1, 2, 3), 3), ((7, 9, *range(11, 33, 2)), 1))
    for left, right in zip(lefts, (left + step for left in lefts), strict=True)
}
"""Point on the left -> its mirror image; the nose is its own."""

BODY_CARRIERS = {
    **dict.fromkeys((0, 1, 2, 3, 7, 9), "head"),
    11: "left_collar",
    13: "left_elbow",
    15: "left_wrist",
    17: "left_wrist",
    19: "left_wrist",
    21: "left_thumb1",
    23: "pelvis",
    25: "left_knee",
    27: "left_ankle",
    29: "left_ankle",
    31: "left_foot",
}
_FINGERS = ("thumb", "index", "middle", "ring", "pinky")


def hand_carrier(row: int) -> str:
    """The joint of the left hand that carries a point: for knuckles the palm, which is steadier."""
    if row in (0, 5, 9, 13, 17):
        return "left_wrist"
    finger, place = divmod(row - 1, 4)
    return f"left_{_FINGERS[finger]}{min(place + 1, 3)}"


def other_side(joint: str) -> str:
    """The joint's partner."""
    return joint.replace("left_", "right_") if joint.startswith("left_") else joint


@dataclass(frozen=True)
class View:
    """One sample: places by part (N, 3), global rotations (55, 3, 3), what was detected by part
    (N, 4), its camera and its signer's number."""

    places: dict[str, np.ndarray]
    rotations: np.ndarray
    detected: dict[str, np.ndarray]
    camera: Camera
    signer: int


def read_view(folder: Path, record: dict[str, Any], avatar: Avatar) -> View:
    """A sample of `synthesis` with its truth and what the detector sees in its softer picture."""
    body = load_body("open")
    seed, group = record["signer_seed"]
    shot = shot_of(seed, record["id"], avatar, record["camera"]["width"])
    betas = phenotype_betas(body, record["signer"]["phenotype"])
    rest, joints = shape_body(body, betas)
    poses, trans = shot.pose.poses[None], shot.trans[None]
    rotations, positions = joint_transforms(joints, poses, trans)
    vertices = pose_vertices(body, rest, joints, poses, trans, shot.pose.facial_actions[None])
    places = {part: points.base(vertices, positions)[0] for part, points in landmarks(body).items()}
    picture = np.asarray(load_appearance(folder / f"{record['id']:06d}_target.png"))
    return View(places, rotations[0], detect_image(picture), shot.camera, group)


def views_of(views: list[View], part: str, row: int, carrier: str) -> Views:
    """One point in the samples in which it is surely seen."""
    chosen, pixels = [], []
    for view in views:
        point = view.detected.get(part, np.zeros((BODY_COUNT, 4)))[row]
        inside = 0 <= point[0] < view.camera.width and 0 <= point[1] < view.camera.height
        if point[3] >= SURE and inside:
            chosen.append(view)
            pixels.append(point[:2] - [view.camera.cx, view.camera.cy])
    return Views(
        np.array([view.places[part][row] for view in chosen]).reshape(-1, 3),
        np.array([view.rotations[INDEX[carrier]] for view in chosen]).reshape(-1, 3, 3),
        np.array(pixels).reshape(-1, 2),
        np.array([view.camera.fx for view in chosen]),
        np.array([view.signer % HELD_OUT == HELD_OUT - 1 for view in chosen], bool),
    )


def measure(both: Views, carrier: str) -> dict[str, Any]:
    """The row of the table for a point, and how well it does on the views held out."""
    if len(both.places) < FEWEST_VIEWS or not both.held_out.any():
        noise = 1000 * UNMEASURED_NOISE
        return {"carrier": carrier, "offset_mm": [0.0, 0.0, 0.0], "noise_mm": noise}
    offset = solve_offset(both)
    before, after = (both.errors(o)[both.held_out] for o in (np.zeros(3), offset))
    if np.median(after) >= np.median(before):  # the hips, which are hardly ever in the picture
        offset, after = np.zeros(3), before
    return {
        "carrier": carrier,
        "offset_mm": np.round(1000 * offset, 1).tolist(),
        "noise_mm": round(1000 * scatter(after), 1),
        "before_mm": round(1000 * float(np.median(before)), 1),
        "after_mm": round(1000 * float(np.median(after)), 1),
        "views": len(before),
    }


def body_rows(views: list[View]) -> list[dict[str, Any]]:
    """The 33 rows of the body; both sides share what is measured."""
    rows: dict[int, dict[str, Any]] = {}
    for left, right in BODY_PARTNERS.items():
        carrier = BODY_CARRIERS[left]
        ours = views_of(views, "body", left, carrier)
        theirs = views_of(views, "body", right, other_side(carrier)).mirrored()
        row = measure(joined([ours, theirs]), carrier)
        x, y, z = row["offset_mm"]
        rows[left] = row
        if right != left:
            rows[right] = row | {"carrier": other_side(carrier), "offset_mm": [-x, y, z]}
    return [rows[row] for row in range(BODY_COUNT)]


def hand_rows(views: list[View]) -> list[dict[str, Any]]:
    """The 21 rows of the left hand; the right is its mirror image."""
    rows = []
    for row in range(HAND_COUNT):
        carrier = hand_carrier(row)
        ours = views_of(views, "left_hand", row, carrier)
        theirs = views_of(views, "right_hand", row, other_side(carrier)).mirrored()
        rows.append(measure(joined([ours, theirs]), carrier))
    return rows


def read_views(folder: Path) -> list[View]:
    """Every sample in a folder, in order.

    Raises:
        UserError: there is none.
    """
    records = [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))]
    if not records:
        raise UserError(f"{folder} holds no samples: make some with diffsign mini samples.")
    views: list[View] = []
    avatar: tuple[list[int], Avatar] | None = None
    for done, record in enumerate(records):
        if avatar is None or avatar[0] != record["signer_seed"]:
            signer = Signer(**record["signer"])
            avatar = record["signer_seed"], build_avatar(signer, load_body("open"))
        views.append(read_view(folder, record, avatar[1]))
        if done % 20 == 19:
            click.echo(f"{done + 1} of {len(records)} samples", err=True)
    return views


def table(points: dict[str, list[dict[str, Any]]]) -> str:
    """The measured rows as Markdown."""
    lines = [
        "| point | rides on | offset, mm | before, mm | after, mm | views |",
        "|---|---|---|---|---|---|",
    ]
    for part, rows in points.items():
        for number, row in enumerate(rows):
            if "views" in row:
                offset = " ".join(f"{value:.0f}" for value in row["offset_mm"])
                lines.append(
                    f"| {part} {number} | {row['carrier']} | {offset} | {row['before_mm']:.0f} "
                    f"| {row['after_mm']:.0f} | {row['views']} |"
                )
    return "\n".join(lines)


@click.command()
@click.argument("samples", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="JSON file.")
def main(samples: Path, out: Path) -> None:
    """Measure the offsets of body and hand points on samples and write their table."""
    try:
        views = read_views(samples)
    except UserError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    points = {"body": body_rows(views), "hand": hand_rows(views)}
    click.echo(table(points))
    write_json(out, {"detector": "MediaPipe Holistic 0.10.21", "points": points})


if __name__ == "__main__":
    main()
