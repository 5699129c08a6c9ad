"""Colours of garments, and their kind by how far the sleeves reach."""

from __future__ import annotations

import numpy as np

from .body_regions import ARMS, SEEN, BodyRegions, like_skin
from .lab import delta_e, lab_to_hex
from .measured import Measured
from .person import Person
from .samples import dominant


def garments(
    person: Person, body: BodyRegions, lab: np.ndarray, skin: np.ndarray | None
) -> dict[str, Measured]:
    """The top with its colour, and the bottom's colour where it is in the picture."""
    measured: dict[str, Measured] = {}
    cloth = dominant(lab[body.top])
    if cloth is None:
        return measured
    colour, share = cloth
    measured["top_colour"] = Measured(lab_to_hex(colour), min(0.9, 0.4 + 0.5 * share))
    if skin is not None:
        covered = sleeve_length(person, lab, skin, colour, body.torso_width)
        if covered is not None:
            measured["top"] = _top_of(covered, _opens(body, lab, colour, skin))
    below = dominant(lab[body.bottom])
    if below is not None and body.bottom.sum() > 0.01 * body.torso_width**2:
        measured["bottom_colour"] = Measured(lab_to_hex(below[0]), 0.3 + 0.4 * below[1])
    return measured


def sleeve_length(
    person: Person, lab: np.ndarray, skin: np.ndarray, cloth: np.ndarray, width: float
) -> float | None:
    """How far sleeves reach: 0 at the shoulder, 1 at the elbow, 2 at the wrist; None if unseen.

    Little patches along each arm are called bare or clothed by which colour is nearer; a sleeve
    ends where what follows is mostly bare. Of two arms the one that shows more of itself counts,
    and on a tie the mean.
    """
    body = person.body
    if body is None or width <= 0:
        return None
    reaches = []
    for shoulder, elbow, wrist in ARMS:
        if body[shoulder, 2] < SEEN or body[elbow, 2] < SEEN:
            continue
        bare = _bare_along(person, lab, body[[shoulder, elbow, wrist]], skin, cloth, width)
        known = ~np.isnan(bare)
        if known[:10].sum() < 4:
            continue
        values = np.where(known, bare, 0.5)
        # The end of the sleeve is the split with the least clothed after and bare before it.
        errors = [
            values[:end].sum() + (1 - values[end:])[known[end:]].sum()
            for end in range(len(values) + 1)
        ]
        steps = 10 if known[10:].sum() < 4 else 20
        reaches.append((steps, min(int(np.argmin(errors)), steps) / 10))
    if not reaches:
        return None
    most = max(steps for steps, _ in reaches)
    found = float(np.mean([reach for steps, reach in reaches if steps == most]))
    # An arm seen to its elbow only says "at least that far".
    return found if most == 20 or found < 0.9 else 2.0


def _bare_along(
    person: Person,
    lab: np.ndarray,
    joints: np.ndarray,
    skin: np.ndarray,
    cloth: np.ndarray,
    width: float,
) -> np.ndarray:
    """(20,) 1 bare, 0 clothed, NaN unseen, ten places on each of the upper and lower arm."""
    values = np.full(20, np.nan)
    radius = max(2, round(0.03 * width))
    height, full_width = person.mask.shape
    ends = 2 if joints[2, 2] >= SEEN else 1
    for i in range(10 * ends):
        first, second = joints[i // 10, :2], joints[i // 10 + 1, :2]
        # The lower arm is looked at as far as the watch, not the hand.
        share = (i % 10 + 0.5) / 10 * (1.0 if i < 10 else 0.85)
        x, y = first + share * (second - first)
        if not (radius <= x < full_width - radius and radius <= y < height - radius):
            continue
        window = np.s_[int(y) - radius : int(y) + radius + 1, int(x) - radius : int(x) + radius + 1]
        pixels = lab[window][person.mask[window]]
        if len(pixels) < radius * radius:
            continue
        patch = np.median(pixels, axis=0)
        values[i] = float(_bareness(patch, skin, cloth))
    return values


def _bareness(patch: np.ndarray, skin: np.ndarray, cloth: np.ndarray) -> bool:
    """Whether a patch is rather skin than cloth; both may lie in shadow."""
    to_skin = float(like_skin(patch, skin))
    light = np.array([0.6, 1.0, 1.0])  # folds change lightness first
    to_cloth = min(float(delta_e(patch * light, cloth * light)), float(like_skin(patch, cloth)))
    return to_skin < to_cloth


def _opens(body: BodyRegions, lab: np.ndarray, cloth: np.ndarray, skin: np.ndarray) -> bool:
    """Whether another cloth shows in the middle of the chest, as under an open jacket."""
    y, x = np.nonzero(body.torso)
    if len(y) < 200:
        return False
    middle, top = np.median(x), np.quantile(y, 0.02)
    near = (np.abs(x - middle) < 0.09 * body.torso_width) & (y < top + 0.45 * body.torso_width)
    pixels = lab[y[near], x[near]]
    if len(pixels) < 50:
        return False
    other = (delta_e(pixels, cloth) > 35) & (like_skin(pixels, skin) > 16)
    return bool(other.mean() > 0.25)


def _top_of(covered: float, opens: bool) -> Measured:
    """The record's garment nearest to a sleeve length."""
    if covered < 0.2:
        return Measured("tank", 0.5)
    if covered <= 1.25:
        return Measured("tshirt", 0.7)
    if opens:
        return Measured("blazer", 0.4)
    return Measured("long_sleeve", 0.6)
