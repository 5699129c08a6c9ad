"""Which triangle each pixel's centre sees, exactly, in plain numpy.

A ray from the camera's origin through a pixel meets a triangle where the three products of its
direction with the triangle's edge planes have one sign; those products are the hit's barycentric
weights and their sum its inverse depth (Olano and Greer 1997, "Triangle scan conversion using 2D
homogeneous coordinates"). Planes are linear over the picture, so each triangle's span in each row
is known without trying pixels, and triangles that reach behind the camera need no clipping.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..retarget.motion import Camera

NEAREST_METRES = 0.02
_FLAT = 1e-14
"""A triangle whose corners span less (cubic metres with the camera) is seen edge-on or is none."""


@dataclass(frozen=True)
class Hits:
    """What the pixels that see a surface see; P of them, in the order of rows.

    pixel (P,) flat index row * width + column; face (P,) index into the faces; weights (P, 3)
    barycentric, perspective-correct; depth (P,) metres along z; front (P,) bool, whether the
    face's counter-clockwise side is seen.
    """

    pixel: np.ndarray
    face: np.ndarray
    weights: np.ndarray
    depth: np.ndarray
    front: np.ndarray


def rasterise(vertices: np.ndarray, faces: np.ndarray, camera: Camera) -> Hits:
    """The nearest surface at the centre of every pixel.

    Args:
        vertices: (N, 3) metres in the camera's frame. faces: (F, 3), seen from both sides.
    """
    points = np.ascontiguousarray(np.asarray(vertices, np.float64).T)
    corners = np.ascontiguousarray(faces.T)
    kept, first, last = _rows_touched(points, corners, camera)
    planes, volume = _edge_planes(points, corners[:, kept], camera)
    solid = np.abs(volume) > _FLAT
    kept, first, last = kept[solid], first[solid], last[solid]
    planes, volume = planes[..., solid], volume[solid]

    owner, row, left, right = _spans(planes, first, last, camera.width)
    counts = right - left + 1
    line = np.repeat(np.arange(len(owner)), counts)
    # Places in the list of all spans' pixels; what is linear along a span starts from there.
    place = np.arange(len(line))
    start = left - (np.cumsum(counts) - counts)
    across, down, constant = planes.sum(axis=0)
    slope = across[owner]
    nearness = (down[owner] * row + constant[owner] + slope * start)[line]
    nearness += slope[line] * place
    pixel = (row * camera.width + start)[line] + place
    nearness[nearness >= 1 / NEAREST_METRES] = -1.0
    best = np.zeros(camera.width * camera.height)
    np.maximum.at(best, pixel, nearness)
    won = np.flatnonzero(nearness == best[pixel])
    winner = np.full(len(best), -1)
    winner[pixel[won]] = owner[line[won]]

    seen = np.flatnonzero(winner >= 0)
    owner = winner[seen]
    row, column = np.divmod(seen, camera.width)
    shares = np.empty((3, len(seen)))
    for share, (across, down, constant) in zip(shares, planes, strict=True):
        share[:] = across[owner] * column + down[owner] * row + constant[owner]
    nearness = shares.sum(axis=0)
    shares /= nearness
    weights = np.ascontiguousarray(shares.T)
    return Hits(seen, kept[owner], weights, 1 / nearness, volume[owner] < 0)


def _rows_touched(
    points: np.ndarray, corners: np.ndarray, camera: Camera
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(ids, first row, last row) of the faces that may cover a pixel's centre.

    points: (3, N). corners: (3, F).
    """
    x, y, z = points
    before = z > NEAREST_METRES
    safe = np.where(before, z, 1.0)
    across = x * (camera.fx / safe) + (camera.cx - 0.5)
    down = y * (camera.fy / safe) + (camera.cy - 0.5)
    left, right = _reach(across, corners)
    first, last = _reach(down, corners)
    first, last = np.maximum(first, 0), np.minimum(last, camera.height - 1)
    met = (last >= first) & (right >= np.maximum(left, 0)) & (left < camera.width)
    if not before.all():
        whole = before[corners].all(axis=0)
        cut = before[corners].any(axis=0) & ~whole
        first[cut], last[cut] = 0, camera.height - 1
        met = (met & whole) | cut
    ids = np.flatnonzero(met)
    return ids, first[ids].astype(np.int64), last[ids].astype(np.int64)


def _reach(places: np.ndarray, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first and last whole numbers between the corners of each face, by places (N,)."""
    a, b, c = (places[ids] for ids in corners)
    low, high = np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)
    return np.ceil(low), np.floor(high)


def _edge_planes(
    points: np.ndarray, corners: np.ndarray, camera: Camera
) -> tuple[np.ndarray, np.ndarray]:
    """Per face: (3 corners, 3, K), weights over depth as (per column, per row, constant) of a
    pixel's whole numbers, and six times the signed volume (K,) that it spans with the camera:
    negative where it faces it."""
    a, b, c = (points[:, ids] for ids in corners)
    planes = np.stack([_cross(b, c), _cross(c, a), _cross(a, b)])
    volume = (a * planes[0]).sum(axis=0)
    planes /= np.where(np.abs(volume) > _FLAT, volume, 1.0)
    planes[:, 0] /= camera.fx
    planes[:, 1] /= camera.fy
    # A pixel's centre is half a pixel on from its whole numbers.
    planes[:, 2] -= planes[:, 0] * (camera.cx - 0.5) + planes[:, 1] * (camera.cy - 0.5)
    return planes, volume


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The products of (3, K) vectors: numpy's own, with the axis last, is much slower."""
    return np.stack(
        [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
    )


def _spans(
    planes: np.ndarray, first: np.ndarray, last: np.ndarray, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(face, row, first column, last column) of every run of pixels: where in a face's row all
    three planes are positive."""
    counts = last - first + 1
    owner = np.repeat(np.arange(len(first)), counts)
    row = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts - first, counts)
    low, high = np.zeros(len(owner)), np.full(len(owner), width - 1.0)
    for slope, down, constant in planes:
        with np.errstate(divide="ignore", invalid="ignore"):
            # Where the plane crosses zero: a place in row 0, and a step per row.
            place, step = -constant / slope, -down / slope
        begins, ends = slope > 0, slope < 0
        crossing = np.where(begins, place, -np.inf)[owner]
        np.maximum(low, crossing + np.where(begins, step, 0.0)[owner] * row, out=low)
        crossing = np.where(ends, place, np.inf)[owner]
        np.minimum(high, crossing + np.where(ends, step, 0.0)[owner] * row, out=high)
        level = np.flatnonzero((slope == 0)[owner])
        outside = down[owner[level]] * row[level] + constant[owner[level]] < 0
        high[level[outside]] = -1.0
    met = np.flatnonzero(np.floor(high) >= np.ceil(low))
    left, right = np.ceil(low[met]).astype(np.int64), np.floor(high[met]).astype(np.int64)
    return owner[met], row[met], left, right
