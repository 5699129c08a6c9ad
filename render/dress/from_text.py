"""What a text says of a signer's looks: "a bearded man in a navy hoodie, no glasses".

A small grammar instead of a model: the words of `words.py` are found longest first, adjectives
bind to the nearest noun (the one that follows, else the one before), and negations take away.
Whatever the grammar does not know it leaves out; the painting stage still sees the whole text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from .colour_names import colour_of, known_names, modified
from .lab import hex_to_lab, lab_to_hex
from .words import (
    ADJECTIVES,
    ARTICLES,
    COPULAS,
    HAIR_ALONE,
    LONGEST_PHRASE,
    MIXERS,
    MODIFIERS,
    NEGATORS,
    NOUNS,
    Adjective,
    Noun,
    age_of_years,
    each,
    origin_of_colour,
    split_words,
)

_COLOURS = frozenset(tuple(name.split()) for name in known_names())
_ENDS = frozenset([",", ";", ".", "(", ")", "!", "?", "\n"]) | {"but"}
_STARTS = each("with wearing wears wear having has featuring dressed in on against")
_CONTEXT = {"hair": "hair", "beard": "hair", "brows": "hair", "skin": "skin", "eyes": "eyes"}
_COLOUR_FIELD = {
    "top": "top_colour",
    "clothes": "top_colour",
    "bottom": "bottom_colour",
    "hair": "hair_colour",
    "beard": "beard_colour",
    "brows": "brow_colour",
    "skin": "skin",
    "eyes": "eye_colour",
    "lips": "lip_colour",
    "glasses": "glasses_colour",
    "frames": "glasses_colour",
    "background": "background",
    "shoes": "shoe_colour",
    "headwear": "headwear_colour",
}
_ABSENT: dict[str, dict[str, Any]] = {
    "glasses": {"glasses": False},
    "beard": {"beard": "none"},
    "headwear": {"headwear": "none"},
    "hair": {"hair_style": "bald"},
    "sleeves": {"sleeves": "none"},
}
_OUTER = ("blazer", "hoodie")
_WHOLE_OUTFITS = frozenset({"uniform", "suit", "costume", "bodysuit", "scrubs", "outfit"})


@dataclass(frozen=True)
class _Token:
    """One phrase: kind "noun", "adjective", "colour" or "word", and its value."""

    kind: str
    text: str
    noun: Noun = ("other", {})
    adjective: Adjective = field(default_factory=dict)


def read_text(text: str) -> dict[str, Any]:
    """The fields of a `Signer` that the text states; `phenotype` holds the stated names only.

    Never raises: an empty or foreign text states nothing and gives {}.
    """
    if not isinstance(text, str) or not text.strip():
        return {}
    reader = _Reader()
    for token in _tokens(split_words(text)):
        reader.take(token)
    reader.flush()
    fields = reader.settled()
    years = _stated_years(text)
    if years is not None:
        fields.setdefault("phenotype", {})["age"] = age_of_years(years)
    return fields


def _stated_years(text: str) -> float | None:
    """Years of "30-year-old", "aged 45", "in her early 60s"; None where none are stated."""
    found = re.search(r"\b(\d{1,3})[\s-]*(?:years?|yrs?)[\s-]*old\b", text, re.I) or re.search(
        r"\b(?:aged?|age of)\s+(\d{1,3})\b", text, re.I
    )
    if found:
        return float(found[1])
    found = re.search(r"\bin (?:his|her|their) (early|mid|late)?[\s-]*([2-9]0)'?s\b", text, re.I)
    if found:
        return float(found[2]) + {"early": 2.0, "late": 8.0}.get((found[1] or "").lower(), 5.0)
    return None


def _tokens(words: list[str]) -> list[_Token]:
    """Words joined to the longest phrases that are known."""
    tokens, i = [], 0
    while i < len(words):
        for length in range(min(LONGEST_PHRASE, len(words) - i), 0, -1):
            phrase = tuple(words[i : i + length])
            if phrase in NOUNS:
                tokens.append(_Token("noun", " ".join(phrase), noun=NOUNS[phrase]))
            elif phrase in _COLOURS and not (
                phrase[0] in MODIFIERS and length == 1 and _colour_at(words, i + 1)
            ):
                adjective = ADJECTIVES.get(phrase, {})
                tokens.append(_Token("colour", " ".join(phrase), adjective=adjective))
            elif phrase in ADJECTIVES:
                tokens.append(_Token("adjective", " ".join(phrase), adjective=ADJECTIVES[phrase]))
            else:
                continue
            break
        else:
            length = 1
            kind = "colour" if words[i].startswith("#") else "word"
            tokens.append(_Token(kind, words[i]))
        i += length
    return tokens


def _colour_at(words: list[str], i: int) -> bool:
    return i < len(words) and ((words[i],) in _COLOURS or words[i] in MODIFIERS | set(MIXERS))


class _Reader:
    """The state of reading: adjectives that wait for a noun, the last noun, and what is known."""

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}
        self.waiting: list[_Token] = []
        self.last: str | None = None
        self.previous = _Token("word", ",")
        self.in_clause = False  # a noun was seen since the last comma
        self.after_is = False
        self.after_in = False
        self.and_at: int | None = None  # how many waited when the last "and" came
        self.negating = False
        self.negated = False  # the negation has taken its noun
        self.shared: tuple[_Token, ...] = ()  # adjectives of the last noun, for "X and Y"

    def take(self, token: _Token) -> None:
        if token.kind == "noun":
            self._noun(token)
        elif token.kind == "word":
            self._word(token.text)
        else:
            if self.negated:
                self.negating = self.negated = False
            if not self.negating:
                self.waiting.append(token)
        self.previous = token

    def _word(self, word: str) -> None:
        if word in MODIFIERS or word in MIXERS:
            self.waiting.append(_Token("colour", word))
        elif word in NEGATORS:
            self.flush()
            self.negating, self.negated = True, False
        elif word in COPULAS:
            self.after_is = self.last is not None
        elif word in _ENDS:
            self._end_clause()
        elif word in ("and", "or", "nor", "&"):
            self.and_at = len(self.waiting)
        elif word in _STARTS:
            if self.negated or word in ("with", "has", "having"):
                self.negating = self.negating and not self.negated and word == "wearing"
            self.flush()
            self.after_in = word in ("in", "wearing", "wears", "wear")
        elif word in ARTICLES and self.negated:
            self.negating = self.negated = False

    def _end_clause(self) -> None:
        self.negating = self.negated = False
        # "long, blonde hair": without a noun in the clause the adjectives wait on.
        if self.in_clause or self.after_in or self.after_is:
            self.flush(keep_is=True)
        self.in_clause = False
        self.and_at = None

    def flush(self, keep_is: bool = False) -> None:
        """Give adjectives that no noun followed to what came before."""
        hair = [token for token in self.waiting if token.text in HAIR_ALONE]
        if hair:  # "a man in a shirt, blonde"
            self._bind("hair", hair)
            self.waiting = [token for token in self.waiting if token not in hair]
        if self.waiting:
            region = self.last or "person"
            if self.after_in and region not in ("top", "bottom", "clothes", "hair"):
                region = "clothes"
            self._bind(region, self.waiting)
        self.waiting = []
        self.and_at = None
        self.after_in = False
        self.after_is = self.after_is and keep_is

    def _noun(self, token: _Token) -> None:
        region, says = token.noun
        if self.negating and (not self.negated or self.previous.text in ("and", "or", "nor", "&")):
            self._merge(_ABSENT.get(region, {}))
            self.negated = True
            self.waiting = []
            return
        self.negating = self.negated = False
        if self.after_is and self.last not in (region, None):
            # "hair is long and blue eyes": what stood before the "and" was the hair's.
            split = self.and_at if self.and_at is not None else len(self.waiting)
            if self.in_clause:
                self._bind(self.last or region, self.waiting[:split])
                self.waiting = self.waiting[split:]
        self.after_is = self.after_in = False
        own = tuple(self.waiting)
        paired = self.previous.text in ("and", "&") and not own
        if region in ("clothes", "top") and token.text in _WHOLE_OUTFITS:
            self._bind("bottom", [each for each in own if each.kind == "colour"])
        if not self._garment(region, says, adjacent=self.previous.kind == "noun"):
            self.waiting, self.shared = [], ()
            return
        self._bind(region, list(own))
        if paired and region in ("bottom", "beard", "brows") and _COLOUR_FIELD[region] not in says:
            self._bind(region, [each for each in self.shared if each.kind == "colour"])
        self.shared = own or (self.shared if paired else ())
        self.waiting = []
        self.and_at = None
        self.in_clause = True
        if region in ("sleeves", "frames"):
            return  # details of the last noun
        self.last = region

    def _garment(self, region: str, says: dict[str, Any], adjacent: bool) -> bool:
        """Take a noun's own meaning; False for a garment that is worn under the one known."""
        if region == "top" and "top" in self.fields:
            if adjacent:
                says = {"top_colour": self.fields.get("top_colour"), **says}
                says = {name: value for name, value in says.items() if value is not None}
            elif self.fields["top"] in _OUTER and says["top"] not in _OUTER:
                return False
            elif says["top"] in _OUTER or says["top"] == "dress":
                self.fields.pop("top_colour", None)
        self._merge(says)
        return True

    def _bind(self, region: str, adjectives: list[_Token]) -> None:
        colours: list[str] = []
        for token in adjectives:
            stated = token.adjective.get(region)
            if stated is not None:
                self._merge(stated)
            elif token.kind == "colour":
                colours.append(token.text)
        if not colours:
            return
        if region == "person":
            self._merge(origin_of_colour(colours[0]))
            region, colours = "hair", [name for name in colours if name in HAIR_ALONE]
        name = _COLOUR_FIELD.get(region)
        value = _mixed(colours, _CONTEXT.get(region, "lips" if region == "lips" else "cloth"))
        if name is not None and value is not None:
            self.fields[name] = value

    def _merge(self, says: dict[str, Any]) -> None:
        for name, value in says.items():
            if name == "phenotype":
                self.fields["phenotype"] = {**self.fields.get("phenotype", {}), **value}
            else:
                self.fields[name] = value

    def settled(self) -> dict[str, Any]:
        """The fields, with sleeves, curls and lengths resolved into tops and hair styles."""
        fields = dict(self.fields)
        curly, length = fields.pop("curly", False), fields.pop("length", None)
        if "hair_style" not in fields and (curly or length):
            fields["hair_style"] = "curly" if curly else length
        sleeves, top = fields.pop("sleeves", None), fields.get("top")
        if sleeves == "long" and top in (None, "tshirt", "tank"):
            fields["top"] = "long_sleeve"
        elif sleeves == "short" and top in (None, "shirt", "long_sleeve"):
            fields["top"] = "tshirt"
        elif sleeves == "none" and top in (None, "tshirt", "shirt", "long_sleeve"):
            fields["top"] = "tank"
        return fields


def _mixed(names: list[str], context: str) -> str | None:
    """One colour of the words before a noun: modifiers move it, "-ish" words tint it.

    Of several colours the first counts ("black and white shirt"): it is named first because
    there is most of it.
    """
    modifiers: list[str] = []
    tints: list[str] = []
    for name in names:
        if name in MIXERS:
            tints.append(MIXERS[name])
            continue
        value = colour_of(" ".join([*modifiers, name]), context) if modifiers else None
        if value is not None:
            modifiers = []
        else:
            value = colour_of(name, context)
        if value is None or (name in MODIFIERS and name != names[-1]):
            modifiers.append(name)
            continue
        value = modified(value, modifiers)
        for tint in tints:
            lab = 0.7 * hex_to_lab(value) + 0.3 * hex_to_lab(colour_of(tint, context) or value)
            value = lab_to_hex(lab)
        return value
    return None
