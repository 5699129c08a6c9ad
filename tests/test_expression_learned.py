"""The animation network: data, sampling, training on tiny sets, and what it may touch."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from diffsign.errors import UserError  # noqa: E402
from diffsign.generate.expression.learned.animate import FaceAnimator, load_animator  # noqa: E402
from diffsign.generate.expression.learned.clusters import (  # noqa: E402
    NAMES,
    Sampler,
    clusters_of,
)
from diffsign.generate.expression.learned.faces import (  # noqa: E402
    FaceSet,
    joined,
    partners,
    split,
)
from diffsign.generate.expression.learned.guide import coarse_motion, sketch  # noqa: E402
from diffsign.generate.expression.learned.network import (  # noqa: E402
    Animator,
    AnimatorConfig,
    load_network,
    save_network,
    warped,
)
from diffsign.generate.expression.learned.renders import render_faces  # noqa: E402
from diffsign.generate.expression.learned.train import (  # noqa: E402
    TrainOptions,
    _blotched,
    collect,
    draw_pairs,
    train,
)
from diffsign.generate.expression.warp import FaceTask  # noqa: E402
from diffsign.render.avatar.parts import PART_INDEX  # noqa: E402
from diffsign.retarget.body.load import load_body  # noqa: E402

SIDE = 48
TINY = AnimatorConfig(side=SIDE, widths=(8, 16), blocks=1)


@pytest.fixture(scope="module")
def faces():
    return render_faces(3, SIDE, seed=1, views=1, expressions=3)


def actions_of(*said):
    names = load_body("open").action_names
    rows = np.zeros((len(said), 52))
    for row, chosen in zip(rows, said, strict=True):
        row[[names.index(name) for name in chosen]] = 0.9
    return rows, names


def test_renders_are_deterministic_and_their_points_lie_on_the_face(faces):
    again = render_faces(1, SIDE, seed=1, views=1, expressions=3)
    assert np.array_equal(again.pictures, faces.pictures[:3])
    assert faces.pictures.shape == (9, SIDE, SIDE, 3) and faces.turn.shape == (9, 6)
    inside = ((faces.points > 0) & (faces.points < SIDE)).all(-1).mean()
    assert inside > 0.9
    for picture, points in zip(faces.pictures, faces.points, strict=True):
        column, row = points[4].astype(int)  # the tip of the nose
        assert np.abs(picture[row, column].astype(int) - picture[0, 0]).max() > 8  # no background
    assert (faces.pictures[0] != faces.pictures[1]).any()  # the expression shows


def test_clusters_name_what_is_shown():
    actions, names = actions_of(
        ("browInnerUp",), ("browDownLeft", "eyeSquintLeft"), ("tongueOut", "jawOpen"), ()
    )
    shown = clusters_of(actions, names)
    found = [{NAMES[k] for k in np.flatnonzero(row)} for row in shown]
    assert found == [{"brow raise"}, {"furrow", "squint"}, {"open mouth", "tongue"}, {"neutral"}]


def test_shaking_and_nodding_heads_are_told_apart():
    actions, names = actions_of(*[()] * 25)
    times = np.arange(25) / 25
    swing = 20 * np.sin(2 * np.pi * 2 * times)
    for column, name in ((0, "head shake"), (1, "head nod")):
        angles = np.zeros((25, 2))
        angles[:, column] = swing
        shown = clusters_of(actions, names, angles, 25)
        assert shown[:, NAMES.index(name)].mean() > 0.7
        other = "head nod" if column == 0 else "head shake"
        assert not shown[:, NAMES.index(other)].any()


def test_balanced_sampling_gives_the_rare_its_share():
    """1000 neutral faces of a large set, 10 tongues in it, and a small set."""
    dataset = np.repeat([0, 1], [1010, 20])
    signer = np.repeat([0, 1, 2], [1000, 10, 20])
    clusters = np.zeros((1030, 2), bool)
    clusters[:1000, 0] = clusters[1000:1010, 1] = clusters[1010:, 0] = True
    rng = np.random.default_rng(0)
    drawn = Sampler(dataset, signer, clusters).draw(rng, 2000)
    assert (dataset[drawn] == 1).mean() == pytest.approx(0.5, abs=0.05)
    assert clusters[drawn, 1].mean() == pytest.approx(0.25, abs=0.05)
    plain = Sampler(dataset, signer, clusters, balanced=False).draw(rng, 2000)
    assert clusters[plain, 1].mean() < 0.03


def test_sets_go_to_disk_and_back_and_join(faces, tmp_path):
    faces.save(tmp_path / "a.faces.npz")
    back = FaceSet.load(tmp_path / "a.faces.npz")
    assert np.array_equal(back.points, faces.points)
    both, origin = joined([faces, back])
    assert len(both) == 18 and origin.tolist() == [0] * 9 + [1] * 9
    assert len(np.unique(both.group)) == 6 and len(np.unique(both.signer)) == 6
    kept, held = split(faces)
    assert not set(faces.group[kept]) & set(faces.group[held]) and len(held) == 3
    assert len(partners(faces)) == 9
    (tmp_path / "b.faces.npz").write_bytes(b"no archive")
    with pytest.raises(UserError, match="no set of faces"):
        FaceSet.load(tmp_path / "b.faces.npz")


def test_the_coarse_motion_alone_brings_a_face_nearer():
    faces = render_faces(1, 160, views=1, expressions=4)  # large: a small one blurs more than moves
    pairs = draw_pairs(faces, np.arange(4), np.random.default_rng(0), varied=False)
    moved = warped(pairs.picture, pairs.motion)
    before, after = (
        ((picture - pairs.target).abs() * pairs.weight).mean() for picture in (pairs.picture, moved)
    )
    assert after < before


def test_a_motion_of_the_network_is_a_shift_of_the_picture():
    picture = torch.rand(1, 3, 16, 16)
    motion = torch.zeros(1, 2, 16, 16)
    assert torch.allclose(warped(picture, motion), picture, atol=1e-5)
    motion[:, 0] = 3 / 16
    assert torch.allclose(warped(picture, motion)[..., 3:], picture[..., :-3], atol=1e-5)


def test_an_untrained_network_is_the_coarse_motion(faces):
    pairs = draw_pairs(faces, np.arange(2), np.random.default_rng(0), varied=False)
    out = Animator(TINY)(pairs.picture, pairs.render, pairs.motion, pairs.sketch, pairs.words)
    assert torch.allclose(out["motion"], pairs.motion) and float(out["mask"].detach().max()) < 0.05


def test_training_learns_goes_on_and_is_saved(faces, tmp_path):
    options = TrainOptions(tmp_path, minutes=5, batch=4, config=TINY, max_steps=12)
    rows: list[dict] = []
    path, record = train([faces], options, rows.append)
    assert rows[-1]["step"] == 12 and record["clusters"] and record["held_out"]["all"] > 0
    weights = load_network(path)[0].state_dict()
    train([faces], options)  # finished: nothing is learned again
    assert all(
        torch.equal(value, weights[k]) for k, value in load_network(path)[0].state_dict().items()
    )
    more: list[dict] = []
    train([faces], replace(options, max_steps=15), more.append)
    assert more[-1]["step"] == 15


def test_the_default_network_fits_into_15_megabytes(tmp_path):
    assert save_network(Animator(), tmp_path / "n.safetensors", {}) < 15_000_000


def test_bad_datasets_and_networks_are_one_sentence(faces, tmp_path):
    options = TrainOptions(tmp_path, config=TINY)
    with pytest.raises(UserError, match="no dataset"):
        collect(["nowhere.mp4"], options)
    with pytest.raises(UserError, match="pixels"):
        train([faces], replace(options, config=AnimatorConfig(side=64)))
    alone = replace(faces, group=np.arange(9, dtype=np.int32))
    with pytest.raises(UserError, match="two faces"):
        train([alone], options)
    with pytest.raises(UserError, match="There is no network"):
        load_network(tmp_path / "none.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"junk")
    with pytest.raises(UserError, match="no safetensors"):
        load_network(tmp_path / "bad.safetensors")


def test_a_set_of_faces_is_a_dataset(faces, tmp_path):
    faces.save(tmp_path / "mine.faces.npz")
    (found,) = collect([str(tmp_path / "mine.faces.npz")], TrainOptions(tmp_path, config=TINY))
    assert len(found) == 9


def test_the_network_leaves_hands_and_all_but_the_face_alone(faces):
    """Even one whose weights are noise."""
    torch.manual_seed(0)
    network = Animator(TINY)
    for weights in network.parameters():
        torch.nn.init.normal_(weights, std=0.2)
    part = np.full((SIDE, SIDE), PART_INDEX["background"], np.uint8)
    part[8:40, 8:40] = PART_INDEX["face"]
    part[20:30, 8:20] = PART_INDEX["left_hand"]
    task = FaceTask(
        painted=faces.pictures[0],
        render=faces.pictures[1],
        part=part,
        projected=faces.points[1].astype(float),
        visible=np.ones(478, bool),
        target=faces.points[1].astype(float),
        shift=(faces.points[1] - faces.points[0]).astype(float),
        found=True,
    )
    result = FaceAnimator(network.eval(), "noise")(task)
    changed = (result != task.painted).any(-1)
    assert changed.any() and not changed[part != PART_INDEX["face"]].any()


def test_what_is_filled_is_as_sharp_as_the_render(faces):
    """A network that fills all, its colours unchanged, gives the render's own pixels."""
    network = Animator(TINY).eval()
    with torch.no_grad():
        assert network.leave.bias is not None
        network.leave.bias[-4:] = 20.0
    large = cv2.resize(faces.pictures[1], (3 * SIDE, 3 * SIDE), interpolation=cv2.INTER_NEAREST)
    task = FaceTask(
        painted=np.full_like(large, 90),
        render=large,
        part=np.full(large.shape[:2], PART_INDEX["face"], np.uint8),
        projected=3.0 * faces.points[1],
        visible=np.ones(478, bool),
        target=3.0 * faces.points[1],
        shift=np.zeros((478, 2)),
        found=True,
    )
    assert np.abs(FaceAnimator(network, "fill")(task).astype(int) - large).max() <= 1


def test_blotches_stick_to_the_skin_and_the_render_knows_none(faces):
    rng = np.random.default_rng(3)
    grey = [np.full((SIDE, SIDE, 3), 128.0)] * 2
    points = faces.points[0].astype(float)
    first, second = _blotched(grey, [points, points + np.array([5, 3])], rng)
    assert np.abs(first - 128).max() > 5
    assert np.allclose(first[10:35, 10:35], second[13:38, 15:40], atol=1e-6)
    pairs = draw_pairs(faces, np.arange(4), rng)
    assert np.allclose(
        pairs.render.permute(0, 2, 3, 1).numpy(), faces.pictures[:4] / 127.5 - 1, atol=1e-6
    )


def test_no_network_ships_and_that_is_said():
    from diffsign.generate.expression.learned.animate import SHIPPED

    if SHIPPED.is_file():
        assert load_animator(None).network.config.side > 0
    else:
        with pytest.raises(UserError, match="diffsign expression train"):
            load_animator(None)


def test_the_sketch_and_motion_come_from_points_alone(faces):
    points = faces.points[0].astype(float)
    drawn = sketch(points, SIDE)
    assert drawn.shape == (SIDE, SIDE, 5) and 0 < drawn.mean() < 0.5
    motion = coarse_motion(points, np.zeros((478, 2)), SIDE)
    assert not motion.any()
