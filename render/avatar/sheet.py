"""Surfaces that know which body vertices they follow, and the cutting and smoothing of them.

A sheet is made of body (or helper) triangles. Whatever is done to its mesh — cutting along a
line, subdividing — is a sparse linear map on its vertices, so that its skinning and its facial
actions come with it: they are `anchor @ body.weights` and `anchor @ body.actiondirs`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse


@dataclass(frozen=True, eq=False)
class Sheet:
    """vertices (n,3) metres; faces (F,3) int, counter-clockwise from outside; anchor (n,V) sparse
    rows that sum to 1 over body vertices."""

    vertices: np.ndarray
    faces: np.ndarray
    anchor: sparse.csr_matrix

    def moved(self, vertices: np.ndarray) -> Sheet:
        """The same sheet with its vertices elsewhere."""
        return replace(self, vertices=vertices)

    def resampled(self, matrix: sparse.csr_matrix, faces: np.ndarray) -> Sheet:
        """The sheet whose vertices are `matrix` (m,n) times these."""
        return Sheet(matrix @ self.vertices, faces, (matrix @ self.anchor).tocsr())

    def kept(self, face_mask: np.ndarray) -> tuple[Sheet, np.ndarray]:
        """The part of the sheet on the faces of `face_mask` (F,), and its vertices' old ids."""
        faces, ids = compact(self.faces[face_mask])
        return Sheet(self.vertices[ids], faces, self.anchor[ids]), ids


def body_sheet(vertices: np.ndarray, faces: np.ndarray) -> tuple[Sheet, np.ndarray]:
    """The sheet of some of the body's triangles (F,3), and the body ids of its vertices."""
    local, ids = compact(faces)
    anchor = sparse.csr_matrix(
        (np.ones(len(ids)), (np.arange(len(ids)), ids)), shape=(len(ids), len(vertices))
    )
    return Sheet(vertices[ids].astype(np.float64), local, anchor), ids


def compact(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(faces with ids 0..n-1, the old ids (n,) in ascending order)."""
    ids, local = np.unique(faces, return_inverse=True)
    return local.reshape(faces.shape), ids


def normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(n,3) unit vertex normals, area-weighted; zero where a vertex has no face."""
    corners = vertices[faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.zeros_like(vertices, dtype=np.float64)
    for corner in range(3):
        for axis in range(3):
            total[:, axis] += np.bincount(faces[:, corner], cross[:, axis], len(vertices))
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)


def edges(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unique edges (E,2) ascending, edge id of each face's sides 01, 12, 20 (F,3), and how many
    faces share each edge (E,)."""
    sides = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1).astype(np.int64)
    size = int(sides.max()) + 1 if len(sides) else 1
    key, inverse, count = np.unique(
        sides[:, 0] * size + sides[:, 1], return_inverse=True, return_counts=True
    )
    return np.stack([key // size, key % size], 1), inverse.reshape(-1, 3), count


def boundary_edges(faces: np.ndarray) -> np.ndarray:
    """(B,2) directed border edges as their one face runs along them."""
    _, side_ids, count = edges(faces)
    directed = faces[:, [[0, 1], [1, 2], [2, 0]]]
    return directed[count[side_ids] == 1]


def boundary_loops(faces: np.ndarray) -> list[np.ndarray]:
    """Closed border loops as vertex ids in order, longest first."""
    following = {int(a): int(b) for a, b in boundary_edges(faces)}
    loops = []
    while following:
        start, current = following.popitem()
        loop = [start]
        while current != start and current in following:
            loop.append(current)
            current = following.pop(current)
        loops.append(np.array(loop))
    return sorted(loops, key=len, reverse=True)


def averaging(faces: np.ndarray, count: int) -> sparse.csr_matrix:
    """(n,n) matrix that takes each vertex to the mean of its neighbours; on a border, to the mean
    of its border neighbours, so that hems keep their place and only become even."""
    unique, _, shared = edges(faces)
    on_border = np.zeros(count, bool)
    border = unique[shared == 1]
    on_border[border.ravel()] = True
    inner = ~on_border
    rows = np.concatenate([unique[:, 0], unique[:, 1]])
    columns = np.concatenate([unique[:, 1], unique[:, 0]])
    use = inner[rows]
    rows = np.concatenate([rows[use], border[:, 0], border[:, 1]])
    columns = np.concatenate([columns[use], border[:, 1], border[:, 0]])
    matrix = sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(count, count))
    degree = np.asarray(matrix.sum(axis=1)).ravel()
    lonely = degree == 0
    return sparse.diags(1 / np.maximum(degree, 1)) @ matrix + sparse.diags(lonely.astype(float))


def smooth(vertices: np.ndarray, faces: np.ndarray, rounds: int, amount: float = 0.5) -> np.ndarray:
    """Vertices (n,...) or any field on them after Laplacian smoothing."""
    average = averaging(faces, len(vertices))
    for _ in range(rounds):
        vertices = (1 - amount) * vertices + amount * (average @ vertices)
    return vertices


def subdivision(faces: np.ndarray, count: int) -> tuple[sparse.csr_matrix, np.ndarray]:
    """One round of Loop subdivision (Loop 1987): matrix (n+E, n) and the new faces (4F,3)."""
    unique, side_ids, shared = edges(faces)
    edge_count = len(unique)
    # Even vertices.
    border = unique[shared == 1]
    on_border = np.zeros(count, bool)
    on_border[border.ravel()] = True
    both = np.concatenate([unique, unique[:, ::-1]])
    degree = np.bincount(both[:, 0], minlength=count)
    beta = np.where(degree == 3, 3 / 16, 3 / (8 * np.maximum(degree, 1)))
    use = ~on_border[both[:, 0]]
    rows = [both[use, 0], border[:, 0], border[:, 1], np.arange(count)]
    columns = [both[use, 1], border[:, 1], border[:, 0], np.arange(count)]
    values = [
        beta[both[use, 0]],
        np.full(len(border), 1 / 8),
        np.full(len(border), 1 / 8),
        np.where(on_border, 0.75, 1 - degree * beta),
    ]
    # Odd vertices.
    inside = shared == 2
    opposite = np.roll(faces, 1, axis=1)  # the corner across sides 01, 12, 20
    odd = count + np.arange(edge_count)
    for end in (0, 1):
        rows.append(odd)
        columns.append(unique[:, end])
        values.append(np.where(inside, 3 / 8, 1 / 2))
    across = inside[side_ids].ravel()
    rows.append(count + side_ids.ravel()[across])
    columns.append(opposite.ravel()[across])
    values.append(np.full(int(across.sum()), 1 / 8))
    matrix = sparse.csr_matrix(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))),
        shape=(count + edge_count, count),
    )
    # Borders on which more than two edges meet would lose weight; rows are made whole again.
    matrix = sparse.diags(1 / np.asarray(matrix.sum(axis=1)).ravel()) @ matrix
    a, b, c = faces.T
    ab, bc, ca = (count + side_ids).T
    new = np.concatenate(
        [np.stack(t, 1) for t in ((a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca))]
    )
    return matrix.tocsr(), new


def subdivided(sheet: Sheet, rounds: int = 1) -> Sheet:
    """The sheet after rounds of Loop subdivision."""
    for _ in range(rounds):
        sheet = sheet.resampled(*subdivision(sheet.faces, len(sheet.vertices)))
    return sheet


def clipping(
    faces: np.ndarray, field: np.ndarray
) -> tuple[sparse.csr_matrix, np.ndarray, np.ndarray]:
    """Cut triangles exactly along field == 0 and keep what is positive.

    A vertex very near the line is moved onto it along its edge, so that no slivers arise.
    Returns the matrix (m,n) that makes the new vertices of the old ones, the new faces (F,3), and
    each new face's old face (F,).
    """
    count = len(field)
    unique, side_ids, _ = edges(faces)
    field = np.where(np.abs(field) < 1e-9, 1e-9, field)
    moved, on_line = _snapped(unique, field)
    snapped = np.where(on_line, 1e-12, field)
    inside = snapped > 0
    first, second = unique.T
    crossing = inside[first] != inside[second]
    # A cut next to a vertex that lies on the line is that vertex.
    kept_end = np.where(inside[first], first, second)
    fresh = crossing & ~on_line[kept_end]
    cut_id = np.where(crossing, kept_end, -1)
    cut_id[fresh] = count + np.arange(int(fresh.sum()))
    share = field[first[fresh]] / (field[first[fresh]] - field[second[fresh]])

    new_faces, sources = [], []
    tally = inside[faces].sum(axis=1)
    outlying = on_line[faces].all(axis=1) & (field[faces].sum(axis=1) <= 0)
    whole = np.flatnonzero((tally == 3) & ~outlying)
    new_faces.append(faces[whole])
    sources.append(whole)
    for corner in range(3):
        nxt, prv = (corner + 1) % 3, (corner + 2) % 3
        corner_in = inside[faces[:, corner]]
        # One corner in: a small triangle is left at that corner.
        alone = np.flatnonzero((tally == 1) & corner_in)
        out_edge, in_edge = cut_id[side_ids[alone, corner]], cut_id[side_ids[alone, prv]]
        new_faces.append(np.stack([faces[alone, corner], out_edge, in_edge], 1))
        sources.append(alone)
        # One corner out: a quad is left, made of two triangles.
        lost = np.flatnonzero((tally == 2) & ~corner_in)
        out_edge, in_edge = cut_id[side_ids[lost, corner]], cut_id[side_ids[lost, prv]]
        b, c = faces[lost, nxt], faces[lost, prv]
        new_faces += [np.stack([out_edge, b, c], 1), np.stack([out_edge, c, in_edge], 1)]
        sources += [lost, lost]
    cut_faces, source = np.concatenate(new_faces), np.concatenate(sources)
    a, b, c = cut_faces.T
    solid = (a != b) & (b != c) & (c != a)
    local, ids = compact(cut_faces[solid])
    cuts = int(fresh.sum())
    cut_rows = sparse.csr_matrix(
        (
            np.concatenate([1 - share, share]),
            (np.tile(np.arange(cuts), 2), np.concatenate([first[fresh], second[fresh]])),
        ),
        shape=(cuts, count),
    )
    return sparse.vstack([moved, cut_rows]).tocsr()[ids], local, source[solid]


def _snapped(unique: np.ndarray, field: np.ndarray) -> tuple[sparse.csr_matrix, np.ndarray]:
    """(n,n) matrix that moves vertices within a fifth of an edge of the line onto it, and (n,)
    which ones it moves."""
    count = len(field)
    first, second = unique[(field[unique[:, 0]] > 0) != (field[unique[:, 1]] > 0)].T
    share = field[first] / (field[first] - field[second])
    near = np.concatenate([first, second])
    far = np.concatenate([second, first])
    share = np.concatenate([share, 1 - share])
    order = np.argsort(-share, kind="stable")  # the nearest crossing is written last and stays
    use = order[share[order] < 0.2]
    target, way = np.arange(count), np.zeros(count)
    target[near[use]], way[near[use]] = far[use], share[use]
    matrix = sparse.csr_matrix(
        (
            np.concatenate([1 - way, way]),
            (np.tile(np.arange(count), 2), np.concatenate([np.arange(count), target])),
        ),
        shape=(count, count),
    )
    on_line = np.zeros(count, bool)
    on_line[near[use]] = True
    return matrix, on_line


def clipped(sheet: Sheet, field: np.ndarray) -> tuple[Sheet, sparse.csr_matrix]:
    """The sheet where field (n,) is positive, cut exactly along its zero line, and the matrix
    that takes any other field on the old vertices to the new ones."""
    matrix, faces, _ = clipping(sheet.faces, field)
    return sheet.resampled(matrix, faces), matrix


def rimmed(sheet: Sheet, thickness: float, depth: float) -> tuple[Sheet, np.ndarray]:
    """Fold every border inwards so that it shows an edge of `thickness` and an inner face that
    runs `depth` back under the sheet (metres). Also returns each vertex's source vertex."""
    border = boundary_edges(sheet.faces)
    if len(border) == 0:
        return sheet, np.arange(len(sheet.vertices))
    count = len(sheet.vertices)
    rim = np.unique(border)
    place = np.full(count, -1)
    place[rim] = np.arange(len(rim))
    up = normals(sheet.vertices, sheet.faces)[rim]
    # Along the border, averaged over the two edges at each vertex; across it points inwards.
    along = np.zeros((count, 3))
    step = sheet.vertices[border[:, 1]] - sheet.vertices[border[:, 0]]
    np.add.at(along, border[:, 0], step)
    np.add.at(along, border[:, 1], step)
    inward = np.cross(up, along[rim])
    inward /= np.maximum(np.linalg.norm(inward, axis=1, keepdims=True), 1e-9)
    start = sheet.vertices[rim]
    middle = start - thickness * 0.6 * up - 0.25 * thickness * inward
    under = start - thickness * up + 0.2 * depth * inward
    back = start - thickness * up + depth * inward
    rows = [count + k * len(rim) + place for k in range(3)]
    a, b = border.T
    faces = [sheet.faces]
    for upper, lower in zip([np.arange(count), *rows[:2]], rows, strict=True):
        faces.append(np.stack([upper[b], upper[a], lower[a]], 1))
        faces.append(np.stack([upper[b], lower[a], lower[b]], 1))
    source = np.concatenate([np.arange(count), rim, rim, rim])
    rimmed_sheet = Sheet(
        np.concatenate([sheet.vertices, middle, under, back]),
        np.concatenate(faces),
        sheet.anchor[source],
    )
    return rimmed_sheet, source
