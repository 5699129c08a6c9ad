"""From picture, words and seed to the record of a signer."""

from __future__ import annotations

from pathlib import Path

import pytest

from diffsign.render.avatar.random_signer import random_signer
from diffsign.render.avatar.record import Signer
from diffsign.render.dress.colour_names import CLOTH, HAIR, name_of
from diffsign.render.dress.from_image import measure_image
from diffsign.render.dress.signer_from import signer_from

SHARED = Path(__file__).parents[2] / "shared" / "data"
WOMAN = SHARED / "appearance" / "woman_black_tshirt.png"


@pytest.fixture(scope="module")
def woman():
    if not WOMAN.exists():
        pytest.skip(f"{WOMAN.name} is not at hand: it is kept outside the repository")
    return measure_image(WOMAN)


def test_nothing_stated_is_the_seed_itself() -> None:
    assert signer_from(None, None, 5) == random_signer(5)
    assert signer_from(None, "gibberish", 5) == random_signer(5)


def test_base_keeps_what_is_not_stated() -> None:
    base = Signer(top="shirt", hair_style="bun", hair_colour="#101010", glasses=True)
    assert signer_from(None, "", 1, base) == base
    dressed = signer_from(None, "a red dress, blonde hair", 1, base)
    assert dressed.top == "dress" and dressed.top_colour == CLOTH["red"]
    assert dressed.hair_style == "bun" and dressed.glasses
    # Brows go with the hair.
    assert dressed.brow_colour != base.brow_colour
    assert dressed.eye_colour == base.eye_colour


def test_text_wins_over_the_picture(woman) -> None:
    signer = signer_from(WOMAN, "a man in a red hoodie, ginger hair, glasses", 0)
    assert signer.phenotype["gender"] == 0.0
    assert (signer.top, signer.top_colour) == ("hoodie", CLOTH["red"])
    assert signer.hair_colour == HAIR["ginger"]
    assert signer.glasses
    assert signer.hair_style == "ponytail"
    assert signer.skin == woman["skin"].value
    plain = signer_from(WOMAN, None, 0)
    assert (plain.top, name_of(plain.top_colour)) == ("tshirt", "black")
    assert plain.phenotype["gender"] == 0.5
