"""A hijab: cloth round head and neck that leaves the face free and lies on the shoulders.

It is laid as rings about the head's axis from the crown downwards: each as wide as what it goes
round is convex, and never falling in faster than cloth hangs.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.ndimage import gaussian_filter

from ...retarget.body.model import Body
from .avatar import Material
from .cloth import hull_radius
from .colours import hex_to_linear
from .draft import Draft, plain
from .hairparts import Head
from .masks import vertex_mask
from .noise import fractal_noise, smoothstep
from .record import Signer
from .shape import SKIN, Shape, Surface
from .sheet import Sheet, averaging, clipped, normals, rimmed, smooth

_RINGS, _COLUMNS = 84, 120
_EASE = 0.006
_FALL_FRONT, _FALL_BACK = 0.8, 0.2
"""Metres by which a ring may be narrower than the one above it, per metre of height: under the
chin it is pinned, at the sides and the back it hangs."""
_RISE = 0.3
"""The same upwards, above the chin: cloth lies over the ears, not round them."""
_REACH = 0.135  # metres from the middle to which it lies on the shoulders
_NEAREST = 16


def headwear_drafts(signer: Signer, shape: Shape, obstacle: Surface) -> tuple[Draft, ...]:
    """The signer's hijab, if any, over skin and top."""
    if signer.headwear == "none":
        return ()
    head = Head(shape, obstacle)
    sheet = _laid(head, obstacle)
    sheet = sheet.moved(_cleared(sheet, obstacle, _opening(sheet.vertices, head)))
    sheet, _ = clipped(sheet, np.minimum(_opening(sheet.vertices, head), _hem(sheet, head)))
    folds = _folds(sheet.vertices, head)
    up = normals(sheet.vertices, sheet.faces)
    calm = smoothstep(_opening(sheet.vertices, head), 0.0, 0.03)
    sheet = sheet.moved(sheet.vertices + (0.006 * calm * folds)[:, None] * up)
    weights = smooth(obstacle.nearest_weights(sheet.vertices), sheet.faces, 12)
    colour = hex_to_linear(signer.headwear_colour)
    shade = 1 + 0.05 * fractal_noise(sheet.vertices, 0.05, 41) + 0.05 * folds
    rim, source = rimmed(_anchored(sheet, shape), 0.003, 0.014)
    colours = np.clip(colour * shade[source, None], 0, 1)
    material = Material("hijab", "headwear", "cloth", tuple(colour), 0.8, 0.25, bump=0.0002)
    return (plain("hijab", rim, colours, material, two_sided=True, weights=weights[source]),)


def pressed_ears(body: Body, vertices: np.ndarray) -> np.ndarray:
    """(V,3) the vertices with the ears lying close to the head, as they do under a hijab."""
    mask = vertex_mask(body, "ears")
    moved = vertices.copy()
    for side in (1, -1):
        ear = np.flatnonzero((mask > 0.1) & (side * vertices[:, 0] > 0))
        out = side * vertices[ear, 0]
        root = out.min() + 0.003
        moved[ear, 0] -= side * 0.85 * mask[ear] * np.maximum(out - root, 0)
    return moved


def _laid(head: Head, obstacle: Surface) -> Sheet:
    """The rings, from the crown to below the shoulders, without a face opening."""
    points = obstacle.points
    points = points[(np.abs(points[:, 0]) < _REACH) & (points[:, 1] > head.shoulder - 0.2)]
    middle = np.array([head.middle[0], head.middle[2] + 0.01])
    low = head.shoulder - 0.15
    # Dense at the crown, where a ring's height says little of its width.
    share = np.linspace(0, 1, _RINGS)
    heights = head.top + 0.001 - (head.top - low) * (0.25 * share**2 + 0.75 * share) * share**0.35
    turn = np.linspace(-np.pi, np.pi, _COLUMNS, endpoint=False)
    radius = np.zeros((_RINGS, _COLUMNS))
    for ring, height in enumerate(heights):
        near = points[np.abs(points[:, 1] - height) < 0.008]
        flat = near[:, [0, 2]] - middle
        if len(flat) > 8:
            radius[ring] = hull_radius(flat, turn)
    step = -np.diff(heights, prepend=heights[0])
    front = smoothstep(np.cos(turn), 0.25, 0.9)
    fall = _FALL_BACK + (_FALL_FRONT - _FALL_BACK) * front
    for ring in range(1, _RINGS):
        radius[ring] = np.maximum(radius[ring], radius[ring - 1] - fall * step[ring])
    over_ears = head.eye[1] + 0.055 * head.scale
    for ring in range(_RINGS - 2, 0, -1):
        if head.chin < heights[ring] < over_ears:
            below = radius[ring + 1] - _RISE * step[ring + 1]
            radius[ring] = np.maximum(radius[ring], (1 - front) * below)
    radius = gaussian_filter(radius, (1.8, 2.0), mode=("nearest", "wrap"))
    radius += 0.006 * (1 - front) * smoothstep(heights, head.chin, head.eye[1])[:, None]
    radius[0] = 0.004
    across = np.stack([np.sin(turn), np.cos(turn)], 1)
    ring = middle + radius[..., None] * across
    vertices = np.stack(
        [ring[..., 0], np.broadcast_to(heights[:, None], radius.shape), ring[..., 1]], -1
    )
    ids = np.arange(_RINGS * _COLUMNS).reshape(_RINGS, _COLUMNS)
    a, b = ids[:-1], np.roll(ids, -1, axis=1)[:-1]
    c, d = np.roll(ids, -1, axis=1)[1:], ids[1:]
    quads = [np.stack(corners, -1).reshape(-1, 3) for corners in ((a, d, c), (a, c, b))]
    # The hole at the crown is closed by a fan.
    crown = np.stack([ids[0, 1:-1], ids[0, 2:], np.full(_COLUMNS - 2, ids[0, 0])], 1)
    nothing = sparse.csr_matrix((vertices[..., 0].size, 1))
    return Sheet(vertices.reshape(-1, 3), np.concatenate([*quads, crown]), nothing)


def _cleared(sheet: Sheet, obstacle: Surface, opening: np.ndarray) -> np.ndarray:
    """The vertices smoothed and pushed clear of what they lie on; at the face they lie close."""
    points = sheet.vertices
    average = averaging(sheet.faces, len(points))
    close = smoothstep(np.abs(opening), 0.03, 0.008)
    for _ in range(5):
        points = 0.5 * points + 0.5 * (average @ points)
        distance, outward = obstacle.clearance(points)
        short = np.clip(_EASE - distance, 0, 0.03)
        far = np.clip(distance - 0.004, 0, 0.02) * close * 0.6
        points = points + (short * (1 - 0.5 * close) - far)[:, None] * outward
    # In the hollow under the ear the middle of a face can still cut through the jaw.
    faces = sheet.faces
    met = np.maximum(np.bincount(faces.ravel(), minlength=len(points)), 1)
    for _ in range(3):
        distance, outward = obstacle.clearance(points[faces].mean(axis=1))
        short = np.clip(_EASE - distance, 0, 0.03)[:, None] * outward
        push = np.zeros_like(points)
        np.add.at(push, faces.ravel(), np.repeat(short, 3, axis=0))
        points = points + ((1 - close) / met)[:, None] * push
    return points


def _opening(points: np.ndarray, head: Head) -> np.ndarray:
    """(n,) about how many metres points lie outside the oval that leaves the face free."""
    scale = head.scale
    x, y = points[:, 0], points[:, 1] - (head.eye[1] - 0.032 * scale)
    tall = np.where(y > 0, 0.079, 0.0885) * scale
    oval = (np.hypot(x / (0.0665 * scale), y / tall) - 1) * 0.07 * scale
    # In the hollow under the ear the cloth comes as near to the middle, but far behind the face.
    return np.where(points[:, 2] > head.eye[2] - 0.06 * scale, oval, 0.1)


def _hem(sheet: Sheet, head: Head) -> np.ndarray:
    """(n,) metres above the lower edge: high on the shoulders, low on the chest and the back."""
    points = sheet.vertices
    aside = np.clip(np.abs(points[:, 0]) / _REACH, 0, 1) ** 2
    edge = head.shoulder - 0.13 + 0.13 * aside
    # Well inside the rings' sides, along which a cut would have teeth.
    return np.minimum(points[:, 1] - edge, 0.88 * _REACH - np.abs(points[:, 0]))


def _folds(points: np.ndarray, head: Head) -> np.ndarray:
    """(n,) -1..1: folds that run round the neck and fan out over the chest."""
    neck = smoothstep(points[:, 1], head.chin + 0.02, head.chin - 0.05)
    slant = points[:, 1] + 0.35 * np.abs(points[:, 0] - 0.03) - 0.2 * points[:, 2]
    wound = fractal_noise(np.stack([0.25 * points[:, 0], slant, 0.2 * points[:, 2]], 1), 0.022, 43)
    crown = fractal_noise(points * [1.0, 0.3, 0.6], 0.05, 44)
    return neck * wound + 0.25 * (1 - neck) * crown


def _anchored(sheet: Sheet, shape: Shape) -> Sheet:
    """The sheet on the skin nearest to it: where chin and cheeks go, it goes."""
    distance, ids = shape.skin.tree.query(sheet.vertices, k=_NEAREST)
    share = 1 / (distance + 0.004) ** 2
    share /= share.sum(axis=1, keepdims=True)
    rows = np.repeat(np.arange(len(ids)), _NEAREST)
    size = (len(ids), len(shape.vertices))
    assert SKIN.start == 0  # the skin's numbers are the body's
    anchor = sparse.csr_matrix((share.ravel(), (rows, ids.ravel())), shape=size)
    return Sheet(sheet.vertices, sheet.faces, anchor)
