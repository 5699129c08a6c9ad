"""Signers who do not exist, drawn at random: diverse, plausible, the same for the same seed."""

from __future__ import annotations

import colorsys

import numpy as np

from .colours import mix, natural_lips
from .record import Signer

SKIN_TONES = (
    "#f0cdb4", "#e8bd9f", "#dfae8b", "#cf9a74", "#bd8560",
    "#a26b48", "#865539", "#6b422c", "#523222", "#3f271c",
)  # fmt: skip
"""Ten surface colours from light to dark, spread as the Monk Skin Tone scale (Monk 2019) is, whose
own swatches are colours of pictures: used as surfaces they render chalky or grey."""

_HAIR_COLOURS = {
    "#14100e": 0.30, "#2b1d14": 0.22, "#4a2f1d": 0.15, "#6b4423": 0.10, "#8d6a3c": 0.07,
    "#c4a265": 0.06, "#8a3b1e": 0.04, "#8d8a87": 0.04, "#d9d5cf": 0.02,
}  # fmt: skip
_EYE_COLOURS = {
    "#3b2314": 0.45, "#5a3a1e": 0.25, "#7a6a3a": 0.1, "#5b7a4c": 0.07, "#5d7f9e": 0.1,
    "#7c878f": 0.03,
}  # fmt: skip
_DARK_EYES = {"#3b2314": 0.7, "#5a3a1e": 0.3}
_CLOTHS = (
    "#16171a", "#2b2d31", "#5c6067", "#b9bcc0", "#f1f1ee", "#1d2b4f", "#2f5fa8", "#6fa3d8",
    "#7a1f2b", "#b8322f", "#d97a7a", "#1f4d36", "#5f8f57", "#e3c34a", "#d98a33", "#5b3a7a",
    "#a07cc0", "#6a4a33", "#c8ad8a", "#2a7c80",
)  # fmt: skip
_BACKGROUNDS = (
    "#c9ced3", "#8d979f", "#e8e6e1", "#3f4a57", "#2f9e44", "#6f8fae", "#b7a99a", "#51606a",
)  # fmt: skip
_GLASSES = ("#15161a", "#4a2d1c", "#7a7d82", "#8c2a2a")
_TOPS = {
    "tshirt": 0.24, "long_sleeve": 0.16, "jumper": 0.14, "shirt": 0.16, "hoodie": 0.1,
    "blazer": 0.09, "dress": 0.06, "tank": 0.05,
}  # fmt: skip
_WOMEN_HAIR = {
    "long": 0.26,
    "bob": 0.22,
    "bun": 0.14,
    "ponytail": 0.16,
    "curly": 0.1,
    "short": 0.07,
}
_MEN_HAIR = {"short": 0.5, "crop": 0.27, "bald": 0.1, "curly": 0.08, "long": 0.05}
_TIGHT_CURLS = {"afro": 0.45, "crop": 0.25, "curly": 0.15, "bun": 0.15}


def _pick(random: np.random.Generator, shares: dict[str, float]) -> str:
    weights = np.array(list(shares.values()))
    return str(random.choice(list(shares), p=weights / weights.sum()))


def _varied(random: np.random.Generator, colour: str, size: float) -> str:
    """The colour with its hue, saturation and lightness moved a little."""
    red, green, blue = (int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))
    hue, light, strength = colorsys.rgb_to_hls(red, green, blue)
    hue += random.normal(0, 0.015 * size)
    light = float(np.clip(light + random.normal(0, 0.04 * size), 0.03, 0.95))
    strength = float(np.clip(strength * (1 + random.normal(0, 0.1 * size)), 0, 1))
    rgb = colorsys.hls_to_rgb(hue % 1, light, strength)
    return "#" + "".join(f"{round(255 * value):02x}" for value in rgb)


def random_signer(seed: int) -> Signer:
    """A made-up adult; the same seed gives the same signer."""
    random = np.random.default_rng([seed, 0x5167])
    gender = float(np.clip(random.choice([0.08, 0.92]) + random.normal(0, 0.06), 0, 1))
    ancestry = random.dirichlet([0.45, 0.45, 0.45])
    african = float(ancestry[0])
    # Darker tones go with African ancestry more often, never always.
    tone = np.clip(random.normal(2 + 6 * african + 1.5 * ancestry[1], 1.4), 0, 9)
    skin = _varied(random, SKIN_TONES[round(float(tone))], 0.5)
    old = bool(random.random() < 0.15)
    styles = _WOMEN_HAIR if gender > 0.5 else _MEN_HAIR
    if african > 0.6 and random.random() < 0.7:
        styles = _TIGHT_CURLS
    hair = _varied(random, _pick(random, _HAIR_COLOURS), 0.8)
    if african > 0.5 or ancestry[1] > 0.6:
        hair = _varied(random, str(random.choice(["#14100e", "#221812", "#2b1d14"])), 0.6)
    if old and random.random() < 0.6:
        hair = str(random.choice(["#8d8a87", "#b9b5af", "#d9d5cf"]))
    bearded = gender < 0.5 and random.random() < 0.4
    return Signer(
        phenotype={
            "gender": gender,
            "age": float(random.uniform(0.86, 1.0) if old else random.uniform(0.62, 0.82)),
            "muscle": float(np.clip(random.normal(0.5, 0.15), 0.1, 0.95)),
            "weight": float(np.clip(random.normal(0.42, 0.16), 0.1, 0.9)),
            "height": float(np.clip(random.normal(0.5, 0.15), 0.1, 0.9)),
            "proportions": float(random.uniform(0.4, 0.9)),
            "cupsize": float(np.clip(random.normal(0.5, 0.15), 0, 1)),
            "firmness": 0.6,
            "african": african,
            "asian": float(ancestry[1]),
            "caucasian": float(ancestry[2]),
        },
        skin=skin,
        hair_style=_pick(random, styles),
        hair_colour=hair,
        brow_colour=_varied(random, mix(hair, "#2a1c14", 0.5), 0.3),
        eye_colour=_pick(random, _EYE_COLOURS if ancestry[2] > 0.4 else _DARK_EYES),
        lip_colour=_varied(random, natural_lips(skin), 0.6),
        top=_pick(random, {k: v for k, v in _TOPS.items() if gender > 0.5 or k != "dress"}),
        top_colour=_varied(random, str(random.choice(_CLOTHS)), 1),
        bottom="skirt" if gender > 0.5 and random.random() < 0.15 else "trousers",
        bottom_colour=_varied(random, str(random.choice(_CLOTHS[:7])), 1),
        glasses=bool(random.random() < 0.18),
        glasses_colour=str(random.choice(_GLASSES)),
        beard=str(random.choice(["stubble", "full"])) if bearded else "none",
        beard_colour=_varied(random, hair, 0.3),
        background=_varied(random, str(random.choice(_BACKGROUNDS)), 1),
    )
