"""Apparent gender and age of somebody in a picture, and the hairstyle that goes with them.

A guess at how a signer looks, not at who somebody is: without it the avatar of a woman with her
hair tied back reads as a man. Proportions of face, neck and shoulders are weighed by a model that
was fitted on the project's own renders, whose records are known; hair and beard speak too. From
the front hair that is tied back looks like cropped hair, so each helps to tell the other. Words
and records that are given go before all this.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .lab import hex_to_lab
from .measured import Measured

WOMEN_SHARE = {
    "short": 0.25,
    "crop": 0.1,
    "bob": 0.9,
    "long": 0.88,
    "bun": 0.88,
    "ponytail": 0.9,
    "afro": 0.5,
    "curly": 0.6,
    "bald": 0.05,
}
"""How many of the adults who wear a style are women: estimates, kept away from certainty."""
BEARDED_WOMEN = {"full": 0.02, "stubble": 0.15}
GREY_CHROMA, GREY_LIGHT = 9.0, 42.0


def together(
    styles: Mapping[str, float], woman: float, beard: str = "none"
) -> tuple[dict[str, float], float]:
    """Likely hairstyles and how likely the face is a woman's, each with what the other says."""
    odds = BEARDED_WOMEN.get(beard, 0.5)
    woman = woman * odds / (woman * odds + (1 - woman) * (1 - odds))
    joint = {
        style: (
            likely * woman * WOMEN_SHARE[style],
            likely * (1 - woman) * (1 - WOMEN_SHARE[style]),
        )
        for style, likely in styles.items()
    }
    total = sum(map(sum, joint.values()))
    if total <= 0:
        return dict(styles), woman
    women = sum(first for first, _ in joint.values()) / total
    return {style: sum(both) / total for style, both in joint.items()}, women


def apparent_gender(woman: float) -> Measured:
    """The record's gender of a likelihood; in the middle where nothing speaks for either."""
    gender = 0.5 + 0.42 * float(np.clip((woman - 0.5) / 0.25, -1, 1))
    return Measured({"gender": round(gender, 2)}, round(abs(2 * woman - 1) * 0.5 + 0.4, 2))


def apparent_age(hair: str | None) -> float | None:
    """The record's age of a hair colour: grey and white hair is old; None says nothing."""
    if hair is None:
        return None
    lab = hex_to_lab(hair)
    grey = float(np.hypot(lab[1], lab[2])) < GREY_CHROMA and lab[0] > GREY_LIGHT
    return 0.92 if grey else None
