"""The dressed avatar: its record, the cutting of cloth, and laws that every avatar keeps."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from diffsign.errors import UserError
from diffsign.render.avatar.avatar import Avatar
from diffsign.render.avatar.build import build_avatar
from diffsign.render.avatar.cloth import mean_points
from diffsign.render.avatar.colours import hex_to_linear, is_hex, linear_to_srgb, srgb_to_hex
from diffsign.render.avatar.garments import STYLES, hidden_by, shell
from diffsign.render.avatar.lines import distances
from diffsign.render.avatar.parts import PART_INDEX, PARTS
from diffsign.render.avatar.random_signer import random_signer
from diffsign.render.avatar.record import BEARDS, BOTTOMS, HAIR_STYLES, TOPS, Signer
from diffsign.render.avatar.shape import SKIN, Shape
from diffsign.render.avatar.sheet import (
    Sheet,
    boundary_loops,
    clipping,
    edges,
    normals,
    rimmed,
    subdivision,
)
from diffsign.retarget.body.load import load_body
from diffsign.retarget.body.model import shape_body
from diffsign.retarget.body.phenotype import phenotype_betas

# One of every style between them, on different bodies.
LOOKS = (
    Signer(hair_style="short", top="shirt", beard="full", glasses=True, phenotype={"gender": 0}),
    Signer(hair_style="long", top="dress", phenotype={"gender": 1, "weight": 0.7}),
    Signer(hair_style="afro", top="tank", bottom="skirt", phenotype={"african": 1, "gender": 0.9}),
    Signer(hair_style="bun", top="blazer", phenotype={"gender": 1, "age": 0.95}),
    Signer(hair_style="bob", top="jumper", phenotype={"asian": 1, "gender": 1, "cupsize": 0.9}),
    Signer(hair_style="crop", top="hoodie", beard="stubble", phenotype={"gender": 0, "muscle": 1}),
    Signer(hair_style="ponytail", top="long_sleeve", phenotype={"gender": 1, "height": 0.8}),
    Signer(hair_style="curly", top="tshirt", bottom="none", phenotype={"weight": 0.2}),
    Signer(hair_style="bald", top="tshirt", phenotype={"gender": 0, "weight": 0.9}),
)


@pytest.fixture(scope="module")
def body():
    return load_body()


@pytest.fixture(scope="module")
def avatars(body):
    return {index: build_avatar(signer, body) for index, signer in enumerate(LOOKS)}


def shaped(body, **phenotype):
    vertices, joints = shape_body(body, phenotype_betas(body, phenotype))
    return Shape(body, np.asarray(vertices, float), np.asarray(joints, float))


def faces_of(avatar, part):
    """All triangles of an avatar whose material is of the part."""
    of_part = np.array([material.part == part for material in avatar.materials])
    return np.concatenate([piece.faces[of_part[piece.face_material]] for piece in avatar.pieces])


# The record


def test_record_goes_to_json_and_back():
    signer = Signer(top="hoodie", skin="#AABBCC", phenotype={"gender": 1})
    again = Signer.from_json(signer.to_json())
    assert again == signer
    assert again.skin == "#aabbcc"
    assert again.phenotype["gender"] == 1
    assert again.phenotype["height"] == 0.5  # left out: the default


def test_record_saves_and_loads(tmp_path):
    signer = random_signer(3)
    signer.save(tmp_path / "signer.json")
    assert Signer.load(tmp_path / "signer.json") == signer


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"top": "toga"}, ("top", "toga", "tshirt", "blazer")),
        ({"hair_style": 3}, ("hair_style", "bald")),
        ({"beard": None}, ("beard", "stubble")),
        ({"skin": "brown"}, ("skin", "brown", "#")),
        ({"background": "#12345"}, ("background", "#12345")),
        ({"top_colour": 7}, ("top_colour",)),
        ({"glasses": "yes"}, ("glasses", "true")),
        ({"phenotype": {"age": 40}}, ("age", "40", "0 to 1")),
        ({"phenotype": {"sex": 1}}, ("sex", "gender")),
        ({"phenotype": {"age": float("nan")}}, ("age",)),
        ({"phenotype": [1]}, ("phenotype",)),
        ({"shirt": "red"}, ("shirt", "top_colour")),
    ],
)
def test_bad_field_is_named_with_what_it_may_hold(values, named):
    with pytest.raises(UserError) as caught:
        Signer.from_dict(values)
    assert all(word in str(caught.value) for word in named)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"top": "shirt",}'])
def test_bad_json_is_a_user_error(text):
    with pytest.raises(UserError):
        Signer.from_json(text)


def test_missing_record_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match="no signer record"):
        Signer.load(tmp_path / "none.json")
    (tmp_path / "image.json").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(UserError, match="cannot read"):
        Signer.load(tmp_path / "image.json")


def test_changes_merge_the_phenotype():
    signer = Signer(phenotype={"gender": 1}).with_changes(phenotype={"age": 0.9}, top="tank")
    assert (signer.phenotype["gender"], signer.phenotype["age"], signer.top) == (1, 0.9, "tank")
    with pytest.raises(UserError, match="no field hat"):
        signer.with_changes(hat="top")


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**9))
def test_random_signers_are_valid_repeatable_adults(seed):
    signer = random_signer(seed)
    assert random_signer(seed) == signer == Signer.from_json(signer.to_json())
    assert signer.phenotype["age"] > 0.6
    assert not (signer.top == "dress" and signer.phenotype["gender"] < 0.5)


def test_random_signers_are_diverse():
    signers = [random_signer(seed) for seed in range(250)]
    for field, choices in (("hair_style", HAIR_STYLES), ("top", TOPS), ("beard", BEARDS)):
        assert {getattr(signer, field) for signer in signers} == set(choices)
    assert {signer.bottom for signer in signers} <= set(BOTTOMS)
    assert len({signer.skin for signer in signers}) > 100
    women = np.mean([signer.phenotype["gender"] > 0.5 for signer in signers])
    assert 0.35 < women < 0.65


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_colours_go_to_linear_and_back(rgb):
    colour = "#{:02x}{:02x}{:02x}".format(*rgb)
    assert is_hex(colour)
    assert srgb_to_hex(linear_to_srgb(hex_to_linear(colour))) == colour


# Cutting and sewing


def grid(size=9):
    """A square of size x size vertices in the xy-plane, facing +z."""
    x, y = np.meshgrid(np.arange(size), np.arange(size), indexing="ij")
    ids = np.arange(size * size).reshape(size, size)
    a, b, c, d = ids[:-1, :-1], ids[1:, :-1], ids[1:, 1:], ids[:-1, 1:]
    quads = np.stack([a, b, c, d], -1).reshape(-1, 4)
    points = np.stack([x, y, 0 * x], -1).reshape(-1, 3).astype(float)
    return points, np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def area(points, faces):
    corners = points[faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return 0.5 * np.linalg.norm(cross, axis=1)


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 2 * np.pi), st.floats(-3, 3))
def test_cut_runs_exactly_along_the_line(turn, offset):
    points, faces = grid()
    way = np.array([np.cos(turn), np.sin(turn), 0])
    field = (points - 4) @ way - offset
    matrix, new_faces, source = clipping(faces, field)
    cut = matrix @ points
    inside = (cut - 4) @ way - offset
    assert inside.min() > -0.3  # only vertices next to the line are moved, onto it
    np.testing.assert_allclose(np.asarray(matrix.sum(axis=1)).ravel(), 1)
    sizes = area(cut, new_faces)
    assert sizes.min() > 1e-4, "a sliver"
    assert len(source) == len(new_faces)
    # The new border inside the square lies on the line.
    for loop in boundary_loops(new_faces):
        ring = cut[loop]
        within = (ring[:, :2] > 0.6).all(axis=1) & (ring[:, :2] < 7.4).all(axis=1)
        np.testing.assert_allclose(((ring[within] - 4) @ way - offset), 0, atol=1e-8)
    assert (normals(cut, new_faces)[np.unique(new_faces)][:, 2] > 0.999).all()


def test_cut_that_keeps_all_or_crosses_vertices():
    points, faces = grid(5)
    matrix, kept, _ = clipping(faces, np.ones(25))
    assert len(kept) == len(faces)
    matrix, kept, _ = clipping(faces, points[:, 0] - 2.0)  # runs through a row of vertices
    assert area(matrix @ points, kept).sum() == pytest.approx(8)


def test_subdivision_keeps_flat_sheets_flat_and_topology():
    points, faces = grid(4)
    matrix, fine = subdivision(faces, len(points))
    np.testing.assert_allclose(np.asarray(matrix.sum(axis=1)).ravel(), 1)
    assert len(fine) == 4 * len(faces)
    smooth = matrix @ points
    assert np.abs(smooth[:, 2]).max() < 1e-12
    unique, _, count = edges(fine)
    assert len(smooth) - len(unique) + len(fine) == 1  # Euler characteristic of a disc
    assert count.max() == 2


def test_rim_turns_inwards_and_closes_the_old_border():
    points, faces = grid(5)
    sheet = Sheet(points, faces, sparse.identity(len(points), format="csr"))
    made, source = rimmed(sheet, 0.1, 0.4)
    assert (made.vertices[: len(points)] == points).all()
    below = made.vertices[len(points) :]
    assert (below[:, 2] < 0).all() and (below[:, :2] > -0.03).all() and (below[:, :2] < 4.03).all()
    assert made.anchor.shape[0] == len(made.vertices) == len(source)
    (loop,) = boundary_loops(made.faces)
    assert (loop >= len(points)).all()  # the border has moved to the rim's inner edge
    assert edges(made.faces)[2].max() == 2


# Every avatar


@pytest.mark.parametrize("index", range(len(LOOKS)))
def test_avatar_is_whole(avatars, body, index):
    avatar = avatars[index]
    count = len(avatar.vertices)
    assert 15_000 < count < 42_000
    assert avatar.weights.shape == (count, 55)
    np.testing.assert_allclose(avatar.weights.sum(axis=1), 1, atol=1e-5)
    assert np.isfinite(avatar.vertices).all() and np.isfinite(avatar.action_offsets).all()
    assert avatar.colours.min() >= 0 and avatar.colours.max() <= 1
    ends = [0]
    for number, piece in enumerate(avatar.pieces, start=1):
        assert piece.start == ends[-1] and piece.stop > piece.start
        assert piece.faces.min() >= piece.start and piece.faces.max() < piece.stop
        assert piece.face_material.shape == (len(piece.faces),)
        assert piece.object_index == number
        ends.append(piece.stop)
    assert ends[-1] == count
    used = np.concatenate([piece.face_material for piece in avatar.pieces])
    assert used.max() < len(avatar.materials)
    assert {material.part for material in avatar.materials} <= set(PARTS)
    assert len({piece.name for piece in avatar.pieces}) == len(avatar.pieces)
    assert avatar.action_start[-1] == len(avatar.action_vertices) == len(avatar.action_offsets)


@pytest.mark.parametrize("index", range(len(LOOKS)))
def test_body_vertices_lie_where_the_body_is(avatars, body, index):
    avatar = avatars[index]
    vertices, _ = shape_body(body, phenotype_betas(body, LOOKS[index].phenotype))
    shown = avatar.body_vertices >= 0
    np.testing.assert_allclose(
        avatar.vertices[avatar.body_vertices[shown]], vertices[shown], atol=1e-5
    )
    shape = shaped(body, **LOOKS[index].phenotype)
    head_and_hands = shape.head_weight() + shape.hand_weight("left") + shape.hand_weight("right")
    assert shown[SKIN][head_and_hands[SKIN] > 0.95].all()
    assert shown[14598:14742].all()  # the eyes' landmarks


@pytest.mark.parametrize("index", range(len(LOOKS)))
def test_parts_lie_where_they_belong(avatars, index):
    avatar, signer = avatars[index], LOOKS[index]
    points = avatar.vertices
    left, right = (points[faces_of(avatar, f"{side}_hand")][..., 0] for side in ("left", "right"))
    wrist = avatar.joints[avatar.joint_names.index("left_wrist"), 0]
    assert left.min() > wrist - 0.05 and right.max() < -wrist + 0.05
    eye = avatar.joints[avatar.joint_names.index("left_eye_smplhf")]
    assert np.abs(points[faces_of(avatar, "eyes")][..., 1] - eye[1]).max() < 0.03
    brows = points[faces_of(avatar, "brows")]
    assert (brows[..., 1] > eye[1]).mean() > 0.98
    lips = points[faces_of(avatar, "lips")]
    assert lips[..., 1].max() < eye[1] - 0.03 and np.abs(lips[..., 0]).max() < 0.045
    for part, there in (
        ("hair", signer.hair_style != "bald"),
        ("beard", signer.beard == "full"),
        ("glasses", signer.glasses),
        ("bottom", signer.top != "dress" and signer.bottom != "none"),
        ("top", True),
        ("shoes", True),
        ("lashes", True),
        ("mouth", True),
    ):
        assert (len(faces_of(avatar, part)) > 0) == there, part
    assert PART_INDEX["background"] == 0


@pytest.mark.parametrize("index", range(len(LOOKS)))
def test_hair_keeps_off_eyes_and_brows(avatars, index):
    avatar = avatars[index]
    hair = faces_of(avatar, "hair")
    if not len(hair):
        pytest.skip("bald")
    eye = avatar.joints[avatar.joint_names.index("left_eye_smplhf")]
    points = avatar.vertices[np.unique(hair)]
    over = (np.abs(points[:, 0]) < 1.3 * eye[0]) & (np.abs(points[:, 1] - eye[1]) < 0.02)
    assert not (over & (points[:, 2] > eye[2])).any()


@pytest.mark.parametrize("index", [0, 3])
def test_facial_actions_carry_all_that_is_on_the_face(avatars, index):
    avatar = avatars[index]

    def rise(part, action):
        weights = np.zeros(52)
        weights[avatar.action_names.index(action)] = 1
        ids = np.unique(faces_of(avatar, part))
        return (avatar.with_actions(weights) - avatar.vertices)[ids]

    assert rise("brows", "browInnerUp")[:, 1].max() > 0.003
    assert rise("lashes", "eyeBlinkLeft")[:, 1].min() < -0.004
    jaw = rise("mouth", "jawOpen")[:, 1]
    assert jaw.min() < -0.01 and np.abs(jaw).min() < 1e-6  # lower teeth go, upper ones stay
    gaze = rise("eyes", "eyeLookOutLeft")
    assert gaze[:, 0].max() > 0.003 and gaze[:, 0].min() > -0.003  # the left eye looks left
    if avatar.signer.beard == "full":
        assert rise("beard", "jawOpen")[:, 1].min() < -0.01
    if avatar.signer.glasses:
        assert np.abs(rise("glasses", "browInnerUp")).max() == 0


def test_avatar_file_round_trip(avatars, tmp_path):
    avatar = avatars[0]
    avatar.save(tmp_path / "avatar.npz")
    again = Avatar.load(tmp_path / "avatar.npz")
    for field in dataclasses.fields(Avatar):
        first, second = getattr(avatar, field.name), getattr(again, field.name)
        if isinstance(first, np.ndarray):
            assert first.dtype == second.dtype
            np.testing.assert_array_equal(first, second)
        elif field.name != "pieces":
            assert first == second, field.name
    for first, second in zip(avatar.pieces, again.pieces, strict=True):
        np.testing.assert_array_equal(first.faces, second.faces)
        np.testing.assert_array_equal(first.face_material, second.face_material)
        assert first.uv is not None and second.uv is not None
        np.testing.assert_array_equal(first.uv, second.uv)
        assert (first.name, first.two_sided) == (second.name, second.two_sided)
    assert (tmp_path / "avatar.npz").stat().st_size < 6e6


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 broken"])
def test_bad_avatar_file_is_a_user_error(tmp_path, content):
    (tmp_path / "avatar.npz").write_bytes(content)
    with pytest.raises(UserError, match="not an avatar file"):
        Avatar.load(tmp_path / "avatar.npz")
    with pytest.raises(UserError, match="no avatar"):
        Avatar.load(tmp_path / "missing.npz")


def test_avatar_of_another_format_says_so(avatars, tmp_path):
    avatars[0].save(tmp_path / "avatar.npz")
    with np.load(tmp_path / "avatar.npz") as stored:
        arrays = dict(stored)
    header = json.loads(str(arrays["header"]))
    arrays["header"] = np.array(json.dumps(header | {"format": 99}))
    np.savez(tmp_path / "other.npz", **arrays)
    with pytest.raises(UserError, match="format 99"):
        Avatar.load(tmp_path / "other.npz")


def test_building_is_repeatable_and_follows_given_betas(avatars, body):
    again = build_avatar(LOOKS[8], body)
    np.testing.assert_array_equal(again.vertices, avatars[8].vertices)
    betas = phenotype_betas(body, {"height": 0.9, "gender": 1.0})
    tall = build_avatar(LOOKS[8], body, betas)
    np.testing.assert_allclose(tall.joints, shape_body(body, betas)[1], atol=1e-6)


def test_body_without_helpers_is_a_user_error(body):
    bare = dataclasses.replace(body, name="smplx", group_names=("body",))
    with pytest.raises(UserError, match="--body open"):
        build_avatar(Signer(), bare)


# Clothes on bodies


@pytest.mark.parametrize("top", TOPS)
@pytest.mark.parametrize(
    "phenotype",
    [{"gender": 0, "muscle": 1, "weight": 0.6}, {"gender": 1, "weight": 0.9, "cupsize": 1.0}],
    ids=["muscular", "heavy"],
)
def test_cloth_covers_the_skin_it_lies_on(body, top, phenotype):
    shape = shaped(body, **phenotype)
    made = shell(STYLES[top], shape, seed=3)
    distance, _ = shape.skin.clearance(made.sheet.vertices)
    assert np.quantile(distance, 0.002) > -0.001
    assert distance.max() < 0.2
    # Skin near a border still shows, and must lie under the cloth: rays along its normal meet it.
    lines = distances(STYLES[top].cut, shape.mean, shape).inside[SKIN]
    near = (lines > 0.004) & ~hidden_by(STYLES[top].cut, shape)[SKIN]
    near &= shape.mean[SKIN, 1] > shape.joint("pelvis", mean=True)[1]  # trousers are under the hem
    up = normals(made.sheet.vertices, made.sheet.faces)
    from scipy.spatial import cKDTree

    gap, ids = cKDTree(made.sheet.vertices).query(shape.vertices[SKIN][near])
    over = ((shape.vertices[SKIN][near] - made.sheet.vertices[ids]) * up[ids]).sum(axis=1)
    assert np.mean(over[gap < 0.03] > 0.002) < 0.02


@pytest.mark.parametrize("top", TOPS)
def test_hems_are_even(body, top):
    shape = shaped(body)
    sheet = shell(STYLES[top], shape, seed=3).sheet
    mean = mean_points(sheet, shape)
    hem = shape.joint("pelvis", mean=True)[1] + STYLES[top].cut.hem
    loops = [ring for ring in boundary_loops(sheet.faces) if abs(mean[ring, 1].mean() - hem) < 0.01]
    assert len(loops) == 1
    (ring,) = loops
    np.testing.assert_allclose(mean[ring, 1], hem, atol=0.002)
    # On the body no zigzag either: neighbours along the hem differ little in height.
    assert np.abs(np.diff(sheet.vertices[ring, 1])).max() < 0.008
