"""Pictures of signers who do one facial action at a time, to see how a detector answers.

    python -m diffsign.render.calibration.face_pictures -o PICTURES
    python -m diffsign.render.calibration.face PICTURES -o assets/open_body_face_landmarks.npz

Every view is a motion of 53 frames, rest and then each action at 1, saved beside its pictures. They
are drawn by OpenGL (some eight minutes on one core): brows, lids, irises and lips are what a
detector looks at, and they are all there.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from PIL import Image
from scipy.spatial.transform import Rotation

from ...retarget.body.load import load_body
from ...retarget.body.model import Body, joint_transforms, shape_body
from ...retarget.body.phenotype import phenotype_betas
from ...retarget.body.skeleton import INDEX, JOINT_NAMES
from ...retarget.motion import CONFIDENCE_PARTS, Camera, Motion
from ..avatar.build import build_avatar
from ..avatar.record import Signer
from ..preview import Previewer

SIZE = 384
DISTANCE_METRES = 1.2
FOV_DEGREES = 17.0

_EUROPEAN = {"caucasian": 1.0, "african": 0.0, "asian": 0.0}
_AFRICAN = {"caucasian": 0.0, "african": 1.0, "asian": 0.0}
_ASIAN = {"caucasian": 0.0, "african": 0.0, "asian": 1.0}

SIGNERS: tuple[Signer, ...] = (
    Signer(skin="#a5714d", hair_style="bob", hair_colour="#20160f", phenotype={"gender": 1.0}),
    Signer(
        skin="#e0b090",
        hair_style="short",
        hair_colour="#5a3a20",
        phenotype={"gender": 0.0} | _EUROPEAN,
    ),
    Signer(
        skin="#6b4423",
        hair_style="short",
        hair_colour="#100c08",
        phenotype={"gender": 0.3} | _AFRICAN,
    ),
    Signer(
        skin="#d8a67a",
        hair_style="short",
        hair_colour="#15100c",
        phenotype={"gender": 0.8} | _ASIAN,
    ),
)

VIEWS: dict[str, tuple[int, float, float]] = {
    "0_front": (0, 0, 0),
    "1_front": (1, 0, 0),
    "2_front": (2, 0, 0),
    "3_front": (3, 0, 0),
    "0_down": (0, 0, -14),
    "3_up": (3, 0, 12),
    "1_left": (1, 18, 0),
    "1_right": (1, -18, 0),
}
"""Name -> number of the signer, and degrees by which the head is turned and raised."""


def view_motion(body: Body, signer: Signer, turn: float, raised: float) -> Motion:
    """A head before the camera that rests and then does every action in turn."""
    betas = phenotype_betas(body, signer.phenotype)
    joints = shape_body(body, betas)[1]
    frames = len(body.action_names) + 1
    # Upright before the camera is half a turn about x.
    root = Rotation.from_euler("X", 180, degrees=True)
    root = root * Rotation.from_euler("YX", [turn, -raised], degrees=True)
    eyes = joints[[INDEX["left_eye_smplhf"], INDEX["right_eye_smplhf"]]].mean(0)
    middle = eyes - [0, 0.03, 0]
    trans = np.array([0, 0, DISTANCE_METRES]) - root.apply(middle - joints[0]) - joints[0]
    poses = np.zeros((frames, 165), np.float32)
    poses[:, :3] = root.as_rotvec()
    trans = np.repeat(trans[None], frames, 0).astype(np.float32)
    actions = np.concatenate([np.zeros((1, frames - 1)), np.eye(frames - 1)]).astype(np.float32)
    focal = SIZE / 2 / np.tan(np.radians(FOV_DEGREES) / 2)
    return Motion(
        trans=trans,
        poses=poses,
        betas=np.asarray(betas, np.float32),
        expression=actions,
        facial_actions=actions,
        facial_action_names=body.action_names,
        joints=joint_transforms(joints, poses, trans)[1].astype(np.float32),
        joint_names=JOINT_NAMES,
        camera=Camera(focal, focal, SIZE / 2, SIZE / 2, SIZE, SIZE),
        confidence={part: np.ones(frames, np.float32) for part in CONFIDENCE_PARTS},
        fps=1.0,
    )


def picture_path(folder: Path, view: str, frame: int) -> Path:
    """Where a frame's picture lies."""
    return folder / f"{view}_{frame:02d}.png"


def draw_view(folder: Path, view: str) -> None:
    """One view's motion and pictures; pictures that are there already are kept."""
    body = load_body("open")
    number, turn, raised = VIEWS[view]
    motion = view_motion(body, SIGNERS[number], turn, raised)
    motion.save(folder / f"{view}.npz")
    avatar = build_avatar(SIGNERS[number], body, motion.betas)
    with Previewer(avatar, motion.camera) as previewer:
        for frame in range(motion.frame_count):
            path = picture_path(folder, view, frame)
            if not path.is_file():
                Image.fromarray(previewer.draw(motion, frame).colour).save(path)


@click.command(help=__doc__)
@click.option("-o", "--output", type=click.Path(file_okay=False, path_type=Path), required=True)
def main(output: Path) -> None:
    output.mkdir(parents=True, exist_ok=True)
    for view in VIEWS:
        click.echo(view)
        draw_view(output, view)


if __name__ == "__main__":
    main()
