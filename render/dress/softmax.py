"""Multinomial logistic regression: a small table of weights that says how likely each label is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

FARTHEST = 3.0
"""Standard deviations beyond which a number counts as so many: pictures differ from renders."""


@dataclass(frozen=True)
class Softmax:
    """labels (K); names of the numbers (D); their mean and scale (D); weights (D + 1, K), of which
    the last row is added."""

    labels: tuple[str, ...]
    names: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[tuple[float, ...], ...]

    def probabilities(self, numbers: Mapping[str, float]) -> dict[str, float]:
        """How likely each label is; a number that is absent or not finite counts as the mean."""
        values = np.array([numbers.get(name, np.nan) for name in self.names])
        # A number that never changed in the samples was rounded to no scale: it says nothing.
        scaled = (values - np.array(self.mean)) / np.maximum(self.scale, 1e-4)
        scaled = np.nan_to_num(np.clip(scaled, -FARTHEST, FARTHEST), nan=0.0)
        scores = np.append(scaled, 1.0) @ np.array(self.weights)
        likely = np.exp(scores - scores.max())
        return dict(zip(self.labels, (likely / likely.sum()).tolist(), strict=True))


def fit_softmax(
    samples: Sequence[Mapping[str, float]], labels: Sequence[str], penalty: float
) -> Softmax:
    """The most likely weights for labelled samples, with an L2 penalty on scaled weights."""
    from scipy.optimize import minimize

    kinds = tuple(sorted(set(labels)))
    names = tuple(sorted(samples[0]))
    values = np.array([[sample[name] for name in names] for sample in samples])
    mean, scale = np.nanmean(values, axis=0), np.nanstd(values, axis=0) + 1e-6
    scaled = np.nan_to_num(np.clip((values - mean) / scale, -FARTHEST, FARTHEST), nan=0.0)
    inputs = np.column_stack([scaled, np.ones(len(scaled))])
    truth = np.array([[label == kind for kind in kinds] for label in labels], float)

    def cost(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(inputs.shape[1], len(kinds))
        scores = inputs @ weights
        scores -= scores.max(axis=1, keepdims=True)
        likely = np.exp(scores)
        likely /= likely.sum(axis=1, keepdims=True)
        free = np.vstack([weights[:-1], np.zeros((1, len(kinds)))])
        loss = -(truth * np.log(likely + 1e-12)).sum() + 0.5 * penalty * (free**2).sum()
        return float(loss), (inputs.T @ (likely - truth) + penalty * free).ravel()

    start = np.zeros(inputs.shape[1] * len(kinds))
    found = minimize(cost, start, jac=True, method="L-BFGS-B", options={"maxiter": 500})
    weights = found.x.reshape(inputs.shape[1], len(kinds)).round(4)
    return Softmax(
        kinds,
        names,
        tuple(mean.round(5).tolist()),
        tuple(scale.round(5).tolist()),
        tuple(tuple(row) for row in weights.tolist()),
    )


def to_json(model: Softmax) -> dict[str, Any]:
    """The model as JSON values; `from_json` reads them."""
    return asdict(model)


def from_json(values: Mapping[str, Any]) -> Softmax:
    """The model of JSON values."""
    return Softmax(
        tuple(values["labels"]),
        tuple(values["names"]),
        tuple(values["mean"]),
        tuple(values["scale"]),
        tuple(map(tuple, values["weights"])),
    )


@cache
def calibrated(name: str) -> Softmax:
    """The model that the package carries for "hair_style" or "gender", fitted on its own renders
    by `render.calibration.looks`."""
    import json

    source = resources.files("diffsign.assets") / "looks.json"
    return from_json(json.loads(source.read_text(encoding="utf-8"))[name])
