"""Where garments begin and end: fields over the mean body, positive inside, in metres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .shape import Shape


@dataclass(frozen=True)
class Cut:
    """The lines of a top on the mean body.

    neck_front, neck_back: heights (metres over the neck joint) of the neckline's plane at the
    throat and at the nape; neck_side: how far it rises from that plane at the sides. vee: depth
    of a V under the front point, 0 for none; vee_width: its half width at the top. sleeve: where
    the sleeve ends: 0 the shoulder, 1 the elbow, 2 the wrist; negative for none (arm holes).
    hem: height over the pelvis joint.
    """

    neck_front: float = -0.052
    neck_back: float = -0.008
    neck_side: float = 0.03
    vee: float = 0.0
    vee_width: float = 0.055
    sleeve: float = 0.6
    hem: float = -0.08


@dataclass(frozen=True, eq=False)
class Distances:
    """How far points lie inside each line (n,), negative outside."""

    neck: np.ndarray
    sleeve: np.ndarray
    hem: np.ndarray

    @property
    def inside(self) -> np.ndarray:
        """Inside all of them."""
        return np.minimum(np.minimum(self.neck, self.sleeve), self.hem)


def distances(cut: Cut, mean: np.ndarray, shape: Shape) -> Distances:
    """The distances of mean-body points (n,3) to the lines of a cut."""
    neck = shape.joint("neck", mean=True)
    shoulder = shape.joint("left_shoulder", mean=True)
    elbow = shape.joint("left_elbow", mean=True)
    wrist = shape.joint("left_wrist", mean=True)
    front, back = neck[2] + 0.075, neck[2] - 0.05
    share = (front - mean[:, 2]) / (front - back)
    plane = neck[1] + cut.neck_front + share * (cut.neck_back - cut.neck_front)
    side = np.abs(mean[:, 0])
    plane = plane + cut.neck_side * np.clip(side / 0.06, 0, 1.2) ** 2
    tilt = np.hypot(1.0, (cut.neck_back - cut.neck_front) / (front - back))
    neckline = (plane - mean[:, 1]) / tilt
    if cut.vee > 0:
        bottom = neck[1] + cut.neck_front - cut.vee
        slope = cut.vee_width / cut.vee
        edge = (side - slope * (mean[:, 1] - bottom)) / np.hypot(1.0, slope)
        neckline = np.minimum(neckline, np.where(mean[:, 2] > neck[2] + 0.005, edge, 1.0))
    if cut.sleeve >= 0:
        end = np.interp(cut.sleeve, [0, 1, 2], [shoulder[0], elbow[0], wrist[0]])
        sleeve = end - side
    else:
        centre = shoulder[:2] + np.array([0.012, -0.012])
        hole = np.hypot((side - centre[0]) / 0.92, mean[:, 1] - centre[1]) - 0.104
        sleeve = np.where(side > centre[0], -1.0, hole)
        sleeve = np.where(mean[:, 1] < centre[1] - 0.12, shoulder[0] + 0.1 - side, sleeve)
    hem = mean[:, 1] - (shape.joint("pelvis", mean=True)[1] + cut.hem)
    return Distances(neckline, sleeve, hem)
