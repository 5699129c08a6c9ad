"""What a render of an avatar must not show: torn, coincident or piercing surfaces."""

from __future__ import annotations

import numpy as np
import pytest

from diffsign.render.avatar.avatar import Avatar
from diffsign.render.avatar.build import build_avatar
from diffsign.render.avatar.garments import STYLES, shell
from diffsign.render.avatar.masks import vertex_mask
from diffsign.render.avatar.record import Signer
from diffsign.render.avatar.shape import Shape, Surface
from diffsign.render.avatar.sheet import normals
from diffsign.retarget.body.load import load_body
from diffsign.retarget.body.model import Body, shape_body
from diffsign.retarget.body.phenotype import phenotype_betas


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body("open")


@pytest.fixture(scope="module")
def dressed(body: Body) -> Avatar:
    return build_avatar(Signer(hair_style="long", top="jumper", glasses=True), body)


def piece(avatar: Avatar, name: str) -> tuple[np.ndarray, np.ndarray]:
    """(vertices, faces on them) of a piece at rest."""
    found = next(piece for piece in avatar.pieces if piece.name == name)
    points = avatar.vertices[found.start : found.stop].astype(np.float64)
    return points, found.faces - found.start


def test_every_face_has_an_area(dressed: Avatar) -> None:
    faces = np.concatenate([piece.faces for piece in dressed.pieces])
    corners = dressed.vertices[faces].astype(np.float64)
    area = np.linalg.norm(
        np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
    )
    assert area.min() > 1e-10


def test_no_two_faces_are_one(dressed: Avatar) -> None:
    places = np.round(dressed.vertices.astype(np.float64), 6)
    _, ids = np.unique(places, axis=0, return_inverse=True)
    faces = np.sort(np.ravel(ids)[np.concatenate([p.faces for p in dressed.pieces])], axis=1)
    assert len(np.unique(faces, axis=0)) == len(faces)


def test_hair_lies_over_the_top(dressed: Avatar) -> None:
    hair, _ = piece(dressed, "hair")
    cloth, faces = piece(dressed, "jumper")
    up = normals(cloth, faces)
    surface = Surface(cloth, up, np.zeros((len(cloth), 0)))
    hair = hair[surface.tree.query(hair)[0] < 0.03]
    over, _ = surface.clearance(hair)
    assert len(hair) > 1000  # it is long
    assert np.mean(over < -0.003) < 0.005


def test_brows_are_whole(dressed: Avatar) -> None:
    """Seen from the front, a brow has no gap between its hairs: each is one run in every column."""
    points, faces = piece(dressed, "brows")
    corners = points[faces][..., :2]
    x = np.linspace(np.quantile(points[:, 0], 0.6), np.quantile(points[:, 0], 0.9), 8)
    for column in x:
        met = (corners[..., 0].min(axis=1) <= column) & (corners[..., 0].max(axis=1) >= column)
        spans = np.sort(
            np.stack([corners[met, :, 1].min(axis=1), corners[met, :, 1].max(axis=1)], 1), axis=0
        )
        gaps = spans[1:, 0] - np.maximum.accumulate(spans[:-1, 1])
        assert gaps.max() < 5e-4


def test_temples_end_within_the_ears(dressed: Avatar, body: Body) -> None:
    glasses, _ = piece(dressed, "glasses")
    at = dressed.body_vertices
    ear = dressed.vertices[at[(vertex_mask(body, "ears") > 0.5) & (at >= 0)]]
    assert glasses[:, 2].min() > ear[:, 2].min()
    assert (
        np.abs(glasses[glasses[:, 2] < ear[:, 2].max() - 0.01, 0]).max() < np.abs(ear[:, 0]).max()
    )


def test_temples_do_not_bow(dressed: Avatar) -> None:
    glasses, _ = piece(dressed, "glasses")
    aside, back = np.abs(glasses[:, 0]), glasses[:, 2].max() - glasses[:, 2]
    rims, ears = aside[back < 0.01].max(), aside.max()
    hinges = aside[(back > 0.01) & (back < 0.02)].max()
    assert hinges - rims < 0.3 * (ears - rims)


@pytest.mark.parametrize("top", ["jumper", "hoodie", "long_sleeve", "blazer"])
def test_sleeves_are_no_wider_than_their_ease(body: Body, top: str) -> None:
    vertices, joints = shape_body(body, phenotype_betas(body, Signer().phenotype))
    shape = Shape(body, np.asarray(vertices, np.float64), np.asarray(joints, np.float64))
    sheet = shell(STYLES[top], shape, seed=3).sheet
    elbow, wrist = shape.joint("left_elbow"), shape.joint("left_wrist")
    forearm = (sheet.vertices[:, 0] > elbow[0]) & (sheet.vertices[:, 0] < wrist[0] - 0.04)
    distance, _ = shape.skin.clearance(sheet.vertices[forearm])
    style = STYLES[top]
    assert np.median(distance) < 1.3 * style.sleeve_ease + style.puff
    assert np.quantile(distance, 0.98) < 1.3 * style.sleeve_ease + style.puff + style.fold
