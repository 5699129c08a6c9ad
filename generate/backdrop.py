"""What stands behind the signer: the render's own background, kept exactly.

The render has the colour or plate that was asked for. A small model paints stains into even
surfaces, so for it the background is taken from the render, up to a soft edge about the signer.
"""

import numpy as np

MARGIN_PIXELS = 3
"""How far around the signer, at 512, the painting is kept whole: hair and soft edges lie there."""


def keep_background(painted: np.ndarray, render: np.ndarray, signer: np.ndarray) -> np.ndarray:
    """The painted frame (H,W,3 uint8) on the render's background.

    Args:
        render: (H,W,3) uint8. signer: (H,W) bool, where the signer is.
    """
    import cv2

    margin = max(1, round(MARGIN_PIXELS * max(signer.shape) / 512))
    size = 2 * margin + 1
    around = cv2.dilate(signer.astype(np.float32), np.ones((size, size), np.float32))
    share = cv2.GaussianBlur(around, (size, size), margin / 2)[..., None]
    return np.rint(share * painted + (1 - share) * render).astype(np.uint8)
