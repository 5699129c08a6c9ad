"""Robust colours of sets of pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .lab import delta_e


@dataclass(frozen=True)
class Cloud:
    """What a set of pixels looks like: up to three Lab centres, their spreads and shares.

    Attributes:
        centres: (K, 3) Lab; spreads: (K, 3) standard deviations, at least 3; shares: (K,).
    """

    centres: np.ndarray
    spreads: np.ndarray
    shares: np.ndarray

    def distance(self, lab: np.ndarray) -> np.ndarray:
        """(...,) least distance of (..., 3) Lab to a centre, in spreads plus their size.

        The logarithm of the spread keeps a wide cloud from swallowing everything (this is a
        Gaussian mixture's negative log-likelihood with the nearest component).
        """
        flat = np.asarray(lab, float)[..., None, :]
        scaled = (flat - self.centres) / self.spreads
        cost = 0.5 * (scaled**2).sum(-1) + np.log(self.spreads).sum(-1)
        return (cost - np.log(np.maximum(self.shares, 0.05))).min(-1)


def cloud(lab: np.ndarray, clusters: int = 3) -> Cloud | None:
    """The clusters of (N, 3) Lab samples by k-means; None for fewer than 20 samples."""
    if len(lab) < 20:
        return None
    centres, labels = _kmeans(_thinned(lab), clusters)
    samples = _thinned(lab)
    kept = [k for k in range(len(centres)) if (labels == k).sum() >= 5]
    spreads = np.array([np.maximum(samples[labels == k].std(axis=0), 3.0) for k in kept])
    shares = np.array([(labels == k).mean() for k in kept])
    return Cloud(centres[kept], spreads, shares)


def dominant(lab: np.ndarray, together: float = 14.0) -> tuple[np.ndarray, float] | None:
    """The colour that most of (N, 3) Lab samples have, and the share that has it.

    K-means with four clusters; clusters nearer than `together` to the largest one count with
    it, because folds make one cloth several shades. The colour is their trimmed mean.
    """
    if len(lab) < 20:
        return None
    samples = _thinned(lab)
    centres, labels = _kmeans(samples, 4)
    sizes = np.bincount(labels, minlength=len(centres))
    near = delta_e(centres, centres[sizes.argmax()]) < together
    chosen = samples[near[labels]]
    return trimmed_mean(chosen), len(chosen) / len(samples)


def trimmed_mean(lab: np.ndarray, cut: float = 0.1) -> np.ndarray:
    """(3,) mean of (N, 3) Lab without the darkest and lightest `cut` of the pixels."""
    low, high = np.quantile(lab[:, 0], [cut, 1 - cut])
    inner = lab[(lab[:, 0] >= low) & (lab[:, 0] <= high)]
    return inner.mean(axis=0)


def _thinned(lab: np.ndarray, most: int = 4000) -> np.ndarray:
    """At most about `most` samples, evenly taken: k-means gains nothing from more."""
    return lab[:: max(1, len(lab) // most)]


def _kmeans(lab: np.ndarray, clusters: int) -> tuple[np.ndarray, np.ndarray]:
    """(K, 3) centres and (N,) labels; starts from the lightness quantiles, so it repeats."""
    clusters = min(clusters, len(lab))
    order = np.argsort(lab[:, 0], kind="stable")
    places = ((np.arange(clusters) + 0.5) / clusters * len(lab)).astype(int)
    centres = lab[order[places]].astype(float)
    labels = np.zeros(len(lab), int)
    for _ in range(25):
        labels = ((lab[:, None] - centres) ** 2).sum(-1).argmin(1)
        moved = np.array(
            [
                lab[labels == k].mean(0) if (labels == k).any() else centres[k]
                for k in range(clusters)
            ]
        )
        if np.allclose(moved, centres, atol=0.05):
            break
        centres = moved
    return centres, labels
