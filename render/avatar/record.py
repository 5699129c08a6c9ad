"""The looks of a signer who does not exist, as one small record that goes to and from JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from ...errors import UserError
from ...files import atomic_path
from .colours import is_hex

HAIR_STYLES = ("short", "crop", "bob", "long", "bun", "ponytail", "afro", "curly", "bald")
TOPS = ("tshirt", "long_sleeve", "jumper", "shirt", "hoodie", "blazer", "dress", "tank")
BOTTOMS = ("trousers", "skirt", "none")
BEARDS = ("none", "stubble", "full")
HEADWEAR = ("none", "hijab")
PHENOTYPES = (
    "gender",
    "age",
    "muscle",
    "weight",
    "height",
    "proportions",
    "cupsize",
    "firmness",
    "african",
    "asian",
    "caucasian",
)
"""Names of the open body's phenotypes, each 0..1 (gender 0 male .. 1 female; age 0.67 young
adult, 1 old; the last three are mixed in proportion)."""

_CHOICES = {
    "hair_style": HAIR_STYLES,
    "top": TOPS,
    "bottom": BOTTOMS,
    "beard": BEARDS,
    "headwear": HEADWEAR,
}


def _phenotype() -> dict[str, float]:
    return {
        "gender": 0.5,
        "age": 0.68,
        "muscle": 0.5,
        "weight": 0.5,
        "height": 0.5,
        "proportions": 0.6,
        "cupsize": 0.5,
        "firmness": 0.5,
        "african": 1 / 3,
        "asian": 1 / 3,
        "caucasian": 1 / 3,
    }


@dataclass(frozen=True)
class Signer:
    """One signer's looks. Colours are sRGB "#rrggbb"; every field has a default.

    Fields are checked on construction; a bad one raises UserError that names the field and what
    it may hold. Phenotypes left out of the mapping take their defaults.
    """

    phenotype: dict[str, float] = field(default_factory=_phenotype)
    skin: str = "#c98f6b"
    hair_style: str = "short"
    hair_colour: str = "#3a261a"
    brow_colour: str = "#33221a"
    eye_colour: str = "#5b3d26"
    lip_colour: str = "#b06a5e"
    top: str = "tshirt"
    top_colour: str = "#2f3e55"
    bottom: str = "trousers"
    bottom_colour: str = "#2a2c33"
    glasses: bool = False
    glasses_colour: str = "#1c1c1e"
    beard: str = "none"
    beard_colour: str = "#33221a"
    shoe_colour: str = "#26211f"
    headwear: str = "none"
    headwear_colour: str = "#3d5166"
    background: str = "#8a9199"

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            value = getattr(self, name)
            if value not in allowed:
                raise UserError(
                    f"signer field {name} is {value!r}; use one of {', '.join(allowed)}"
                )
        for entry in fields(self):
            if entry.name == "skin" or entry.name.endswith(("_colour", "background")):
                value = getattr(self, entry.name)
                if not is_hex(value):
                    raise UserError(
                        f"signer field {entry.name} is {value!r}; use an sRGB colour like #c98f6b"
                    )
                object.__setattr__(self, entry.name, value.lower())
        if not isinstance(self.glasses, bool):
            raise UserError(f"signer field glasses is {self.glasses!r}; use true or false")
        object.__setattr__(self, "phenotype", _checked_phenotype(self.phenotype))

    def with_changes(self, **changes: Any) -> Signer:
        """This record with some fields changed; `phenotype` is merged name by name."""
        unknown = sorted(set(changes) - _names())
        if unknown:
            raise UserError(_unknown_field(unknown))
        if isinstance(changes.get("phenotype"), Mapping):
            changes["phenotype"] = {**self.phenotype, **changes["phenotype"]}
        return replace(self, **changes)

    def to_json(self) -> str:
        """This record as JSON text, one field per line."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Signer:
        """The record of a mapping; missing fields take defaults, unknown ones raise UserError."""
        if not isinstance(values, Mapping):
            raise UserError(f"a signer record is an object of fields, not {type(values).__name__}")
        unknown = sorted(set(map(str, values)) - _names())
        if unknown:
            raise UserError(_unknown_field(unknown))
        return cls(**values)

    @classmethod
    def from_json(cls, text: str) -> Signer:
        """The record of JSON text; raises UserError where the text is no such record."""
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise UserError(
                f"the signer record is not JSON (line {error.lineno}: {error.msg}); mend that line"
            ) from None
        return cls.from_dict(values)

    def save(self, path: Path) -> None:
        """Write the record as JSON, atomically."""
        with atomic_path(path) as beside:
            Path(beside).write_text(self.to_json(), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Signer:
        """Read a record written by `save`, or by hand."""
        try:
            text = Path(path).read_text(encoding="utf-8")
        except FileNotFoundError:
            raise UserError(f"no signer record at {path}; give the path of a .json file") from None
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"cannot read the signer record {path}: {error}") from None
        return cls.from_json(text)


def _names() -> set[str]:
    return {entry.name for entry in fields(Signer)}


def _unknown_field(unknown: list[str]) -> str:
    return f"signer has no field {', '.join(unknown)}; fields are {', '.join(sorted(_names()))}"


def _checked_phenotype(given: object) -> dict[str, float]:
    if not isinstance(given, Mapping):
        raise UserError(f"signer field phenotype is {given!r}; use an object of names and numbers")
    checked = _phenotype()
    for name, value in given.items():
        if name not in PHENOTYPES:
            raise UserError(f"signer phenotype has no {name!r}; names are {', '.join(PHENOTYPES)}")
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
            raise UserError(f"signer phenotype {name} is {value!r}; use a number from 0 to 1")
        checked[name] = float(value)
    return checked
