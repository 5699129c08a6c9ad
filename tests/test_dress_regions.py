"""Region colours, and a rendered signer read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from diffsign.errors import UserError
from diffsign.render.avatar.parts import PART_INDEX
from diffsign.render.avatar.record import Signer
from diffsign.render.dress.lab import delta_e, hex_to_lab
from diffsign.render.dress.regions import colour_distances, region_colours

SHARED = Path(__file__).parents[2] / "shared" / "data"
WOMAN = SHARED / "appearance" / "woman_black_tshirt.png"


def distance(first: str, second: str) -> float:
    return float(delta_e(hex_to_lab(first), hex_to_lab(second)))


def test_region_colours_by_part_mask() -> None:
    image = np.zeros((60, 60, 3), np.uint8)
    parts = np.full((60, 60), PART_INDEX["background"])
    for rows, part, colour in (
        (slice(0, 20), "hair", "#332118"),
        (slice(20, 40), "face", "#d5a080"),
        (slice(40, 60), "top", "#1e2a4a"),
    ):
        parts[rows] = PART_INDEX[part]
        image[rows] = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    found = region_colours(image, parts)
    assert set(found) == {"shirt", "skin", "hair"}
    np.testing.assert_allclose(found["hair"], hex_to_lab("#332118"), atol=1e-6)
    np.testing.assert_allclose(found["shirt"], hex_to_lab("#1e2a4a"), atol=1e-6)
    assert colour_distances(found, found) == {"shirt": 0.0, "skin": 0.0, "hair": 0.0}


def test_region_colours_leave_out_what_is_not_there() -> None:
    image = np.zeros((30, 30, 3), np.uint8)
    assert region_colours(image, np.zeros((30, 30), int)) == {}
    with pytest.raises(UserError, match="in one size"):
        region_colours(image, np.zeros((30, 31), int))


def test_region_colours_of_a_reference_picture() -> None:
    if not WOMAN.exists():
        pytest.skip(f"{WOMAN.name} is not at hand: it is kept outside the repository")
    from diffsign.render.dress.image_file import load_appearance

    found = region_colours(np.asarray(load_appearance(WOMAN)))
    assert set(found) == {"shirt", "skin", "hair"}
    assert found["shirt"][0] < 15
    assert delta_e(found["skin"], hex_to_lab("#e6a896")) < 10
    assert delta_e(found["hair"], hex_to_lab("#5d4430")) < 12


def _standing(avatar):
    """One frame of an avatar that stands before the camera, arms half lowered."""
    from diffsign.retarget.body.skeleton import INDEX, JOINT_NAMES
    from diffsign.retarget.motion import CONFIDENCE_PARTS, Camera, Motion

    poses = np.zeros((1, 55, 3))
    poses[:, 0] = [np.pi, 0, 0]  # the camera's y points down
    poses[:, INDEX["left_shoulder"], 2] = np.radians(-60)
    poses[:, INDEX["right_shoulder"], 2] = np.radians(60)
    chest, pelvis = avatar.joints[INDEX["spine3"]], avatar.joints[0]
    turned = (chest - pelvis) * [1, -1, -1] + pelvis
    still = np.zeros((1, 52))
    return Motion(
        trans=(np.array([0, 0.12, 1.7]) - turned)[None],
        poses=poses.reshape(1, 165),
        betas=np.zeros(1),
        expression=still,
        facial_actions=still,
        facial_action_names=avatar.action_names,
        joints=np.zeros((1, 55, 3)),
        joint_names=JOINT_NAMES,
        camera=Camera(650, 650, 256, 256, 512, 512),
        confidence={part: np.ones(1) for part in CONFIDENCE_PARTS},
        fps=25.0,
    )


def test_rendered_signer_reads_back(tmp_path: Path) -> None:
    pytest.importorskip("bpy")
    from diffsign.render.avatar.build import build_avatar
    from diffsign.render.dress.from_image import read_image
    from diffsign.render.passes import PassOptions, render_passes
    from diffsign.retarget.body.load import load_body

    truth = Signer(
        phenotype={"gender": 1.0},
        skin="#d5a080",
        lip_colour="#b76b5d",
        hair_style="long",
        hair_colour="#54372a",
        top="tshirt",
        top_colour="#b3242b",
        background="#3f6f8f",
    )
    avatar = build_avatar(truth, load_body("open"))
    avatar.save(tmp_path / "avatar.npz")
    _standing(avatar).save(tmp_path / "motion.npz")
    options = PassOptions(samples=4, maps=())
    render_passes(tmp_path / "motion.npz", tmp_path / "avatar.npz", tmp_path / "passes", options)
    (picture,) = (tmp_path / "passes" / "beauty").glob("*.png")
    seen = read_image(picture)
    for name in ("skin", "hair_colour", "lip_colour", "top_colour", "background"):
        assert distance(seen[name], getattr(truth, name)) < 15, name
    assert (seen["hair_style"], seen["top"]) == (truth.hair_style, truth.top)
    assert seen["beard"] == "none" and seen["glasses"] is False
