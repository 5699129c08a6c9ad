"""Reading looks from words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffsign.render.avatar.record import Signer
from diffsign.render.dress.colour_names import CLOTH, EYES, HAIR, SKIN
from diffsign.render.dress.from_text import read_text
from diffsign.render.dress.lab import hex_to_lab
from diffsign.render.dress.signer_from import signer_from
from diffsign.render.dress.words import age_of_years, each

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


@pytest.mark.parametrize("text", [text for text, fields in SENTENCES.items() if fields])
def test_stated_fields_are_in_the_record(text: str) -> None:
    signer = signer_from(None, text, 3)
    assert signer == signer_from(None, text, 3)
    for name, value in SENTENCES[text].items():
        if name == "phenotype":
            assert {key: signer.phenotype[key] for key in value} == value
        else:
            assert getattr(signer, name) == value


def test_what_is_not_stated_goes_with_what_is() -> None:
    for seed in range(4):
        signer = signer_from(None, "a Chinese man", seed)
        assert hex_to_lab(signer.hair_colour)[0] < 45 or signer.phenotype["age"] > 0.8
        assert hex_to_lab(signer.skin)[0] > 45
    tops = {signer_from(None, "a man with glasses", seed).top_colour for seed in range(6)}
    assert len(tops) > 2
