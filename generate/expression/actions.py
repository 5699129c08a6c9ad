"""What a generated face says, in facial actions, by the solver that read the source's face.

The performed head's turn and place are known exactly (the passes hold the face's points in metres),
so a frame is the solver's small problem alone: no body is fitted, and no error of one enters.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...retarget.body.load import load_body
from ...retarget.fit.face import price_of
from ...retarget.fit.face_model import FaceModel, face_model, rigid_ids
from ...retarget.fit.face_response import detector_response
from ...retarget.fit.face_solve import FaceView, pulls, solve_actions
from ...retarget.motion import Camera, Motion

_ROUNDS = 3
_FIRM = 2.0
"""Frames in which an action is fully shown that weigh as much as its answer measured elsewhere."""
_KNOWN = 30.0  # the performed head's turn and place are known, but for the detector's own errors
_PRICES = (0.01, 0.014, 0.02, 0.03, 0.04, 0.06)


@dataclass(frozen=True, eq=False)
class Heads:
    """The performed heads of T frames, and the face on them as the detector sees it.

    turn (T,3,3), place (T,3): rest to camera, metres. camera: of the pictures that are measured.
    model: the signer's face; price: what an action costs the solver.
    """

    turn: np.ndarray
    place: np.ndarray
    camera: Camera
    model: FaceModel
    price: float

    def view(self, pixels: np.ndarray, frames: np.ndarray) -> FaceView:
        """The solver's view of points (F,478,2) found in the frames of the given numbers (F,)."""
        seen = np.ones(pixels.shape[:2])
        return FaceView(pixels, None, seen, self.turn[frames], self.place[frames], self.camera)

    def actions(self, pixels: np.ndarray, frames: np.ndarray) -> np.ndarray:
        """Facial actions (F,52) in [0,1] of detected points; NaN rows where points are NaN."""
        found = np.isfinite(pixels).all((1, 2))
        result = np.full((len(pixels), len(self.model.names)), np.nan)
        if found.any():
            view = self.view(pixels[found], frames[found])
            result[found] = solve_actions(self.model, view, self.price, known=_KNOWN)[0]
        return result

    def displacement(self, says: np.ndarray, wanted: np.ndarray, frames: np.ndarray) -> np.ndarray:
        """Pixels (F,478,2) that the detected points move when actions go from `says` to `wanted`.

        Both (F,52); NaN where `says` is. By the detector's measured response, so that a full blink
        moves the points as far as the detector would move them.
        """
        none = np.zeros((len(frames), len(self.model.rest), 2))
        view = self.view(none, frames)
        moved = view.project(self.model, wanted) - view.project(self.model, np.nan_to_num(says))
        moved[np.isnan(says).any(1)] = np.nan
        return moved


def heads_of(
    performance: Motion, places: np.ndarray, camera: Camera, detected: np.ndarray
) -> Heads | None:
    """The heads of a pass set, and the solver calibrated on them; None where no face was detected.

    What the render performs is known, so that what the detector makes of it calibrates the reading
    of the painting: the resting face is what is left of the points without the performance, the
    detector's answers to the actions are corrected from those measured on another face (without
    these glasses, in another light), and the price of an action is that at which the render reads
    nearest to what it performs. The solver that read the source has to guess all three.

    Args:
        performance: what the avatar performs, frame for frame with the passes.
        places: (T,478,3) the avatar's face points in the camera's frame, metres (`face478_xyz`).
        camera: of the pictures. detected: (T,478,2) points in the rendered pictures, NaN where none
            were found.
    """
    body = load_body(performance.body)
    response = detector_response(body)
    actions = performance.facial_actions.astype(float)
    own = face_model(body, performance.betas)
    turn, place = rigid_motion(own.shown(actions), places)
    found = np.flatnonzero(np.isfinite(detected).all((1, 2)))
    if not len(found):
        return None
    model = own if response is None else face_model(body, performance.betas, response)
    heads = Heads(turn, place, camera, model, 0.0)
    for _ in range(_ROUNDS):
        fitted = _answering(heads, model.moves, detected[found], found, actions[found])
        heads = replace(heads, model=fitted)
    force, _ = pulls(heads.model, heads.view(detected[found], found), actions[found])
    tried = [replace(heads, price=price) for price in (*_PRICES, price_of(force))]
    offs = [np.abs(one.actions(detected[found], found) - actions[found]).mean() for one in tried]
    return tried[int(np.argmin(offs))]


def _answering(
    heads: Heads, usual: np.ndarray, pixels: np.ndarray, frames: np.ndarray, actions: np.ndarray
) -> FaceModel:
    """The model with the rest and the moves that the points (F,478,2) show for known actions
    (F,52): least squares, the moves held to the usual ones (478,3,52) (ridge regression).

    Across the face alone: one clip's head turns too little to tell depth from pixels.
    """
    force, metric = pulls(heads.model, heads.view(pixels, frames), actions)
    off = np.linalg.solve(metric[:, None, :2, :2], force[..., :2, None])[..., 0]
    known = np.column_stack([actions, np.ones(len(actions))])
    firm = np.diag([*np.full(actions.shape[1], _FIRM), 1e-6])
    rest, moves = heads.model.rest.copy(), heads.model.moves.copy()
    back = np.moveaxis((usual - moves)[:, :2], -1, 0).reshape(actions.shape[1], -1)
    right = known.T @ off.reshape(len(off), -1) + firm @ np.vstack([back, 0 * back[:1]])
    fitted = np.linalg.solve(known.T @ known + firm, right).reshape(-1, *off.shape[1:])
    moves[:, :2] += np.moveaxis(fitted[:-1], 0, -1)
    rest[:, :2] += fitted[-1]
    return replace(heads.model, rest=rest, moves=moves)


def rigid_motion(local: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn (T,3,3) and place (T,3) that best bring points (T,478,3) to their places (T,478,3).

    Over the points that expressions hardly move. Method: Kabsch 1976.
    """
    stiff = rigid_ids()
    source, target = local[:, stiff], np.asarray(places, float)[:, stiff]
    here, there = source.mean(1, keepdims=True), target.mean(1, keepdims=True)
    u, _, vt = np.linalg.svd(np.swapaxes(source - here, 1, 2) @ (target - there))
    sign = np.ones((len(u), 1, 3))
    sign[:, 0, 2] = np.linalg.det(u @ vt)
    turn = np.swapaxes((u * sign) @ vt, 1, 2)
    return turn, (there - here @ np.swapaxes(turn, 1, 2))[:, 0]
