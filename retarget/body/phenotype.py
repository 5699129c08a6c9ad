"""From a phenotype (age, gender, build ...) to betas of the open body, in plain numpy.

The blend weights follow anny's formula (Brégier et al. 2025): each phenotype is interpolated
between its anchors, and a blend shape's weight is the product of the variations it is made of.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...errors import UserError
from .model import Body

VARIATIONS: dict[str, tuple[float, ...]] = {
    "gender": (0.0, 1.0),
    "age": (-1 / 3, 0.0, 1 / 3, 2 / 3, 1.0),
    "muscle": (0.0, 0.5, 1.0),
    "weight": (0.0, 0.5, 1.0),
    "height": (0.0, 1.0),
    "proportions": (0.0, 1.0),
    "cupsize": (0.0, 0.5, 1.0),
    "firmness": (0.0, 0.5, 1.0),
}
"""Anchors of each phenotype, in the order of the blend-shape mask's columns after the ancestry."""

ANCESTRY = ("african", "asian", "caucasian")
LABELS = (*VARIATIONS, *ANCESTRY)
DEFAULTS = {**dict.fromkeys(VARIATIONS, 0.5), "age": 2 / 3, **dict.fromkeys(ANCESTRY, 1 / 3)}
"""A young adult between all extremes. age: 0 baby, 1/3 child, 2/3 young adult, 1 old."""


def _hat_weights(value: float, anchors: tuple[float, ...]) -> np.ndarray:
    """Linear interpolation weights of value between anchors, clamped to their range."""
    return np.array([np.interp(value, anchors, row) for row in np.eye(len(anchors))])


def variation_weights(phenotype: Mapping[str, float]) -> np.ndarray:
    """The (24,) weight of every variation: ancestry first, then the rest in table order."""
    unknown = set(phenotype) - set(LABELS)
    if unknown:
        raise UserError(
            f"Unknown phenotype {sorted(unknown)[0]!r}: use one of {', '.join(LABELS)}."
        )
    values = DEFAULTS | dict(phenotype)
    ancestry = np.array([max(values[name], 0.0) for name in ANCESTRY])
    ancestry = ancestry / ancestry.sum() if ancestry.sum() > 0 else np.full(3, 1 / 3)
    return np.concatenate(
        [ancestry, *(_hat_weights(values[k], anchors) for k, anchors in VARIATIONS.items())]
    )


def blend_weights(mask: np.ndarray, phenotype: Mapping[str, float]) -> np.ndarray:
    """(K,) weights of the blend shapes; mask (K, 24) says which variations each multiplies."""
    return np.where(mask > 0, variation_weights(phenotype), 1.0).prod(axis=1)


def phenotype_betas(body: Body, phenotype: Mapping[str, float]) -> np.ndarray:
    """(B,) betas of a phenotype (labels in :data:`LABELS`, values in [0, 1]).

    Raises:
        UserError: an unknown label, or a body that knows no phenotypes.
    """
    if not body.phenotype:
        raise UserError(f"The body {body.name!r} has no phenotypes: use --body open.")
    weights = blend_weights(body.phenotype["mask"], phenotype)
    return (weights @ body.phenotype["to_betas"] + body.phenotype["mean_betas"]).astype(np.float32)
