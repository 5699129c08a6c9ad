"""Trousers, skirts and shoes."""

from __future__ import annotations

import numpy as np

from .avatar import Material
from .cloth import mean_points, second_skin, stand_off
from .colours import hex_to_linear
from .draft import Draft, plain
from .garments import STYLES, Cloth, cloth_colours
from .noise import fractal_noise, smoothstep
from .record import Signer
from .shape import Shape
from .sheet import Sheet, body_sheet, clipped, normals, rimmed, subdivided


def bottom_cloth(signer: Signer, shape: Shape) -> Cloth:
    """The signer's trousers or skirt; a dress brings its own skirt."""
    if signer.top == "dress":
        return _skirt("dress_skirt", signer.top_colour, "top", -0.62, shape)
    if signer.bottom == "trousers":
        return _trousers(signer, shape)
    if signer.bottom == "skirt":
        return _skirt("skirt", signer.bottom_colour, "bottom", -0.5, shape)
    return Cloth((), np.zeros(len(shape.mean), bool))


def _lines(mean: np.ndarray, shape: Shape) -> np.ndarray:
    waist = shape.joint("pelvis", mean=True)[1] - 0.045  # under every top's hem
    ankle = shape.joint("left_ankle", mean=True)[1] + 0.01
    arm = np.abs(mean[:, 0]) > 0.3
    return np.where(arm, -1.0, np.minimum(waist - mean[:, 1], mean[:, 1] - ankle))


def _trousers(signer: Signer, shape: Shape) -> Cloth:
    sheet = second_skin(shape, shape.body.faces[shape.body.group_faces("tights")], 0)
    sheet, _ = clipped(sheet, _lines(mean_points(sheet, shape), shape))
    mean = mean_points(sheet, shape)
    low = np.clip((0.1 - mean[:, 1]) / 0.8, 0, 1)
    sheet = stand_off(sheet, shape, 0.003 + 0.014 * low, rounds=3)
    fold = fractal_noise(mean * [0.5, 1.0, 0.5], 0.05, 9, 2) * low
    sheet = sheet.moved(
        sheet.vertices + 0.006 * fold[:, None] * normals(sheet.vertices, sheet.faces)
    )
    colour = hex_to_linear(signer.bottom_colour)
    colours = cloth_colours(sheet, shape, colour, 9)
    sheet, source = rimmed(sheet, 0.004, 0.012)
    material = Material("trousers", "bottom", "cloth", tuple(colour), 0.85, 0.25, bump=0.0002)
    draft = plain("trousers", sheet, colours[source], material, two_sided=True)
    return Cloth((draft,), _lines(shape.mean, shape) > 0.02)


def _skirt(name: str, hex_colour: str, part: str, hem: float, shape: Shape) -> Cloth:
    faces = shape.body.faces[shape.body.group_faces("skirt")]
    sheet, _ = body_sheet(shape.vertices, faces)
    sheet = subdivided(sheet)
    bottom = shape.joint("pelvis", mean=True)[1] + hem
    height = mean_points(sheet, shape)[:, 1]
    top = np.inf if name == "dress_skirt" else bottom - hem - 0.07  # hidden under the top
    if name == "dress_skirt":
        sheet = _tucked(sheet, shape)
    sheet, _ = clipped(sheet, np.minimum(height - bottom, np.minimum(top - height, 1.0)))
    colour = hex_to_linear(hex_colour)
    colours = cloth_colours(sheet, shape, colour, 13)
    sheet, source = rimmed(sheet, 0.003, 0.012)
    material = Material(name, part, "cloth", tuple(colour), 0.8, 0.25, bump=0.0002)
    draft = plain(name, sheet, colours[source], material, two_sided=True)
    return Cloth((draft,), np.zeros(len(shape.mean), bool))


def _tucked(sheet: Sheet, shape: Shape) -> Sheet:
    """A dress's skirt close to the skin from the bodice's hem upwards, so that it is under it."""
    hem = shape.joint("pelvis", mean=True)[1] + STYLES["dress"].cut.hem
    above = smoothstep(mean_points(sheet, shape)[:, 1], hem - 0.035, hem + 0.005)
    distance, outward = shape.skin.clearance(sheet.vertices)
    inwards = above * np.maximum(distance - 0.002, 0)
    return sheet.moved(sheet.vertices - inwards[:, None] * outward)


def shoes_cloth(signer: Signer, shape: Shape) -> Cloth:
    """Plain closed shoes with a flat sole."""
    top = shape.joint("left_ankle", mean=True)[1] - 0.012
    sheet = second_skin(shape, shape.body.faces[shape.body.group_faces("tights")], 0)
    sheet, _ = clipped(sheet, top - mean_points(sheet, shape)[:, 1])
    sheet = stand_off(sheet, shape, 0.007, rounds=4)
    points = sheet.vertices.copy()
    floor = points[:, 1].min()
    sole = points[:, 1] < floor + 0.022
    points[sole, 1] = floor - 0.006
    sheet = sheet.moved(points)
    colour = hex_to_linear(signer.shoe_colour)
    colours = np.tile(colour, (len(points), 1))
    colours[sole] *= 0.5
    sheet, source = rimmed(sheet, 0.004, 0.01)
    material = Material("shoes", "shoes", "shoe", tuple(colour), 0.45, 0.4)
    draft: Draft = plain("shoes", sheet, colours[source], material, two_sided=True)
    return Cloth((draft,), shape.mean[:, 1] < top - 0.015)
