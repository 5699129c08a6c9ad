"""Numbers that tell hairstyles apart: outline, reach, hairline and the run of the strands.

All in the face's own measures (a face is 1 wide and 1 high, its middle 0), of both sides the
lesser and the greater one, so that neither size nor side of the picture counts.
"""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from .body_regions import BodyRegions, face_frame
from .face_regions import FaceRegions
from .hair import HairExtent
from .person import Person, grown

_RAYS = np.arange(0, 141, 20)
_OUTLINE = np.arange(-80, 81, 4)


def hair_shape(
    person: Person, face: FaceRegions, body: BodyRegions, lab: np.ndarray, extent: HairExtent
) -> dict[str, float]:
    """Named numbers of one head's hair. lab: (H, W, 3) of the picture."""
    shape = _turned(person, face)
    for name, value in asdict(extent).items():
        if isinstance(value, tuple):
            shape[f"{name}_lo"], shape[f"{name}_hi"] = min(value), max(value)
        else:
            shape[name] = float(value)
    y, x = np.mgrid[: lab.shape[0], : lab.shape[1]] + 0.5
    frame = face_frame(face, x, y)
    return (
        shape
        | _reach(person, face, body)
        | _outline(person, face)
        | _places(body, frame)
        | _shades(face, body, lab)
        | _strands(face, body, lab, frame)
    )


def _turned(person: Person, face: FaceRegions) -> dict[str, float]:
    """How far the head is turned and bowed: the nose's tip over the middle of the face."""
    points = person.face
    assert points is not None
    sides = (points[234] + points[454]) / 2
    return {
        "yaw": abs(float((points[1] - sides) @ _right(face))) / face.width,
        "pitch": float((points[1] - face.centre) @ face.up) / face.height,
        "aspect": face.width / face.height,
    }


def _right(face: FaceRegions) -> np.ndarray:
    return np.array([-face.up[1], face.up[0]])


def _along(mask: np.ndarray, face: FaceRegions, radii: np.ndarray, angle: float) -> np.ndarray:
    """(R,) bool: a mask at radii (in pixels) from the face's middle; degrees, 0 is up."""
    turn = np.radians(angle)
    points = face.centre + radii[:, None] * (np.cos(turn) * face.up + np.sin(turn) * _right(face))
    x, y = np.floor(points).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < mask.shape[1]) & (y < mask.shape[0])
    values = np.zeros(len(radii), bool)
    values[inside] = mask[y[inside], x[inside]]
    return values


def _reach(person: Person, face: FaceRegions, body: BodyRegions) -> dict[str, float]:
    """Thickness and outer edge of the hair, and the head's edge, along rays to both sides."""
    radii = np.arange(0.1, 2.0, 0.01)
    found: dict[str, float] = {}
    for angle in _RAYS:
        sides = []
        for side in (1, -1) if angle else (1,):
            hair = _along(body.hair, face, radii * face.height, float(angle * side))
            head = _along(person.mask, face, radii * face.height, float(angle * side))
            outer = float(radii[hair].max()) if hair.any() else 0.0
            edge = 2.0 if head.all() else float(radii[np.argmin(head)])
            sides.append((hair.sum() * 0.01, outer, edge))
        for name, values in zip(("th", "out", "sil"), zip(*sides, strict=True), strict=True):
            if name != "sil" or angle <= 100:
                found[f"{name}{angle}_lo"] = float(min(values))
                found[f"{name}{angle}_hi"] = float(max(values))
    return found


def _outline(person: Person, face: FaceRegions) -> dict[str, float]:
    """Bumps of the head's outline over a smooth curve: a bun, a tail, locks."""
    radii = np.arange(0.2, 1.6, 0.005)
    edges = []
    for angle in _OUTLINE:
        head = _along(person.mask, face, radii * face.height, float(angle))
        edges.append(radii[len(head) - 1 if head.all() else np.argmin(head)])
    edge = np.array(edges)
    curve = np.vander(_OUTLINE / 80.0, 5)
    weight = np.ones(len(edge))
    over = np.zeros(len(edge))
    for _ in range(6):  # what stands out shall not bend the curve
        fitted = np.linalg.lstsq(curve * weight[:, None], edge * weight, rcond=None)[0]
        over = edge - curve @ fitted
        weight = np.where(over > 0.01, 0.15, 1.0)
    return {
        "bump": float(over.max()),
        "bumpsum": float(np.maximum(over, 0).sum() * 4 / 80),
        "ripple": float(np.abs(np.diff(over + curve @ fitted, 2)).mean()),
    }


def _places(body: BodyRegions, frame: tuple[np.ndarray, np.ndarray]) -> dict[str, float]:
    """The hairline's height and jags, and hair beside the neck and the ears."""
    across, along = (each[body.hair] for each in frame)
    if len(along) == 0:
        names = ("jag", "frac_neck", "ear_lo", "ear_hi")
        return {"hairline": 0.7, **dict.fromkeys(names, 0.0)}
    middle = along[np.abs(across) < 0.12]
    columns = [along[np.abs(across - at) < 0.04] for at in np.linspace(-0.36, 0.36, 10)]
    low = [np.quantile(each, 0.03) if len(each) > 5 else 0.7 for each in columns]
    # Areas are in faces: the frame's unit is the face's width by its height.
    unit = _pixel_area(frame)
    ear = (along < 0.1) & (along > -0.35)
    ears = [float((ear & (side * across > 0.4)).sum()) * unit for side in (1, -1)]
    return {
        "hairline": float(np.quantile(middle, 0.03)) if len(middle) > 10 else 0.7,
        "jag": float(np.abs(np.diff(low, 2)).mean()),
        "frac_neck": float(((along < -0.45) & (np.abs(across) < 0.75)).sum()) * unit,
        "ear_lo": min(ears),
        "ear_hi": max(ears),
    }


def _pixel_area(frame: tuple[np.ndarray, np.ndarray]) -> float:
    """A pixel's area in faces, from the frame's steps."""
    across, along = frame
    first = across[0, 1] - across[0, 0], along[0, 1] - along[0, 0]
    second = across[1, 0] - across[0, 0], along[1, 0] - along[0, 0]
    return abs(float(first[0] * second[1] - first[1] * second[0]))


def _shades(face: FaceRegions, body: BodyRegions, lab: np.ndarray) -> dict[str, float]:
    """Contrast to the skin, spread and roughness of the hair's lightness, raggedness."""
    import cv2

    if not body.hair.any():
        return dict.fromkeys(("contrast", "hstd", "rough", "edge"), 0.0)
    light = lab[..., 0]
    smooth = cv2.GaussianBlur(light.astype(np.float32), (0, 0), face.width / 40)
    inner = grown(body.hair, -face.width / 30)
    rim = grown(body.hair, 1) ^ body.hair
    rough = float(np.abs(light - smooth)[inner].mean()) if inner.sum() > 30 else 0.0
    return {
        "contrast": float(np.median(light[face.skin]) - np.median(light[body.hair])),
        "hstd": float(light[body.hair].std()),
        "rough": rough,
        "edge": float(rim.sum() / np.sqrt(body.hair.sum())),
    }


def _strands(
    face: FaceRegions,
    body: BodyRegions,
    lab: np.ndarray,
    frame: tuple[np.ndarray, np.ndarray],
) -> dict[str, float]:
    """Whether strands run back from the forehead on top, and away from the face at the sides."""
    import cv2

    across, along = frame
    light = cv2.GaussianBlur(lab[..., 0].astype(np.float32), (0, 0), max(0.6, face.width / 110))
    dx, dy = cv2.Scharr(light, cv2.CV_32F, 1, 0), cv2.Scharr(light, cv2.CV_32F, 0, 1)
    right = _right(face)
    sideways = dx * right[0] + dy * right[1]
    upwards = dx * face.up[0] + dy * face.up[1]
    inner = grown(body.hair, -face.width / 30)
    top = inner & (along > 0.5) & (np.abs(across) < 0.3)
    side = inner & (np.abs(across) > 0.3) & (along > 0.1)
    angle = np.arctan2(across, along)
    outwards = upwards * np.cos(angle) + sideways * np.sin(angle)
    round_ = sideways * np.cos(angle) - upwards * np.sin(angle)
    energy = float((sideways[top] ** 2 + upwards[top] ** 2).sum()) + 1e-6
    found = {"combed": 0.0, "energy": 0.0, "radial": 0.0}
    if top.sum() > 20:
        found["combed"] = float((sideways[top] ** 2 - upwards[top] ** 2).sum() / energy)
        strength = np.sqrt(energy / top.sum())
        found["energy"] = float(strength / (np.abs(lab[top, 0]).mean() + 5))
    if side.sum() > 20:
        power = float((outwards[side] ** 2 + round_[side] ** 2).sum()) + 1e-6
        found["radial"] = float((round_[side] ** 2 - outwards[side] ** 2).sum() / power)
    return found
