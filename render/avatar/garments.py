"""Tops: from the signer's record to pieces of cloth and the skin that they hide."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from . import tailoring
from .avatar import Material
from .cloth import arm_share, drape, mean_points, second_skin, stand_off, wrinkled
from .colours import hex_to_linear
from .draft import Draft, plain
from .lines import Cut, Distances, distances
from .noise import fractal_noise, smoothstep
from .record import Signer
from .shape import Shape, Surface
from .sheet import Sheet, clipped, normals, rimmed, smooth


@dataclass(frozen=True)
class Style:
    """A top. ease, fold, rim: metres off the skin, of folds and of the hem's edge. hang: how far
    it drapes, 0..1. neck_band, cuff, hem_band: widths of ribbed bands in metres. roughness and
    weave: of the material. wrist_ease: how far a long sleeve stands off at its end; puff: how far
    cloth bags over cuff and hem band. snug_neck: the neckline lies on the skin."""

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
    wrist_ease: float | None = None
    puff: float = 0.0
    snug_neck: bool = False


_CREW = Cut()
STYLES: dict[str, Style] = {
    "tshirt": Style(_CREW, 0.004, 0.008, 0.35, 0.0042, neck_band=0.016, snug_neck=True),
    "long_sleeve": Style(
        replace(_CREW, sleeve=1.97), 0.004, 0.005, 0.35, 0.004, neck_band=0.014, cuff=0.02,
        wrist_ease=0.003, snug_neck=True,
    ),
    "jumper": Style(
        replace(_CREW, sleeve=1.99, neck_front=-0.042, hem=-0.07), 0.008, 0.007, 0.5, 0.006,
        rim=0.005, neck_band=0.024, cuff=0.055, hem_band=0.05, roughness=0.95, weave=0.0012,
        wrist_ease=0.003, puff=0.003,
    ),
    "shirt": Style(
        replace(_CREW, sleeve=1.98, neck_front=-0.05, vee=0.075, vee_width=0.042),
        0.005, 0.008, 0.5, 0.0055, rim=0.002, cuff=0.05, roughness=0.7, weave=0.00015,
        wrist_ease=0.003, puff=0.003,
    ),
    "hoodie": Style(
        replace(_CREW, sleeve=1.99, neck_front=-0.05, hem=-0.1), 0.011, 0.009, 0.6, 0.0075,
        rim=0.005, cuff=0.06, hem_band=0.055, roughness=0.95, weave=0.0008,
        wrist_ease=0.003, puff=0.004,
    ),
    "blazer": Style(
        Cut(-0.045, neck_back=-0.012, vee=0.30, vee_width=0.062, sleeve=1.93, hem=-0.105),
        0.011, 0.009, 0.5, 0.004, rim=0.004, roughness=0.8, weave=0.0002, wrist_ease=0.005,
    ),
    "dress": Style(
        Cut(neck_front=-0.075, neck_back=-0.03, neck_side=0.02, sleeve=0.42, hem=0.02),
        0.004, 0.007, 0.2, 0.003, snug_neck=True, roughness=0.75, weave=0.0002,
    ),
    "tank": Style(
        Cut(neck_front=-0.1, neck_back=-0.05, neck_side=0.055, sleeve=-1),
        0.003, 0.003, 0.3, 0.0035, neck_band=0.012, snug_neck=True,
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
    if style.wrist_ease is not None:
        wrist = smoothstep(lines.sleeve, max(style.cuff, 0.03) + 0.03, max(style.cuff, 0.03) - 0.01)
        ease = ease + wrist * (style.wrist_ease - ease)
    sheet = stand_off(sheet, shape, ease)
    sheet = drape(sheet, shape, style.hang)
    sheet = stand_off(sheet, shape, 0.8 * ease, rounds=2)
    sheet = _taken_in(sheet, shape, ease, arm)
    sheet = _snug(sheet, shape, lines, style)
    calm = np.minimum(lines.neck / 0.05, lines.hem / 0.04 + 0.3)
    folds = wrinkled(sheet, shape, style.fold, seed)
    share = np.clip(calm, 0, 1)[:, None]
    sheet = sheet.moved(sheet.vertices + share * (folds.vertices - sheet.vertices))
    if style.puff:
        sheet = _puffed(sheet, lines, style)
    return Shell(_banded(sheet, lines, style), lines)


def _taken_in(sheet: Sheet, shape: Shape, ease: np.ndarray, arm: np.ndarray) -> Sheet:
    """Sleeves no wider than their ease: the second skin itself stands off the arm by as much."""
    points = sheet.vertices
    for _ in range(3):
        distance, outward = shape.skin.clearance(points)
        wide = np.clip(distance - 1.1 * ease, 0, 0.03) * arm
        points = smooth(points - 0.7 * wide[:, None] * outward, sheet.faces, 1)
        distance, outward = shape.skin.clearance(points)
        points = points + np.clip(0.8 * ease - distance, 0, 0.01)[:, None] * outward
    return sheet.moved(arm[:, None] * points + (1 - arm[:, None]) * sheet.vertices)


def _snug(sheet: Sheet, shape: Shape, lines: Distances, style: Style) -> Sheet:
    """Necklines without a collar, arm holes and cuffs lie on the skin."""
    distance, outward = shape.skin.clearance(sheet.vertices)
    close = smoothstep(lines.neck, 0.03, 0.004) if style.snug_neck else np.zeros(len(distance))
    if style.cut.sleeve < 0:
        close = np.maximum(close, smoothstep(lines.sleeve, 0.03, 0.004))
    inwards = close * (0.0045 - distance)
    if style.wrist_ease is not None:
        cuff = smoothstep(lines.sleeve, max(style.cuff, 0.03) + 0.02, 0.01)
        inwards = inwards + cuff * np.minimum(style.wrist_ease - distance, 0)
    return sheet.moved(sheet.vertices + inwards[:, None] * outward)


def _puffed(sheet: Sheet, lines: Distances, style: Style) -> Sheet:
    """Cloth bags over a tight band."""
    over = np.exp(-(((lines.sleeve - style.cuff - 0.03) / 0.022) ** 2)) * (lines.sleeve > 0)
    over += 0.8 * np.exp(-(((lines.hem - style.hem_band - 0.025) / 0.02) ** 2))
    up = normals(sheet.vertices, sheet.faces)
    return sheet.moved(sheet.vertices + style.puff * over[:, None] * up)


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
        inside = smoothstep(distance, width + 0.006, width - 0.006)
        rib = 0.86 if style.puff and style.hem_band else 0.93
        colours = colours * (1 - (1 - rib) * inside)[:, None]
    material = Material(
        name, "top", "cloth", tuple(colour), style.roughness, 0.25, bump=style.weave
    )
    return plain(name, sheet, colours[source], material, two_sided=True)


def hidden_by(cut: Cut, shape: Shape, inset: float = 0.018) -> np.ndarray:
    """(V,) body vertices that a top with this cut covers for certain."""
    lines = distances(cut, shape.mean, shape)
    # More stays at the sleeve's end, where one can look in.
    return np.minimum(lines.inside, lines.sleeve - 0.025) > inset


def top_cloth(signer: Signer, shape: Shape) -> Cloth:
    """The signer's top with all that belongs to it."""
    style = STYLES[signer.top]
    made = shell(style, shape, seed=3)
    drafts = [finished(signer.top, made, style, shape, signer, seed=3)]
    if signer.top in _TRIMS:
        drafts += _TRIMS[signer.top](made, style, shape, signer)
    surface = Surface(
        made.sheet.vertices, normals(made.sheet.vertices, made.sheet.faces), _weights(made, shape)
    )
    moving = [
        draft
        if draft.name.startswith("under")
        else replace(draft, weights=surface.nearest_weights(draft.sheet.vertices))
        for draft in drafts
    ]
    return Cloth(tuple(moving), hidden_by(style.cut, shape))


def _weights(made: Shell, shape: Shape) -> np.ndarray:
    """(n,55) the second skin's skinning; at neckline and cuffs, where a gap would show, that of
    the skin beneath."""
    edge = np.minimum(made.lines.neck, made.lines.sleeve)
    share = smoothstep(edge, 0.06, 0.012)[:, None]
    beneath = shape.skin.nearest_weights(made.sheet.vertices)
    weights = (1 - share) * (made.sheet.anchor @ shape.body.weights) + share * beneath
    return smooth(weights, made.sheet.faces, 2)


def _trim(
    name: str, sheet: Sheet, shape: Shape, colour: np.ndarray, style: Style, rim: float = 0.002
) -> Draft:
    """A piece of cloth sewn onto a top."""
    colours = cloth_colours(sheet, shape, colour, 5)
    sheet, source = rimmed(sheet, rim, 0.008)
    material = Material(
        name, "top", "cloth", tuple(colour), style.roughness, 0.25, bump=style.weave
    )
    return plain(name, sheet, colours[source], material, two_sided=True)


def _throat(cut: Cut, shape: Shape) -> float:
    """Height on the mean body of the point from which a V falls."""
    return float(shape.joint("neck", mean=True)[1] + cut.neck_front - 0.012)


def _button_draft(sheet: Sheet, colour: np.ndarray) -> Draft:
    material = Material("buttons", "top", "cloth", tuple(colour), 0.3, 0.5)
    return plain("buttons", sheet, colour, material)


def _shirt_trims(made: Shell, style: Style, shape: Shape, signer: Signer) -> list[Draft]:
    colour = hex_to_linear(signer.top_colour)
    throat = _throat(style.cut, shape)
    heights = np.arange(throat - style.cut.vee - 0.005, shape.mean_joints[0, 1] - 0.05, -0.085)
    spots = np.stack([np.zeros(len(heights)), heights], 1)
    light = float(colour.mean())
    button = np.clip(colour * 0.6, 0, 1) if light > 0.25 else np.clip(colour * 1.6 + 0.12, 0, 1)
    strip = tailoring.placket(made.sheet, style.cut, shape)
    return [
        _trim("placket", strip, shape, 0.94 * colour, style, 0.0015),
        _trim("collar", tailoring.shirt_collar(made.sheet, shape, throat), shape, colour, style),
        _button_draft(tailoring.buttons(strip, shape, spots, 0.0052, 0.0004), button),
    ]


def _jumper_trims(made: Shell, style: Style, shape: Shape, signer: Signer) -> list[Draft]:
    colour = 0.88 * hex_to_linear(signer.top_colour)
    return [_trim("neck_band", tailoring.rolled_neck(made.sheet, shape), shape, colour, style)]


def _hoodie_trims(made: Shell, style: Style, shape: Shape, signer: Signer) -> list[Draft]:
    colour = hex_to_linear(signer.top_colour)
    cord = np.clip(0.55 * colour + 0.3, 0, 1)
    material = Material("cords", "top", "cloth", tuple(cord), 0.8, 0.25)
    return [
        _trim("hood", tailoring.hood(made.sheet, shape), shape, 0.95 * colour, style, 0.004),
        _trim("pocket", tailoring.pocket(made.sheet, shape), shape, 0.95 * colour, style),
        plain("cords", tailoring.cords(made.sheet, shape), cord, material),
    ]


def _blazer_trims(made: Shell, style: Style, shape: Shape, signer: Signer) -> list[Draft]:
    """The shirt that shows in the V, lapels, collar and two buttons."""
    colour = hex_to_linear(signer.top_colour)
    light = float(colour.mean()) > 0.35
    under_colour = "#2b2f36" if light else "#e6e6e2"
    under = STYLES["shirt"]
    inner = shell(under, shape, seed=8)
    # Only what shows, and a margin under the jacket.
    mean = mean_points(inner.sheet, shape)
    seen = 0.022 - distances(style.cut, mean, shape).neck
    cut, matrix = clipped(inner.sheet, np.minimum(seen, mean[:, 2] + 0.12))
    jacket = Surface(
        made.sheet.vertices,
        normals(made.sheet.vertices, made.sheet.faces),
        made.sheet.anchor @ shape.body.weights,
    )
    distance, outward = jacket.clearance(cut.vertices)
    proud = np.clip(distance + 0.005, 0, 0.03) * (np.abs(distance) < 0.04)
    cut = cut.moved(cut.vertices - proud[:, None] * outward)
    lines = Distances(
        matrix @ inner.lines.neck, matrix @ inner.lines.sleeve, matrix @ inner.lines.hem
    )
    shown = Shell(cut, lines)
    shirt = signer.with_changes(top_colour=under_colour)
    bottom = float(shape.joint("neck", mean=True)[1] + style.cut.neck_front - style.cut.vee)
    collar = tailoring.jacket_collar(made.sheet, shape, _throat(style.cut, shape) - 0.012)
    spots = np.array([[0.012, bottom - 0.02], [0.012, bottom - 0.12]])
    return [
        finished("undershirt", shown, replace(under, cuff=0.0), shape, shirt, seed=8),
        *[
            replace(draft, name=f"under_{draft.name}")
            for draft in _shirt_trims(shown, under, shape, shirt)[1:2]
        ],
        _trim(
            "lapels",
            tailoring.lapels(made.sheet, style.cut, shape),
            shape,
            np.clip(0.93 * colour + 0.004, 0, 1),
            style,
            0.003,
        ),
        _trim("jacket_collar", collar, shape, np.clip(0.9 * colour + 0.004, 0, 1), style, 0.003),
        _button_draft(tailoring.buttons(made.sheet, shape, spots, 0.009), 0.4 * colour + 0.01),
    ]


_TRIMS: dict[str, Callable[[Shell, Style, Shape, Signer], list[Draft]]] = {
    "shirt": _shirt_trims,
    "jumper": _jumper_trims,
    "hoodie": _hoodie_trims,
    "blazer": _blazer_trims,
}
