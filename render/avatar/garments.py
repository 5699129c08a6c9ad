"""Tops: from the signer's record to pieces of cloth and the skin that they hide."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from .avatar import Material
from .cloth import arm_share, drape, mean_points, second_skin, stand_off, wrinkled
from .colours import hex_to_linear
from .draft import Draft, plain
from .lines import Cut, Distances, distances
from .noise import fractal_noise, smoothstep
from .record import Signer
from .shape import Shape
from .sheet import Sheet, clipped, normals, rimmed


@dataclass(frozen=True)
class Style:
    """A top. ease, fold, rim: metres off the skin, of folds and of the hem's edge. hang: how far
    it drapes, 0..1. neck_band, cuff, hem_band: widths of ribbed bands in metres. roughness and
    weave: of the material."""

    cut: Cut
    ease: float
    sleeve_ease: float
    hang: float
    fold: float
    rim: float = 0.003
    neck_band: float = 0.0
    cuff: float = 0.0
    hem_band: float = 0.0
    roughness: float = 0.85
    weave: float = 0.0003
    tight_bands: bool = False


_CREW = Cut()
STYLES: dict[str, Style] = {
    "tshirt": Style(_CREW, 0.006, 0.010, 0.7, 0.0042, neck_band=0.016),
    "long_sleeve": Style(
        replace(_CREW, sleeve=1.97), 0.006, 0.007, 0.65, 0.004, neck_band=0.014, cuff=0.02
    ),
    "jumper": Style(
        replace(_CREW, sleeve=1.99, neck_front=-0.042, hem=-0.07), 0.012, 0.014, 0.85, 0.006,
        rim=0.006, neck_band=0.024, cuff=0.055, hem_band=0.05, roughness=0.95, weave=0.0012,
        tight_bands=True,
    ),
    "shirt": Style(
        replace(_CREW, sleeve=1.98, neck_front=-0.05, vee=0.075, vee_width=0.042),
        0.008, 0.012, 0.8, 0.0055, rim=0.0025, cuff=0.05, roughness=0.7, weave=0.00015,
    ),
    "hoodie": Style(
        replace(_CREW, sleeve=1.99, neck_front=-0.05, hem=-0.1), 0.016, 0.02, 0.9, 0.0075,
        rim=0.006, cuff=0.06, hem_band=0.055, roughness=0.95, weave=0.0008, tight_bands=True,
    ),
    "blazer": Style(
        Cut(neck_front=-0.045, neck_back=-0.012, vee=0.30, vee_width=0.062, sleeve=1.9, hem=-0.14),
        0.018, 0.016, 0.85, 0.004, rim=0.005, roughness=0.8, weave=0.0002,
    ),
    "dress": Style(
        Cut(neck_front=-0.085, neck_back=-0.03, sleeve=0.42, hem=0.02), 0.006, 0.008, 0.35, 0.003,
        roughness=0.75, weave=0.0002,
    ),
    "tank": Style(
        Cut(neck_front=-0.105, neck_back=-0.05, sleeve=-1), 0.005, 0.005, 0.6, 0.0035,
        neck_band=0.012,
    ),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Cloth:
    """A made garment: drafts, and (V,) which body vertices it hides."""

    drafts: tuple[Draft, ...]
    hidden: np.ndarray = field(repr=False)


@dataclass(frozen=True, eq=False)
class Shell:
    """A garment's main surface before it is rimmed, with its distances to its lines."""

    sheet: Sheet
    lines: Distances


def shell(style: Style, shape: Shape, seed: int) -> Shell:
    """The cut, standing, draped and folded surface of a style."""
    faces = shape.body.faces[shape.body.group_faces("tights")]
    sheet = second_skin(shape, faces)
    sheet, _ = clipped(sheet, distances(style.cut, mean_points(sheet, shape), shape).inside)
    mean = mean_points(sheet, shape)
    lines = distances(style.cut, mean, shape)
    arm = arm_share(mean, shape)
    ease = style.ease + arm * (style.sleeve_ease - style.ease)
    # Cloth lies closer at the neck, so that a collar sits on the shoulders.
    ease = ease * (0.45 + 0.55 * smoothstep(lines.neck, 0.0, 0.08))
    if style.tight_bands:
        ease = ease * (1 - 0.75 * smoothstep(lines.sleeve, style.cuff + 0.012, style.cuff - 0.012))
    sheet = stand_off(sheet, shape, ease)
    sheet = drape(sheet, shape, style.hang)
    sheet = stand_off(sheet, shape, 0.8 * ease, rounds=2)
    calm = np.minimum(lines.neck / 0.05, lines.hem / 0.04 + 0.3)
    folds = wrinkled(sheet, shape, style.fold, seed)
    share = np.clip(calm, 0, 1)[:, None]
    sheet = sheet.moved(sheet.vertices + share * (folds.vertices - sheet.vertices))
    if style.tight_bands:
        sheet = _puffed(sheet, lines, style)
    return Shell(_banded(sheet, lines, style), lines)


def _puffed(sheet: Sheet, lines: Distances, style: Style) -> Sheet:
    """Cloth bags over a tight band."""
    over = np.exp(-(((lines.sleeve - style.cuff - 0.03) / 0.022) ** 2)) * (lines.sleeve > 0)
    over += 0.8 * np.exp(-(((lines.hem - style.hem_band - 0.025) / 0.02) ** 2))
    up = normals(sheet.vertices, sheet.faces)
    return sheet.moved(sheet.vertices + 0.006 * over[:, None] * up)


def _banded(sheet: Sheet, lines: Distances, style: Style) -> Sheet:
    """Neck bands, cuffs and hems stand a little proud."""
    up = normals(sheet.vertices, sheet.faces)
    proud = np.zeros(len(sheet.vertices))
    for width, distance in _bands(style, lines):
        proud = np.maximum(proud, smoothstep(distance, width + 0.003, width - 0.003))
    return sheet.moved(sheet.vertices + 0.0016 * proud[:, None] * up)


def _bands(style: Style, lines: Distances) -> list[tuple[float, np.ndarray]]:
    return [
        (width, distance)
        for width, distance in (
            (style.neck_band, lines.neck),
            (style.cuff, lines.sleeve),
            (style.hem_band, lines.hem),
        )
        if width > 0
    ]


def cloth_colours(sheet: Sheet, shape: Shape, colour: np.ndarray, seed: int) -> np.ndarray:
    """(n,3) the colour with a little unevenness, darker in the folds of armpit and elbow."""
    mean = mean_points(sheet, shape)
    uneven = 1 + 0.05 * fractal_noise(mean, 0.06, seed)
    return np.clip(colour[None] * uneven[:, None], 0, 1)


def finished(
    name: str, made: Shell, style: Style, shape: Shape, signer: Signer, seed: int
) -> Draft:
    """The rimmed, coloured draft of a shell in the signer's top colour."""
    colour = hex_to_linear(signer.top_colour)
    sheet, source = rimmed(made.sheet, style.rim, 0.012)
    colours = cloth_colours(made.sheet, shape, colour, seed)
    for width, distance in _bands(style, made.lines):
        inside = smoothstep(distance, width + 0.002, width - 0.002)
        rib = 0.86 if style.tight_bands else 0.93
        seam = 1 - 0.22 * np.exp(-(((distance - width) / 0.002) ** 2))
        colours = colours * (1 - (1 - rib) * inside)[:, None] * seam[:, None]
    material = Material(
        name, "top", "cloth", tuple(colour), style.roughness, 0.25, bump=style.weave
    )
    return plain(name, sheet, colours[source], material, two_sided=True)


def hidden_by(cut: Cut, shape: Shape, inset: float = 0.018) -> np.ndarray:
    """(V,) body vertices that a top with this cut covers for certain."""
    return distances(cut, shape.mean, shape).inside > inset


def top_cloth(signer: Signer, shape: Shape) -> Cloth:
    """The signer's top with all that belongs to it."""
    style = STYLES[signer.top]
    made = shell(style, shape, seed=3)
    drafts = [finished(signer.top, made, style, shape, signer, seed=3)]
    return Cloth(tuple(drafts), hidden_by(style.cut, shape))
