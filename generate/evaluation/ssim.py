"""Structural similarity (Wang, Bovik, Sheikh, Simoncelli 2004)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ...errors import UserError
from .metric import Measured, Metric, Value, mean_or_none
from .unavailable import Unavailable

if TYPE_CHECKING:
    from .case import Case

WINDOW = 11
_SIGMA = 1.5
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


@dataclass(frozen=True)
class Moments:
    """Luma of a picture (H, W) with its local means and variances, float32."""

    luma: np.ndarray
    mean: np.ndarray
    variance: np.ndarray


def ssim(first: np.ndarray, second: np.ndarray) -> float:
    """Mean SSIM of two (H, W, 3) uint8 RGB pictures on their luma: at most 1, higher is alike.

    Gaussian window of 11 pixels and sigma 1.5, K1 = 0.01, K2 = 0.03, population variances, mean
    over the pixels whose window lies inside (as scikit-image with gaussian_weights).
    Raises ValueError where sizes differ or are under 11 pixels.
    """
    return ssim_of(moments(first), moments(second))


def moments(image: np.ndarray) -> Moments:
    """What SSIM needs of an (H, W, 3) uint8 RGB picture alone, so that many pairs share it."""
    luma = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    mean = _blur(luma)
    return Moments(luma, mean, _blur(luma * luma) - mean**2)


def ssim_of(first: Moments, second: Moments) -> float:
    """SSIM of two pictures from their moments; see `ssim`."""
    if first.luma.shape != second.luma.shape or min(first.luma.shape) < WINDOW:
        shapes = f"{first.luma.shape}, {second.luma.shape}"
        raise ValueError(f"SSIM needs equal sizes of 11 or more: {shapes}")
    product = first.mean * second.mean
    both = _blur(first.luma * second.luma) - product
    alike = (2 * product + _C1) * (2 * both + _C2)
    size = (first.mean**2 + second.mean**2 + _C1) * (first.variance + second.variance + _C2)
    edge = WINDOW // 2
    return float((alike / size)[edge:-edge, edge:-edge].mean(dtype=np.float64))


def _blur(values: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(values, (WINDOW, WINDOW), _SIGMA)


def _measure(case: "Case") -> Measured:
    found = case.output_sweep
    figures = {
        "successive": mean_or_none(found.successive),
        "to_first": mean_or_none(found.to_first),
    }
    try:
        source = case.source_sweep
    except (Unavailable, UserError):
        pass  # the source's own value is there for comparison alone
    else:
        figures["successive_source"] = mean_or_none(source.successive)
        figures["to_first_source"] = mean_or_none(source.to_first)
    return Measured(figures, {"SSIM to the frame before": found.successive})


METRIC = Metric(
    name="ssim",
    title="Structural similarity of frames",
    unit="SSIM",
    low=-1,
    high=1,
    better="neither",
    source="Wang et al. 2004; DiffSign (Krishnamurthy et al. 2024), compute_vis_quality.py",
    needs="the generated video",
    values=(
        Value("successive", "SSIM to the frame before", "{:.3f}"),
        Value("successive_source", "The same in the source", "{:.3f}"),
        Value("to_first", "SSIM to the first frame (what DiffSign's script computes)", "{:.3f}"),
        Value("to_first_source", "The same in the source", "{:.3f}"),
    ),
    measure=_measure,
    caveat=(
        "A frozen clip scores 1: read it against the source's own. DiffSign's published figure is "
        "called SSIM between successive frames, but its script never moves the frame before on."
    ),
)
