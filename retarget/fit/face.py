"""The 52 facial actions of a clip, and the head put right, from the face's points.

The points of the face move linearly with the actions in the head's frame. One signer's face is the
body's plus an offset for the clip (:mod:`.face_neutral`); given it, every frame is a small bounded
least-squares problem in the actions and a free turn and shift of the head (:mod:`.face_solve`).
How the detector's points answer each action is measured (:mod:`.face_response`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..body.model import Body
from ..body.skeleton import INDEX
from ..keypoints.record import Keypoints
from ..motion import Camera
from .face_model import FaceModel, face_model
from .face_neutral import signer_face
from .face_response import detector_response
from .face_solve import FaceView, pulls, solve_actions
from .gaze import steady_gaze

_PRICE, _PRICE_PER_MM = 0.05, 0.015
"""Price of an action, and what each millimetre of the points' noise adds to it."""

_CHUNK = 128
_EXACT = 0.995
"""Points are taken for the mesh's own, no detector's, where that leaves less than this share of
the detector's error."""


@dataclass(frozen=True)
class FaceFit:
    """What the face says in T frames.

    Attributes:
        actions: (T, A) in [0, 1]; 0 where no face is seen.
        turn, place: (T, 3, 3) and (T, 3): the head's rotation and the head joint's place in the
            camera's frame as the face alone shows them; the body's own where no face is seen. The
            place's depth follows from the size of the face and is the body's scale, not a measure.
        rest: (478, 3) metres, this signer's resting face in the head's frame.
        pixels: (T, 478, 2) where the fitted points fall; NaN without a face.
    """

    actions: np.ndarray
    turn: np.ndarray
    place: np.ndarray
    rest: np.ndarray
    pixels: np.ndarray


def solve_face(
    body: Body,
    betas: np.ndarray,
    rotations: np.ndarray,
    positions: np.ndarray,
    camera: Camera,
    keypoints: Keypoints,
) -> np.ndarray:
    """Facial actions (T, 52) in [0, 1]; 0 in frames without a face.

    Args:
        betas: (B,). rotations: (T, 55, 3, 3) global and positions: (T, 55, 3) of the posed joints.
    """
    return fit_face(body, betas, rotations, positions, camera, keypoints).actions


def fit_face(
    body: Body,
    betas: np.ndarray,
    rotations: np.ndarray,
    positions: np.ndarray,
    camera: Camera,
    keypoints: Keypoints,
) -> FaceFit:
    """The face of a clip; arguments as in :func:`solve_face`."""
    present = keypoints.seen("face")
    head = INDEX["head"]
    turn, place = rotations[:, head].astype(float), positions[:, head].astype(float)
    actions = np.zeros((len(present), len(body.action_names)), np.float32)
    pixels = np.full((*keypoints.face.shape[:2], 2), np.nan, np.float32)
    own = face_model(body, betas)
    if not present.any():
        return FaceFit(actions, turn, place, own.rest, pixels)
    points = keypoints.face[present].astype(float)
    depth = points[..., 2]
    view = FaceView(
        points[..., :2],
        depth if np.ptp(depth) > 1e-6 else None,
        points[..., 3],
        turn[present],
        place[present],
        camera,
    )
    model, price = _signer(body, betas, own, view, keypoints.fps)
    found, turns, places, falls = [], [], [], []
    for start in range(0, len(points), _CHUNK):
        part = view.part(slice(start, start + _CHUNK))
        solved, part, _ = solve_actions(model, part, price)
        found.append(solved)
        turns.append(part.turn)
        places.append(part.place)
        falls.append(part.project(model, solved))
    turn[present], place[present] = np.concatenate(turns), np.concatenate(places)
    pixels[present] = np.concatenate(falls)
    actions[present] = steady_gaze(np.concatenate(found), body.action_names)
    return FaceFit(actions, turn, place, model.rest, pixels)


def price_of(force: np.ndarray) -> float:
    """The price of actions where the points of a fitted face still pull by (T, N, 3) metres."""
    size = np.linalg.norm(force, axis=-1) * 1000
    return _PRICE + _PRICE_PER_MM * float(np.median(size))


def _signer(
    body: Body, betas: np.ndarray, own: FaceModel, view: FaceView, fps: float
) -> tuple[FaceModel, float]:
    """The signer's face, and the price of actions for how noisy the points are."""
    response = detector_response(body)
    models = [own] if response is None else [face_model(body, betas, response), own]
    tried = []
    for model in models:
        signer, sample, shares = signer_face(model, view, _PRICE + _PRICE_PER_MM, fps, rounds=2)
        force, _ = pulls(signer, sample, signer.words.spell(shares))
        size = np.linalg.norm(force, axis=-1) * 1000
        tried.append((float((size**2).mean()), price_of(force), model))
    best = tried[0] if tried[0][0] * _EXACT <= tried[-1][0] else tried[-1]
    return signer_face(best[2], view, best[1], fps)[0], best[1]
