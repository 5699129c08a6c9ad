"""The figures of a run on pictures and points whose figures are known."""

import json

import numpy as np
import pytest
from PIL import Image

from diffsign.generate.evaluate import Evaluation, evaluate, evaluation_file
from diffsign.generate.evaluation.case import Case
from diffsign.generate.evaluation.colours import nearer_to_reference, region_colours
from diffsign.generate.evaluation.face_signals import face_correlation, pearson
from diffsign.generate.evaluation.flow import warp_error
from diffsign.generate.evaluation.hands import hands_found
from diffsign.generate.evaluation.registry import METRICS
from diffsign.generate.evaluation.reprojection import reprojection_error
from diffsign.generate.evaluation.silhouette import intersection_over_union, person_mask
from diffsign.generate.evaluation.ssim import ssim
from diffsign.generate.expression.face_points import BROW, LIPS_INNER
from diffsign.render.avatar.parts import PART_INDEX, PARTS
from diffsign.render.frame_file import LAYERS, write_frame
from diffsign.retarget.keypoints.record import Keypoints, missing
from diffsign.road.figures import figure_lines

RNG = np.random.default_rng


def keypoints_of(frames=20, size=(512, 512), **parts):
    return Keypoints(25.0, *size, **(missing(frames) | parts))


def sure(points):
    """(..., 4) from (..., 2 or 3): fully confident."""
    flat = np.zeros((*points.shape[:-1], 4))
    flat[..., : points.shape[-1]] = points
    flat[..., 3] = 1
    return flat


def test_iou_of_equal_shifted_and_empty_masks():
    mask = np.zeros((40, 60), bool)
    mask[10:30, 10:30] = True
    assert intersection_over_union(mask, mask) == 1
    assert intersection_over_union(mask, np.roll(mask, 5, axis=1)) == pytest.approx(15 / 25)
    assert intersection_over_union(mask, np.roll(mask, 25, axis=1)) == 0
    assert intersection_over_union(~mask & mask, ~mask & mask) == 1


def blob(size=160):
    """A person-like blob: exact mask, what a coarse segmentation says, and a textured picture."""
    y, x = np.mgrid[:size, :size] / size
    mask = (np.hypot(x - 0.5, (y - 0.35) * 0.9) < 0.15) | ((y > 0.5) & (abs(x - 0.5) < 0.3))
    mask[int(0.3 * size) : int(0.5 * size), int(0.78 * size) : int(0.8 * size)] = True  # a finger
    mask[int(0.5 * size) : int(0.55 * size), int(0.5 * size) : int(0.8 * size)] = True
    coarse = np.asarray(Image.fromarray(mask).convert("L").resize((16, 16)).resize((size, size)))
    picture = np.empty((size, size, 3))
    picture[:] = (90 + 30 * x, 120 + 0 * x, 100 + 20 * y)[0][..., None] * [1, 1.2, 0.9]
    picture[mask] = (180, 130, 110)
    picture += RNG(0).normal(0, 3, picture.shape)
    return mask, coarse / 255, np.clip(picture, 0, 255).astype(np.uint8)


def test_the_outline_is_read_from_the_picture_better_than_by_segmentation_alone():
    mask, likely, picture = blob()
    found = person_mask(picture, likely)
    assert intersection_over_union(found, mask) > 0.97
    assert intersection_over_union(found, mask) > intersection_over_union(likely > 0.5, mask)


def test_the_outline_follows_the_picture_and_not_the_pass():
    _, likely, picture = blob()
    picture[120:] = picture[0, 0]  # the painter left out the lower body
    found = person_mask(picture, np.where(np.arange(160)[:, None] < 120, likely, 0))
    assert found[121:].mean() < 0.02


def test_clothes_of_the_colour_of_the_background_are_filled():
    _, likely, picture = blob()
    patch = np.s_[100:130, 60:100]
    picture[patch] = picture[100:130, 0:40]
    assert person_mask(picture, likely)[105:125, 65:95].mean() > 0.95


def test_over_a_motley_background_segmentation_decides():
    mask, likely, picture = blob()
    picture[~mask] = RNG(1).integers(0, 256, (int((~mask).sum()), 3))
    assert np.array_equal(person_mask(picture, likely), likely > 0.5)


def test_hands_found_is_a_ratio_of_rates():
    points = RNG(0).uniform(1, 500, (20, 21, 2))
    half = sure(points)
    half[::2] = 0
    source = keypoints_of(left_hand=sure(points))
    generated = keypoints_of(left_hand=half, right_hand=half)
    found = hands_found(source, generated)
    assert found["left_hand"] == {"source": 1.0, "generated": 0.5, "ratio": 0.5}
    assert found["right_hand"] == {"source": 0.0, "generated": 0.5, "ratio": None}
    assert hands_found(source, source)["left_hand"]["ratio"] == 1


def test_reprojection_is_the_median_at_512_over_visible_points_inside():
    counts = {"body": 33, "left_hand": 21, "right_hand": 21, "face": 478}
    seen = {part: np.zeros((5, count, 4)) for part, count in counts.items()}
    projected = {}
    for part, points in seen.items():
        points[..., :2] = RNG(2).uniform(100, 900, points[..., :2].shape)
        points[..., 3] = 1
        projected[part] = points[..., :2] + (6, 8)
    for points in seen.values():  # neither the doubtful nor the outside ones may count
        points[:, 0, 3] = 0.4
        points[:, 1:20, 0] = 1200
    projected["body"][:, :20] += 1000
    seen["right_hand"][:] = 0
    errors = reprojection_error(projected, keypoints_of(5, (1024, 1024), **seen))
    assert errors["body"] == pytest.approx(5.0, abs=1e-3)
    assert errors["left_hand"] == pytest.approx(5.0) == errors["face"]
    assert errors["right_hand"] is None


def talking_face(frames=40, mouth=None, brow=None, turn=0.0):
    """(T, 478, 4): a rigid face whose inner lower lip and left brow move."""
    face = np.broadcast_to(RNG(3).uniform(-60, 60, (478, 3)), (frames, 478, 3)).copy()
    face[:, [33, 133, 263, 362]] = [(-45, 0, 0), (-15, 0, 0), (45, 0, 0), (15, 0, 0)]
    face[:, list(LIPS_INNER[:10])] = face[:, list(LIPS_INNER[10:])]
    face[:, list(BROW["left"])] = (30, -20, 0)
    for point in (14, 87, 317):
        face[:, point] = face[:, {14: 13, 87: 82, 317: 312}[point]]
        face[:, point, 1] += mouth if mouth is not None else 2
    face[:, list(BROW["left"]), 1] -= brow[:, None] if brow is not None else 0
    angles = turn * np.sin(np.arange(frames) / 3)
    cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
    x, z = face[..., 0] * cos + face[..., 2] * sin, face[..., 2] * cos - face[..., 0] * sin
    return sure(np.stack([x + 256, face[..., 1] + 256, z], -1))


def test_face_correlation_obeys_its_laws():
    times = np.arange(40)
    mouth, brow = 10 + 8 * np.sin(times / 3), 6 * np.sin(times / 5)
    source = keypoints_of(40, face=talking_face(mouth=mouth, brow=brow))
    same = face_correlation(source, source)
    assert same["mouth_opening"] == pytest.approx(1) == same["brow_height_left"]
    assert same["eye_opening_left"] is None  # it does not move: there is nothing to follow
    half = keypoints_of(40, face=talking_face(mouth=0.5 * mouth + 3, brow=brow))
    assert face_correlation(source, half)["mouth_opening"] == pytest.approx(1, abs=1e-5)
    against = keypoints_of(40, face=talking_face(mouth=30 - mouth, brow=brow))
    assert face_correlation(source, against)["mouth_opening"] == pytest.approx(-1, abs=1e-5)
    frozen = keypoints_of(40, face=talking_face(mouth=mouth * 0 + 9, brow=brow))
    assert abs(face_correlation(source, frozen)["mouth_opening"] or 0) < 0.5
    late = keypoints_of(40, face=np.roll(talking_face(mouth=mouth, brow=brow), 5, axis=0))
    assert (face_correlation(source, late)["mouth_opening"] or 0) < 0.3
    nobody = keypoints_of(40)
    assert set(face_correlation(source, nobody).values()) == {None}


def test_a_turning_head_is_no_expression():
    times = np.arange(40)
    mouth = 10 + 8 * np.sin(times / 2.2)
    source = keypoints_of(40, face=talking_face(mouth=mouth))
    turning = keypoints_of(40, face=talking_face(mouth=mouth, turn=0.6))
    still = keypoints_of(40, face=talking_face(turn=0.6))
    assert face_correlation(source, turning)["mouth_opening"] == pytest.approx(1, abs=1e-4)
    assert face_correlation(still, still)["mouth_opening"] is None
    jitter = talking_face()
    jitter[..., :2] += RNG(10).normal(0, 0.05, jitter[..., :2].shape)
    assert face_correlation(keypoints_of(40, face=jitter), still)["mouth_opening"] is None


def test_pearson_is_numpys():
    first, second = RNG(4).normal(size=(2, 50))
    assert pearson(first, second) == pytest.approx(np.corrcoef(first, second)[0, 1])
    assert pearson(first, np.ones(50)) is None


def parted_picture(colours):
    """Three bands of skin, shirt and hair in the colours that are given."""
    part = np.zeros((60, 60), int)
    picture = np.zeros((60, 60, 3), np.uint8)
    for row, (name, colour) in enumerate(zip(("face", "top", "hair"), colours, strict=True)):
        part[20 * row : 20 * row + 20] = PART_INDEX[name]
        picture[20 * row : 20 * row + 20] = colour
    return picture, part


def test_colours_nearest_to_the_reference():
    bright, dull = [(220, 170, 150), (20, 30, 120), (90, 60, 30)], [(60, 60, 60)] * 3
    mine = region_colours(*parted_picture(bright))
    other = region_colours(*parted_picture(dull))
    assert set(mine) == {"skin", "shirt", "hair"}
    assert nearer_to_reference([mine] * 5, mine, [other] * 3)["all"] == 1
    assert nearer_to_reference([other] * 5, mine, [other] * 3)["all"] == 0
    only_shirt = nearer_to_reference([mine], {"shirt": mine["shirt"]}, [other] * 3)
    assert only_shirt == {"skin": None, "shirt": 1.0, "hair": None, "all": 1.0}


def test_chance_is_a_quarter():
    rng = RNG(5)
    crowd = [{"skin": rng.normal(50, 20, 3)} for _ in range(400)]
    shares = [
        nearer_to_reference([c], crowd[0], crowd[200:], seed=i)["all"]
        for i, c in enumerate(crowd[1:200])
    ]
    assert 0.15 < np.mean([share for share in shares if share is not None]) < 0.35


def test_colours_on_the_edge_of_a_part_do_not_count():
    picture, part = parted_picture([(200, 150, 130)] * 3)
    picture[18:22] = (255, 0, 0)
    clean = region_colours(*parted_picture([(200, 150, 130)] * 3))
    assert np.allclose(region_colours(picture, part)["skin"], clean["skin"])


def test_ssim_laws():
    picture = RNG(6).integers(0, 256, (50, 60, 3)).astype(np.uint8)
    assert ssim(picture, picture) == pytest.approx(1)
    noisy = np.clip(picture + RNG(7).normal(0, 20, picture.shape), 0, 255).astype(np.uint8)
    noisier = np.clip(picture + RNG(7).normal(0, 60, picture.shape), 0, 255).astype(np.uint8)
    assert 1 > ssim(picture, noisy) > ssim(picture, noisier) > 0
    assert ssim(picture, noisy) == pytest.approx(ssim(noisy, picture))
    black, grey = np.zeros_like(picture), np.full_like(picture, 100)
    c1 = (0.01 * 255) ** 2
    assert ssim(black, grey) == pytest.approx(c1 / (100**2 + c1), rel=1e-3)
    small, other = picture[:11, :11], noisy[:11, :11]
    bell = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
    weight = np.outer(bell, bell) / np.outer(bell, bell).sum()
    x, y = (np.asarray(Image.fromarray(each).convert("L"), float) for each in (small, other))
    mean_x, mean_y = (weight * x).sum(), (weight * y).sum()
    var_x, var_y = (weight * (x - mean_x) ** 2).sum(), (weight * (y - mean_y) ** 2).sum()
    both, c2 = (weight * (x - mean_x) * (y - mean_y)).sum(), (0.03 * 255) ** 2
    by_hand = (2 * mean_x * mean_y + c1) * (2 * both + c2)
    by_hand /= (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    assert ssim(small, other) == pytest.approx(by_hand, abs=1e-3)  # luma may round differently
    with pytest.raises(ValueError, match="equal sizes"):
        ssim(picture, picture[:-1])


def moving_texture(step, frames=3, size=64):
    """A textured square that moves `step` pixels a frame over a textured wall that stands still."""
    wall = RNG(8).integers(0, 256, (size, size, 3)).astype(np.uint8)
    cloth = RNG(9).integers(0, 256, (24, 24, 3)).astype(np.uint8)
    result = []
    for n in range(frames):
        x = 8 + step * n
        picture, part, motion = wall.copy(), np.zeros((size, size), int), np.zeros((size, size, 2))
        picture[20:44, x : x + 24] = cloth
        part[20:44, x : x + 24] = PART_INDEX["top"]
        part[20:28, x : x + 24] = PART_INDEX["left_hand"]
        motion[part > 0] = (-step, 0)
        result.append((picture, part, motion))
    return result


def mean_error(errors, group):
    total, pixels = errors[group]
    return total / pixels


def test_warp_error_is_zero_for_an_exact_translation():
    (before, part_before, _), (now, part, motion), _ = moving_texture(5)
    errors = warp_error(now, before, motion, part, part_before)
    assert {group: total for group, (total, _) in errors.items()} == dict.fromkeys(errors, 0)
    assert errors["hands"][1] == 8 * 24 and errors["body"][1] == 16 * 24
    assert 0 < errors["background"][1] <= 64 * 64 - 24 * 24  # without what was hidden before
    assert errors["face"][1] == 0


def test_warp_error_sees_texture_that_sticks_to_the_screen_and_flicker():
    (before, part_before, _), (now, part, motion), _ = moving_texture(5)
    stuck = np.where((part > 0)[..., None] & (part_before > 0)[..., None], before, now)
    errors = warp_error(stuck, before, motion, part, part_before)
    assert mean_error(errors, "body") > 20 and mean_error(errors, "background") == 0
    brighter = np.clip(now.astype(int) + 10, 0, 255).astype(np.uint8)
    flicker = warp_error(brighter, before, motion, part, part_before)
    assert 7 < mean_error(flicker, "background") <= 10
    wrong_way = warp_error(now, before, -motion, part, part_before)
    assert mean_error(wrong_way, "body") > 20


def write_run(folder, spoil=lambda picture: picture):
    """A tiny run: moving textures as render and, spoilt or not, as generated pictures."""
    (folder / "frames").mkdir(parents=True)
    (folder / "passes" / "beauty").mkdir(parents=True)
    clip = moving_texture(3, frames=4)
    for index, (picture, part, motion) in enumerate(clip):
        picture[part == 0] = (40, 90, 60)
        layers = {
            name: np.zeros((*part.shape, len(layer.channels))) for name, layer in LAYERS.items()
        }
        layers["part"] = part
        layers["motion"][..., :2] = motion
        write_frame(folder / "passes" / f"frame_{index:05d}.exr", layers, "job")
        Image.fromarray(picture).save(folder / "passes" / "beauty" / f"{index:05d}.png")
        Image.fromarray(spoil(picture)).save(folder / "frames" / f"{index:05d}.png")
    info = {"format": "diffsign-passes", "version": 1, "frame_count": 4, "fps": 25.0}
    info |= {"width": 64, "height": 64, "parts": list(PARTS), "points": "points.npz"}
    (folder / "passes" / "passes.json").write_text(json.dumps(info))


def test_a_run_without_a_video_gives_what_it_can_and_says_what_it_cannot(tmp_path):
    write_run(tmp_path)
    steps = []
    found = evaluate(Case(tmp_path, progress=lambda *step: steps.append(step)))
    figures = found.figures
    assert steps == [(n, 4) for n in (1, 2, 3, 4)]
    assert 0 <= figures["silhouette"]["worst"] <= figures["silhouette"]["mean"] <= 1
    assert figures["ssim_to_render"]["mean"] == pytest.approx(1)
    assert figures["warp_error"]["generated"] == figures["warp_error"]["render"]
    assert figures["warp_error"]["generated"]["body"] == 0
    assert set(found.skipped) >= {"reprojection", "hand_pck", "colours", "ssim", "frechet"}
    assert all(reason.strip() for reason in found.skipped.values())
    assert not set(found.skipped) & set(figures)
    written = json.loads(json.dumps(evaluation_file([found]), allow_nan=False))
    again = Evaluation.from_json(written["cases"][0])
    assert again.figures == figures
    assert np.allclose(
        again.curves["SSIM to the render"], found.curves["SSIM to the render"], atol=1e-3
    )


def test_a_spoilt_run_loses(tmp_path):
    write_run(tmp_path, lambda picture: picture[::-1, ::-1])
    figures = evaluate(Case(tmp_path)).figures
    assert figures["ssim_to_render"]["mean"] < 0.9
    assert figures["warp_error"]["generated"]["body"] > figures["warp_error"]["render"]["body"]


def test_an_empty_folder_is_no_traceback(tmp_path):
    found = evaluate(Case(tmp_path))
    assert found.figures == {} and found.frames is None
    assert set(found.skipped) == {metric.name for metric in METRICS}


def test_every_metric_says_what_it_is():
    names = [metric.name for metric in METRICS]
    assert len(set(names)) == len(names)
    for metric in METRICS:
        record = metric.record()
        assert all(record[key] for key in ("title", "unit", "source", "needs"))
        assert record["better"] in ("higher", "lower", "neither")
        assert metric.low < metric.high and metric.values
        json.dumps(record, allow_nan=False)
        for value in metric.values:
            assert value.text.format(0.5)
            if value.aim is not None:
                assert metric.better != "neither"


def test_lines_say_whether_an_aim_is_met():
    lines = figure_lines(
        {
            "reprojection": {"body": 5.0, "face": 4.5, "left_hand": None},
            "hands": {"left_hand": {"source": 1.0, "generated": 0.6, "ratio": 0.6}},
            "silhouette": {"mean": 0.93},
            "skipped": {"colours": "there is no record"},
        }
    )
    met = {line.name: line.met for line in lines}
    assert met["Reprojection error, body (median at 512 px)"]
    assert not met["Reprojection error, face"]
    assert not met["Left hand found, against source"]
    assert met["Silhouette overlap (IoU, mean)"]
    assert len(lines) == 4


def test_the_body_error_counts_every_visible_point() -> None:
    from diffsign.generate.evaluation.reprojection import ROUGH_POINTS

    seen = {"body": np.full((1, 33, 4), 50.0), "face": np.full((1, 478, 4), 50.0)}
    for points in seen.values():
        points[..., 3] = 1
    keypoints = keypoints_of(1, (512, 512), **seen)
    parts = ("body", "left_hand", "right_hand", "face")
    projected = {part: getattr(keypoints, part)[..., :2].copy() for part in parts}
    projected["body"][:, :] += [8.0, 0.0]
    projected["body"][:, [k for k in range(33) if k not in ROUGH_POINTS["face"]]] -= [6.0, 0.0]
    projected["body"][:, 11:20] += [6.0, 0.0]
    errors = reprojection_error(projected, keypoints)
    assert errors["body"] == pytest.approx(8)
    assert errors["body_alone"] == pytest.approx(2)
