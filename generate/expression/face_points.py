"""Which of MediaPipe's 478 face points belong to which feature, and three measures of a face.

Indices are those of MediaPipe Face Mesh (`face_mesh_connections.py`, with the ten iris points of
the attention model). "left" and "right" are the signer's own. Rings are in order around the
feature, so that they can be filled as polygons.
"""

import numpy as np

EYE_RING = {
    "right": (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
    "left": (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466),
}
# The skin just outside the lid margin: it has to come along, or a closing lid tears.
EYE_SURROUND = {
    "right": (130, 25, 110, 24, 23, 22, 26, 112, 243, 190, 56, 28, 27, 29, 30, 247),
    "left": (359, 255, 339, 254, 253, 252, 256, 341, 463, 414, 286, 258, 257, 259, 260, 467),
}
IRIS = {"right": (468, 469, 470, 471, 472), "left": (473, 474, 475, 476, 477)}
BROW = {
    "right": (70, 63, 105, 66, 107, 55, 65, 52, 53, 46),
    "left": (300, 293, 334, 296, 336, 285, 295, 282, 283, 276),
}
LIPS_OUTER: tuple[int, ...] = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375)
LIPS_OUTER += (291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
LIPS_INNER: tuple[int, ...] = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324)
LIPS_INNER += (308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
NOSE = (1, 2, 4, 5, 6, 168, 195, 197, 48, 64, 98, 97, 326, 327, 294, 278)
JAW = (132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361)
FOREHEAD = (10, 338, 297, 332, 284, 251, 389, 356, 454, 234, 127, 162, 21, 54, 103, 67, 109)
CHEEKS = (50, 101, 205, 187, 280, 330, 425, 411, 199, 200)

# What carries the language: errors are measured over these.
FEATURES = (
    *EYE_RING["right"],
    *EYE_RING["left"],
    *BROW["right"],
    *BROW["left"],
    *LIPS_OUTER,
    *LIPS_INNER,
)
# What steers the warp: the features, and enough of the rest to carry the skin between them.
CONTROLS = (
    *FEATURES,
    *EYE_SURROUND["right"],
    *EYE_SURROUND["left"],
    *NOSE,
    *JAW,
    *FOREHEAD,
    *CHEEKS,
)

_LID_PAIRS = {
    "right": ((160, 144), (159, 145), (158, 153)),
    "left": ((387, 373), (386, 374), (385, 380)),
}
_CORNERS = {"right": (33, 133), "left": (263, 362)}


def _distance(points: np.ndarray, a: int, b: int) -> np.ndarray:
    return np.linalg.norm(points[..., a, :] - points[..., b, :], axis=-1)


def face_scale(points: np.ndarray) -> np.ndarray:
    """Distance of the outer eye corners, in the points' unit: the ruler of the other measures.

    points: (..., 478, 2 or 3). Returns (...). In 3-D it does not shrink when the head turns.
    """
    return np.maximum(_distance(points, 33, 263), 1e-6)


def mouth_opening(points: np.ndarray) -> np.ndarray:
    """Gap between the inner lips at three places, over the eye distance: 0 closed, ~0.5 wide.

    points: (..., 478, 2 or 3) in one unit. Returns (...), dimensionless.
    """
    gap = sum(_distance(points, a, b) for a, b in ((82, 87), (13, 14), (312, 317)))
    return gap / 3 / face_scale(points)


def eye_opening(points: np.ndarray, side: str) -> np.ndarray:
    """Gap between the lids over the eye's width: 0 shut, 0.25-0.4 open (eye aspect ratio).

    points: (..., 478, 2 or 3); side: "left" or "right", the signer's own. Returns (...).
    Method: Soukupova and Cech 2016, with three pairs of lid points instead of two.
    """
    gap = sum(_distance(points, a, b) for a, b in _LID_PAIRS[side])
    return gap / 3 / np.maximum(_distance(points, *_CORNERS[side]), 1e-6)


def brow_height(points: np.ndarray, side: str) -> np.ndarray:
    """Mean distance of the brow from the line through the eye's corners, over the eye distance.

    points: (..., 478, 2 or 3); side: "left" or "right", the signer's own. Returns (...),
    dimensionless, larger when the brow is raised. The corners of the eye do not move with the
    lids, so a blink does not read as a raised brow.
    """
    corner, other = (points[..., i, :] for i in _CORNERS[side])
    along = other - corner
    along = along / np.maximum(np.linalg.norm(along, axis=-1, keepdims=True), 1e-6)
    brow = points[..., list(BROW[side]), :] - corner[..., None, :]
    across = brow - (brow * along[..., None, :]).sum(-1, keepdims=True) * along[..., None, :]
    return np.linalg.norm(across, axis=-1).mean(-1) / face_scale(points)
