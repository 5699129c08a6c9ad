"""Reading looks from text and pictures, and saying them again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffsign.errors import UserError
from diffsign.render.avatar.colours import hex_to_linear
from diffsign.render.avatar.parts import PART_INDEX
from diffsign.render.avatar.record import BEARDS, HAIR_STYLES, TOPS, Signer
from diffsign.render.dress.albedo import LIGHTEST, SEEN, albedo_of
from diffsign.render.dress.caption import describe, vocabulary
from diffsign.render.dress.colour_names import (
    CLOTH,
    EYES,
    HAIR,
    SKIN,
    SPOKEN,
    TABLES,
    colour_of,
    known_names,
    modified,
    name_of,
)
from diffsign.render.dress.from_text import read_text
from diffsign.render.dress.lab import delta_e, hex_to_lab, lab_to_hex, lab_to_srgb, srgb_to_lab
from diffsign.render.dress.regions import colour_distances, region_colours
from diffsign.render.dress.words import age_of_years, each

SHARED = Path(__file__).parents[2] / "shared" / "data"
WOMAN = SHARED / "appearance" / "woman_black_tshirt.png"

hexes = st.integers(0, 0xFFFFFF).map(lambda value: f"#{value:06x}")
signers = st.builds(
    lambda gender, age, **fields: Signer(phenotype={"gender": gender, "age": age}, **fields),
    gender=st.floats(0, 1),
    age=st.floats(0, 1),
    skin=hexes,
    hair_style=st.sampled_from(HAIR_STYLES),
    hair_colour=hexes,
    top=st.sampled_from(TOPS),
    top_colour=hexes,
    glasses=st.booleans(),
    beard=st.sampled_from(BEARDS),
    beard_colour=hexes,
    background=hexes,
)


def distance(first: str, second: str) -> float:
    return float(delta_e(hex_to_lab(first), hex_to_lab(second)))


# ----------------------------------------------------------------------------------- colours


@given(hexes)
def test_lab_goes_there_and_back(colour: str) -> None:
    assert lab_to_hex(hex_to_lab(colour)) == colour


def test_lab_of_known_colours() -> None:
    # Values of CIE Lab under D65, as published for the sRGB primaries (Lindbloom).
    srgb = np.array([[255, 255, 255], [0, 0, 0], [255, 0, 0], [0, 0, 255]], np.uint8)
    primaries = [[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20], [32.30, 79.19, -107.86]]
    known = np.array(primaries)
    np.testing.assert_allclose(srgb_to_lab(srgb), known, atol=0.02)
    np.testing.assert_allclose(lab_to_srgb(known), srgb / 255, atol=1e-3)


@pytest.mark.parametrize("context", SPOKEN)
def test_every_spoken_name_is_its_own_nearest(context: str) -> None:
    for name in SPOKEN[context]:
        assert name_of(TABLES[context][name], context) == name


def test_every_known_name_means_a_colour_somewhere() -> None:
    for name in known_names():
        assert any(colour_of(name, context) for context in TABLES), name


def test_css_names_and_unknown_names() -> None:
    assert colour_of("darkslategrey") == colour_of("dark slate grey") == "#2f4f4f"
    assert colour_of("no such colour") is None
    assert colour_of("red") == CLOTH["red"] != colour_of("red", "hair") == HAIR["red"]


@given(hexes)
def test_modifiers_move_lightness_their_way(colour: str) -> None:
    light = hex_to_lab(colour)[0]
    assert hex_to_lab(modified(colour, ["dark"]))[0] <= light + 1
    assert hex_to_lab(modified(colour, ["light"]))[0] >= light - 1
    assert modified(colour, []) == colour


@given(hexes, st.sampled_from(sorted(SEEN)))
def test_albedo_keeps_the_order_of_lightness(colour: str, field: str) -> None:
    darker = modified(colour, ["dark"])
    light, dark = (hex_to_linear(albedo_of(field, each)) for each in (colour, darker))
    if (hex_to_linear(darker) <= hex_to_linear(colour)).all():
        assert (dark <= light + 1e-9).all()
    assert light.max() <= LIGHTEST + 0.01
    assert albedo_of("background", colour) == colour


# -------------------------------------------------------------------------------------- text

BLACK, WHITE, NAVY, RED = CLOTH["black"], CLOTH["white"], CLOTH["navy"], CLOTH["red"]
MAN, WOMAN_ = {"gender": 0.0}, {"gender": 1.0}

SENTENCES: dict[str, dict[str, Any]] = {
    # The prompts of the work that this project grew from.
    "a handsome man in CG style, blonde hair, is making gestures": {
        "phenotype": MAN,
        "hair_colour": HAIR["blonde"],
    },
    "a beautiful woman in CG style, brown hair, is making gestures": {
        "phenotype": WOMAN_,
        "hair_colour": HAIR["brown"],
    },
    "a superman in blue uniform is making gestures": {
        "phenotype": {"gender": 0.0, "muscle": 0.9},
        "top": "shirt",
        "top_colour": CLOTH["blue"],
        "bottom_colour": CLOTH["blue"],
    },
    "a Chinese man in Chinese ink wash painting is making gestures": {
        "phenotype": {"gender": 0.0, "african": 0.0, "asian": 1.0, "caucasian": 0.0},
    },
    "wearing glasses with thick frames": {"glasses": True, "glasses_colour": "#1a1a1c"},
    # Garments and colours.
    "black t-shirt": {"top": "tshirt", "top_colour": BLACK},
    "a BLACK T Shirt": {"top": "tshirt", "top_colour": BLACK},
    "red hooded sweater": {"top": "hoodie", "top_colour": RED},
    "navy blazer": {"top": "blazer", "top_colour": NAVY},
    "a dress": {"top": "dress"},
    "#FF8800 hoodie": {"top": "hoodie", "top_colour": "#ff8800"},
    "black and white striped jumper": {"top": "jumper", "top_colour": BLACK},
    "a red blazer over a white shirt": {"top": "blazer", "top_colour": RED},
    "white shirt under a red blazer": {"top": "blazer", "top_colour": RED},
    "a man in black": {"phenotype": MAN, "top_colour": BLACK},
    "t-shirt black, long hair": {"top": "tshirt", "top_colour": BLACK, "hair_style": "long"},
    "a shirt with short sleeves": {"top": "tshirt"},
    "a sleeveless black top": {"top": "tank", "top_colour": BLACK},
    "black shirt and trousers": {
        "top": "shirt",
        "top_colour": BLACK,
        "bottom": "trousers",
        "bottom_colour": BLACK,
    },
    # Hair, beards, eyes.
    "long, blonde, curly hair and blue eyes": {
        "hair_style": "curly",
        "hair_colour": HAIR["blonde"],
        "eye_colour": EYES["blue"],
    },
    "her hair is long and blonde and her eyes are green": {
        "hair_style": "long",
        "hair_colour": HAIR["blonde"],
        "eye_colour": EYES["green"],
    },
    "hair: long, blonde": {"hair_style": "long", "hair_colour": HAIR["blonde"]},
    "a blue-eyed, red-haired woman": {
        "phenotype": WOMAN_,
        "eye_colour": EYES["blue"],
        "hair_colour": HAIR["red"],
    },
    "grey hair in a bun": {"hair_style": "bun", "hair_colour": HAIR["grey"]},
    "a man in a shirt, blonde": {
        "phenotype": MAN,
        "top": "shirt",
        "hair_colour": HAIR["blonde"],
    },
    "a man with blond hair and beard": {
        "phenotype": MAN,
        "hair_colour": HAIR["blonde"],
        "beard": "full",
        "beard_colour": HAIR["blonde"],
    },
    "dark-skinned woman with an afro": {
        "phenotype": WOMAN_,
        "skin": SKIN["dark"],
        "hair_style": "afro",
    },
    "dark hair, pale skin": {"hair_colour": HAIR["dark brown"], "skin": SKIN["pale"]},
    # Bodies and ages.
    "a tall slim old lady": {
        "phenotype": {"gender": 1.0, "age": 0.95, "height": 0.8, "weight": 0.25}
    },
    "a 25-year-old man": {"phenotype": {"gender": 0.0, "age": pytest.approx(2 / 3)}},
    "a Black woman": {"phenotype": {"gender": 1.0, "african": 1.0, "asian": 0.0, "caucasian": 0.0}},
    # Grounds.
    "in front of a blue background": {"background": CLOTH["blue"]},
    "against a white wall": {"background": WHITE},
    "green screen": {"background": "#00b140"},
    # What is not there.
    "no glasses": {"glasses": False},
    "not wearing glasses": {"glasses": False},
    "without a beard": {"beard": "none"},
    "a man without a beard or glasses": {"phenotype": MAN, "beard": "none", "glasses": False},
    "a man with no hair and a full beard": {
        "phenotype": MAN,
        "hair_style": "bald",
        "beard": "full",
    },
    "no beard, glasses": {"beard": "none", "glasses": True},
    "no glasses and blonde hair": {"glasses": False, "hair_colour": HAIR["blonde"]},
    "clean-shaven": {"beard": "none"},
    # Nothing.
    "": {},
    "   \n": {},
    "the quick fox jumps": {},
    "日本語のテキスト": {},
}


@pytest.mark.parametrize("text", SENTENCES)
def test_sentence_states_its_fields(text: str) -> None:
    assert read_text(text) == SENTENCES[text]


@given(st.text(max_size=200))
def test_any_text_gives_fields_that_a_record_takes(text: str) -> None:
    Signer().with_changes(**read_text(text))


WORDS = sorted(
    each(
        "black blue dark light long short curly hair beard shirt hoodie no without and or with in "
        "wearing a the is , . : man woman old tall glasses frames skin eyes background sleeves "
        "blonde reddish very thick jeans #123456 30 year not but"
    )
)


@settings(max_examples=300)
@given(st.lists(st.sampled_from(WORDS), max_size=20).map(" ".join))
def test_any_order_of_known_words_gives_fields_that_a_record_takes(text: str) -> None:
    Signer().with_changes(**read_text(text))
    assert read_text(text.upper()) == read_text(text)


def test_years_become_ages_in_order() -> None:
    ages = [age_of_years(years) for years in (0, 1, 5, 10, 18, 25, 50, 80, 120)]
    assert ages == sorted(ages)
    assert ages[0] == 0 and ages[5] == pytest.approx(2 / 3) and ages[-1] == 1


# ----------------------------------------------------------------------------------- captions


def test_caption_in_full() -> None:
    signer = Signer(
        phenotype={"gender": 1.0, "age": 0.68},
        hair_style="long",
        hair_colour=HAIR["dark brown"],
        skin=SKIN["medium"],
        top_colour=BLACK,
        glasses=True,
        background=CLOTH["grey"],
    )
    assert describe(signer) == (
        "a woman with long dark brown hair and medium skin, wearing a black t-shirt and glasses, "
        "grey background"
    )


@settings(max_examples=300)
@given(signers)
def test_caption_read_back_says_the_same(signer: Signer) -> None:
    caption = describe(signer)
    fields = read_text(caption)
    assert describe(Signer().with_changes(**fields)) == caption
    assert fields.get("beard", "none") == signer.beard
    assert fields.get("glasses", False) == signer.glasses
    assert fields["top"] == signer.top
    assert fields["hair_style"] == signer.hair_style
    assert name_of(fields["top_colour"]) == name_of(signer.top_colour)


@settings(max_examples=300)
@given(signers)
def test_caption_uses_the_vocabulary(signer: Signer) -> None:
    words = describe(signer).replace(",", " ,").split()
    assert set(words) <= set(vocabulary())


def test_vocabulary_is_small_sorted_and_whole() -> None:
    words = vocabulary()
    assert words == sorted(set(words))
    assert len(words) < 100


# ------------------------------------------------------------------------------------ pictures


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


# --------------------------------------------------------------------------------- the record


def test_nothing_stated_is_the_seed_itself() -> None:
    from diffsign.render.avatar.random_signer import random_signer
    from diffsign.render.dress.signer_from import signer_from

    assert signer_from(None, None, 5) == random_signer(5)
    assert signer_from(None, "gibberish", 5) == random_signer(5)


def test_base_keeps_what_is_not_stated() -> None:
    from diffsign.render.dress.signer_from import signer_from

    base = Signer(top="shirt", hair_style="bun", hair_colour="#101010", glasses=True)
    assert signer_from(None, "", 1, base) == base
    dressed = signer_from(None, "a red dress, blonde hair", 1, base)
    assert dressed.top == "dress" and dressed.top_colour == RED
    assert dressed.hair_style == "bun" and dressed.glasses
    # Brows go with the hair.
    assert dressed.brow_colour != base.brow_colour
    assert dressed.eye_colour == base.eye_colour


@pytest.mark.parametrize("text", [text for text, fields in SENTENCES.items() if fields])
def test_stated_fields_are_in_the_record(text: str) -> None:
    from diffsign.render.dress.signer_from import signer_from

    signer = signer_from(None, text, 3)
    assert signer == signer_from(None, text, 3)
    for name, value in SENTENCES[text].items():
        if name == "phenotype":
            assert {key: signer.phenotype[key] for key in value} == value
        else:
            assert getattr(signer, name) == value


def test_what_is_not_stated_goes_with_what_is() -> None:
    from diffsign.render.dress.signer_from import signer_from

    for seed in range(4):
        signer = signer_from(None, "a Chinese man", seed)
        assert hex_to_lab(signer.hair_colour)[0] < 45 or signer.phenotype["age"] > 0.8
        assert hex_to_lab(signer.skin)[0] > 45
    tops = {signer_from(None, "a man with glasses", seed).top_colour for seed in range(6)}
    assert len(tops) > 2


def test_text_wins_over_the_picture(woman) -> None:
    from diffsign.render.dress.signer_from import signer_from

    signer = signer_from(WOMAN, "a man in a red hoodie, ginger hair, glasses", 0)
    assert signer.phenotype["gender"] == 0.0
    assert (signer.top, signer.top_colour) == ("hoodie", RED)
    assert signer.hair_colour == HAIR["ginger"]
    assert signer.glasses
    assert signer.hair_style == "ponytail"
    assert signer.skin == woman["skin"].value
    plain = signer_from(WOMAN, None, 0)
    assert (plain.top, name_of(plain.top_colour)) == ("tshirt", "black")
    assert plain.phenotype["gender"] == 0.5


# ------------------------------------------------------------------------------------- regions


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


# --------------------------------------------------------------------------------------- truth


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
