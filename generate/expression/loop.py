"""The closed loop: warp, read the face again with the source's solver, warp by what is missing.

The open loop brings the detected points of the painting to those of the render. But a detector
reads another face, in other light, behind glasses, otherwise than the source's: the actions that it
reads are not yet the source's. What they lack is turned into pixels by the detector's measured
response, and with it what mouth and brows lack of the source's measures (:mod:`.signals`); the face
is moved on by it (eyes and mouth with it), and read again, a few times. Where a
warp cannot shut a lid, the render's own lids are laid on. The best of the tries is kept for each
frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .actions import Heads
from .face_points import FEATURES, face_scale
from .field import bounded, steady
from .signals import signal_lack
from .warp import FaceTask

ROUNDS = 3
GAIN = 0.9
MOST = 0.1  # of the eye distance: how far the loop may drive a point beyond the render's
ENOUGH = 0.008  # of the eye distance: below it the detector's jitter rules
JITTER = 0.08  # of what is driven, in eye distances: the solver wavers more than the points
REACH = 4  # frames each way that calm what is driven
UNREACHED = 0.2  # an action that stays farther from the source's is reported
_LIDS = ("eyeBlinkRight", "eyeBlinkLeft")
_SHUT = 0.5  # of a blink
_FEATURES = list(FEATURES)

Make = Callable[[FaceTask], np.ndarray]
"""Brings a task's crop to its target: (H,W,3) uint8."""

Look = Callable[[np.ndarray, np.ndarray, np.ndarray], Iterable[np.ndarray | None]]
"""Makes faces (places in the sequence (K,), drives (K,478,2) and lids (K,2) as of `Tried`) and
finds their points: (478,2) pixels of the whole picture each, or None."""


@dataclass(frozen=True, eq=False)
class Tried:
    """The frames as they stand after some rounds.

    drive: (F,478,2) pixels that face points are moved beyond the open loop. lids: (F,2) least share
    of the render's right and left lids. actions: (F,52) what the face says; lack: (F,478,2) pixels
    that its points still lack; missing: (F,) their mean length over brows, lids and lips. NaN where
    no face was found.
    """

    drive: np.ndarray
    lids: np.ndarray
    actions: np.ndarray
    lack: np.ndarray
    missing: np.ndarray


def close_the_loop(
    tasks: Sequence[FaceTask],
    frames: np.ndarray,
    wanted: np.ndarray,
    heads: Heads,
    look: Look,
    rounds: int = ROUNDS,
    wish: np.ndarray | None = None,
) -> Tried:
    """Drive the targets of consecutive frames until their faces say what the source's says.

    Args:
        tasks: one per frame. frames: (F,) their numbers in the passes.
        wanted: (F,52) the source's actions. look: makes and reads. rounds: of correction; 0
            measures alone. wish: (F,3) of `signals.wishes`, where they are known.
    """
    count = len(tasks)
    scale = np.array([float(face_scale(task.projected)) for task in tasks])
    trial = np.zeros((count, 478, 2))
    lids = np.zeros((count, 2))
    best: Tried | None = None
    active = np.ones(count, bool)
    points = np.full((count, 478, 2), np.nan)
    for round_ in range(rounds + 1):
        places = np.flatnonzero(active)
        for n, found in zip(places, look(places, trial[places], lids[places]), strict=True):
            points[n] = np.nan if found is None else found
        best = _better(best, _read(points, trial, lids, frames, wanted, heads, wish))
        if round_ == rounds:
            break
        push = np.nan_to_num(steady(best.lack, JITTER * scale, REACH))
        trial = bounded(best.drive + GAIN * push, (MOST * scale)[:, None, None])
        lids = _lids(best, wanted, heads)
        active = (best.missing > ENOUGH * scale) | (lids != best.lids).any(1)
        active &= np.array([task.found for task in tasks])
        if not active.any():
            break
    assert best is not None
    return replace(best, drive=steady(best.drive, JITTER * scale, REACH))


def unreached(actions: np.ndarray, wanted: np.ndarray, names: Sequence[str]) -> dict[str, float]:
    """The actions that still differ by more than 0.2, and by how much (what it says less wanted).

    actions, wanted: (52,). Empty where no face was found.
    """
    if not np.isfinite(actions).all():
        return {}
    off = actions - wanted
    far = np.flatnonzero(np.abs(off) > UNREACHED)
    return {names[i]: round(float(off[i]), 2) for i in far}


def _read(
    points: np.ndarray,
    drive: np.ndarray,
    lids: np.ndarray,
    frames: np.ndarray,
    wanted: np.ndarray,
    heads: Heads,
    wish: np.ndarray | None,
) -> Tried:
    actions = heads.actions(points, frames)
    lack = heads.displacement(actions, wanted, frames)
    if wish is not None:
        lack = lack + signal_lack(heads, points + lack, wish, frames)
    missing = np.linalg.norm(lack[:, _FEATURES], axis=-1).mean(1)
    return Tried(drive.copy(), lids.copy(), actions, lack, missing)


def _better(old: Tried | None, new: Tried) -> Tried:
    """Frame by frame the try that lacks less; one without a face loses."""
    if old is None:
        return new
    wins = np.nan_to_num(new.missing, nan=np.inf) < np.nan_to_num(old.missing, nan=np.inf)
    return Tried(
        np.where(wins[:, None, None], new.drive, old.drive),
        np.where(wins[:, None], new.lids, old.lids),
        np.where(wins[:, None], new.actions, old.actions),
        np.where(wins[:, None, None], new.lack, old.lack),
        np.where(wins, new.missing, old.missing),
    )


def _lids(tried: Tried, wanted: np.ndarray, heads: Heads) -> np.ndarray:
    """(F,2) least shares of the render's lids: full where a blink is wanted and not read."""
    ids = [heads.model.column(name) for name in _LIDS]
    wish, says = wanted[:, ids], np.nan_to_num(tried.actions[:, ids], nan=1.0)
    short = np.clip((wish - says - 0.1) / 0.2, 0, 1) * (wish > _SHUT)
    return np.maximum(tried.lids, short)
