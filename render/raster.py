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
    corners = np.asarray(vertices, np.float64)[faces]
    kept, first, last = _rows_touched(corners, camera)
    planes, volume = _edge_planes(corners[kept], camera)
    solid = np.abs(volume) > _FLAT
    kept, first, last = kept[solid], first[solid], last[solid]
    planes, volume = planes[solid], volume[solid]
    sums = planes.sum(axis=1)

    counts = last - first + 1
    owner = np.repeat(np.arange(len(kept)), counts)
    row = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts - first, counts)
    left, right = _spans(planes[owner], row, camera.width)
    met = right >= left
    owner, row, left, right = owner[met], row[met], left[met], right[met]

    counts = right - left + 1
    line = np.repeat(np.arange(len(owner)), counts)
    start = np.cumsum(counts) - counts
    column = np.arange(len(line)) - np.repeat(start - left, counts)
    slope = sums[owner, 0]
    base = sums[owner, 1] * (row + 0.5) + sums[owner, 2] + 0.5 * slope
    nearness = base[line] + slope[line] * column
    pixel = (row * camera.width)[line] + column
    best = np.zeros(camera.width * camera.height)
    np.maximum.at(best, pixel, nearness)
    winner = np.full(len(best), -1)
    won = (nearness == best[pixel]) & (nearness < 1 / NEAREST_METRES)
    winner[pixel[won]] = owner[line[won]]
    seen = np.flatnonzero(winner >= 0)
    owner = winner[seen]
    row, column = np.divmod(seen, camera.width)
    own = planes[owner]
    shares = own[..., 0] * (column + 0.5)[:, None]
    shares += own[..., 1] * (row + 0.5)[:, None]
    shares += own[..., 2]
    nearness = shares.sum(axis=1)
    return Hits(seen, kept[owner], shares / nearness[:, None], 1 / nearness, volume[owner] < 0)


def _rows_touched(corners: np.ndarray, camera: Camera) -> tuple[np.ndarray, ...]:
    """(ids, first row, last row) of the faces that may cover a pixel's centre."""
    z = corners[..., 2]
    before = z > NEAREST_METRES
    safe = np.where(before, z, 1.0)
    x = corners[..., 0] * camera.fx / safe + camera.cx
    y = corners[..., 1] * camera.fy / safe + camera.cy
    first = np.ceil(_least(y) - 0.5)
    last = np.floor(_most(y) - 0.5)
    whole = before[:, 0] & before[:, 1] & before[:, 2]
    some = before[:, 0] | before[:, 1] | before[:, 2]
    first = np.where(whole, np.maximum(first, 0), 0)
    last = np.where(whole, np.minimum(last, camera.height - 1), camera.height - 1)
    beside = (_most(x) < 0.5) | (_least(x) > camera.width - 0.5)
    beside |= np.ceil(_least(x) - 0.5) > np.floor(_most(x) - 0.5)
    ids = np.flatnonzero((last >= first) & some & ~(whole & beside))
    return ids, first[ids].astype(np.int64), last[ids].astype(np.int64)


def _least(values: np.ndarray) -> np.ndarray:
    return np.minimum(np.minimum(values[:, 0], values[:, 1]), values[:, 2])


def _most(values: np.ndarray) -> np.ndarray:
    return np.maximum(np.maximum(values[:, 0], values[:, 1]), values[:, 2])


def _edge_planes(corners: np.ndarray, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Per face: (K, 3, 3) weights over depth as (per column, per row, constant) of a pixel, and
    six times the signed volume (K,) that it spans with the camera: negative where it faces it."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    normals = np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], axis=1)
    volume = np.einsum("ki,ki->k", a, normals[:, 0])
    normals /= np.where(np.abs(volume) > _FLAT, volume, 1.0)[:, None, None]
    planes = np.empty_like(normals)
    planes[..., 0] = normals[..., 0] / camera.fx
    planes[..., 1] = normals[..., 1] / camera.fy
    planes[..., 2] = normals[..., 2] - planes[..., 0] * camera.cx - planes[..., 1] * camera.cy
    return planes, volume


def _spans(planes: np.ndarray, row: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """First and last column of each face in its row: where all three planes are positive."""
    slope = planes[..., 0]
    height = planes[..., 1] * (row[:, None] + 0.5) + planes[..., 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = -height / slope
    rising, falling = slope > 0, slope < 0
    low = _most(np.where(rising, crossing, -np.inf))
    high = _least(np.where(falling, crossing, np.inf))
    flat_outside = ((slope == 0) & (height < 0)).any(axis=1)
    left = np.ceil(np.clip(low, 0, width) - 0.5).astype(np.int64)
    right = np.floor(np.clip(high, -1, width) - 0.5).astype(np.int64)
    left = np.maximum(left, 0)
    right = np.where(flat_outside, -1, np.minimum(right, width - 1))
    return left, right
