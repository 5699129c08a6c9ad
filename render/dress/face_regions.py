"""Places on MediaPipe's face mesh (478 points) and the pixels that they cover."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .person import Person, grown, hull_mask, polygon_mask

OVAL = [
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
]
LIPS_OUTER = [
    *(61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185),
]
LIPS_INNER = [
    *(78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191),
]
# The signer's right (at the image's left), then left.
EYES = (
    [33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246],
    [263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466],
)
IRISES = ((468, (469, 470, 471, 472)), (473, (474, 475, 476, 477)))
BROWS = (
    [70, 63, 105, 66, 107, 55, 65, 52, 53, 46],
    [300, 293, 334, 296, 336, 285, 295, 282, 283, 276],
)
CHEEKS = (
    [117, 118, 101, 36, 205, 187, 123, 50],
    [346, 347, 330, 266, 425, 411, 352, 280],
)
FOREHEAD = [151, 108, 69, 104, 337, 299, 333, 9]
NOSE = [6, 122, 198, 4, 420, 351]
MOUSTACHE = [97, 2, 326, 391, 393, 164, 167, 165, 37, 0, 267]
CHIN = [200, 201, 208, 171, 175, 396, 428, 421]
JAWS = (
    [138, 135, 169, 170, 140, 211, 210, 214, 192],
    [367, 364, 394, 395, 369, 431, 430, 434, 416],
)
TOP, CHIN_TIP, RIGHT_SIDE, LEFT_SIDE = 10, 152, 234, 454


@dataclass(frozen=True)
class FaceRegions:
    """Masks (H, W) bool of a face's parts, its frame, and its size.

    Attributes:
        oval, lips, brows: masks.
        irises: one ring mask per eye, of the coloured part, and its radius in pixels.
        skin: cheeks, nose and forehead, where skin is least likely to be hidden.
        moustache, chin, jaws: where a beard grows.
        centre: (2,) middle of the face; up: (2,) unit vector from chin to forehead.
        width, height: pixels, between the sides and from chin to the top of the mesh.
    """

    oval: np.ndarray
    lips: np.ndarray
    brows: np.ndarray
    irises: tuple[tuple[np.ndarray, float], ...]
    skin: np.ndarray
    moustache: np.ndarray
    chin: np.ndarray
    jaws: tuple[np.ndarray, np.ndarray]
    centre: np.ndarray
    up: np.ndarray
    width: float
    height: float


def face_regions(person: Person) -> FaceRegions | None:
    """The parts of a person's face; None where no face was found or it is under 12 pixels."""
    face = person.face
    if face is None:
        return None
    upright = face[TOP] - face[CHIN_TIP]
    height = float(np.linalg.norm(upright))
    width = float(np.linalg.norm(face[LEFT_SIDE] - face[RIGHT_SIDE]))
    if min(width, height) < 12:
        return None
    shape = person.image.shape

    def hull(points: list[int]) -> np.ndarray:
        return hull_mask(shape, face[points])

    lips = polygon_mask(shape, face[LIPS_OUTER])
    mouth = polygon_mask(shape, face[LIPS_INNER])
    eyes = [polygon_mask(shape, face[ring]) for ring in EYES]
    discs = [_disc(shape, face[centre], face[list(rim)]) for centre, rim in IRISES]
    irises = []
    for eye, (distance, radius) in zip(eyes, discs, strict=True):
        irises.append((eye & (distance > 0.45 * radius) & (distance < 0.9 * radius), radius))
    skin = hull(CHEEKS[0]) | hull(CHEEKS[1]) | hull(FOREHEAD) | hull(NOSE)
    return FaceRegions(
        oval=polygon_mask(shape, face[OVAL]),
        lips=lips & ~grown(mouth, 1),
        brows=hull(BROWS[0]) | hull(BROWS[1]),
        irises=tuple(irises),
        skin=skin & ~grown(hull(BROWS[0]) | hull(BROWS[1]) | eyes[0] | eyes[1], 1),
        moustache=hull(MOUSTACHE) & ~grown(lips, 1),
        chin=hull(CHIN),
        jaws=(hull(JAWS[0]), hull(JAWS[1])),
        centre=(face[TOP] + face[CHIN_TIP]) / 2,
        up=upright / height,
        width=width,
        height=height,
    )


def _disc(shape: tuple[int, ...], centre: np.ndarray, rim: np.ndarray) -> tuple[np.ndarray, float]:
    """(H, W) distance from an iris's centre, and its radius."""
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    radius = float(np.linalg.norm(rim - centre, axis=1).mean())
    return np.hypot(x - centre[0], y - centre[1]), radius
