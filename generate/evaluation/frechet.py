"""Fréchet distances between the looks of two clips, and the kernel distance beside them.

FID (Heusel et al. 2017) with Inception's features is what the seeds report; with CLIP's or
DINOv2's it agrees better with people (Kynkäänniemi et al. 2023, Stein et al. 2023). A clip has few
frames, all of one person: with fewer frames than features the Fréchet distance is biased upwards
(Chong and Forsyth 2020), so it compares clips of one length alone; the kernel distance (KID,
Bińkowski et al. 2018) has no such bias.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from .case import Case
from .encoders import Encoder, clip_encoder, dinov2_encoder, inception_encoder, mini_encoder
from .metric import Measured, Metric, Value
from .unavailable import Unavailable

ENCODERS: dict[str, Callable[[], Encoder]] = {
    "inception": inception_encoder,
    "clip": clip_encoder,
    "dinov2": dinov2_encoder,
    "mini": mini_encoder,
}


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Squared Fréchet distance of two Gaussians fitted to features (N, D) and (M, D); N, M >= 2.

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) of Dowson and Landau 1982. The last trace is the
    sum of the singular values of A1 A2', A the centred features over sqrt(N - 1), so no root of a
    singular matrix is taken.
    """
    means = first.mean(0), second.mean(0)
    first, second = (
        (features - mean) / np.sqrt(len(features) - 1)
        for features, mean in zip((first, second), means, strict=True)
    )
    shared = np.linalg.svd(_short(first) @ _short(second).T, compute_uv=False).sum()
    apart = ((means[0] - means[1]) ** 2).sum()
    return float(max(apart + (first**2).sum() + (second**2).sum() - 2 * shared, 0.0))


def _short(features: np.ndarray) -> np.ndarray:
    """At most D rows with the same Gram matrix over the features."""
    if len(features) <= features.shape[1]:
        return features
    return np.asarray(np.linalg.qr(features, mode="r"))


def kernel_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Unbiased squared maximum mean discrepancy with KID's kernel (x.y / D + 1)^3.

    May be slightly negative for equal distributions. Features (N, D) and (M, D); N, M >= 2.
    """
    size = first.shape[1]

    def within(features: np.ndarray) -> float:
        kernel = (features @ features.T / size + 1) ** 3
        count = len(features)
        return float((kernel.sum() - np.trace(kernel)) / (count * (count - 1)))

    between = float(((first @ second.T / size + 1) ** 3).mean())
    return within(first) + within(second) - 2 * between


def as_published(pictures: np.ndarray) -> np.ndarray:
    """What DiffSign's script feeds to FID: 8-bit levels taken for 0..1, times 255, wrapped.

    (N, H, W, 3) uint8 to the same: level v becomes 256 - v, a negative.
    """
    return (pictures.astype(np.int64) * 255 % 256).astype(np.uint8)


def _measure(case: Case) -> Measured:
    output, source = case.output_sweep.thumbnails, case.source_sweep.thumbnails
    if min(len(output), len(source)) < 2:
        raise Unavailable("it needs two frames at least")
    figures: dict[str, Any] = {}
    lacking: dict[str, str] = {}
    for name, load in ENCODERS.items():
        try:
            encode = load()
        except Unavailable as error:
            lacking[name] = str(error)
            continue
        pair = encode(output), encode(source)
        figures[name] = {"frechet": frechet_distance(*pair), "kernel": kernel_distance(*pair)}
        if name == "inception":
            published = encode(as_published(output)), encode(as_published(source))
            figures[name]["as_published"] = frechet_distance(*published)
    return Measured({**figures, "lacking": lacking})


METRIC = Metric(
    name="frechet",
    title="Distance of the frames' looks from the source's",
    unit="squared feature distance",
    low=0,
    high=np.inf,
    better="lower",
    source="Heusel et al. 2017; Stein et al. 2023; Bińkowski et al. 2018",
    needs="the generated video and the source's pictures",
    values=(
        Value("inception.frechet", "FID (Inception)", "{:.1f}"),
        Value("inception.as_published", "FID as DiffSign's script computes it", "{:.1f}"),
        Value("inception.kernel", "KID (Inception)", "{:.4f}"),
        Value("clip.frechet", "Fréchet distance, CLIP", "{:.3f}"),
        Value("clip.kernel", "Kernel distance, CLIP", "{:.5f}"),
        Value("dinov2.frechet", "Fréchet distance, DINOv2", "{:.1f}"),
        Value("dinov2.kernel", "Kernel distance, DINOv2", "{:.4f}"),
        Value("mini.frechet", "Fréchet distance, the embedded encoder", "{:.3f}"),
        Value("mini.kernel", "Kernel distance, the embedded encoder", "{:.5f}"),
    ),
    measure=_measure,
    caveat=(
        "Another person in other clothes is meant to look different: compare runs of one source "
        "and one signer, never across sources. The embedded encoder knows rendered signers alone."
    ),
)
