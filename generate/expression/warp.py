"""One painted face brought to its target: the skin by a warp, eyes and mouth from the render."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from ...render.avatar.parts import PART_INDEX
from .face_points import (
    CONTROLS,
    EYE_RING,
    EYE_SURROUND,
    FEATURES,
    LIPS_INNER,
    LIPS_OUTER,
    eye_opening,
    face_scale,
    mouth_opening,
)
from .field import MAX_SHIFT, bounded, denoised, dense_field, moved
from .glasses import put_on, taken_off
from .inside import INNER, SKIN, blended, matched
from .regions import (
    distance_to,
    eye_polygon,
    feathered,
    held_back,
    in_front,
    mouth_polygon,
    polygon,
    stiffened,
)

JITTER = 0.012  # of the detector, in eye distances
SHUT_EYE = (0.14, 0.20)  # of `eye_opening`: lids that touch still measure 0.1 on the avatar
SHUT_MOUTH = (0.03, 0.08)  # of `mouth_opening`
_SKIN_PARTS = [PART_INDEX["face"], PART_INDEX["skin"]]


@dataclass(frozen=True)
class FaceTask:
    """Everything about one frame's face, in pixels of the crop (H,W) that is worked on.

    painted, render: (H,W,3) uint8 RGB; part: (H,W) part index of the render.
    projected: (478,2) the avatar's points, exact; visible: (478,) bool.
    target: (478,2) where the detector would see those points; shift: (478,2) from where it saw
    them in the painting to the target, zeros where it found no face (`found` False).
    lids: least share, 0..1, of the render's right and left lids that is laid on.
    says: (58,) the actions and two columns of the head's turn, where they are known.
    """

    painted: np.ndarray
    render: np.ndarray
    part: np.ndarray
    projected: np.ndarray
    visible: np.ndarray
    target: np.ndarray
    shift: np.ndarray
    found: bool
    lids: tuple[float, float] = (0.0, 0.0)
    says: np.ndarray | None = None


def brought_to_target(task: FaceTask) -> np.ndarray:
    """The painted crop with the target's expression, (H,W,3) uint8.

    Pixels of hands in front of the face, with a margin around them, and of glasses are the
    painting's bit for bit, and so are those outside the face's surroundings.
    """
    scale = float(face_scale(task.projected))
    taboo = in_front(task.part, PART_INDEX, margin=max(2.0, 0.04 * scale))
    bare = taken_off(task.painted, task.part, scale)
    picture = moved(bare, _field(task, scale, taboo)) if task.found else bare
    picture = picture.copy()
    for side in ("right", "left"):
        _lay_on(picture, EYE_RING[side], partial(_with_eye, side=side), task, taboo, scale)
    _lay_on(picture, LIPS_OUTER, _with_mouth, task, taboo, scale)
    return put_on(picture, task.painted, task.part, scale)


def pushed(picture: np.ndarray, task: FaceTask, drive: np.ndarray) -> np.ndarray:
    """A crop that was brought to its target, its face points moved by `drive` (478,2) pixels more.

    Eyes, lips and what is between them move together; hands and glasses stay as they are.
    """
    if not drive.any():
        return picture
    scale = float(face_scale(task.projected))
    taboo = in_front(task.part, PART_INDEX, margin=max(2.0, 0.04 * scale))
    field = _dense(task, task.projected + drive, drive, scale, taboo)
    moved_on = moved(taken_off(picture, task.part, scale), field)
    return put_on(moved_on, task.painted, task.part, scale)


def _lay_on(
    picture: np.ndarray,
    ring: Sequence[int],
    change: Callable[[FaceTask, np.ndarray, np.ndarray, float], np.ndarray],
    task: FaceTask,
    taboo: np.ndarray,
    scale: float,
) -> None:
    """Change the picture in place around one feature, if the camera sees it."""
    points = task.projected[list(ring)]
    low = np.floor(points.min(0) - 0.4 * scale).astype(int).clip(0)
    high = np.ceil(points.max(0) + 0.4 * scale).astype(int)
    window = slice(low[1], high[1]), slice(low[0], high[0])
    if task.visible[list(ring)].mean() < 0.5 or not task.part[window].size:
        return
    picture[window] = change(_cut(task, window), picture[window], taboo[window], scale)


def _cut(task: FaceTask, window: tuple[slice, slice]) -> FaceTask:
    origin = np.array([window[1].start, window[0].start])
    return replace(
        task,
        painted=task.painted[window],
        render=task.render[window],
        part=task.part[window],
        projected=task.projected - origin,
        target=task.target - origin,
    )


def _with_eye(
    task: FaceTask, picture: np.ndarray, taboo: np.ndarray, scale: float, side: str
) -> np.ndarray:
    ring = eye_polygon(task.projected, side, task.part.shape, 0.2 * scale)
    ring &= ~eye_polygon(task.projected, side, task.part.shape, 0.06 * scale)
    ring &= np.isin(task.part, _SKIN_PARTS) & ~taboo
    clear = _clear_of(taboo, scale)
    lids = _lids_alpha(task, side, scale) * clear
    picture = blended(picture, matched(task.render, picture, ring, ring, SKIN), lids)
    ball = _eyeball_alpha(task, side, scale) * clear
    return blended(picture, matched(task.render, picture, ring, ring, INNER), ball)


def _with_mouth(task: FaceTask, picture: np.ndarray, taboo: np.ndarray, scale: float) -> np.ndarray:
    clear = _clear_of(taboo, scale)
    here, there = _lip_skin(task.projected, taboo), _lip_skin(task.target - task.shift, taboo)
    like = matched(task.render, task.painted, here, there, SKIN)
    picture = blended(picture, like, _lips_alpha(task, scale) * clear)
    ring = polygon(task.projected[list(LIPS_OUTER)], task.part.shape, 0.2 * scale)
    ring &= np.isin(task.part, _SKIN_PARTS) & ~taboo
    like = matched(task.render, picture, ring, ring, INNER)
    return blended(picture, like, _mouth_alpha(task, scale) * clear)


def _clear_of(taboo: np.ndarray, scale: float) -> np.ndarray:
    """(H,W) 0..1: 0 in the taboo region, 1 a little away from it."""
    return np.clip(distance_to(taboo) / max(1.0, 0.05 * scale), 0, 1)


def visible_share(visible: np.ndarray) -> float:
    """Share of brow, lid and lip points that the camera sees; visible (478,) bool."""
    return float(visible[list(FEATURES)].mean())


def _field(task: FaceTask, scale: float, taboo: np.ndarray) -> np.ndarray:
    shift = bounded(denoised(task.shift, JITTER * scale), MAX_SHIFT * scale)
    return _dense(task, task.target, shift, scale, taboo)


def _dense(
    task: FaceTask, points: np.ndarray, shift: np.ndarray, scale: float, taboo: np.ndarray
) -> np.ndarray:
    """The field (H,W,2) that brings face points (478,2) to where they are by `shift` (478,2)."""
    height, width = task.part.shape
    controls = np.array([i for i in dict.fromkeys(CONTROLS) if task.visible[i]])
    targets = points[controls]
    inside = ((targets > 0) & (targets < (width, height))).all(-1)
    field = dense_field(targets[inside], shift[controls][inside], (height, width))
    field = stiffened(field, task.part == PART_INDEX["hair"], 0.1 * scale)
    return held_back(field, taboo)


def _eyeball_alpha(task: FaceTask, side: str, scale: float) -> np.ndarray:
    """(H,W) 0..1: all of the render's eyeball that shows, softly ended."""
    near = eye_polygon(task.projected, side, task.part.shape, 0.08 * scale)
    return feathered((task.part == PART_INDEX["eyes"]) & near, max(1.0, 0.015 * scale))


def _lids_alpha(task: FaceTask, side: str, scale: float) -> np.ndarray:
    """(H,W) 0..1: the render's lids, where the eye must be shut and was painted open."""
    shut = _shortfall(
        float(eye_opening(task.target - task.shift, side)) if task.found else 1.0,
        float(eye_opening(task.target, side)),
        float(eye_opening(task.projected, side)),
        SHUT_EYE,
    )
    lids = polygon(task.projected[list(EYE_SURROUND[side])], task.part.shape)
    shut = max(shut, task.lids[0 if side == "right" else 1])
    return shut * feathered(lids, 0.06 * scale)


def _mouth_alpha(task: FaceTask, scale: float) -> np.ndarray:
    """(H,W) 0..1: all of the render's teeth, tongue and mouth that shows, softly ended."""
    shape = task.part.shape
    mouth = (task.part == PART_INDEX["mouth"]) & mouth_polygon(task.projected, shape, 0.1 * scale)
    return feathered(mouth, max(1.0, 0.02 * scale))


def _lips_alpha(task: FaceTask, scale: float) -> np.ndarray:
    """(H,W) 0..1: the render's lips, where the mouth must be shut and was painted open."""
    shut = _shortfall(
        float(mouth_opening(task.target - task.shift)) if task.found else 1.0,
        float(mouth_opening(task.target)),
        float(mouth_opening(task.projected)),
        SHUT_MOUTH,
    )
    lips = polygon(task.projected[list(LIPS_OUTER)], task.part.shape)
    return shut * feathered(lips, 0.05 * scale)


def _lip_skin(points: np.ndarray, taboo: np.ndarray) -> np.ndarray:
    """(H,W) bool: the red of the lips for the face points (478,2), without what hides it."""
    outer = polygon(points[list(LIPS_OUTER)], taboo.shape)
    return outer & ~polygon(points[list(LIPS_INNER)], taboo.shape, 1.0) & ~taboo


def _shortfall(painted: float, target: float, exact: float, shut: tuple[float, float]) -> float:
    """0..1: how far something that must be shut was painted open.

    painted, target: openings as the detector sees them; exact: as the avatar has it; shut: the
    exact opening up to which it counts as shut, and from which as open.
    """
    must = np.clip((shut[1] - exact) / (shut[1] - shut[0]), 0, 1)
    open_by = np.clip((painted - target - 0.03) / 0.07, 0, 1)
    return float(must * open_by)
