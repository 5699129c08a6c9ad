"""The fields of motion files of other tools: AMASS, SMPLify-X, SignAvatars.

Sources of the layouts: AMASS and the SMPL-X add-on (`poses` by joints, `trans`, `mocap_framerate`
or `mocap_frame_rate`); SMPLify-X's `fit_single_frame.py` (`camera_*` beside the body model's
parameters, focal length 5000); SignAvatars' `vis.py` (182 numbers a frame, the first frame's camera
for all).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...errors import UserError
from ..motion import POSE_WIDTH
from .hands import HandSpace, flat_hand
from .parameters import Parameters, View

Rate = Callable[[float | None], float]
"""The frame rate to use for what the file names."""

_RATES = ("mocap_frame_rate", "mocap_framerate", "fps", "frame_rate", "framerate")
_FOCAL = 5000.0  # SMPLify-X's, where the file does not name it
_SIGNAVATARS_WIDTH = 182
_BODY = 63
_HAND = 45
_VPOSER = 32
_SINGLES = ("jaw_pose", "leye_pose", "reye_pose")


def named_rate(fields: Mapping[str, Any]) -> float | None:
    """The frame rate that a file names, in either of AMASS's spellings."""
    for name in _RATES:
        if name in fields:
            rate = float(np.asarray(fields[name], np.float64).reshape(-1)[0])
            if np.isfinite(rate) and rate > 0:
                return rate
    return None


def is_motion(fields: Any) -> bool:
    """Whether these fields are of a motion that `read_fields` knows."""
    return isinstance(fields, Mapping) and bool(
        {"poses", "root_orient", "global_orient", "smplx"} & set(fields)
    )


def read_fields(
    frames: Sequence[Mapping[str, Any]], space: HandSpace | None, rate: Rate, name: str
) -> Parameters:
    """The parameters in one file's fields, or in the fields of one file per frame.

    Raises:
        UserError: fields are missing or of another size, or the SMPL-X model is needed.
    """
    first = frames[0]
    if "smplx" in first:
        return _signavatars(first, space, rate, name)
    if "poses" in first or "root_orient" in first:
        return _amass(first, space, rate, name)
    if "global_orient" in first:
        return _smplx_names(frames, space, rate, name)
    found = ", ".join(map(str, first)) or "nothing"
    raise UserError(
        f"{name} is no motion that is known here, it holds {found}: give parameters of AMASS, "
        "SMPL-X, SMPLify-X or SignAvatars."
    )


def _amass(fields: Mapping[str, Any], space: HandSpace | None, rate: Rate, name: str) -> Parameters:
    if "poses" in fields:
        poses = _rows(fields, "poses", None, name)
    else:
        keys = ("root_orient", "pose_body", "pose_jaw", "pose_eye", "pose_hand")
        poses = np.concatenate([_rows(fields, k, None, name) for k in keys if k in fields], axis=1)
    frames, width = poses.shape
    full = np.zeros((frames, POSE_WIDTH), np.float32)
    fingers = True
    if width == POSE_WIDTH:
        full[:] = poses
    elif width == 156:  # SMPL-H: no face
        full[:, :66], full[:, 75:] = poses[:, :66], poses[:, 66:]
    elif width in (66, 72):  # SMPL: no face, no fingers
        full[:, :66] = poses[:, :66]
        fingers = False
    else:
        raise UserError(
            f"{name} has poses of {width} numbers, where SMPL-X has 165, SMPL-H 156 and SMPL 72"
            + (
                "; hands as a code of principal components cannot stand within poses: write them "
                "as left_hand_pose and right_hand_pose."
                if 72 < width < 156
                else "."
            )
        )
    flat = bool(np.asarray(fields.get("flat_hand_mean", True)).reshape(-1)[0])
    for side, start in (("left", 75), ("right", 120)):
        hand = full[:, start : start + _HAND]
        full[:, start : start + _HAND] = flat_hand(hand, side, flat or not fingers, space, name)
    lost = {} if fingers else {f"{s}_hand": np.zeros(frames, np.float32) for s in ("left", "right")}
    return Parameters(
        poses=full,
        transl=_rows(fields, "trans", 3, name, frames),
        betas=_betas(fields),
        expression=_expression(fields, frames),
        fps=rate(named_rate(fields)),
        kind="amass",
        gender=_gender(fields),
        confidence=lost,
    )


def _smplx_names(
    frames: Sequence[Mapping[str, Any]], space: HandSpace | None, rate: Rate, name: str
) -> Parameters:
    """Fields under the names of the package smplx, as SMPLify-X and others write them."""
    fields = _stacked(frames, name)
    orient = _rows(fields, "global_orient", 3, name)
    count = len(orient)
    body = _rows(fields, "body_pose", None, name, count)
    if body.shape[1] == _VPOSER:
        raise UserError(
            f"{name} holds the body as a VPoser code of {_VPOSER} numbers: decode it with the "
            "VPoser that made it and save body_pose with 63 numbers a frame."
        )
    if body.shape[1] not in (_BODY, 69):  # 69 is SMPL's, with its two stiff hands
        raise UserError(f"{name} has a body_pose of {body.shape[1]} numbers, where SMPL-X has 63.")
    flat = bool(np.asarray(fields.get("flat_hand_mean", False)).reshape(-1)[0])
    poses = np.zeros((count, POSE_WIDTH), np.float32)
    poses[:, :3], poses[:, 3:66] = orient, body[:, :_BODY]
    confidence = {}
    for place, key in enumerate(_SINGLES):
        if key in fields:
            poses[:, 66 + 3 * place : 69 + 3 * place] = _rows(fields, key, 3, name, count)
    for side, start in (("left", 75), ("right", 120)):
        key = f"{side}_hand_pose"
        if key in fields:
            pose = _rows(fields, key, None, name, count)
            poses[:, start : start + _HAND] = flat_hand(pose, side, flat, space, name)
        else:
            confidence[f"{side}_hand"] = np.zeros(count, np.float32)
    transl = np.zeros((count, 3), np.float32)
    for key in ("transl", "trans"):
        if key in fields:
            transl = _rows(fields, key, 3, name, count)
            break
    return Parameters(
        poses=poses,
        transl=transl,
        betas=_betas(fields),
        expression=_expression(fields, count),
        fps=rate(named_rate(fields)),
        kind="smplify-x" if "camera_translation" in fields else "smplx",
        gender=_gender(fields),
        view=_smplify_view(fields, count, name),
        confidence=confidence,
    )


def _smplify_view(fields: Mapping[str, Any], count: int, name: str) -> View | None:
    if "camera_translation" not in fields:
        return None
    turn = np.eye(3)
    if "camera_rotation" in fields:
        turn = np.asarray(fields["camera_rotation"], np.float64).reshape(-1, 3, 3)[0]
    focal = float(np.median(np.asarray(fields.get("focal_length", _FOCAL), np.float64)))
    size = centre = None
    if "W" in fields and "H" in fields:
        size = int(np.max(fields["W"])), int(np.max(fields["H"]))
    if size and "camera_center" in fields:
        x, y = np.asarray(fields["camera_center"], np.float64).reshape(-1, 2)[0]
        centre = float(x), float(y)
    return View(turn, _rows(fields, "camera_translation", 3, name, count), focal, centre, size)


def _signavatars(
    fields: Mapping[str, Any], space: HandSpace | None, rate: Rate, name: str
) -> Parameters:
    rows = _rows(fields, "smplx", _SIGNAVATARS_WIDTH, name)
    count = len(rows)
    poses = np.zeros((count, POSE_WIDTH), np.float32)
    poses[:, :66] = rows[:, :66]
    poses[:, 66:69] = rows[:, 156:159]
    for side, start, column in (("left", 75, 66), ("right", 120, 111)):
        hand = rows[:, column : column + _HAND]
        poses[:, start : start + _HAND] = flat_hand(hand, side, False, space, name)
    view = None
    if {"focal", "princpt", "width", "height"} <= set(fields):
        focal, centre = (
            np.asarray(fields[key], np.float64).reshape(-1, 2)[0] for key in ("focal", "princpt")
        )
        size = tuple(int(np.asarray(fields[key]).reshape(-1)[0]) for key in ("width", "height"))
        view = View(
            np.eye(3),
            rows[0, 179:182],
            float(focal.mean()),
            tuple(centre.tolist()),
            size,  # type: ignore[arg-type]
        )
    confidence = {}
    for side in ("left", "right"):
        valid = np.asarray(fields.get(f"{side}_valid", ()), np.float32).reshape(-1)
        if len(valid) == count:
            confidence[f"{side}_hand"] = np.clip(valid, 0, 1)
    return Parameters(
        poses=poses,
        transl=np.zeros((count, 3), np.float32),
        betas=rows[:, 159:169].mean(axis=0),
        expression=rows[:, 169:179],
        fps=rate(named_rate(fields)),
        kind="signavatars",
        view=view,
        confidence=confidence,
    )


def _rows(
    fields: Mapping[str, Any], key: str, width: int | None, name: str, count: int | None = None
) -> np.ndarray:
    """(T, width) float32 of a field; one row stands for all frames."""
    if key not in fields:
        raise UserError(f"{name} lacks {key}: it is no whole motion.")
    try:
        values = np.asarray(fields[key], np.float32)
    except (ValueError, TypeError):
        raise UserError(f"{name} has a {key} that is no array of numbers.") from None
    if not values.size:
        raise UserError(f"{name} has a {key} without frames.")
    if values.ndim < 2 or (width and values.size == width):
        values = values.reshape(1, -1)
    values = values.reshape(len(values), -1)
    if count is not None and len(values) == 1:
        values = np.repeat(values, count, axis=0)
    wrong = width is not None and values.shape[1] != width
    if wrong or (count is not None and len(values) != count) or not len(values):
        expected = f"({count or 'T'}, {width or 'N'})"
        raise UserError(
            f"{name} has a {key} of shape {values.shape}, where {expected} is expected."
        )
    if not np.isfinite(values).all():
        raise UserError(f"{name} has a {key} with values that are no numbers (NaN or infinite).")
    return values


def _stacked(frames: Sequence[Mapping[str, Any]], name: str) -> dict[str, Any]:
    """The fields of frames one after the other, one row each."""
    if len(frames) == 1:
        return dict(frames[0])
    keys = [key for key in frames[0] if all(key in frame for frame in frames)]
    stacked: dict[str, Any] = {}
    for key in keys:
        try:
            values = [np.asarray(frame[key], np.float64).reshape(1, -1) for frame in frames]
            stacked[key] = np.concatenate(values)
        except (ValueError, TypeError):
            continue  # words, or of another size in each frame: no parameter
    return stacked


def _betas(fields: Mapping[str, Any]) -> np.ndarray:
    betas = np.asarray(fields.get("betas", np.zeros(10)), np.float32)
    return betas.reshape(-1, betas.shape[-1]).mean(axis=0) if betas.ndim > 1 else betas


def _expression(fields: Mapping[str, Any], count: int) -> np.ndarray:
    for key in ("expression", "expressions"):
        if key in fields:
            values = np.asarray(fields[key], np.float32)
            if values.size and values.size % count == 0:
                return values.reshape(count, -1)
    return np.zeros((count, 10), np.float32)


def _gender(fields: Mapping[str, Any]) -> str:
    value = np.asarray(fields.get("gender", "neutral")).reshape(-1)
    word = (
        value[0].decode("latin1") if len(value) and isinstance(value[0], bytes) else str(value[0])
    )
    return word if word in ("neutral", "female", "male") else "neutral"
