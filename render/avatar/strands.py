"""Hair as locks: curves that grow from the scalp and lie on the head, made into ribbons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from .shape import Surface
from .sheet import Sheet, normals

Flow = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(points (n,3), share of the length grown 0..1 (n,)) -> wanted directions (n,3)."""


@dataclass(frozen=True, eq=False)
class Roots:
    """Where locks grow: points (n,3), outward normals (n,3), anchors to the body (n,V), how far
    inside the hairline (n,) in metres."""

    points: np.ndarray
    normals: np.ndarray
    anchor: sparse.csr_matrix
    depth: np.ndarray

    def chosen(self, mask: np.ndarray) -> Roots:
        """The roots of a mask or of ids."""
        return Roots(self.points[mask], self.normals[mask], self.anchor[mask], self.depth[mask])


@dataclass(frozen=True, eq=False)
class Locks:
    """Curves (n,K,3), the outward normals along them (n,K,3), and their roots."""

    points: np.ndarray
    outward: np.ndarray
    roots: Roots


def scatter(sheet: Sheet, depth: np.ndarray, count: int, seed: int, least: float = 0.0) -> Roots:
    """`count` roots spread evenly over a scalp sheet where it lies `least` metres inside."""
    random = np.random.default_rng(seed)
    faces = sheet.faces[depth[sheet.faces].min(axis=1) >= least]
    corners = sheet.vertices[faces]
    area = np.linalg.norm(
        np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
    )
    # Stratified along the faces' cumulated area, so that the roots do not clump.
    order = (np.arange(count) + random.uniform(0, 1, count)) / count
    chosen = np.searchsorted(np.cumsum(area) / area.sum(), order).clip(0, len(faces) - 1)
    first, second = np.sqrt(random.uniform(0, 1, count)), random.uniform(0, 1, count)
    shares = np.stack([1 - first, first * (1 - second), first * second], 1)
    pick = sparse.csr_matrix(
        (shares.ravel(), (np.repeat(np.arange(count), 3), faces[chosen].ravel())),
        shape=(count, len(sheet.vertices)),
    )
    up = pick @ normals(sheet.vertices, sheet.faces)
    up /= np.linalg.norm(up, axis=1, keepdims=True)
    return Roots(pick @ sheet.vertices, up, (pick @ sheet.anchor).tocsr(), pick @ depth)


def grow(
    roots: Roots,
    obstacle: Surface,
    flow: Flow,
    length: np.ndarray,
    height: np.ndarray,
    steps: int,
    stiffness: float = 0.45,
    lift: float = 0.35,
) -> Locks:
    """Grow one lock from each root along `flow`, kept about `height` metres (n,) off the skin.

    length: (n,) metres. stiffness: how much a lock keeps its direction from step to step, 0..1.
    lift: how far it starts along the skin's normal rather than along the flow.
    """
    count = len(roots.points)
    stride = (length / (steps - 1))[:, None]
    points, outward = [roots.points - 0.0015 * roots.normals], [roots.normals]
    current = _unit(lift * roots.normals + (1 - lift) * flow(roots.points, np.zeros(count)))
    outward_now, near = roots.normals, np.ones(count)
    for step in range(1, steps):
        share = np.full(count, step / (steps - 1))
        wanted = flow(points[-1], share)
        # Near the head the flow is followed along its surface, not away from it.
        away = np.clip((wanted * outward_now).sum(1, keepdims=True), 0, None)
        wanted = _unit(wanted - away * outward_now * near[:, None])
        current = _unit(stiffness * current + (1 - stiffness) * wanted)
        place = points[-1] + stride * current
        distance, up = obstacle.clearance(place)
        target = height * np.minimum(1.0, 1.6 * step * stride[:, 0] / np.maximum(height, 1e-6))
        # Out of the head at once; back onto it gently, and only while it is near.
        error = np.clip(target - distance, -0.6 * stride[:, 0], 0.05)
        error = np.where((error < 0) & (distance > 3 * height + 0.01), 0.0, error)
        place = place + error[:, None] * up
        outward_now, near = up, np.clip(2 - distance / 0.03, 0, 1)
        moved = _unit(place - points[-1])
        current = _unit(0.5 * current + 0.5 * moved)
        points.append(place)
        outward.append(_unit(up - (up * moved).sum(1, keepdims=True) * moved))
    return Locks(np.stack(points, 1), np.stack(outward, 1), roots)


def trimmed(locks: Locks, forbidden: np.ndarray) -> Locks:
    """Locks cut where they first come to a `forbidden` (n,K) point, drawn anew with K points."""
    count, steps = forbidden.shape
    first = np.where(forbidden.any(axis=1), forbidden.argmax(axis=1), steps - 1)
    end = np.where(forbidden.any(axis=1), np.maximum(first - 0.5, 0.4), steps - 1.0)
    place = np.linspace(0, 1, steps)[None] * end[:, None]
    before = np.minimum(place.astype(int), steps - 2)
    share = (place - before)[..., None]
    row = np.arange(count)[:, None]

    def drawn(values: np.ndarray) -> np.ndarray:
        return (1 - share) * values[row, before] + share * values[row, before + 1]

    return Locks(drawn(locks.points), drawn(locks.outward), locks.roots)


def settled(locks: Locks, obstacle: Surface, height: float, rounds: int = 4) -> Locks:
    """Locks evened along their length and laid at least `height` metres off the obstacle, roots
    kept: between two steps of growth a long lock may have cut a corner."""
    points = locks.points.copy()
    count, steps = points.shape[:2]
    outward = locks.outward
    free = np.clip(np.arange(steps) / 3 - 0.5, 0, 1)[None, :, None]  # roots stay where they are
    # A height for each: locks that lie in one place would be seen through each other by chance.
    own = (height + 0.0008 * (np.arange(count) * 0.618034 % 1))[:, None]
    for _ in range(rounds):
        even = 0.25 * points[:, :-2] + 0.5 * points[:, 1:-1] + 0.25 * points[:, 2:]
        points[:, 1:-1] += free[:, 1:-1] * (even - points[:, 1:-1])
        distance, up = obstacle.clearance(points.reshape(-1, 3))
        short = np.clip(own - distance.reshape(count, steps), 0, 0.05)[..., None]
        points += free * short * up.reshape(count, steps, 3)
        outward = up.reshape(count, steps, 3)
    along = np.gradient(points, axis=1)
    along /= np.maximum(np.linalg.norm(along, axis=2, keepdims=True), 1e-9)
    level = outward - (outward * along).sum(axis=2, keepdims=True) * along
    level /= np.maximum(np.linalg.norm(level, axis=2, keepdims=True), 1e-9)
    return Locks(points, level, locks.roots)


def curled(locks: Locks, radius: float, pitch: float, seed: int) -> Locks:
    """The locks wound into helices of `radius` and `pitch` metres, from the second step on."""
    random = np.random.default_rng(seed)
    points = locks.points
    along = np.gradient(points, axis=1)
    step = np.linalg.norm(along, axis=2, keepdims=True)
    along = along / np.maximum(step, 1e-9)
    across = np.cross(locks.outward, along)
    grown = np.cumsum(step[..., 0], axis=1)
    phase = 2 * np.pi * grown / (pitch * random.uniform(0.8, 1.25, (len(points), 1)))
    phase = phase + random.uniform(0, 2 * np.pi, (len(points), 1))
    size = radius * np.minimum(1.0, grown / (1.5 * pitch))[..., None]
    shift = np.cos(phase)[..., None] * across + np.sin(phase)[..., None] * locks.outward
    return Locks(points + size * shift, locks.outward, locks.roots)


def ribbons(
    locks: Locks, width: np.ndarray, taper: float, bulge: float = 0.35
) -> tuple[Sheet, np.ndarray, np.ndarray]:
    """A three-vertex-wide ribbon per lock, its middle raised by `bulge` of its width.

    width: (n,) metres at the widest; taper: the tip's share of it. Returns the sheet, each
    vertex's share of the length (m,), and its lock (m,).
    """
    points, up = locks.points, locks.outward
    count, steps = points.shape[:2]
    along = np.gradient(points, axis=1)
    along /= np.maximum(np.linalg.norm(along, axis=2, keepdims=True), 1e-9)
    across = np.cross(up, along)
    across /= np.maximum(np.linalg.norm(across, axis=2, keepdims=True), 1e-9)
    share = np.linspace(0, 1, steps)
    profile = np.interp(share, [0, 0.15, 0.55, 1.0], [0.75, 1.0, 0.9, taper])
    half = 0.5 * width[:, None, None] * profile[None, :, None]
    rows = np.stack(
        [points - half * across, points + 2 * bulge * half * up, points + half * across], 2
    )
    ids = np.arange(count * steps * 3).reshape(count, steps, 3)
    faces = []
    for left in (0, 1):
        a, b = ids[:, :-1, left], ids[:, :-1, left + 1]
        c, d = ids[:, 1:, left + 1], ids[:, 1:, left]
        faces += [np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)]
    lock = np.repeat(np.arange(count), steps * 3)
    sheet = Sheet(rows.reshape(-1, 3), np.concatenate(faces), locks.roots.anchor[lock])
    return sheet, np.tile(np.repeat(share, 3), count), lock


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
