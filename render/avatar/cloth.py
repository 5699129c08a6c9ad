"""From a piece of the body's second skin to something that looks like cloth.

Cloth stands off the skin by its ease, hangs from what sticks out (chest, shoulder blades), is
evened out, folds at the joints, and ends in a hem with a thickness of its own.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial import ConvexHull

from ...repeatable import arctan2
from .noise import fractal_noise, smoothstep
from .shape import Shape
from .sheet import Sheet, averaging, boundary_edges, normals


def second_skin(shape: Shape, faces: np.ndarray, rounds: int = 1) -> Sheet:
    """The sheet of the helper's triangles `faces` on the shaped body, subdivided."""
    from .sheet import body_sheet, subdivided

    sheet, _ = body_sheet(shape.vertices, faces)
    return subdivided(sheet, rounds)


def mean_points(sheet: Sheet, shape: Shape) -> np.ndarray:
    """(n,3) where the sheet's vertices lie on the mean body."""
    return sheet.anchor @ shape.mean


def arm_share(mean: np.ndarray, shape: Shape) -> np.ndarray:
    """(n,) 0 on the torso .. 1 on the arms, by mean-body points."""
    shoulder = shape.joint("left_shoulder", mean=True)
    outward = smoothstep(np.abs(mean[:, 0]), shoulder[0] - 0.035, shoulder[0] + 0.03)
    return outward * smoothstep(mean[:, 1], shoulder[1] - 0.16, shoulder[1] - 0.1)


def drape(sheet: Sheet, shape: Shape, strength: float, slope: float = 0.2) -> Sheet:
    """Let the torso of a top hang: every horizontal section becomes as convex, and every vertical
    profile falls in by at most `slope`, as far as `strength` 0..1 says."""
    mean = mean_points(sheet, shape)
    chest = shape.joint("left_shoulder", mean=True)[1] - 0.06
    share = (1 - arm_share(mean, shape)) * smoothstep(mean[:, 1], chest + 0.03, chest - 0.09)
    points = sheet.vertices
    torso = share > 0.01
    if torso.sum() < 50:
        return sheet
    middle = np.array([0.0, 0.0, np.median(points[torso, 2])])
    flat = points - middle
    radius = np.hypot(flat[:, 0], flat[:, 2])
    turn = arctan2(flat[:, 0], flat[:, 2])
    low, high = points[torso, 1].min(), points[torso, 1].max()
    rows, columns = 48, 96
    levels = np.linspace(low, high, rows)
    band = 1.5 * (levels[1] - levels[0])
    directions = np.linspace(-np.pi, np.pi, columns, endpoint=False)
    grid = np.zeros((rows, columns))
    for row, level in enumerate(levels):
        near = torso & (np.abs(points[:, 1] - level) < band)
        grid[row] = hull_radius(flat[near][:, [0, 2]], directions) if near.sum() > 8 else 0.0
    fall = slope * (levels[1] - levels[0])
    for row in range(rows - 2, -1, -1):
        grid[row] = np.maximum(grid[row], grid[row + 1] - fall)
    grid = gaussian_filter(grid, (1.5, 1.5), mode=("nearest", "wrap"))
    row = np.clip((points[:, 1] - low) / (levels[1] - levels[0]), 0, rows - 1.001)
    column = (turn + np.pi) / (2 * np.pi) * columns
    r0, c0 = row.astype(int), column.astype(int) % columns
    fr, fc = row - r0, column - np.floor(column)
    c1 = (c0 + 1) % columns
    hung = (1 - fr) * ((1 - fc) * grid[r0, c0] + fc * grid[r0, c1]) + fr * (
        (1 - fc) * grid[r0 + 1, c0] + fc * grid[r0 + 1, c1]
    )
    wanted = radius + strength * share * np.maximum(hung - radius, 0)
    scale = (wanted / np.maximum(radius, 1e-6))[:, None]
    return sheet.moved(
        middle * [0, 0, 1]
        + np.where(
            torso[:, None], flat * np.concatenate([scale, np.ones_like(scale), scale], 1), flat
        )
    )


def hull_radius(points: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Distance from the origin to the convex hull of 2-D points (n,2) along directions (radians
    from the second axis)."""
    hull = ConvexHull(points)
    ray = np.stack([np.sin(directions), np.cos(directions)], 1)
    along = ray @ hull.equations[:, :2].T
    reach = np.where(along > 1e-9, -hull.equations[:, 2] / np.maximum(along, 1e-9), np.inf)
    return reach.min(axis=1)


def stand_off(sheet: Sheet, shape: Shape, ease: np.ndarray | float, rounds: int = 4) -> Sheet:
    """Smooth the sheet and push it out until it clears the skin by `ease` metres everywhere."""
    ease = np.broadcast_to(np.asarray(ease, float), (len(sheet.vertices),))
    points = sheet.vertices + ease[:, None] * normals(sheet.vertices, sheet.faces)
    for _ in range(rounds):
        points = _faired(points, sheet.faces, 2)
        distance, outward = shape.skin.clearance(points)
        short = np.clip(ease - distance, 0, 0.03)
        points = points + short[:, None] * outward
    return sheet.moved(points)


def _faired(points: np.ndarray, faces: np.ndarray, rounds: int) -> np.ndarray:
    """Smoothing along the normals alone: across them the mesh would drift, and lines that are
    straight on the mean body (lapels) would waver. Borders are evened freely."""
    on_border = np.zeros((len(points), 1), bool)
    on_border[boundary_edges(faces).ravel()] = True
    average = averaging(faces, len(points))
    for _ in range(rounds):
        step = 0.5 * (average @ points - points)
        up = normals(points, faces)
        level = (step * up).sum(axis=1, keepdims=True) * up
        points = points + np.where(on_border, step, level)
    return points


def wrinkled(sheet: Sheet, shape: Shape, depth: float, seed: int) -> Sheet:
    """Add folds: down the torso, around elbows and armpits; `depth` metres at most."""
    mean = mean_points(sheet, shape)
    arm = arm_share(mean, shape)
    shoulder = shape.joint("left_shoulder", mean=True)
    elbow = shape.joint("left_elbow", mean=True)
    side = np.abs(mean[:, 0])
    bend = np.exp(-(((side - elbow[0]) / 0.07) ** 2))
    pit = np.exp(-(((mean - [0, shoulder[1] - 0.09, shoulder[2]]) / [1, 0.07, 0.12]) ** 2).sum(1))
    pit *= np.exp(-(((side - shoulder[0] + 0.02) / 0.07) ** 2))
    waist = np.exp(-(((mean[:, 1] - 0.22) / 0.09) ** 2))
    down = fractal_noise(mean * [1.0, 0.3, 1.0] + seed, 0.05, seed, 2)
    around = fractal_noise(mean * [1.0, 0.35, 0.35] + seed, 0.03, seed + 1, 2)
    slanted = fractal_noise(
        np.stack([side + 0.8 * mean[:, 1], mean[:, 1] * 0.3, mean[:, 2] * 0.5], 1),
        0.035,
        seed + 2,
        2,
    )
    torso_fold = (1 - arm) * (0.55 * down * (0.5 + waist) + 1.0 * pit * slanted)
    height = torso_fold + arm * around * (0.45 + 0.9 * bend)
    up = normals(sheet.vertices, sheet.faces)
    return sheet.moved(sheet.vertices + depth * height[:, None] * up)
