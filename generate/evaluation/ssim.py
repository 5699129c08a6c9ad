"""Structural similarity (Wang, Bovik, Sheikh, Simoncelli 2004)."""

import cv2
import numpy as np

_SIGMA, _WINDOW = 1.5, 11
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def ssim(first: np.ndarray, second: np.ndarray) -> float:
    """Mean SSIM of two (H, W, 3) uint8 RGB pictures on their luma: at most 1, higher is alike.

    Gaussian window of 11 pixels and sigma 1.5, K1 = 0.01, K2 = 0.03, population variances, mean
    over the pixels whose window lies inside (as scikit-image with gaussian_weights).
    Raises ValueError where sizes differ or are under 11 pixels.
    """
    if first.shape != second.shape or min(first.shape[:2]) < _WINDOW:
        raise ValueError(f"SSIM needs equal sizes of 11 or more: {first.shape}, {second.shape}")
    x, y = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float64) for image in (first, second))
    mean_x, mean_y = _blur(x), _blur(y)
    var_x = _blur(x * x) - mean_x**2
    var_y = _blur(y * y) - mean_y**2
    both = _blur(x * y) - mean_x * mean_y
    alike = (2 * mean_x * mean_y + _C1) * (2 * both + _C2)
    size = (mean_x**2 + mean_y**2 + _C1) * (var_x + var_y + _C2)
    edge = _WINDOW // 2
    return float((alike / size)[edge:-edge, edge:-edge].mean())


def _blur(values: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(values, (_WINDOW, _WINDOW), _SIGMA)
