"""The body's skin: what shows of it, its colours, and which part each face belongs to."""

from __future__ import annotations

import numpy as np

from .avatar import Material
from .beard import beard_region
from .colours import hex_to_linear
from .draft import Draft
from .masks import vertex_mask
from .noise import fractal_noise, smoothstep
from .record import Signer
from .shape import SKIN, Shape
from .sheet import body_sheet, normals

_BLUSH = np.array([1.0, 0.62, 0.60])  # what blood under the skin does to linear RGB
_MOUTH = np.array([0.11, 0.022, 0.02])


def skin_draft(signer: Signer, shape: Shape, hidden: np.ndarray) -> tuple[Draft, np.ndarray]:
    """The skin without the vertices of `hidden` (V,) bool: a face goes when all three are hidden.

    Also returns (V,) the vertex in the draft at each body vertex, or -1.
    """
    body, group = shape.body, shape.body.group_faces("body")
    shown = group[~hidden[shape.skin_faces].all(axis=1)]
    faces = body.faces[shown]
    sheet, ids = body_sheet(shape.vertices, faces)
    colours = skin_colours(signer, shape)[ids]
    materials = _materials(signer)
    part_of_vertex = _vertex_parts(shape)[ids]
    # A face belongs to the part that most of its corners agree on.
    corner = np.sort(part_of_vertex[sheet.faces], axis=1)[:, 1]
    place = np.full(len(shape.vertices), -1)
    place[ids] = np.arange(len(ids))
    uv = body.uv[body.face_uv[shown]]
    return Draft("skin", sheet, colours, materials, corner, uv=uv), place


def _materials(signer: Signer) -> tuple[Material, ...]:
    colour = tuple(hex_to_linear(signer.skin))
    parts = ("skin", "face", "left_hand", "right_hand")
    skins = tuple(
        Material(f"skin_{part}", part, "skin", colour, 0.5, 0.38, 0.12, bump=0.0002)
        for part in parts
    )
    lips = Material("lips", "lips", "lips", tuple(hex_to_linear(signer.lip_colour)), 0.36, 0.5, 0.1)
    mouth = Material("mouth_inside", "mouth", "mouth", tuple(_MOUTH), 0.5, 0.3)
    return (*skins, lips, mouth)


def _vertex_parts(shape: Shape) -> np.ndarray:
    """(V,) index into the skin's materials."""
    part = np.zeros(len(shape.vertices), int)
    part[shape.head_weight() > 0.5] = 1
    part[shape.hand_weight("left") > 0.5] = 2
    part[shape.hand_weight("right") > 0.5] = 3
    part[vertex_mask(shape.body, "lips") > 0.45] = 4
    part[inside_mouth(shape) > 0.6] = 5
    return part


def inside_mouth(shape: Shape) -> np.ndarray:
    """(V,) how far a body vertex lies inside the mouth, 0..1, lips excepted."""
    inside = vertex_mask(shape.body, "inside-mouth") * (1 - vertex_mask(shape.body, "lips"))
    inside[SKIN.stop :] = 0
    return inside


def skin_colours(signer: Signer, shape: Shape) -> np.ndarray:
    """(V,3) linear RGB: the skin's tone with blush, lips, nails, lids and stubble in it."""
    points = shape.mean
    base = hex_to_linear(signer.skin)
    light = float(base @ [0.2126, 0.7152, 0.0722])
    colours = np.tile(base, (len(points), 1))
    colours *= 1 + 0.045 * fractal_noise(points, 0.03, 7)[:, None]

    def tint(mask: np.ndarray, target: np.ndarray) -> None:
        nonlocal colours
        colours = colours * (1 - mask[:, None]) + target * mask[:, None]

    # Blush shows on light skin more than on dark.
    strength = 0.25 + 0.75 * smoothstep(light, 0.05, 0.4)
    blush = strength * (0.42 * _cheeks(shape) + 0.5 * vertex_mask(shape.body, "ears") * 0.6)
    blush = np.maximum(blush, 0.34 * strength * _hand_redness(shape))
    tint(np.clip(blush, 0, 1), base * _BLUSH)
    _, lids = _eye_regions(shape)
    tint(0.35 * lids, base * np.array([0.72, 0.58, 0.56]))
    palms = _palms(shape)
    if light < 0.25:  # palms and nails of dark hands are lighter
        tint(0.55 * palms, base * 0.35 + np.array([0.36, 0.2, 0.14]) * 0.75)
    nails = vertex_mask(shape.body, "fingernails")
    tint(0.6 * nails, base * 0.62 + np.array([0.5, 0.3, 0.26]) * 0.38)
    if signer.beard != "none":
        shade = {"stubble": 0.55, "full": 0.75}[signer.beard]
        tint(shade * beard_region(shape), 0.35 * base + 0.65 * hex_to_linear(signer.beard_colour))
    lips = smoothstep(vertex_mask(shape.body, "lips"), 0.15, 0.75)
    tint(lips, hex_to_linear(signer.lip_colour))
    tint(smoothstep(inside_mouth(shape), 0.3, 0.8), _MOUTH)
    return colours


def _eye_regions(shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """(V,) masks of the eyes' surroundings: sockets, and the lids themselves."""
    points = shape.mean
    socket = np.zeros(len(points))
    for side in ("left", "right"):
        eye = shape.joint(f"{side}_eye_smplhf", mean=True)
        offset = (points - eye) / [0.026, 0.018, 0.03]
        socket = np.maximum(socket, np.exp(-((offset**2).sum(axis=1) ** 2)))
    socket[SKIN.stop :] = 0
    return socket, np.maximum(0.5 * socket, vertex_mask(shape.body, "eyelids"))


def _cheeks(shape: Shape) -> np.ndarray:
    """(V,) cheeks and the tip of the nose."""
    points = shape.mean
    eye = shape.joint("left_eye_smplhf", mean=True)
    mask = np.zeros(len(points))
    for sign in (1, -1):
        centre = np.array([sign * 0.042, eye[1] - 0.037, eye[2] + 0.01])
        mask = np.maximum(mask, np.exp(-(((points - centre) / [0.02, 0.016, 0.03]) ** 2).sum(1)))
    nose = np.array([0.0, eye[1] - 0.034, eye[2] + 0.05])
    mask = np.maximum(mask, 0.8 * np.exp(-(((points - nose) / 0.017) ** 2).sum(1)))
    mask[SKIN.stop :] = 0
    return mask


def _hand_redness(shape: Shape) -> np.ndarray:
    """(V,) fingertips, knuckles and palms."""
    points = shape.mean
    mask = np.zeros(len(points))
    for index, name in enumerate(shape.body.joint_names):
        if name[-1] in "123" and any(f in name for f in ("index", "middle", "ring", "pinky")):
            distance = np.linalg.norm(points - shape.mean_joints[index], axis=1)
            mask = np.maximum(mask, 0.8 * np.exp(-((distance / 0.011) ** 2)))
    tips = shape.joint_weight(
        *(f"{s}_{f}3" for s in ("left", "right") for f in ("index", "middle", "ring", "pinky"))
    )
    mask = np.maximum(mask, 0.6 * tips)
    mask[SKIN.stop :] = 0
    return mask


def _palms(shape: Shape) -> np.ndarray:
    """(V,) the palm's side of the hands; palms face down in the rest pose."""
    mean_normals = np.zeros((len(shape.mean), 3))
    mean_normals[SKIN] = normals(shape.mean[SKIN], shape.skin_faces)
    hands = shape.hand_weight("left") + shape.hand_weight("right")
    return np.clip(hands, 0, 1) * smoothstep(-mean_normals[:, 1], 0.0, 0.6)
