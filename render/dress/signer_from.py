"""The record of a signer from a picture, a text, or both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..avatar.colours import mix, natural_lips
from ..avatar.random_signer import random_signer
from ..avatar.record import Signer
from .from_image import read_image
from .from_text import read_text
from .lab import delta_e, hex_to_lab

_CANDIDATES = 48
_WEIGHTS = {"gender": 3.0, "african": 2.0, "asian": 2.0, "caucasian": 2.0, "age": 1.0}


def signer_from(
    image: str | Path | None, text: str | None, seed: int, base: Signer | None = None
) -> Signer:
    """The signer that a picture and a text ask for; the text wins where both speak.

    What neither says comes from `base`, or else from the one of `_CANDIDATES` random signers of
    this seed that is most like what is said: "an old Chinese man" then has an old Chinese man's
    hair and eyes. Brows, beard and lips follow stated hair and skin unless stated themselves. A
    picture leaves gender in the middle where nothing speaks for it. Raises UserError for a bad
    picture.
    """
    return dressed({} if image is None else read_image(image), read_text(text or ""), seed, base)


def dressed(
    seen: dict[str, Any],
    said: dict[str, Any],
    seed: int,
    base: Signer | None = None,
    follow: bool = True,
) -> Signer:
    """The signer of fields that a picture shows and fields that words state; see `signer_from`.

    follow: whether brows, beard and lips follow hair and skin.
    """
    stated = {**seen, **said}
    phenotype = {**seen.get("phenotype", {}), **said.get("phenotype", {})}
    if phenotype:
        stated["phenotype"] = phenotype
    start = base if base is not None else _nearest(stated, seed)
    return start.with_changes(**{**stated, **(_followers(stated, said) if follow else {})})


def _nearest(stated: dict[str, Any], seed: int) -> Signer:
    """The random signer nearest to what is stated; the seed's own where nothing is stated."""
    if not stated:
        return random_signer(seed)
    seeds = np.random.SeedSequence(abs(int(seed))).generate_state(_CANDIDATES)
    candidates = [random_signer(int(each)) for each in seeds]
    return min(candidates, key=lambda signer: _unlike(signer, stated))


def _unlike(signer: Signer, stated: dict[str, Any]) -> float:
    """How far a record is from what is stated of it."""
    total = 0.0
    for name, value in stated.items():
        if name == "phenotype":
            total += sum(
                _WEIGHTS.get(key, 0.5) * abs(signer.phenotype[key] - value[key]) for key in value
            )
        elif name in ("skin", "hair_colour", "eye_colour"):
            mine = hex_to_lab(getattr(signer, name))
            total += float(delta_e(mine, hex_to_lab(value))) / 50.0
        elif name in ("hair_style", "beard", "top"):
            total += 0.3 * (getattr(signer, name) != value)
    return total


def _followers(stated: dict[str, Any], said: dict[str, Any]) -> dict[str, str]:
    """Colours that go with stated ones: brows and beard with hair, lips with skin.

    Hair that the text recolours takes the picture's brows and beard with it.
    """

    def follows(name: str, leader: str) -> bool:
        return name not in said and (name not in stated or leader in said)

    changes: dict[str, str] = {}
    if "hair_colour" in stated:
        for name in ("brow_colour", "beard_colour"):
            if follows(name, "hair_colour"):
                changes[name] = mix(stated["hair_colour"], "#1c1512", 0.25)
    if "skin" in stated and follows("lip_colour", "skin"):
        changes["lip_colour"] = natural_lips(stated["skin"])
    return changes
