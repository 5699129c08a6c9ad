"""Whether the generated face is nearer to the source's than other people's faces are.

The output and a crowd of other generated signers are ranked by their likeness to the source, by two
measures: the features of this project's image encoder, and the proportions of the face from the
detector's points in 3-D. The figure is the share of the crowd that is more like the source than the
output is: 0.5 is chance, near 0 the output gives the source away, 1 nobody is less like them.

What it can tell: whether looks or proportions leaked from source to output beyond what any
synthetic face shares with the source. What it cannot: that nobody could recognise the person. It is
no face recogniser, the crowd is small and synthetic, and motion itself identifies people.
"""

from pathlib import Path

import numpy as np
from PIL import Image
from scipy.spatial.distance import cdist

from ..expression.detector import Detector, mediapipe_detector
from .case import Case
from .encoders import face_encoder, unit
from .metric import Measured, Metric, Value
from .unavailable import Unavailable

CROWD_FILE = Path(__file__).parents[2] / "assets" / "crowd.jpg"
"""Faces of other signers, random ones that this project rendered, in tiles of 128 pixels."""

_TILE = 128
_FRAMES = 24
_STABLE = (33, 133, 362, 263, 168, 6, 4, 48, 278, 127, 356, 10, 152, 172, 397, 61, 291)
"""Eye corners, nose, sides of the face, hairline, chin, jaw, mouth corners of Face Mesh."""


def crowd_faces() -> np.ndarray:
    """(N, 128, 128, 3) uint8 RGB."""
    with Image.open(CROWD_FILE) as picture:
        sheet = np.asarray(picture.convert("RGB"))
    rows, columns = sheet.shape[0] // _TILE, sheet.shape[1] // _TILE
    tiles = sheet.reshape(rows, _TILE, columns, _TILE, 3)
    return tiles.swapaxes(1, 2).reshape(-1, _TILE, _TILE, 3)


def proportions(points: np.ndarray) -> np.ndarray:
    """Logarithms of the distances between 17 stable points, less their mean: (136,).

    points: (478, 2 or 3) in any unit. Size, place and turn of the face drop out in 3-D.
    """
    places = np.asarray(points, float)[list(_STABLE)]
    first, second = np.triu_indices(len(_STABLE), 1)
    lengths = np.log(np.maximum(np.linalg.norm(places[first] - places[second], axis=-1), 1e-6))
    return lengths - lengths.mean()


def less_alike_than(likeness: float, crowd: np.ndarray) -> float:
    """Share of the crowd (N,) whose likeness exceeds `likeness`; ties count half. 0..1."""
    return float(((crowd > likeness) + 0.5 * (crowd == likeness)).mean())


def _measure(case: Case) -> Measured:
    source = _chosen(case.source_sweep.require_faces())
    output = _chosen(case.output_sweep.require_faces())
    crowd = crowd_faces()
    encode = face_encoder()
    centre = encode(crowd).mean(0)
    # Cosines of single pictures, averaged: a mean face would be nearer to everybody than a picture.
    wanted, own = (unit(encode(faces) - centre).mean(0) for faces in (source, output))
    others = unit(encode(crowd) - centre) @ wanted
    figures = {
        "looks": less_alike_than(float(own @ wanted), others),
        "looks_likeness": float(own @ wanted),
        "looks_of_others": float(others.mean()),
    }
    with mediapipe_detector() as detect:
        mine, theirs, people = (_shapes(faces, detect) for faces in (source, output, crowd))
    if len(mine) and len(theirs):
        distances = cdist(mine, people).mean(0)
        own_distance = float(cdist(mine, theirs).mean())
        figures["proportions"] = less_alike_than(-own_distance, -distances)
        figures["proportions_distance"] = own_distance
        figures["proportions_of_others"] = float(distances.mean())
    return Measured(figures)


def _chosen(faces: dict[int, np.ndarray]) -> np.ndarray:
    found = list(faces.values())
    rows = np.linspace(0, len(found) - 1, min(len(found), _FRAMES)).round().astype(int)
    return np.stack([found[row] for row in rows])


def _shapes(faces: np.ndarray, detect: Detector) -> np.ndarray:
    """Proportions (N, 136) of the pictures in which a face is found."""
    found = [points for face in faces if (points := detect(face)) is not None]
    return np.array([proportions(points) for points in found])


def _measure_or_say(case: Case) -> Measured:
    if not CROWD_FILE.is_file():
        raise Unavailable("the crowd of other faces is missing from the installation")
    return _measure(case)


METRIC = Metric(
    name="reidentification",
    title="Other people are more like the source than the output is",
    unit="share of the crowd",
    low=0,
    high=1,
    better="higher",
    source="this project; ranking as in face re-identification",
    needs="faces in the source's pictures and in the generated video",
    values=(
        Value("looks", "More like the source than the output, by looks"),
        Value("proportions", "More like the source than the output, by proportions"),
    ),
    measure=_measure_or_say,
    caveat=(
        "0.5 is chance; near 0 the source shines through. No face recogniser, a small synthetic "
        "crowd, and motion identifies people too: no proof of anonymity."
    ),
)
