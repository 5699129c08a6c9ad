"""Beards: where they grow, and a full one as a layer of short locks."""

from __future__ import annotations

import numpy as np

from .avatar import Material
from .colours import hex_to_linear
from .draft import Draft
from .hairparts import Part, coloured, hair_uv, joined, lock_part
from .masks import vertex_mask
from .noise import smoothstep, value_noise
from .record import Signer
from .shape import SKIN, Shape
from .sheet import body_sheet, clipped, normals, subdivided
from .strands import grow, scatter

# The beard's upper and lower edge: height over the eyes, metres on the mean face, by the angle
# (degrees) from straight ahead: under the nose, moustache, mouth's corner, cheek, sideburn.
_TURN = np.array([0, 6, 13, 20, 27, 36, 48, 60, 68, 76, 90.0])
_TOP = np.array([-57, -56, -58, -64, -70, -68, -58, -42, -22, -6, 0]) * 1e-3
_BOTTOM = np.array([-134, -134, -133, -131, -129, -124, -116, -102, -84, -62, -50]) * 1e-3


def beard_field(shape: Shape) -> np.ndarray:
    """(V,) metres inside the beard's edge on the mean face; negative outside it."""
    return _field(shape.mean, shape, vertex_mask(shape.body, "lips"), _inner(shape))


def _inner(shape: Shape) -> np.ndarray:
    return vertex_mask(shape.body, "inside-mouth")


def _field(mean: np.ndarray, shape: Shape, lips: np.ndarray, inside: np.ndarray) -> np.ndarray:
    eye = shape.joint("left_eye_smplhf", mean=True)
    turn = np.degrees(np.arctan2(np.abs(mean[:, 0]), mean[:, 2] - 0.055))
    up = mean[:, 1] - eye[1] + 0.0015 * value_noise(mean, 0.008, 29)
    field = np.minimum(np.interp(turn, _TURN, _TOP) - up, up - np.interp(turn, _TURN, _BOTTOM))
    field = np.minimum(field, np.radians(74 - turn) * 0.07)
    field = np.minimum(field, 0.05 * (0.3 - lips))
    field = np.minimum(field, 0.05 * (0.5 - inside))
    return np.where(mean[:, 2] < 0.04, -1.0, field)


def beard_region(shape: Shape) -> np.ndarray:
    """(V,) how much beard grows on each body vertex, 0..1, with soft edges."""
    region = smoothstep(beard_field(shape), -0.003, 0.007)
    region[SKIN.stop :] = 0
    return region


def beard_drafts(signer: Signer, shape: Shape) -> tuple[Draft, ...]:
    """A full beard; stubble is in the skin's colours."""
    if signer.beard != "full":
        return ()
    faces = shape.skin_faces
    keep = (beard_field(shape)[faces] > -0.02).all(axis=1)
    keep &= shape.head_weight()[faces].min(axis=1) > 0.1
    sheet, _ = body_sheet(shape.vertices, faces[keep])
    sheet = subdivided(sheet)
    lips, inside = (sheet.anchor @ np.stack([vertex_mask(shape.body, "lips"), _inner(shape)], 1)).T
    field = _field(sheet.anchor @ shape.mean, shape, lips, inside)
    bare, matrix = clipped(sheet, field)
    depth = matrix @ field
    up = normals(bare.vertices, bare.faces)
    lift = -0.001 + 0.0065 * smoothstep(depth, 0.0, 0.014)
    cap = Part(
        bare.moved(bare.vertices + lift[:, None] * up),
        0.82 + 0.16 * value_noise(bare.vertices * [1, 0.4, 1], 0.003, 27),
        0.6 * smoothstep(depth, 0.003, -0.001),
    )
    roots = scatter(bare, depth, 520, 28, least=0.001)
    eye = shape.joint("left_eye_smplhf")

    def flow(points: np.ndarray, share: np.ndarray) -> np.ndarray:
        lip = smoothstep(points[:, 1], eye[1] - 0.083, eye[1] - 0.07)  # the moustache is combed out
        outwards = np.sign(points[:, 0]) * (0.25 + 1.3 * lip)
        direction = np.stack([outwards, -1 + 0.3 * lip, 0.15 + 0 * share], 1)
        return direction / np.linalg.norm(direction, axis=1, keepdims=True)

    chin = smoothstep(roots.points[:, 1], eye[1] - 0.075, eye[1] - 0.115)
    length = 0.008 + 0.008 * chin
    height = (0.003 + 0.006 * chin) * smoothstep(roots.depth, -0.002, 0.012)
    locks = grow(roots, shape.skin, flow, length, height, 3, lift=0.25)
    parts = [cap, lock_part(locks, 0.0038, 0.3, 30, dark_root=0.75)]
    colour, skin = hex_to_linear(signer.beard_colour), hex_to_linear(signer.skin)
    colours = np.concatenate([coloured(colour, skin, part) for part in parts])
    material = Material("beard", "beard", "hair", tuple(colour), 0.6, 0.25)
    whole = joined([part.sheet for part in parts])
    draft = Draft("beard", whole, colours, (material,), np.zeros(len(whole.faces), int),
                  two_sided=True, uv=hair_uv(parts, shape.joints))  # fmt: skip
    return (draft,)
