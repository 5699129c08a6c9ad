"""Colour words: what a name means on cloth, hair, skin, eyes and lips, and what to call a colour.

"Brown" is one colour on a jumper and another on hair, and nobody's red jumper is #ff0000: the
named cloth colours are those of dyed cloth. Every other CSS name means what CSS says.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from .lab import delta_e, hex_to_lab, lab_to_hex

CLOTH: dict[str, str] = {
    "black": "#17171a",
    "white": "#f1f0ec",
    "grey": "#808285",
    "dark grey": "#45474b",
    "light grey": "#bcbec1",
    "charcoal": "#33363b",
    "silver": "#b4b8bd",
    "cream": "#ece2c8",
    "beige": "#d3c2a1",
    "tan": "#c09a6b",
    "camel": "#b5884f",
    "khaki": "#8f8560",
    "brown": "#6b4630",
    "dark brown": "#3f2a1e",
    "rust": "#9c4a25",
    "red": "#b3242b",
    "dark red": "#771a20",
    "burgundy": "#5e1a2b",
    "coral": "#e8735f",
    "salmon": "#e79582",
    "pink": "#e08fae",
    "light pink": "#efc4d0",
    "hot pink": "#d83a8b",
    "magenta": "#b5278a",
    "orange": "#de6f24",
    "peach": "#f1bb99",
    "mustard": "#c79a2d",
    "gold": "#c9a344",
    "yellow": "#ecca45",
    "light yellow": "#f2e6a5",
    "lime": "#9fc83c",
    "olive": "#62642f",
    "green": "#2f7d46",
    "dark green": "#1d4a30",
    "light green": "#9bcb95",
    "mint": "#aedcc3",
    "emerald": "#1a8a63",
    "teal": "#1d7373",
    "turquoise": "#3cb2b0",
    "cyan": "#35bcd0",
    "light blue": "#a3c5e4",
    "sky blue": "#78b4e2",
    "blue": "#2c5aa8",
    "royal blue": "#2f48b4",
    "denim": "#4a6386",
    "navy": "#1e2a4a",
    "indigo": "#3a3278",
    "purple": "#68398c",
    "violet": "#7d51b5",
    "lavender": "#b9abdb",
    "lilac": "#c1a3d0",
    "plum": "#65304f",
    "maroon": "#5c1c24",
}

HAIR: dict[str, str] = {
    "black": "#17130f",
    "dark brown": "#332118",
    "brown": "#54372a",
    "light brown": "#80604a",
    "chestnut": "#643522",
    "auburn": "#6f2f1f",
    "red": "#9a4425",
    "ginger": "#b96530",
    "dark blonde": "#957650",
    "blonde": "#c6a468",
    "platinum": "#e2d3ae",
    "grey": "#89878a",
    "dark grey": "#57555a",
    "silver": "#b6b6b9",
    "white": "#dcdad5",
}

SKIN: dict[str, str] = {
    "very pale": "#f4d9c8",
    "pale": "#eec9b2",
    "fair": "#e2b397",
    "light": "#d5a080",
    "olive": "#bf8f63",
    "medium": "#b98058",
    "tan": "#a66f47",
    "brown": "#855334",
    "dark": "#5f3a25",
    "very dark": "#3c2519",
}

EYES: dict[str, str] = {
    "brown": "#5b3d26",
    "dark brown": "#38241a",
    "light brown": "#80593a",
    "black": "#221814",
    "amber": "#96682b",
    "hazel": "#77663a",
    "green": "#607a4c",
    "blue": "#5a7d9c",
    "light blue": "#8cafc6",
    "dark blue": "#3c5675",
    "grey": "#7d8890",
}

LIPS: dict[str, str] = {
    "red": "#a52430",
    "dark red": "#74202b",
    "pink": "#cc7283",
    "nude": "#bb8270",
    "brown": "#7b4a3d",
    "coral": "#d96a5c",
    "plum": "#6b2c47",
    "purple": "#6b3877",
    "black": "#221a1d",
}

TABLES: dict[str, dict[str, str]] = {
    "cloth": CLOTH,
    "hair": HAIR,
    "skin": SKIN,
    "eyes": EYES,
    "lips": LIPS,
}

# What a caption may say: names far enough apart that a picture can teach them.
SPOKEN: dict[str, tuple[str, ...]] = {
    "cloth": (
        *("black", "dark grey", "grey", "light grey", "white", "beige", "brown", "red"),
        *("burgundy", "orange", "mustard", "yellow", "olive", "green", "dark green"),
        *("light green", "teal", "turquoise", "light blue", "blue", "navy", "purple"),
        *("lavender", "pink", "hot pink"),
    ),
    "hair": (
        *("black", "dark brown", "brown", "light brown", "auburn", "ginger", "dark blonde"),
        *("blonde", "platinum", "grey", "white"),
    ),
    "skin": ("pale", "light", "medium", "brown", "dark"),
}

SPELLINGS: dict[str, str] = {
    "gray": "grey",
    "blond": "blonde",
    "golden": "gold",
    "navy blue": "navy",
    "dark navy": "navy",
    "dark blue": "navy",
    "midnight blue": "navy",
    "baby blue": "light blue",
    "azure": "sky blue",
    "cobalt": "royal blue",
    "electric blue": "royal blue",
    "jet black": "black",
    "pitch black": "black",
    "off white": "cream",
    "ivory": "cream",
    "sand": "beige",
    "wine": "burgundy",
    "wine red": "burgundy",
    "bordeaux": "burgundy",
    "oxblood": "burgundy",
    "crimson": "red",
    "scarlet": "red",
    "terracotta": "rust",
    "copper": "rust",
    "bronze": "camel",
    "forest green": "dark green",
    "bottle green": "dark green",
    "hunter green": "dark green",
    "army green": "olive",
    "olive green": "olive",
    "lime green": "lime",
    "mint green": "mint",
    "emerald green": "emerald",
    "sage": "#9caa8b",
    "sage green": "#9caa8b",
    "petrol": "teal",
    "aqua": "turquoise",
    "aquamarine": "turquoise",
    "fuchsia": "hot pink",
    "rose": "pink",
    "rosy": "pink",
    "mauve": "lilac",
    "aubergine": "plum",
    "eggplant": "plum",
    "chocolate": "dark brown",
    "coffee": "dark brown",
    "caramel": "camel",
    "taupe": "#8b7d6f",
    "slate": "#5d6770",
    "anthracite": "charcoal",
    "graphite": "charcoal",
    "chroma green": "#00b140",
}
"""Other spellings; a value is a name of CLOTH or a colour."""

_HAIR_SPELLINGS: dict[str, str] = {
    "golden": "blonde",
    "gold": "blonde",
    "honey blonde": "dark blonde",
    "dirty blonde": "dark blonde",
    "ash blonde": "dark blonde",
    "strawberry blonde": "#bd8558",
    "light blonde": "#d8bd88",
    "platinum blonde": "platinum",
    "bleached": "platinum",
    "fair": "blonde",
    "sandy": "dark blonde",
    "brunette": "brown",
    "chocolate": "dark brown",
    "caramel": "light brown",
    "copper": "ginger",
    "orange": "ginger",
    "raven": "black",
    "jet black": "black",
    "salt and pepper": "grey",
    "dark": "dark brown",
    "light": "dark blonde",
    "very dark": "black",
    "dark red": "auburn",
}
_SKIN_SPELLINGS: dict[str, str] = {
    "white": "fair",
    "ivory": "pale",
    "porcelain": "very pale",
    "light brown": "tan",
    "dark brown": "dark",
    "black": "very dark",
    "ebony": "very dark",
    "deep": "dark",
    "tanned": "tan",
    "bronze": "tan",
    "golden": "medium",
    "caramel": "tan",
    "chocolate": "dark",
    "beige": "light",
}
_EYE_SPELLINGS: dict[str, str] = {"dark": "dark brown", "light": "light blue", "golden": "amber"}
_CLOTH_SPELLINGS: dict[str, str] = {"dark": "#2b2c31", "light": "#d6d5d1", "bright": "#f0efe8"}

_CONTEXT_SPELLINGS = {
    "cloth": _CLOTH_SPELLINGS,
    "hair": _HAIR_SPELLINGS,
    "skin": _SKIN_SPELLINGS,
    "eyes": _EYE_SPELLINGS,
    "lips": {},
}


@cache
def css_names() -> dict[str, str]:
    """The CSS names as "#rrggbb" (for example "darkslategrey"), by the table Pillow carries."""
    from PIL import ImageColor

    return {
        name: value
        for name, value in ImageColor.colormap.items()
        if isinstance(value, str) and value.startswith("#")
    }


def colour_of(name: str, context: str = "cloth") -> str | None:
    """The "#rrggbb" that a colour name means on "cloth", "hair", "skin", "eyes" or "lips".

    A name that the context does not know falls back to cloth, then to CSS ("dark slate grey" and
    "darkslategrey" alike); None where nobody knows it.
    """
    if name.startswith("#"):
        return name.lower()
    for table in (context, "cloth"):
        for candidate in (name, _CONTEXT_SPELLINGS[table].get(name, ""), SPELLINGS.get(name, "")):
            if candidate.startswith("#"):
                return candidate
            if candidate in TABLES[table]:
                return TABLES[table][candidate]
    return css_names().get(name.replace(" ", ""))


def known_names() -> set[str]:
    """Every colour name that `colour_of` knows in some context, words parted by one space."""
    names = set(SPELLINGS) | set(css_names())
    for context, table in TABLES.items():
        names |= set(table) | set(_CONTEXT_SPELLINGS[context])
    return names


@cache
def _spoken(context: str) -> tuple[tuple[str, ...], np.ndarray]:
    names = SPOKEN[context]
    return names, np.array([hex_to_lab(TABLES[context][name]) for name in names])


def name_of(colour: str, context: str = "cloth") -> str:
    """The spoken name nearest to "#rrggbb" in Lab, out of `SPOKEN[context]`."""
    names, labs = _spoken(context)
    return names[int(delta_e(labs, hex_to_lab(colour)).argmin())]


def modified(colour: str, modifiers: list[str]) -> str:
    """A colour under words such as "dark", "light" or "muted", moved in Lab."""
    lab = hex_to_lab(colour)
    for word in modifiers:
        light, a, b = lab
        if word in ("dark", "deep"):
            lab = np.array([0.62 * light, 0.85 * a, 0.85 * b])
        elif word in ("light", "pale", "soft"):
            lab = np.array([light + 0.5 * (100 - light), 0.65 * a, 0.65 * b])
        elif word == "pastel":
            lab = np.array([max(light, 80.0), 0.5 * a, 0.5 * b])
        elif word in ("bright", "vivid", "neon"):
            lab = np.array([light + 0.15 * (100 - light), 1.35 * a, 1.35 * b])
        elif word in ("muted", "dusty", "faded"):
            lab = np.array([0.9 * light + 6, 0.55 * a, 0.55 * b])
    return lab_to_hex(lab)
