"""The pictures that a LoRA learns from: the user's, and the prior's, each with its pose drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ...errors import UserError
from ...render.dress.image_file import load_appearance
from ..canvas import squared


@dataclass(frozen=True)
class Picture:
    """A square picture of a person.

    pixels: (S,S,3) uint8. pose: (S,S,3) uint8, the skeleton as the openpose ControlNet reads it;
    black where nobody was found. inside: (S,S) bool, False on the bars that make it square.
    text: what it shows.
    """

    pixels: np.ndarray
    pose: np.ndarray
    inside: np.ndarray
    text: str

    @property
    def posed(self) -> bool:
        """Whether a person was found in it."""
        return bool(self.pose.any())


def read_pictures(paths: Sequence[Path], size: int) -> list[Picture]:
    """The user's pictures at size x size, with what the dresser reads from each as its text.

    Raises:
        UserError: there is none, or one is no picture.
    """
    if not paths:
        raise UserError("There is nothing to learn from: give some pictures of one person.")
    return [_picture(path, size) for path in paths]


def make_picture(pixels: np.ndarray, pose: np.ndarray, text: str) -> Picture:
    """A picture whose pose is known."""
    return Picture(pixels, pose, np.ones(pixels.shape[:2], bool), text)


def draw_pose(pixels: np.ndarray) -> np.ndarray:
    """The skeleton (H,W,3) uint8 of the person that MediaPipe finds in (H,W,3) uint8, or black."""
    from ...render.openpose import draw_openpose
    from ...render.points import openpose_body, openpose_face
    from ...retarget.keypoints.mediapipe_holistic import detect_image

    height, width = pixels.shape[:2]
    found = detect_image(pixels)
    points = {}
    if "body" in found:
        body = found["body"]
        seen = np.where(body[:, 3] > 0.5, 1.0, 0.0)
        points["body18"] = openpose_body(np.column_stack([body[:, :2], seen]))
    for hand in ("left_hand", "right_hand"):
        if hand in found:
            points[hand] = np.column_stack([found[hand][:, :2], np.ones(21)])
    if "face" in found:
        face = openpose_face(found["face"])
        points["face70"] = np.column_stack([face[:, :2], np.ones(len(face))])
    return draw_openpose(points, width, height)


def _picture(path: Path, size: int) -> Picture:
    image = load_appearance(path)
    width, height = image.size
    square = squared(image).resize((size, size), Image.Resampling.LANCZOS)
    pixels = np.asarray(square)
    inside = np.zeros((size, size), bool)
    across, down = (round(size * side / max(width, height)) for side in (width, height))
    left, top = (size - across) // 2, (size - down) // 2
    inside[top : top + down, left : left + across] = True
    return Picture(pixels, draw_pose(pixels), inside, _described(path))


def _described(path: Path) -> str:
    from ...render.dress.caption import describe
    from ...render.dress.signer_from import signer_from

    return describe(signer_from(path, None, 0))
