"""The hijab: it covers hair and ears, leaves the face free, and goes with head and shoulders."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from diffsign.render.avatar.build import build_avatar
from diffsign.render.avatar.masks import vertex_mask
from diffsign.render.avatar.record import Signer
from diffsign.render.avatar.shape import SKIN
from diffsign.render.avatar.sheet import boundary_loops
from diffsign.render.dress.caption import describe
from diffsign.render.dress.from_text import read_text
from diffsign.retarget.body.load import load_body

LOOKS = Signer(headwear="hijab", headwear_colour="#1d4a30", top="long_sleeve", hair_style="long")


@pytest.fixture(scope="module", params=[{"gender": 1}, {"gender": 0.9, "weight": 0.9, "age": 1}])
def avatar(request):
    return build_avatar(LOOKS.with_changes(phenotype=request.param), load_body())


def piece_of(avatar, name):
    return next(piece for piece in avatar.pieces if piece.name == name)


def test_it_covers_hair_and_ears_and_leaves_the_face_free(avatar):
    body = load_body()
    assert not any(piece.name == "hair" for piece in avatar.pieces)
    cloth = avatar.vertices[slice(*(lambda p: (p.start, p.stop))(piece_of(avatar, "hijab")))]
    shown = avatar.body_vertices[: SKIN.stop]
    ears = avatar.vertices[shown[vertex_mask(body, "ears")[SKIN] > 0.8]]
    for side in (1, -1):  # cloth lies further out than the ears
        own, there = ears[ears[:, 0] * side > 0], cloth[cloth[:, 0] * side > 0]
        near = np.abs(there[:, 1] - own[:, 1].mean()) < 0.02
        assert np.abs(there[near, 0]).max() > np.abs(own[:, 0]).max()
    eye = avatar.joints[avatar.joint_names.index("left_eye_smplhf")]
    front = cloth[cloth[:, 2] > eye[2] - 0.005]
    over = (np.abs(front[:, 0]) < 0.04) & (np.abs(front[:, 1] - eye[1] + 0.025) < 0.045)
    assert not over.any()


def test_it_is_sound_cloth(avatar):
    hijab = piece_of(avatar, "hijab")
    own = slice(hijab.start, hijab.stop)
    assert np.isfinite(avatar.vertices[own]).all()
    np.testing.assert_allclose(avatar.weights[own].sum(axis=1), 1, atol=1e-5)
    corners = avatar.vertices[hijab.faces]
    assert np.linalg.norm(corners - corners.mean(axis=1, keepdims=True), axis=2).max() < 0.05
    assert avatar.materials[hijab.face_material[0]].part == "headwear"
    # It has two borders, about the face and below: there is no hole elsewhere.
    assert len(boundary_loops(hijab.faces)) == 2
    # The crown is round: no vertex stands out from those about it.
    cloth = avatar.vertices[own]
    top = np.sort(cloth[:, 1])[::-1][:40]
    assert top[0] - top[-1] < 0.01
    # Under the chin it opens with the jaw; on the crown it keeps still.
    ids, offsets = avatar.action(avatar.action_names.index("jawOpen"))
    inside = (ids >= hijab.start) & (ids < hijab.stop)
    assert offsets[inside, 1].min() < -0.003
    moved = avatar.vertices[ids[inside], 1]
    assert moved.max() < avatar.joints[avatar.joint_names.index("left_eye_smplhf"), 1] + 0.04


def test_the_neck_stays_under_it(avatar):
    hijab = piece_of(avatar, "hijab")
    cloth = avatar.vertices[hijab.start : hijab.stop]
    neck = avatar.joints[avatar.joint_names.index("neck")]
    body = load_body()
    weight = body.weights[SKIN, body.joint_names.index("neck")]
    shown = avatar.body_vertices[SKIN][weight > 0.4]
    skin = avatar.vertices[shown[shown >= 0]]
    assert len(skin) > 50
    _, ids = cKDTree(cloth).query(skin)
    out = np.linalg.norm(skin[:, [0, 2]] - neck[[0, 2]], axis=1)
    around = np.linalg.norm(cloth[ids][:, [0, 2]] - neck[[0, 2]], axis=1)
    assert np.mean(out > around + 0.002) < 0.03


def test_words_say_it_and_read_it():
    said = describe(LOOKS)
    assert "a dark green hijab" in said and "long" not in said.split("wearing")[0]
    read = read_text(said)
    assert read["headwear"] == "hijab" and read["top"] == "long_sleeve"
    assert read_text("a woman in a green hijab and a grey dress")["top"] == "dress"
    assert read_text("a woman with a white headscarf")["headwear_colour"] == "#f1f0ec"
    assert read_text("a woman without a hijab")["headwear"] == "none"
    assert "headwear" not in read_text("a woman with a red scarf")
