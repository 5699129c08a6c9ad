"""The words with which people describe a person, and what each says of a signer's record.

Three kinds: nouns name a region (a garment, the hair, the glasses, the person), adjectives say
something of the region that they bind to, and a few words speak for themselves. A phrase is a
tuple of words; the reader takes the longest that matches.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import numpy as np

from .colour_names import HAIR, SKIN

Fields = dict[str, Any]


def each(words: str) -> frozenset[str]:
    """The set of words that a space parts."""
    return frozenset(words.split())


# ------------------------------------------------------------------------------------ nouns

_GARMENTS: dict[str, str] = {
    "tshirt": "t-shirt|tshirt|t-shirts|tee|tee shirt|polo|polo shirt|jersey|scrubs|scrub top",
    "long_sleeve": (
        "long sleeve|longsleeve|long sleeve top|long sleeve shirt|long sleeved top|leotard|"
        "long sleeved shirt|long sleeve t-shirt|long sleeved t-shirt|bodysuit|costume|spandex|"
        "long sleeve tee|long sleeved tee"
    ),
    "jumper": (
        "jumper|sweater|pullover|turtleneck|turtleneck sweater|knit|knitwear|roll neck|"
        "polo neck|sweatshirt|crewneck|fleece|cardigan|knitted sweater|wool sweater"
    ),
    "shirt": (
        "shirt|button up|button down|button-down shirt|button up shirt|dress shirt|blouse|"
        "flannel|flannel shirt|collared shirt|uniform|tunic|kurta|work shirt"
    ),
    "hoodie": (
        "hoodie|hoody|hooded sweater|hooded sweatshirt|hooded jumper|hooded top|hooded jacket"
    ),
    "blazer": (
        "blazer|suit|suit jacket|jacket|coat|tuxedo|sport coat|sports coat|business suit|"
        "trench coat|overcoat|lab coat|waistcoat|denim jacket|leather jacket|dinner jacket"
    ),
    "dress": "dress|gown|sundress|frock|evening gown|summer dress|maxi dress|kimono|sari|robe",
    "tank": (
        "tank|tank top|tanktop|vest|vest top|singlet|sleeveless top|sleeveless shirt|camisole|"
        "crop top|halter top|sleeveless t-shirt|undershirt"
    ),
}
_BOTTOMS: dict[str, str] = {
    "trousers": (
        "trousers|pants|jeans|slacks|chinos|leggings|shorts|joggers|sweatpants|tracksuit bottoms"
    ),
    "skirt": "skirt|kilt|miniskirt|mini skirt|pencil skirt",
}
_HAIR_NOUNS: dict[str, str | None] = {
    "hair|haired|hairs|hairstyle|haircut|hairdo|locks|tresses|fringe|bangs|mane": None,
    "bun|top knot|topknot|chignon|updo|hair bun|man bun|messy bun|top bun": "bun",
    "ponytail|pony tail|pony|pigtails|pigtail|braid|braids|plait|plaits": "ponytail",
    "bob|bob cut|bob haircut|lob|pageboy": "bob",
    "afro|fro|afro hair": "afro",
    "curls|ringlets|perm|coils": "curly",
    "crew cut|buzz cut|buzzcut|crewcut|crop|fade|mohawk|undercut|fade haircut": "crop",
    "pixie|pixie cut|pixie haircut|quiff|pompadour": "short",
    "dreadlocks|dreads|cornrows|mullet|box braids": "long",
    "shaved head|shaven head|bald head": "bald",
}
_PERSON_NOUNS: dict[str, Fields] = {
    "person|people|signer|interpreter|human|character|avatar|adult|individual|someone|figure": {},
    "man|guy|male|gentleman|men|dude|bloke|husband|father|dad|king|prince|boyfriend|brother": {
        "gender": 0.0
    },
    "woman|female|lady|women|gal|wife|mother|mum|mom|queen|princess|girlfriend|sister|mermaid": {
        "gender": 1.0
    },
    "businessman|policeman|actor|waiter|salesman|priest|monk": {"gender": 0.0},
    "businesswoman|policewoman|actress|waitress|nun": {"gender": 1.0},
    "teacher|nurse|doctor|student|presenter|officer|scientist|athlete|soldier|hero": {},
    "superman|batman|spiderman|superhero": {"gender": 0.0, "muscle": 0.9},
    "superwoman|supergirl|wonder woman|superheroine": {"gender": 1.0, "muscle": 0.75},
    "boy|schoolboy": {"gender": 0.0, "age": 0.4},
    "girl|schoolgirl": {"gender": 1.0, "age": 0.4},
    "child|kid": {"age": 0.36},
    "teenager|teen|adolescent|youth": {"age": 0.52},
    "grandfather|grandpa|granddad": {"gender": 0.0, "age": 0.95},
    "grandmother|grandma|granny": {"gender": 1.0, "age": 0.95},
    "pensioner|elder": {"age": 0.95},
}

Noun = tuple[str, Fields]
"""A region ("person", "top", "bottom", "hair", ...) and what the noun itself says."""

_OTHER_NOUNS: dict[str, Noun] = {
    "beard|full beard|goatee|van dyke|sideburns|whiskers|beards|facial hair|long beard": (
        "beard",
        {"beard": "full"},
    ),
    "moustache|mustache|moustaches": ("beard", {"beard": "full"}),
    "stubble|five o'clock shadow|designer stubble|light beard|short stubble|stubbles": (
        "beard",
        {"beard": "stubble"},
    ),
    "glasses|spectacles|eyeglasses|specs|eyeglass|reading glasses|sunglasses|eyewear": (
        "glasses",
        {"glasses": True},
    ),
    "frames|frame|framed|rims|rim|rimmed": ("frames", {"glasses": True}),
    "skin|skinned|complexion|skin tone|skintone|skin colour|skin color": ("skin", {}),
    "eyes|eyed|eye|irises|iris": ("eyes", {}),
    "eyebrows|eyebrow|brows|brow|browed": ("brows", {}),
    "lips|lip|lipped|lipstick|mouth": ("lips", {}),
    "background|backdrop|wall|screen|studio background|backgrounds": ("background", {}),
    "sleeves|sleeve|sleeved": ("sleeves", {}),
    "hijab|headscarf|head scarf|hijabs|veil|khimar|shayla": ("headwear", {"headwear": "hijab"}),
    "clothes|clothing|outfit|attire|garment|garments|top|tops|apparel": ("clothes", {}),
    "shoes|boots|sneakers|trainers|footwear": ("shoes", {}),
    # Nouns that take their adjectives with them, so that nothing else does.
    "painting|style|art|drawing|photo|photograph|picture|portrait|render|lighting|"
    "sketch|illustration|cartoon|watercolour|watercolor|cape|tie|scarf|hat|cap|necklace|earrings|"
    "belt|nails|gloves|language|gestures|smile|face|teeth|hands|arms|legs|jewellery|bracelet|"
    "watch|bag|stripes|dots|buttons|collar|logo|shadow": ("other", {}),
}


def _nouns() -> dict[tuple[str, ...], Noun]:
    table: dict[tuple[str, ...], Noun] = {}

    def add(spellings: str, noun: Noun) -> None:
        for spelling in spellings.split("|"):
            table[_words(spelling)] = noun

    for garment, spellings in _GARMENTS.items():
        add(spellings, ("top", {"top": garment}))
    for bottom, spellings in _BOTTOMS.items():
        add(spellings, ("bottom", {"bottom": bottom}))
    for spellings, style in _HAIR_NOUNS.items():
        add(spellings, ("hair", {} if style is None else {"hair_style": style}))
    for spellings, phenotype in _PERSON_NOUNS.items():
        add(spellings, ("person", {"phenotype": phenotype} if phenotype else {}))
    for spellings, noun in _OTHER_NOUNS.items():
        add(spellings, noun)
    table[("denim", "jacket")] = ("top", {"top": "blazer", "top_colour": "#4a6386"})
    table[("lab", "coat")] = ("top", {"top": "blazer", "top_colour": "#f1f0ec"})
    table[("tuxedo",)] = ("top", {"top": "blazer", "top_colour": "#17171a"})
    table[("jeans",)] = ("bottom", {"bottom": "trousers", "bottom_colour": "#4a6386"})
    table[("sunglasses",)] = ("glasses", {"glasses": True, "glasses_colour": "#17171a"})
    table[("redhead",)] = table[("redheaded",)] = ("person", {"hair_colour": HAIR["red"]})
    table[("green", "screen")] = ("background", {"background": "#00b140"})
    table[("blue", "screen")] = ("background", {"background": "#0047bb"})
    table[("lipstick",)] = ("lips", {"lip_colour": "#a52430"})
    return table


# ------------------------------------------------------------------------------- adjectives

Adjective = dict[str, Fields]
"""What a word says, by the region that it binds to."""


def _phenotype(**values: float) -> Adjective:
    return {"person": {"phenotype": dict(values)}}


def _origin(african: float, asian: float, caucasian: float) -> Adjective:
    return _phenotype(african=float(african), asian=float(asian), caucasian=float(caucasian))


_AFRICAN, _ASIAN, _CAUCASIAN = _origin(1, 0, 0), _origin(0, 1, 0), _origin(0, 0, 1)

_ADJECTIVES: dict[str, Adjective] = {
    # Ages (open body: 0 baby, 1/3 child, 2/3 young adult, 1 old).
    "young|youthful": _phenotype(age=0.64),
    "middle-aged|middle aged|mature": _phenotype(age=0.82),
    "old|elderly|aged|senior": _phenotype(age=0.95),
    "teenage": _phenotype(age=0.52),
    # Build.
    "tall|lanky": _phenotype(height=0.8),
    "petite|small|tiny": _phenotype(height=0.25),
    "slim|thin|skinny|slender|lean|svelte": _phenotype(weight=0.25),
    "heavy|fat|overweight|obese|plump|chubby|plus-size|plus size|large|big|curvy": _phenotype(
        weight=0.85
    ),
    "stocky": _phenotype(weight=0.7, muscle=0.65, height=0.35),
    "burly|heavyset|heavy-set|bulky": _phenotype(weight=0.75, muscle=0.7),
    "muscular|athletic|fit|strong|brawny|ripped|buff": _phenotype(muscle=0.85),
    "broad|broad shouldered|broad-shouldered": _phenotype(muscle=0.75, weight=0.6),
    "masculine": _phenotype(gender=0.1),
    "feminine": _phenotype(gender=0.9),
    "androgynous|non-binary|nonbinary": _phenotype(gender=0.5),
    # Origins, only where they are stated.
    "african|nigerian|kenyan|ghanaian|ethiopian|african-american|african american|somali|"
    "senegalese|caribbean|jamaican|afro-american": _AFRICAN,
    "asian|chinese|japanese|korean|vietnamese|thai|east asian|taiwanese|filipino|filipina|"
    "indonesian|mongolian|oriental": _ASIAN,
    "caucasian|european|german|french|british|english|irish|scottish|swedish|norwegian|danish|"
    "dutch|swiss|austrian|polish|russian|italian|spanish|greek|nordic|scandinavian|ukrainian": (
        _CAUCASIAN
    ),
    "indian|south asian|pakistani|bangladeshi|sri lankan": _origin(0.25, 0.25, 0.5),
    "latino|latina|hispanic|mexican|brazilian|latin|colombian|peruvian": _origin(0.2, 0.3, 0.5),
    "arab|arabic|middle eastern|middle-eastern|persian|iranian|turkish|moroccan|egyptian": _origin(
        0.25, 0.1, 0.65
    ),
    # Hair.
    "curly|frizzy|coily|kinky": {"hair": {"curly": True}, "person": {"hair_style": "curly"}},
    "bald|hairless|bald-headed|bald headed": {
        "person": {"hair_style": "bald"},
        "hair": {"hair_style": "bald"},
    },
    "balding|cropped|shaved|shaven|buzzed|close-cropped|very short": {
        "hair": {"hair_style": "crop"}
    },
    "shoulder-length|shoulder length|medium-length|medium length|chin-length|chin length|"
    "jaw-length|bobbed": {"hair": {"hair_style": "bob"}},
    "very long|waist-length|waist length|flowing": {"hair": {"hair_style": "long"}},
    "tied back|pulled back|swept back": {"hair": {"length": "ponytail"}},
    "tied up|pinned up|put up": {"hair": {"length": "bun"}},
    "medium": {"hair": {"length": "bob"}, "skin": {"skin": SKIN["medium"]}},
    "long": {"hair": {"length": "long"}, "sleeves": {"sleeves": "long"}},
    "short": {
        "hair": {"length": "short"},
        "sleeves": {"sleeves": "short"},
        **_phenotype(height=0.2),
    },
    "bearded|unshaven": {"person": {"beard": "full"}},
    "moustached|mustached|mustachioed": {"person": {"beard": "full"}},
    "stubbly|stubbled": {"person": {"beard": "stubble"}, "beard": {"beard": "stubble"}},
    "clean-shaven|clean shaven|cleanshaven|beardless|smooth-shaven": {
        "person": {"beard": "none"},
        "beard": {"beard": "none"},
    },
    "bespectacled": {"person": {"glasses": True}},
    # Garments.
    "sleeveless": {"top": {"sleeves": "none"}, "clothes": {"sleeves": "none"}},
    "hooded": {"top": {"top": "hoodie"}, "clothes": {"top": "hoodie"}},
    "knitted|woollen|woolen|wool": {"clothes": {"top": "jumper"}},
    "denim": {
        "top": {"top_colour": "#4a6386"},
        "bottom": {"bottom_colour": "#4a6386"},
    },
    # Frames of glasses.
    "thick|chunky|heavy|horn|horn-rimmed": {
        "glasses": {"glasses_colour": "#1a1a1c"},
        "frames": {"glasses_colour": "#1a1a1c"},
    },
    "wire|metal|rimless": {
        "glasses": {"glasses_colour": "#9a9ca0"},
        "frames": {"glasses_colour": "#9a9ca0"},
    },
    "tortoiseshell|tortoise shell": {
        "glasses": {"glasses_colour": "#5a3a22"},
        "frames": {"glasses_colour": "#5a3a22"},
    },
    # A natural mouth is none that is painted; the word only keeps its place.
    "natural|plain|simple|casual|formal|smart|cotton|linen|silk|leather|striped|patterned": {},
}

HAIR_ALONE: frozenset[str] = frozenset(
    {
        "blonde",
        "blond",
        "brunette",
        "ginger",
        "platinum",
        "auburn",
        "strawberry blonde",
        "dark blonde",
    }
    | {"light blonde", "dirty blonde", "ash blonde", "platinum blonde", "honey blonde"}
)
"""Colour words that speak of hair wherever they stand without another noun."""

MODIFIERS = each("dark deep light pale soft pastel bright vivid neon muted dusty faded")
MIXERS: dict[str, str] = {
    "reddish": "red",
    "bluish": "blue",
    "greenish": "green",
    "greyish": "grey",
    "grayish": "grey",
    "brownish": "brown",
    "yellowish": "yellow",
    "pinkish": "pink",
    "purplish": "purple",
    "orangish": "orange",
    "blackish": "black",
    "whitish": "white",
}
"""Words that tint the colour that follows."""

NEGATORS = each("no not without non never lacks lacking hasn't isn't")
ARTICLES = each("a an the his her their its some very quite rather")
COPULAS: frozenset[str] = frozenset({"is", "are", "was", ":", "="})

_SKIN_ORIGINS: dict[str, Adjective] = {"black": _AFRICAN, "white": _CAUCASIAN}


def origin_of_colour(name: str) -> Fields:
    """What "black" and "white" say of a person ("a black woman"); other colours say nothing."""
    return _SKIN_ORIGINS.get(name, {}).get("person", {})


def age_of_years(years: float) -> float:
    """The open body's age of an age in years: 1 is 0, 10 is 1/3, 25 is 2/3, 80 and more is 1."""
    return float(np.interp(years, (1.0, 10.0, 25.0, 80.0), (0.0, 1 / 3, 2 / 3, 1.0)))


def split_words(text: str) -> list[str]:
    """Lower-case words, hex colours, numbers and the punctuation that parts clauses.

    Accents are dropped, hyphens part words, "t-shirt", "T shirt" and "tshirt" are one word.
    """
    plain = unicodedata.normalize("NFKD", text).lower().translate(_QUOTES)
    plain = "".join(sign for sign in plain if not unicodedata.combining(sign))
    plain = re.sub(r"\bt[\s-]?shirt", "tshirt", plain)
    return re.findall(r"#[0-9a-f]{6}\b|[a-z]+(?:'[a-z]+)?|\d+|[,;.:=()!?\n]", plain)


_QUOTES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'"})


def _words(spelling: str) -> tuple[str, ...]:
    """Words as the reader parts them: hyphens part words, but a t-shirt is one word."""
    return tuple(split_words(spelling))


def _adjectives() -> dict[tuple[str, ...], Adjective]:
    table: dict[tuple[str, ...], Adjective] = {}
    for spellings, adjective in _ADJECTIVES.items():
        for spelling in spellings.split("|"):
            words = _words(spelling)
            table[words] = {**table.get(words, {}), **adjective}
    return table


NOUNS: dict[tuple[str, ...], Noun] = _nouns()
ADJECTIVES: dict[tuple[str, ...], Adjective] = _adjectives()
LONGEST_PHRASE = 4
