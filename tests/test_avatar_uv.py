"""Texture coordinates: every piece has them, they fill their charts, and the uv pass shows them."""

import numpy as np
import pytest

from diffsign.render.avatar.build import build_avatar
from diffsign.render.avatar.charts import unrolled
from diffsign.render.avatar.record import Signer
from diffsign.render.surface import Surface
from diffsign.retarget.body.load import load_body
from diffsign.retarget.body.skeleton import INDEX
from diffsign.retarget.motion import Camera


@pytest.fixture(scope="module")
def avatar():
    looks = Signer(hair_style="long", top="shirt", glasses=True, beard="full", bottom="skirt")
    return build_avatar(looks, load_body())


def uv_areas(uv):
    first, second = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
    return 0.5 * np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0])


def test_every_piece_has_coordinates_that_spread(avatar):
    for piece in avatar.pieces:
        assert piece.uv.shape == (len(piece.faces), 3, 2), piece.name
        assert piece.uv.min() >= 0 and piece.uv.max() <= 1, piece.name
        corners = avatar.vertices[piece.faces]
        cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        solid = np.linalg.norm(cross, axis=1) > 1e-10  # discs end in a point
        assert (uv_areas(piece.uv[solid]) > 1e-13).mean() > 0.95, piece.name


def test_the_skin_has_the_bodys_own_layout(avatar):
    """MakeHuman's skin textures, painted for these coordinates, fit."""
    body, skin = load_body(), avatar.pieces[0]
    nose = np.argmax(np.where(np.arange(len(body.v_template)) < 13380, body.v_template[:, 2], -9))
    there = skin.faces == avatar.body_vertices[nose]
    corner = np.flatnonzero((body.faces == nose).any(axis=1))[0]
    own = body.uv[body.face_uv[corner][body.faces[corner] == nose]][0]
    np.testing.assert_allclose(skin.uv[there], np.tile(own, (there.sum(), 1)), atol=1e-6)


def test_a_cylinder_unrolls_without_a_face_across_the_picture():
    joints = load_body().J_regressor @ load_body().v_template
    turn, height = np.meshgrid(np.linspace(0, 2 * np.pi, 25)[:-1], np.linspace(0.2, 0.4, 7))
    points = np.stack([0.2 * np.sin(turn), height, 0.2 * np.cos(turn)], -1).reshape(-1, 3)
    points += [0, 0, joints[INDEX["spine2"], 2]]
    ids = np.arange(turn.size).reshape(turn.shape)
    a, b = ids[:-1], np.roll(ids, -1, axis=1)[:-1]
    c, d = np.roll(ids, -1, axis=1)[1:], ids[1:]
    faces = np.concatenate([np.stack(t, -1).reshape(-1, 3) for t in ((a, b, c), (a, c, d))])
    uv = unrolled(points, faces, joints)
    assert np.ptp(uv, axis=1).max() < 0.06
    areas = uv_areas(uv)
    assert areas.max() / areas.min() < 1.3


def test_the_uv_pass_is_not_empty(avatar):
    camera = Camera(300.0, 300.0, 64.0, 64.0, 128, 128)
    points = avatar.vertices * [1, -1, -1] + [0, 0.3, 2.5]
    layers = Surface(avatar, camera, np.eye(3)).layers(points, points, points)
    seen = np.isfinite(layers["depth"])
    assert seen.sum() > 2000
    assert (layers["uv"][seen].max(axis=-1) > 0).mean() > 0.99
    assert np.ptp(layers["uv"][seen], axis=0).min() > 0.5
    assert (layers["uv"][~seen] == 0).all()
