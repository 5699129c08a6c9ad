"""From picture, words and seed to the record of a signer."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffsign.errors import UserError
from diffsign.render.avatar.random_signer import random_signer
from diffsign.render.avatar.record import Signer
from diffsign.render.dress.colour_names import CLOTH, HAIR, name_of
from diffsign.render.dress.from_image import measure_image
from diffsign.render.dress.reading import load_stated, read_signer, save_reading
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
    assert plain.phenotype["gender"] > 0.8


def test_every_look_says_where_it_comes_from(woman, tmp_path: Path) -> None:
    signer, sources = read_signer(
        WOMAN, "ginger hair", 0, {"top": "shirt", "phenotype": {"age": 1}}
    )
    origins = {name: source.origin for name, source in sources.items()}
    assert origins["top"] == origins["phenotype.age"] == "record"
    assert origins["hair_colour"] == "words" and origins["brow_colour"] == "follows"
    assert origins["skin"] == origins["phenotype.gender"] == "picture"
    assert sources["skin"].confidence == woman["skin"].confidence
    assert origins["shoe_colour"] == "seed"
    assert (signer.top, signer.phenotype["age"]) == ("shirt", 1)
    save_reading(tmp_path / "reading.json", signer, sources)
    assert Signer.from_dict(load_stated(tmp_path / "reading.json")) == signer


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 50), st.sampled_from(["", "a man in red", "an old woman, no glasses"]))
def test_a_whole_record_holds_whatever_else_is_said(seed: int, text: str) -> None:
    record = random_signer(seed)
    signer, sources = read_signer("no such picture.png", text, seed + 1, asdict(record))
    assert signer == record
    assert {source.origin for source in sources.values()} == {"record"}


def test_part_of_a_record_holds_and_words_say_the_rest() -> None:
    signer, _ = read_signer(None, "a man in a red hoodie", 3, {"top": "dress"})
    assert signer.top == "dress" and signer.top_colour == CLOTH["red"]
    assert signer.phenotype["gender"] == 0.0


@pytest.mark.parametrize(
    ("text", "says"),
    [("{", "not JSON"), ('{"hat": 1}', "no field hat"), ("[]", "object"), ('{"top": 3}', "top")],
)
def test_a_file_that_is_no_record_says_how_to_mend_it(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "record.json"
    path.write_text(text)
    with pytest.raises(UserError, match=says):
        load_stated(path)
    with pytest.raises(UserError, match="no signer record"):
        load_stated(tmp_path / "none.json")
