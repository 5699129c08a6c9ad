"""The face of any character: shape keys by name, expression bases by least squares, jaw and eyes.

Pure functions from a motion's 52 facial actions (ARKit's) to what a rig has.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from ..motion import Motion

# Rotations that the open body's jaw and eyes make at weight 1, in degrees.
JAW_OPEN, JAW_ASIDE = 16.0, 4.0
LOOK_UP, LOOK_DOWN, LOOK_IN, LOOK_OUT = 9.7, 14.9, 19.3, 19.3

_BROWS_UP = {"browInnerUp": 0.5, "browOuterUpLeft": 0.25, "browOuterUpRight": 0.25}


def _both(action: str, weight: float = 1.0) -> dict[str, float]:
    return {f"{action}Left": weight / 2, f"{action}Right": weight / 2}


# What the keys of VRM 0, VRM 1 and VRoid show, in ARKit's actions: no more than is alike.
PRESETS: dict[str, dict[str, float]] = {
    "blink": _both("eyeBlink"),
    "blinkleft": {"eyeBlinkLeft": 1.0},
    "blinkright": {"eyeBlinkRight": 1.0},
    "aa": {"jawOpen": 1.0},
    "ih": _both("mouthStretch"),
    "ou": {"mouthPucker": 1.0},
    "ee": _both("mouthStretch", 0.5) | _both("mouthSmile", 0.25),
    "oh": {"mouthFunnel": 1.0},
    "happy": _both("mouthSmile"),
    "angry": _both("browDown"),
    "sad": _both("mouthFrown"),
    "surprised": _BROWS_UP,
    "lookup": _both("eyeLookUp"),
    "lookdown": _both("eyeLookDown"),
    "lookleft": {"eyeLookOutLeft": 0.5, "eyeLookInRight": 0.5},
    "lookright": {"eyeLookInLeft": 0.5, "eyeLookOutRight": 0.5},
    "fcleyeclose": _both("eyeBlink"),
    "fcleyeclosel": {"eyeBlinkLeft": 1.0},
    "fcleyecloser": {"eyeBlinkRight": 1.0},
    "fcleyespread": _both("eyeWide"),
    "fclbrwsurprised": _BROWS_UP,
    "fclbrwangry": _both("browDown"),
    "fclmtha": {"jawOpen": 1.0},
    "fclmthi": _both("mouthStretch"),
    "fclmthu": {"mouthPucker": 1.0},
    "fclmtho": {"mouthFunnel": 1.0},
    "fclmthfun": _both("mouthSmile"),
    "fclmthsorrow": _both("mouthFrown"),
}
_ALIASES = {
    "a": "aa", "i": "ih", "u": "ou", "e": "ee", "o": "oh",
    "blinkl": "blinkleft", "blinkr": "blinkright", "joy": "happy", "sorrow": "sad",
}  # fmt: skip


def shape_keys(motion: Motion, keys: Iterable[str]) -> dict[str, np.ndarray]:
    """Weights (T,) in [0, 1] for those of a mesh's shape keys that a facial action has a name for.

    Known: ARKit's names in any spelling (``browInnerUp``, ``BrowInnerUp``, ``brow_inner_up``,
    ``eyeBlink_L``, ``Head.eyeBlinkLeft``), one key for both sides (``mouthSmile``: their mean) and
    two for one (``browInnerUpLeft``); where a mesh has no ARKit key at all, the presets of VRM 0
    and 1 and VRoid's ``Fcl_`` keys, which show less.
    """
    weights = dict(zip(motion.facial_action_names, motion.facial_actions.T, strict=True))
    keys = list(keys)
    recipes = {key: recipe for key in keys if (recipe := _recipe(key, weights))}
    if not recipes:
        plain = {key: _plain(key) for key in keys}
        have = set(plain.values())
        for key, name in plain.items():
            name = _ALIASES.get(name, _after_fcl(name))
            # A key for both eyes is left alone where each eye has its own.
            if name in PRESETS and not {f"{name}l", f"{name}left"} & have:
                recipes[key] = PRESETS[name]
    return {
        key: np.clip(sum(share * weights[action] for action, share in recipe.items()), 0, 1)
        for key, recipe in recipes.items()
    }


def expression_weights(
    actions: np.ndarray, action_basis: np.ndarray, key_basis: np.ndarray, smooth: float = 1e-3
) -> np.ndarray:
    """Coefficients (T, E) whose shapes come nearest to those of the actions, in least squares.

    Args:
        actions: (T, 52). action_basis: (V, 3, 52) offsets of the actions, key_basis: (V, 3, E)
            offsets of the keys, on the same vertices (for SMPL-X: its expression directions).
        smooth: ridge, in parts of the basis' own energy, against coefficients that blow up.
    """
    basis = np.asarray(key_basis, float).reshape(-1, key_basis.shape[-1])
    goal = np.asarray(action_basis, float).reshape(-1, action_basis.shape[-1])
    gram = basis.T @ basis
    ridge = smooth * np.trace(gram) / len(gram) * np.eye(len(gram))
    return np.asarray(actions, float) @ np.linalg.solve(gram + ridge, basis.T @ goal).T


def expression_keys(motion: Motion, keys: Iterable[str]) -> dict[str, np.ndarray]:
    """Weights (T,) for SMPL-X's expression keys ``Exp000`` ... of Meshcapade's add-on.

    For motions of the body 'smplx', whose expression they are; else use
    :func:`expression_weights` with the key's offsets.
    """
    if motion.body != "smplx":
        return {}
    found = {}
    for key in keys:
        match = re.fullmatch(r"exp(\d+)", _plain(key))
        if match and int(match[1]) < motion.expression.shape[1]:
            found[key] = motion.expression[:, int(match[1])]
    return found


def with_face_bones(motion: Motion, keys: Iterable[str] = ()) -> Motion:
    """The motion with jaw and eyes turned as its actions say, for rigs with bones for them.

    What the mesh has shape keys for (``jawOpen``, ``eyeLook...``) is left to them, so that nothing
    moves twice. Poses that are already there are added to.
    """
    weights = dict(zip(motion.facial_action_names, motion.facial_actions.T, strict=True))
    has = {action for key in keys for action in _recipe(key, weights)}
    poses = motion.poses.copy()
    if "jawOpen" not in has:
        poses[:, 66:69] += jaw_rotation(weights)
    for start, side in ((69, "Left"), (72, "Right")):
        if f"eyeLookUp{side}" not in has:
            poses[:, start : start + 3] += eye_rotation(weights, side)
    return replace(motion, poses=poses.astype(motion.poses.dtype))


def jaw_rotation(weights: Mapping[str, np.ndarray]) -> np.ndarray:
    """Axis-angle (T, 3) of the jaw in the head's frame (x left, y up, z forward), radians."""
    aside = weights["jawLeft"] - weights["jawRight"]
    opening = JAW_OPEN * (weights["jawOpen"] - 0.5 * weights["mouthClose"]).clip(0)
    return np.deg2rad(np.stack([opening, JAW_ASIDE * aside, np.zeros_like(aside)], axis=-1))


def eye_rotation(weights: Mapping[str, np.ndarray], side: str) -> np.ndarray:
    """Axis-angle (T, 3) of the 'Left' or 'Right' eye in the head's frame, radians."""
    up = LOOK_UP * weights[f"eyeLookUp{side}"] - LOOK_DOWN * weights[f"eyeLookDown{side}"]
    out = LOOK_OUT * weights[f"eyeLookOut{side}"] - LOOK_IN * weights[f"eyeLookIn{side}"]
    leftwards = out if side == "Left" else -out
    return np.deg2rad(np.stack([-up, leftwards, np.zeros_like(up)], axis=-1))


def _recipe(key: str, actions: Mapping[str, np.ndarray]) -> dict[str, float]:
    """The ARKit actions that a key shows, or nothing."""
    name = _plain(key)
    for form in (name, re.sub(r"l$", "left", name), re.sub(r"r$", "right", name)):
        for action in actions:
            plain = action.lower()
            if form == plain or (len(plain) > 7 and form.endswith(plain)):
                return {action: 1.0}
            if plain in (form.removesuffix("left"), form.removesuffix("right")):
                return {action: 1.0}  # one action that the mesh splits into sides
    pair = {action: 0.5 for action in actions if action.lower() in (f"{name}left", f"{name}right")}
    return pair if len(pair) == 2 else {}


def _after_fcl(name: str) -> str:
    at = name.find("fcl")
    return name[at:] if at >= 0 else name


def _plain(key: str) -> str:
    return re.sub(r"[^a-z0-9]", "", re.sub(r"^.*[.:|]", "", key).lower())
