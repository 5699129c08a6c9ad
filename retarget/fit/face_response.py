"""How a detector's face points answer each facial action, measured (see ``render.calibration``).

MediaPipe's mesh does not follow the skin: a raised brow moves its brow points a third less than the
skin, cheeks hardly move at all, and points far from an action move a little with it. The answers
were measured on pictures of the open body with every action at 1, beside one with none.
"""

from __future__ import annotations

import functools
from importlib import resources

import numpy as np

from ..body.model import Body


def detector_response(body: Body) -> tuple[np.ndarray, np.ndarray] | None:
    """What the detector makes of the open body's face, metres in the head's frame.

    Returns:
        (478, 3) where it puts the points of a resting face beside the mesh's own, and (478, 3, 52)
        how it moves them for an action at 1; None for a body on which it is not measured.
    """
    return _open_response() if body.name == "open" else None


@functools.lru_cache(maxsize=1)
def _open_response() -> tuple[np.ndarray, np.ndarray]:
    source = resources.files("diffsign.assets") / "open_body_face_landmarks.npz"
    with resources.as_file(source) as path, np.load(path, allow_pickle=False) as data:
        return data["bias"].astype(float), data["response"].astype(float)
