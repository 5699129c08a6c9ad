"""Reading looks from pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from diffsign.errors import UserError
from diffsign.render.avatar.record import Signer
from diffsign.render.dress.colour_names import HAIR, SKIN, name_of
from diffsign.render.dress.lab import delta_e, hex_to_lab

SHARED = Path(__file__).parents[2] / "shared" / "data"
WOMAN = SHARED / "appearance" / "woman_black_tshirt.png"


def distance(first: str, second: str) -> float:
    return float(delta_e(hex_to_lab(first), hex_to_lab(second)))


@pytest.fixture(scope="module")
def woman():
    if not WOMAN.exists():
        pytest.skip(f"{WOMAN.name} is not at hand: it is kept outside the repository")
    from diffsign.render.dress.from_image import measure_image

    return measure_image(WOMAN)


def test_woman_in_a_black_tshirt(woman) -> None:
    assert woman["top"].value == "tshirt"
    assert name_of(woman["top_colour"].value) == "black"
    # Her cheek is #e6a896 and her hair about #5d4430 in the picture, read off by eye; a lit face
    # is lighter than the skin's own colour, and hair darker.
    assert 4 < hex_to_lab("#e6a896")[0] - hex_to_lab(woman["skin"].value)[0] < 14
    assert distance(woman["skin"].value, "#cf9685") < 8
    assert distance(woman["hair_colour"].value, "#5d4430") < 12
    assert distance(woman["background"].value, "#008000") < 3
    assert woman["hair_style"].value == "ponytail"
    assert woman["phenotype"].value["gender"] > 0.8
    assert woman["glasses"].value is False
    assert woman["beard"].value == "none"
    red, _, blue = (int(woman["eye_colour"].value[i : i + 2], 16) for i in (1, 3, 5))
    assert blue > red


def test_every_measurement_has_a_confidence_and_fits_the_record(woman) -> None:
    assert all(0 <= each.confidence <= 1 for each in woman.values())
    Signer().with_changes(**{name: each.value for name, each in woman.items()})


def test_drawn_glasses_and_beard_are_seen(woman) -> None:
    import cv2

    from diffsign.render.dress.face_regions import face_regions
    from diffsign.render.dress.from_image import measure_person
    from diffsign.render.dress.image_file import load_appearance
    from diffsign.render.dress.person import Person, find_person, grown

    person = find_person(np.asarray(load_appearance(WOMAN)))
    points = person.face
    assert points is not None
    width = float(np.linalg.norm(points[33] - points[133]))

    def pixel(point: np.ndarray) -> tuple[int, int]:
        return int(point[0]), int(point[1])

    drawn = person.image.copy()
    dark, thick = (30, 25, 25), max(1, round(0.1 * width))
    for outer, inner, side in ((33, 133, 234), (263, 362, 454)):
        centre = (points[outer] + points[inner]) / 2 + np.array([0, 0.12 * width])
        axes = (int(0.85 * width), int(0.65 * width))
        cv2.ellipse(drawn, pixel(centre), axes, 0, 0, 360, dark, thick, cv2.LINE_AA)
        hinge = points[outer] + 0.2 * (points[outer] - points[inner])
        cv2.line(drawn, pixel(hinge), pixel(points[side]), dark, thick, cv2.LINE_AA)
    cv2.line(drawn, pixel(points[133]), pixel(points[362]), dark, thick, cv2.LINE_AA)
    seen = measure_person(Person(drawn, person.mask, points, person.body, person.hands))
    assert seen["glasses"].value is True
    assert distance(seen["glasses_colour"].value, "#1e1919") < 12

    face = face_regions(person)
    assert face is not None
    drawn = person.image.copy()
    rows = np.arange(drawn.shape[0])[:, None] > points[2, 1]
    jaw = face.oval & rows & ~grown(face.lips, 1)
    drawn[jaw] = (0.25 * drawn[jaw] + 0.75 * np.array([50, 36, 28])).astype(np.uint8)
    seen = measure_person(Person(drawn, person.mask, points, person.body, person.hands))
    assert seen["beard"].value == "full"
    assert seen["glasses"].value is False


def test_portrait_with_glasses_hat_and_uniform() -> None:
    """A photograph that matplotlib carries (public domain): an old admiral, dark jacket."""
    matplotlib = pytest.importorskip("matplotlib")
    from diffsign.render.dress.from_image import read_image

    path = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    if not path.exists():
        pytest.skip("this matplotlib carries no sample portrait")
    seen = read_image(path)
    assert seen["glasses"] is True
    assert seen["beard"] == "none"
    assert hex_to_lab(seen["top_colour"])[0] < 20


def test_picture_of_nobody_says_how_to_mend_it(tmp_path: Path) -> None:
    from PIL import Image

    from diffsign.render.dress.from_image import read_image

    path = tmp_path / "field.png"
    noise = np.random.default_rng(1).normal(0, 6, (240, 320, 3)) + np.array([90, 140, 60])
    Image.fromarray(noise.clip(0, 255).astype(np.uint8)).save(path)
    with pytest.raises(UserError, match=r"no person is found in .*field\.png.*; give a picture"):
        read_image(path)


def test_face_hidden_leaves_garment_and_ground(woman) -> None:
    """A body without a face still tells its cloth."""
    from diffsign.render.dress.from_image import measure_person
    from diffsign.render.dress.image_file import load_appearance
    from diffsign.render.dress.person import Person, find_person

    person = find_person(np.asarray(load_appearance(WOMAN)))
    seen = measure_person(Person(person.image, person.mask, None, person.body, person.hands))
    assert name_of(seen["top_colour"].value) == "black"
    assert distance(seen["background"].value, "#008000") < 3
    assert not {"skin", "hair_colour", "glasses", "beard"} & set(seen)


def test_picture_without_colour_gives_natural_skin_and_hair(woman) -> None:
    from diffsign.render.dress.from_image import read_image
    from diffsign.render.dress.image_file import load_appearance

    seen = read_image(load_appearance(WOMAN).convert("L").convert("RGB"))
    assert seen["skin"] in SKIN.values()
    assert seen["hair_colour"] in HAIR.values()
    assert name_of(seen["top_colour"]) == "black"
    assert "lip_colour" not in seen and "eye_colour" not in seen


def test_head_cut_off_at_the_brows_says_nothing_of_hair(woman) -> None:
    from diffsign.render.dress.from_image import read_image
    from diffsign.render.dress.image_file import load_appearance

    seen = read_image(load_appearance(WOMAN).crop((300, 60, 480, 270)))
    assert "hair_style" not in seen and "hair_colour" not in seen
    assert distance(seen["skin"], woman["skin"].value) < 5
