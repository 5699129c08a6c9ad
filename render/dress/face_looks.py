"""Colours and features of a face: skin, lips, brows, eyes, beard and glasses."""

from __future__ import annotations

import numpy as np

from .face_regions import EYES, FaceRegions
from .lab import delta_e, lab_to_hex, srgb_to_lab
from .measured import Measured
from .person import Person
from .samples import trimmed_mean

_BEARD_HUE, _STUBBLE_HUE = 9.0, 5.0
"""Lab distance without lightness from the cheeks; shaven chins reach 6.5, upper lips 5."""


def skin_lab(face: FaceRegions, lab: np.ndarray) -> np.ndarray | None:
    """(3,) Lab of the skin: cheeks, nose and forehead without highlights and shadows.

    The median of the pixels between the 25th and 85th percentile of lightness that lie near the
    middle one, so that strands over the forehead, spectacles and stubble do not count.
    """
    pixels = lab[face.skin]
    if len(pixels) < 30:
        return None
    low, high = np.quantile(pixels[:, 0], [0.25, 0.85])
    pixels = pixels[(pixels[:, 0] >= low) & (pixels[:, 0] <= high)]
    near = delta_e(pixels, np.median(pixels, axis=0)) < 15
    return np.median(pixels[near], axis=0) if near.any() else np.median(pixels, axis=0)


def lip_colour(face: FaceRegions, lab: np.ndarray) -> Measured | None:
    """The middle colour of the lips without the mouth."""
    pixels = lab[face.lips]
    if len(pixels) < 30:
        return None
    confidence = 0.7 if len(pixels) > 150 else 0.4
    return Measured(lab_to_hex(np.median(pixels, axis=0)), confidence)


def brow_colour(face: FaceRegions, lab: np.ndarray, skin: np.ndarray) -> Measured | None:
    """The darker half of the brows; None where they are no darker than the skin.

    In a small face a brow is a few pixels that are half skin: little confidence then.
    """
    pixels = lab[face.brows]
    if len(pixels) < 30:
        return None
    dark = pixels[pixels[:, 0] <= np.median(pixels[:, 0])]
    colour = np.median(dark, axis=0)
    if colour[0] > skin[0] - 6:
        return None
    return Measured(lab_to_hex(colour), 0.5 if face.height > 130 else 0.3)


def eye_colour(face: FaceRegions, lab: np.ndarray) -> Measured | None:
    """The iris between pupil and rim, without the catchlight; irises under 2.5 px are too small."""
    rings = [lab[ring] for ring, radius in face.irises if radius >= 2.5 and ring.sum() >= 8]
    if not rings:
        return None
    pixels = np.concatenate(rings)
    pixels = pixels[pixels[:, 0] <= np.quantile(pixels[:, 0], 0.85)]
    radius = max(radius for _, radius in face.irises)
    return Measured(lab_to_hex(np.median(pixels, axis=0)), 0.7 if radius >= 4.5 else 0.4)


def beard(face: FaceRegions, lab: np.ndarray, skin: np.ndarray) -> dict[str, Measured]:
    """Beard and its colour, by how chin, jaws and upper lip differ from the cheeks.

    A beard on chin and both jaws has another hue than skin, light or dark, with a moustache or
    none. Shadow is of the skin's hue: light from one side darkens one jaw, light from above the
    chin. Where hue says nothing, as in a grey picture, a third of the skin's lightness lost on
    upper lip and chin alike is a beard.
    """
    places = (face.moustache, face.chin, *face.jaws)
    if min(place.sum() for place in places) < 10:
        return {}
    middles = [np.median(lab[place], axis=0) for place in places]
    darker = [1.0 - float(middle[0]) / float(skin[0]) for middle in middles]
    hues = [float(np.linalg.norm((middle - skin)[1:])) for middle in middles]
    middle, jaws = min(darker[:2]), max(darker[2:])
    if middle > 0.3 or min(hues[1:]) > _BEARD_HUE:
        grown = zip(places, darker, hues, strict=True)
        grown_on = [place for place, dark, hue in grown if dark > 0.3 or hue > _BEARD_HUE]
        colour = trimmed_mean(np.concatenate([lab[place] for place in grown_on]), 0.2)
        return {
            "beard": Measured("full", 0.6),
            "beard_colour": Measured(lab_to_hex(colour), 0.5),
        }
    if middle > 0.14 and jaws > 0.14 and hues[0] > _STUBBLE_HUE:
        return {"beard": Measured("stubble", 0.4)}
    return {"beard": Measured("none", 0.6)}


def glasses(person: Person, face: FaceRegions, skin: np.ndarray) -> dict[str, Measured]:
    """Glasses by their frames: lines over the nose's bridge, under the eyes and to the ears.

    Profiles of lightness across those places are flat on skin and have a sharp dark dip where a
    frame runs. The bridge, where skin is smoothest, and two of the other four places must show
    one: thin or rimless frames are missed rather than invented. Faces under 60 pixels are not
    judged.
    """
    points = person.face
    if points is None or face.height < 60:
        return {}
    lab = srgb_to_lab(person.image)
    down = -face.up
    across = np.array([-face.up[1], face.up[0]])
    dips, darks = [], []
    for path in _frame_paths(points, down, across):
        depth, colour = _dip(lab, path, 0.05 * face.width)
        dips.append(depth)
        darks.append(colour)
    lines = [depth > 0.14 * skin[0] for depth in dips]
    if not lines[0] or sum(lines) < 3:
        return {"glasses": Measured(False, 0.5)}
    colour = np.median([dark for dark, line in zip(darks, lines, strict=True) if line], axis=0)
    return {
        "glasses": Measured(True, 0.6),
        "glasses_colour": Measured(lab_to_hex(colour), 0.4),
    }


def _frame_paths(points: np.ndarray, down: np.ndarray, across: np.ndarray) -> list[np.ndarray]:
    """(N, 2) paths that a frame crosses: the bridge, below both eyes, both temples."""
    steps = np.linspace(0, 1, 40)[:, None]
    bridge = points[168] + (points[195] - points[168]) * (steps * 1.1 - 0.3)
    paths = [bridge]
    for ring, side in zip(EYES, (234, 454), strict=True):
        eye = points[ring]
        width = float(np.linalg.norm(eye[0] - eye[8]))
        lid = eye[4]
        paths.append(lid + down * width * (0.28 + 0.75 * steps))
        temple = eye[0] + (points[side] - eye[0]) * 0.45
        paths.append(temple + down * width * (steps - 0.75))
    return paths


def _dip(lab: np.ndarray, path: np.ndarray, reach: float) -> tuple[float, np.ndarray]:
    """The deepest narrow dark dip of lightness along a path, and the colour in it.

    A dip is narrow: within `reach` pixels to both sides it is lighter again.
    """
    height, width = lab.shape[:2]
    x = np.clip(path[:, 0].astype(int), 0, width - 1)
    y = np.clip(path[:, 1].astype(int), 0, height - 1)
    light = lab[y, x, 0]
    step = float(np.linalg.norm(path[-1] - path[0])) / (len(path) - 1)
    span = max(2, round(2.2 * reach / max(step, 1e-6)))
    best, at = 0.0, 0
    for i in range(span // 2, len(path) - span // 2):
        before = light[max(0, i - span) : i + 1].max()
        after = light[i : i + span + 1].max()
        depth = float(min(before, after) - light[i])
        if depth > best:
            best, at = depth, i
    return best, lab[y[at], x[at]]
