"""What makes a top a shirt, a hoodie or a blazer: collars, hoods, lapels, plackets, buttons."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import sparse
from scipy.ndimage import gaussian_filter1d

from ...repeatable import arctan2
from .cloth import mean_points
from .lines import Cut
from .noise import smoothstep
from .shape import Shape
from .sheet import Sheet, boundary_loops, clipped, normals

_COLUMNS = 64
Rows = list[tuple[np.ndarray, np.ndarray, np.ndarray]]


def neckline(sheet: Sheet, shape: Shape, throat: float | None = None) -> Sheet:
    """The neckline as a curve: _COLUMNS points from the signer's right front round the back to the
    left front. `throat`: height on the mean body below which the line (a V) is left out; without
    it the curve runs the whole way round. The sheet returned has no faces."""
    neck = shape.joint("neck")
    loops = [loop for loop in boundary_loops(sheet.faces) if len(loop) > 12]
    loop = min(loops, key=lambda ids: np.linalg.norm(sheet.vertices[ids].mean(axis=0) - neck))
    points = sheet.vertices[loop]
    turn = arctan2(points[:, 0], points[:, 2] - neck[2])
    if turn[points[:, 2] < neck[2]].size and _runs_leftwards(points, neck):
        loop = loop[::-1]
    points = sheet.vertices[loop]
    front = np.argmax(points[:, 2] - 0.4 * np.abs(points[:, 0]) - 0.8 * points[:, 1])
    loop = np.roll(loop, -front)
    loop = np.append(loop, loop[0])
    closed = throat is None
    if throat is not None:
        height = mean_points(sheet, shape)[loop, 1]
        above = np.flatnonzero(height > throat)
        loop = loop[above[0] : above[-1] + 1]
    points = sheet.vertices[loop]
    run = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    wanted = np.linspace(0, run[-1], _COLUMNS, endpoint=not closed)
    after = np.clip(np.searchsorted(run, wanted), 1, len(run) - 1)
    share = (wanted - run[after - 1]) / np.maximum(run[after] - run[after - 1], 1e-9)
    pick = sparse.csr_matrix(
        (
            np.concatenate([1 - share, share]),
            (np.tile(np.arange(_COLUMNS), 2), np.concatenate([loop[after - 1], loop[after]])),
        ),
        shape=(_COLUMNS, len(sheet.vertices)),
    )
    curve = gaussian_filter1d(
        pick @ sheet.vertices, 1.2, axis=0, mode="wrap" if closed else "nearest"
    )
    return Sheet(curve, np.zeros((0, 3), int), (pick @ sheet.anchor).tocsr())


def _runs_leftwards(points: np.ndarray, neck: np.ndarray) -> bool:
    """Whether a loop goes from the front to the signer's left first."""
    flat = points[:, [0, 2]] - neck[[0, 2]]
    following = np.roll(flat, -1, axis=0)
    return bool((flat[:, 0] * following[:, 1] - flat[:, 1] * following[:, 0]).sum() < 0)


def swept(curve: Sheet, shape: Shape, rows: Rows, closed: bool = False) -> Sheet:
    """A surface swept along a neckline: each row is (outwards, up, forwards) in metres, per column
    or constant, from the curve. Outwards is level and away from the neck's axis. The first rows
    keep at least 4 mm off the neck. `closed`: it runs all the way round."""
    neck = shape.joint("neck")
    radial = curve.vertices - neck
    radial[:, 1] = 0
    radial /= np.maximum(np.linalg.norm(radial, axis=1, keepdims=True), 1e-9)
    levels = []
    for out, up, forward in rows:
        level = curve.vertices + radial * np.reshape(out, (-1, 1))
        level = level + np.stack(np.broadcast_arrays(0.0 * radial[:, 0], up, forward), 1)
        distance, outward = shape.skin.clearance(level)
        levels.append(level + np.clip(0.004 - distance, 0, 0.02)[:, None] * outward)
    count, columns = len(levels), len(curve.vertices)
    ids = np.arange(count * columns).reshape(count, columns)
    following = np.roll(ids, -1, axis=1)
    width = columns if closed else columns - 1
    a, b = ids[:-1, :width], following[:-1, :width]
    c, d = following[1:, :width], ids[1:, :width]
    # Columns run clockwise seen from above, rows upwards: this order faces outwards.
    faces = np.concatenate(
        [np.stack([a, d, c], -1).reshape(-1, 3), np.stack([a, c, b], -1).reshape(-1, 3)]
    )
    return Sheet(np.concatenate(levels), faces, sparse.vstack([curve.anchor] * count).tocsr())


def _frontness() -> np.ndarray:
    """(_COLUMNS,) 0 at the nape .. 1 at both front ends."""
    return np.abs(np.linspace(-1, 1, _COLUMNS))


def shirt_collar(
    sheet: Sheet, shape: Shape, throat: float, size: float = 1.0, stand: float = 0.03
) -> Sheet:
    """A folded collar with points, open at the front; `stand`: how high it stands at the nape."""
    front = _frontness()
    end = smoothstep(front, 0.72, 1.0)
    high = stand - 0.010 * front
    edge = (-0.006 - 0.020 * end) * size
    rows = [
        (-0.001 + 0 * front, -0.004 + 0 * front, 0 * front),
        (-0.004 + 0 * front, 0.5 * high, 0 * front),
        (-0.004 + 0 * front, high, 0 * front),
        (0.001 + 0 * front, high + 0.004, 0.002 * end),
        (0.007 + 0 * front, high - 0.001, 0.005 * end),
        (0.012 + 0.002 * end, 0.45 * high + 0.4 * edge, 0.010 * end),
        (0.017 + 0.006 * end, edge, 0.016 * end),
    ]
    return swept(neckline(sheet, shape, throat), shape, rows)


def jacket_collar(sheet: Sheet, shape: Shape, throat: float) -> Sheet:
    """The collar of a jacket: low at the nape, running out into the lapels."""
    front = _frontness()
    end = 1 - 0.92 * smoothstep(front, 0.68, 1.0)
    profile = [(-0.002, -0.004), (-0.004, 0.008), (-0.001, 0.016), (0.006, 0.017), (0.013, 0.008),
               (0.02, -0.008), (0.026, -0.02)]  # fmt: skip
    rows = [(out * end, up * end, 0.003 * (1 - end)) for out, up in profile]
    return swept(neckline(sheet, shape, throat), shape, rows)


def rolled_neck(sheet: Sheet, shape: Shape, height: float = 0.014) -> Sheet:
    """A thick ribbed neck band all the way round."""
    flat = np.zeros(_COLUMNS)
    profile = [
        (0.004, -0.012),
        (0.0035, 0.0),
        (0.001, 0.7),
        (-0.002, 1.0),
        (-0.005, 0.85),
        (-0.006, 0.2),
    ]
    rows = [
        (flat + out, flat + (up if k < 2 else up * height), flat)
        for k, (out, up) in enumerate(profile)
    ]
    return swept(neckline(sheet, shape), shape, rows, closed=True)


def hood(sheet: Sheet, shape: Shape) -> Sheet:
    """A hood that lies round the neck and hangs down the back."""
    back = 1 - smoothstep(_frontness(), 0.25, 0.9)
    size = 0.55 + 0.75 * back
    profile = [(0.0, -0.006), (-0.004, 0.022), (0.004, 0.04), (0.02, 0.046), (0.036, 0.036),
               (0.045, 0.014), (0.043, -0.012), (0.032, -0.034)]  # fmt: skip
    rows = [
        (out * size, up * size - 0.05 * back * (k / 7) ** 2, -0.02 * back * (k / 7))
        for k, (out, up) in enumerate(profile)
    ]
    return swept(neckline(sheet, shape), shape, rows, closed=True)


def vee_bottom(cut: Cut, shape: Shape) -> float:
    """Height on the mean body of a V's lowest point."""
    return float(shape.joint("neck", mean=True)[1] + cut.neck_front - cut.vee)


def lapels(sheet: Sheet, cut: Cut, shape: Shape) -> Sheet:
    """The folded fronts of a blazer: a second layer along the V of its cut."""
    mean = mean_points(sheet, shape)
    up = mean[:, 1] - vee_bottom(cut, shape)
    slope = cut.vee_width / cut.vee
    edge = (np.abs(mean[:, 0]) - slope * up) / np.hypot(1.0, slope)
    width = 0.066 * smoothstep(up, -0.005, 0.23)
    # The notch between lapel and collar.
    notch = 0.05 * np.clip(1 - np.abs(up - 0.262) / 0.012, 0, 1)
    width = width - notch - 0.022 * smoothstep(up, 0.262, 0.30)
    keep = np.minimum(width - edge, mean[:, 2] - shape.joint("neck", mean=True)[2] + 0.06)
    keep = np.minimum(keep, 0.305 - up)  # the jacket's collar goes on from here
    layer, matrix = clipped(sheet, keep)
    lift = 0.003 + 0.006 * smoothstep(matrix @ np.maximum(width - edge, 0), 0.05, 0.0)
    return layer.moved(layer.vertices + lift[:, None] * normals(layer.vertices, layer.faces))


def placket(sheet: Sheet, cut: Cut, shape: Shape) -> Sheet:
    """The strip down the front of a shirt on which its buttons sit."""
    mean = mean_points(sheet, shape)
    front = mean[:, 2] - shape.joint("neck", mean=True)[2]
    strip = np.minimum(0.017 - np.abs(mean[:, 0]), front - 0.02)
    layer, _ = clipped(sheet, np.minimum(strip, vee_bottom(cut, shape) - 0.006 - mean[:, 1]))
    return layer.moved(layer.vertices + 0.0022 * normals(layer.vertices, layer.faces))


def pocket(sheet: Sheet, shape: Shape) -> Sheet:
    """The pouch on the front of a hoodie."""
    mean = mean_points(sheet, shape)
    up = mean[:, 1] - shape.joint("pelvis", mean=True)[1]
    side = 0.125 - np.abs(mean[:, 0]) - 0.45 * np.clip(up - 0.06, 0, 1)
    box = np.minimum(np.minimum(up + 0.04, 0.17 - up), side)
    layer, matrix = clipped(sheet, np.minimum(box, mean[:, 2] - 0.02))
    lift = 0.002 + 0.006 * smoothstep(matrix @ box, 0.0, 0.05)
    return layer.moved(layer.vertices + lift[:, None] * normals(layer.vertices, layer.faces))


def on_front(sheet: Sheet, shape: Shape, places: np.ndarray) -> Sheet:
    """The sheet's points nearest to places (n,2), x and y on the mean body, seen from the front;
    a sheet without faces whose `anchor` and `vertices` are those points'."""
    mean = mean_points(sheet, shape)
    front = np.flatnonzero(mean[:, 2] > shape.joint("neck", mean=True)[2] - 0.01)
    rows, columns, values = [], [], []
    for row, place in enumerate(places):
        distance = np.linalg.norm(mean[front, :2] - place, axis=1)
        near = np.argsort(distance)[:4]
        weight = 1 / np.maximum(distance[near], 1e-5) ** 2
        rows += [row] * 4
        columns += front[near].tolist()
        values += (weight / weight.sum()).tolist()
    pick = sparse.csr_matrix((values, (rows, columns)), shape=(len(places), len(mean)))
    return Sheet(pick @ sheet.vertices, np.zeros((0, 3), int), (pick @ sheet.anchor).tocsr())


def buttons(
    sheet: Sheet, shape: Shape, places: np.ndarray, radius: float = 0.0055, lift: float = 0.003
) -> Sheet:
    """Small discs on the front of a garment at places (n,2) on the mean body."""
    spots = on_front(sheet, shape, places)
    up = normals(sheet.vertices, sheet.faces)
    nearest = [int(np.linalg.norm(sheet.vertices - p, axis=1).argmin()) for p in spots.vertices]
    out = up[nearest]
    side = np.cross([0.0, 1.0, 0.0], out)
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    high = np.cross(out, side)
    turn = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    rings = [(1.0, 0.0), (1.0, 0.0016), (0.72, 0.0022), (0.0, 0.0014)]
    points, faces = [], []
    for size, height in rings:
        circle = (
            np.cos(turn)[None, :, None] * side[:, None]
            + np.sin(turn)[None, :, None] * high[:, None]
        )
        points.append(
            spots.vertices[:, None] + radius * size * circle + (lift + height) * out[:, None]
        )
    vertices = np.stack(points, 1)  # spot, ring, turn
    ids = np.arange(vertices[..., 0].size).reshape(vertices.shape[:3])
    following = np.roll(ids, -1, axis=2)
    for ring in range(len(rings) - 1):
        a, b = ids[:, ring], following[:, ring]
        c, d = following[:, ring + 1], ids[:, ring + 1]
        faces += [np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)]
    each = np.repeat(np.arange(len(places)), len(rings) * len(turn))
    return Sheet(vertices.reshape(-1, 3), np.concatenate(faces), spots.anchor[each])


def cords(sheet: Sheet, shape: Shape, length: float = 0.16) -> Sheet:
    """Two drawstrings that hang from a hoodie's neck."""
    neck = shape.joint("neck", mean=True)
    steps, sides = 10, 6
    tubes = []
    for x, long in ((0.024, length), (-0.026, length * 0.93)):
        heights = neck[1] - 0.062 - np.linspace(0, long, steps)
        spots = on_front(sheet, shape, np.stack([np.full(steps, x), heights], 1))
        centre = gaussian_filter1d(spots.vertices, 1.0, axis=0, mode="nearest")
        centre = centre + np.array([0, 0, 0.0065])
        turn = np.linspace(0, 2 * np.pi, sides, endpoint=False)
        ring = 0.0028 * np.stack([np.cos(turn), np.zeros(sides), np.sin(turn)], 1)
        points = (centre[:, None] + ring[None]).reshape(-1, 3)
        ids = np.arange(steps * sides).reshape(steps, sides)
        a, b = ids[:-1], np.roll(ids, -1, axis=1)[:-1]
        c, d = np.roll(ids, -1, axis=1)[1:], ids[1:]
        faces = np.concatenate(
            [np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)]
        )
        tubes.append(Sheet(points, faces, spots.anchor[np.repeat(np.arange(steps), sides)]))
    first, second = tubes
    return replace(
        first,
        vertices=np.concatenate([first.vertices, second.vertices]),
        faces=np.concatenate([first.faces, second.faces + len(first.vertices)]),
        anchor=sparse.vstack([first.anchor, second.anchor]).tocsr(),
    )
