"""A signer's looks in one plain sentence with few words, which a small text encoder can learn.

`read_text` reads every caption back into the fields that it was made of.
"""

from __future__ import annotations

import re

from ..avatar.record import Signer
from .colour_names import SPOKEN, name_of

_HAIR_PHRASES = {
    "short": "short {} hair",
    "crop": "cropped {} hair",
    "bob": "a {} bob",
    "long": "long {} hair",
    "bun": "a {} bun",
    "ponytail": "a {} ponytail",
    "afro": "a {} afro",
    "curly": "curly {} hair",
}
_TOP_NOUNS = {
    "tshirt": "t-shirt",
    "long_sleeve": "long-sleeved top",
    "jumper": "jumper",
    "shirt": "shirt",
    "hoodie": "hoodie",
    "blazer": "blazer",
    "dress": "dress",
    "tank": "tank top",
}
_BEARD_PHRASES = {"none": "", "stubble": "stubble", "full": "a {} beard"}


def describe(signer: Signer) -> str:
    """One sentence on what a picture of the signer's upper half shows.

    For example "a woman with long dark brown hair and medium skin, wearing a black t-shirt and
    glasses, grey background". Said are gender, age (only of the young and the old), hair, skin,
    beard, top, hijab, glasses and background; colours by the nearest name of `SPOKEN`.
    """
    hair = name_of(signer.hair_colour, "hair")
    looks = []
    if signer.headwear == "none" and signer.hair_style != "bald":
        looks.append(_HAIR_PHRASES[signer.hair_style].format(hair))
    if signer.beard != "none":
        colour = name_of(signer.beard_colour, "hair")
        looks.append(_BEARD_PHRASES[signer.beard].format(colour))
    looks.append(f"{name_of(signer.skin, 'skin')} skin")
    worn = [f"a {name_of(signer.top_colour)} {_TOP_NOUNS[signer.top]}"]
    if signer.headwear != "none":
        worn.append(f"a {name_of(signer.headwear_colour)} {signer.headwear}")
    worn += ["glasses"] * signer.glasses
    sentence = (
        f"a {_person(signer)} with {_listed(looks)}, wearing {_listed(worn)}, "
        f"{name_of(signer.background)} background"
    )
    return re.sub(r"\ba (?=[aeio])", "an ", sentence)


def vocabulary() -> list[str]:
    """Every word and sign that `describe` can say, sorted; "t-shirt" is one word."""
    phrases = [*_HAIR_PHRASES.values(), *_BEARD_PHRASES.values(), *_TOP_NOUNS.values()]
    phrases += ["a an with skin and wearing glasses hijab background bald elderly middle-aged ,"]
    phrases += ["woman man person boy girl child"]
    phrases += [name for names in SPOKEN.values() for name in names]
    return sorted({word for phrase in phrases for word in phrase.replace("{}", "").split()})


def _person(signer: Signer) -> str:
    gender, age = signer.phenotype["gender"], signer.phenotype["age"]
    adult = age >= 0.5
    nouns = ("man", "person", "woman") if adult else ("boy", "child", "girl")
    noun = nouns[0 if gender < 1 / 3 else 2 if gender > 2 / 3 else 1]
    words = [noun]
    if signer.hair_style == "bald" and signer.headwear == "none":
        words.insert(0, "bald")
    if age > 0.75:
        words.insert(0, "elderly" if age > 0.88 else "middle-aged")
    return " ".join(words)


def _listed(phrases: list[str]) -> str:
    return ", ".join(phrases[:-1]) + (" and " if len(phrases) > 1 else "") + phrases[-1]
