"""Style and length of hair by where its pixels lie around the face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .body_regions import BodyRegions, face_frame, like_skin
from .face_regions import FaceRegions
from .person import grown
from .samples import trimmed_mean

CLOSE = ("short", "crop", "bun", "ponytail")
"""Styles that lie close to the head."""


@dataclass(frozen=True)
class HairExtent:
    """Where hair is, in the face's own measures (a face is 1 wide and 1 high, centre 0).

    Attributes:
        area: hair over the face's area.
        bare: share of the band above the face that has the skin's colour.
        height: how far hair rises above the face mesh (0.35 is a skull with flat hair).
        width: its greatest width.
        beside: (right, left) share of the rows from brows to mouth with hair beside the face.
        below: (right, left) area of hair lower than the chin.
        lowest: lowest row; -0.5 is the chin, -1 about the shoulders.
        knot: area of a part on top that is clearly narrower than the head.
        straight: how much neighbouring strands run one way, 0 (curls) to 1 (combed).
        cut: whether the picture ends above the face before the hair can.
    """

    area: float
    bare: float
    height: float
    width: float
    beside: tuple[float, float]
    below: tuple[float, float]
    lowest: float
    knot: float
    straight: float
    cut: bool


def hair_extent(face: FaceRegions, body: BodyRegions, lab: np.ndarray) -> HairExtent | None:
    """Measure where the hair lies; None where the band above the face is outside the picture."""
    seed = lab[body.hair_seed]
    if len(seed) < 30:
        return None
    skin = np.median(lab[face.skin], axis=0)
    bare = float(((like_skin(seed, skin) < 9) & (seed[:, 0] > 0.6 * skin[0])).mean())
    y, x = np.nonzero(body.hair)
    end = face_frame(face, np.array([face.centre[0]]), np.array([0.0]))[1]
    cut = bool(abs(face.up[1]) > 0.7 and end[0] < 0.78)
    if len(x) == 0:
        return HairExtent(0.0, bare, 0.0, 0.0, (0.0, 0.0), (0.0, 0.0), 0.5, 0.0, 1.0, cut)
    across, along = face_frame(face, x + 0.5, y + 0.5)
    unit = 1.0 / (face.width * face.height)
    top = float(np.quantile(along, 0.99))
    rows = np.linspace(-0.3, 0.15, 10)

    def beside(side: int) -> float:
        near = (side * across > 0.45) & (side * across < 1.0)
        hit = [(np.abs(along[near] - row) < 0.025).sum() > 0.02 * face.width for row in rows]
        return float(np.mean(hit))

    def below(side: int) -> float:
        return float(((side * across > 0) & (along < -0.55)).sum() * unit)

    return HairExtent(
        area=len(x) * unit,
        bare=bare,
        height=top - 0.5,
        width=float(np.quantile(across, 0.99) - np.quantile(across, 0.01)),
        beside=(beside(-1), beside(1)),
        below=(below(-1), below(1)),
        lowest=float(np.quantile(along, 0.01)),
        knot=_knot(across, along, unit),
        straight=_straightness(lab[..., 0], body.hair, face.width),
        cut=cut,
    )


def _knot(across: np.ndarray, along: np.ndarray, unit: float) -> float:
    """Area above a waist in the outline over the head: a bun on top is narrower than the head."""
    rows = np.arange(0.55, float(along.max()), 0.04)
    widths = np.array([_extent(across[np.abs(along - row) < 0.03]) for row in rows])
    if len(widths) < 5:
        return 0.0
    for i in range(2, len(widths) - 2):
        if widths[i] < 0.75 * widths[:i].max() and widths[i] < 0.9 * widths[i + 1 :].max():
            return float((along > rows[i]).sum() * unit)
    return 0.0


def _straightness(light: np.ndarray, hair: np.ndarray, face_width: float) -> float:
    """Mean coherence of the structure tensor over hair (Bigun, Granlund 1987).

    Weighted by the gradient's energy, at a scale of a twentieth of the face: combed hair has
    one direction there, curls have all.
    """
    import cv2

    fine, coarse = face_width / 110, face_width / 22
    smooth = cv2.GaussianBlur(light.astype(np.float32), (0, 0), fine)
    dx = cv2.Scharr(smooth, cv2.CV_32F, 1, 0)
    dy = cv2.Scharr(smooth, cv2.CV_32F, 0, 1)
    xx, xy, yy = (cv2.GaussianBlur(each, (0, 0), coarse) for each in (dx * dx, dx * dy, dy * dy))
    inner = grown(hair, -face_width / 30)
    energy = float((xx + yy)[inner].sum())
    if inner.sum() < 50 or energy < 1e-6:
        return 1.0
    return float(np.hypot(xx - yy, 2 * xy)[inner].sum()) / energy


def _extent(values: np.ndarray) -> float:
    return float(np.ptp(values)) if len(values) else 0.0


def as_reaching(extent: HairExtent, likely: dict[str, float]) -> dict[str, float]:
    """Likely styles after what a style cannot do: hair below the chin is none that is cut short,
    and hair that hangs open shows beside the face.

    The fitted model knows this of renders; photographs have other strands, but the same scissors.
    """
    factors: dict[str, float] = {}
    if extent.bare < 0.5 and sum(extent.below) > 0.04:
        factors |= dict.fromkeys(("short", "crop", "bald"), 0.1)
    if max(extent.beside) < 0.3:
        factors |= dict.fromkeys(("long", "bob"), 0.3)
    weighed = {style: share * factors.get(style, 1.0) for style, share in likely.items()}
    total = sum(weighed.values())
    return {style: share / total for style, share in weighed.items()}


def hair_style(extent: HairExtent, likely: dict[str, float]) -> tuple[str, float]:
    """The likeliest style, and the confidence in it: little where the picture cuts the head."""
    if extent.cut and sum(extent.below) < 0.06:
        return "short", 0.2
    style = max(likely, key=lambda name: likely[name])
    return style, round(min(0.9, 0.3 + 0.6 * likely[style]), 2)


def hair_lab(pixels: np.ndarray, style: str) -> np.ndarray:
    """(3,) Lab of a style's (N, 3) pixels.

    Hair that lies close to the head shines, and at its edge is half skin: of it the darker pixels
    count, without the darkest. Of loose hair all do.
    """
    if style not in CLOSE:
        return trimmed_mean(pixels, 0.15)
    low, high = np.quantile(pixels[:, 0], [0.2, 0.5])
    return pixels[(pixels[:, 0] >= low) & (pixels[:, 0] <= high)].mean(axis=0)
