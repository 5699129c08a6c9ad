"""Eyes: a ball with sclera, iris and pupil, and the lashes on the lids."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from .avatar import Material
from .colours import hex_to_linear
from .draft import Draft, plain
from .record import Signer
from .shape import EYES, SKIN, Shape
from .sheet import Sheet, body_sheet

_SEGMENTS = 32
_IRIS = 24.0  # degrees seen from the ball's centre: a 6.4 mm iris on MakeHuman's 16 mm ball
_PUPIL = 8.5
_RINGS = np.array([0, 7.8, 8.6, 12, 16, 20, 22.4, 23.6, 24.8, 28, 34, 42, 54, 70, 88, 110.0])
_SCLERA = np.array([0.53, 0.495, 0.47])


def eyes_draft(signer: Signer, shape: Shape) -> tuple[Draft, np.ndarray]:
    """Both eyes as one piece, and (V,) the piece's vertex at each vertex of the eye helpers, or -1.

    The helper's own vertices come along without faces, so that landmarks on them (the iris) can be
    found on the avatar.
    """
    sheets, colours = [], []
    place = np.full(len(shape.vertices), -1)
    start = 0
    faces = []
    iris = hex_to_linear(signer.eye_colour)
    for side in ("left", "right"):
        ball = _ball(shape, side)
        helper = np.arange(EYES[side].start, EYES[side].stop)
        place[helper] = start + len(ball.vertices) + np.arange(len(helper))
        loose = sparse.csr_matrix(
            (np.ones(len(helper)), (np.arange(len(helper)), helper)),
            shape=(len(helper), len(shape.vertices)),
        )
        sheets.append((ball, loose, shape.vertices[helper]))
        faces.append(ball.faces + start)
        colours += [_ball_colours(iris), np.tile(_SCLERA, (len(helper), 1))]
        start += len(ball.vertices) + len(helper)
    sheet = Sheet(
        np.concatenate([part for ball, _, points in sheets for part in (ball.vertices, points)]),
        np.concatenate(faces),
        sparse.vstack([part for ball, loose, _ in sheets for part in (ball.anchor, loose)]).tocsr(),
    )
    material = Material("eyes", "eyes", "eye", tuple(_SCLERA), 0.08, 0.6)
    # Each ball as seen from its front, the left one in the left half.
    disc = _directions()[:, :2] * np.sqrt(0.5 / (1 + _directions()[:, 2:]))  # of equal areas
    unit = 0.5 + 0.48 * disc[sheet.faces[: len(faces[0])]]
    uv = np.concatenate([unit * [0.5, 1.0] + [half, 0.0] for half in (0.0, 0.5)])
    return plain("eyes", sheet, np.concatenate(colours), material, uv=uv), place


def _directions() -> np.ndarray:
    """(n,3) unit directions of the ball's vertices; rings about +z, the pole doubled per ring."""
    angle = np.radians(_RINGS)[:, None]
    turn = np.linspace(0, 2 * np.pi, _SEGMENTS, endpoint=False)[None]
    ones = np.ones_like(turn)
    rings = [np.sin(angle) * np.cos(turn), np.sin(angle) * np.sin(turn), np.cos(angle) * ones]
    return np.stack(rings, -1).reshape(-1, 3)


def _ball(shape: Shape, side: str) -> Sheet:
    helper = shape.vertices[EYES[side]].astype(float)
    low, high = helper.min(axis=0), helper.max(axis=0)
    centre, radius = (low + high) / 2, (high - low) / 2
    points = centre + _directions() * radius * 0.997
    a = np.arange(len(_RINGS) - 1)[:, None] * _SEGMENTS + np.arange(_SEGMENTS)[None]
    b = a - np.arange(_SEGMENTS) + (np.arange(_SEGMENTS) + 1) % _SEGMENTS
    quads = np.stack([a, a + _SEGMENTS, b + _SEGMENTS, b], -1).reshape(-1, 4)
    # All vertices of the first ring are the pole: half of its triangles would have no area.
    faces = np.concatenate([quads[:, [0, 1, 2]], quads[_SEGMENTS:, [0, 2, 3]]])
    return Sheet(points, faces, _affine_anchor(points, helper, EYES[side], len(shape.vertices)))


def _affine_anchor(
    points: np.ndarray, helper: np.ndarray, ids: slice, count: int
) -> sparse.csr_matrix:
    """Least-norm weights on the helper's vertices that sum to 1 and give the points exactly: what
    turns the helper (gaze actions) turns the points with it."""
    scale = np.abs(helper - helper.mean(axis=0)).max()
    system = np.vstack([((helper - helper.mean(axis=0)) / scale).T, np.ones(len(helper))])
    target = np.vstack([((points - helper.mean(axis=0)) / scale).T, np.ones(len(points))])
    weights = (np.linalg.pinv(system) @ target).T
    columns = np.tile(np.arange(ids.start, ids.stop), len(points))
    rows = np.repeat(np.arange(len(points)), len(helper))
    return sparse.csr_matrix((weights.ravel(), (rows, columns)), shape=(len(points), count))


def _ball_colours(iris: np.ndarray) -> np.ndarray:
    """(n,3): dark pupil, an iris lighter inside with fine rays and a dark rim, warm sclera."""
    ring = np.repeat(_RINGS, _SEGMENTS)
    turn = np.tile(np.arange(_SEGMENTS), len(_RINGS))
    ray = np.random.default_rng(5).uniform(0.82, 1.25, _SEGMENTS)[turn]
    inner = np.interp(ring, [_PUPIL, 12, 19, 22.4, 23.6], [1.1, 1.25, 0.95, 0.65, 0.25])
    colour = np.clip(iris * (inner * ray)[:, None], 0, 1)
    colour[ring < 8.2] = 0.003
    red = np.interp(ring, [_IRIS, 40, 90], [0.0, 0.12, 0.6])[:, None]
    sclera = _SCLERA * (1 - red) + red * np.array([0.55, 0.30, 0.26])
    sclera[ring < 25.5] *= 0.72
    return np.where((ring > _IRIS)[:, None], sclera, colour)


def lashes_draft(signer: Signer, shape: Shape) -> Draft:
    """The lash strips, drawn in to the lids: a dark line that makes the eye readable."""
    faces = shape.body.faces[shape.body.group_faces("lashes")]
    # Lower lashes are too fine to show; drawn, they would look like a line under the eye.
    middle = shape.joint("left_eye_smplhf", mean=True)[1] - 0.004
    faces = faces[(shape.mean[faces][..., 1] > middle).all(axis=1)]
    sheet, _ = body_sheet(shape.vertices, faces)
    mean, _ = body_sheet(shape.mean, faces)
    distance, ids = cKDTree(shape.mean[SKIN]).query(mean.vertices)
    root = shape.vertices[SKIN][ids]
    # Strip vertices at the lid stay; the tips come in to a share of their length.
    reach = np.where(distance > 0.0009, 0.5, 1.0)[:, None]
    sheet = sheet.moved(root + (sheet.vertices - root) * reach)
    colour = 0.25 * hex_to_linear(signer.brow_colour) + 0.004
    material = Material("lashes", "lashes", "hair", tuple(colour), 0.6, 0.2)
    return plain("lashes", sheet, colour, material, two_sided=True)
