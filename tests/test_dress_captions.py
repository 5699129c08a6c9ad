"""Saying looks in a sentence that can be read back."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from diffsign.render.avatar.record import BEARDS, HAIR_STYLES, TOPS, Signer
from diffsign.render.dress.caption import describe, vocabulary
from diffsign.render.dress.colour_names import CLOTH, HAIR, SKIN, name_of
from diffsign.render.dress.from_text import read_text

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


def test_caption_in_full() -> None:
    signer = Signer(
        phenotype={"gender": 1.0, "age": 0.68},
        hair_style="long",
        hair_colour=HAIR["dark brown"],
        skin=SKIN["medium"],
        top_colour=CLOTH["black"],
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
