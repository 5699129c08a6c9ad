"""Expression enhancement against drawn faces, whose every point and pixel is known."""

import numpy as np
import pytest
from PIL import Image

from diffsign.errors import UserError
from diffsign.generate.expression.crop import Box, cut, face_boxes
from diffsign.generate.expression.enhance import enhance
from diffsign.generate.expression.face_points import (
    BROW,
    EYE_RING,
    EYE_SURROUND,
    IRIS,
    LIPS_INNER,
    LIPS_OUTER,
    brow_height,
    eye_opening,
    mouth_opening,
)
from diffsign.generate.expression.field import bounded, denoised, dense_field, moved, steady
from diffsign.generate.expression.inside import SKIN, matched
from diffsign.generate.expression.regions import distance_to, held_back
from diffsign.generate.expression.warp import FaceTask, brought_to_target
from diffsign.render.avatar.parts import PART_INDEX
from diffsign.retarget.motion import Camera

cv2 = pytest.importorskip("cv2")

SIZE = 256
OVAL: tuple[int, ...] = (
    10,
    338,
    297,
    332,
    284,
    251,
    389,
    356,
    454,
    323,
    361,
    288,
    397,
    365,
    379,
    378,
    400,
    377,
)
OVAL += (152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)
NOSE_AND_CHEEKS = {48: (-9, 12), 64: (-8, 14), 98: (-6, 16), 97: (-3, 16), 326: (3, 16)}
NOSE_AND_CHEEKS |= {327: (6, 16), 294: (8, 14), 278: (9, 12), 50: (-28, 8), 101: (-20, 4)}
NOSE_AND_CHEEKS |= {205: (-24, 18), 187: (-30, 24), 280: (28, 8), 330: (20, 4), 425: (24, 18)}
NOSE_AND_CHEEKS |= {411: (30, 24), 199: (0, 46), 200: (0, 48)}
LIGHT, DARK = (200, 150, 120), (150, 105, 80)


def face_points(mouth=0.0, eyes=0.35, brow=0.0, gaze=0.0, centre=(128.0, 128.0)):
    """The 478 points of a drawn face; those that enhancement does not use stay at the centre."""
    points = np.zeros((478, 2))
    angles = 2 * np.pi * np.arange(36) / 36
    points[list(OVAL)] = np.stack([46 * np.sin(angles), -62 * np.cos(angles)], -1)
    points[list(OVAL), 1] += 8 * mouth * np.clip(-np.cos(angles), 0, 1)
    for side, sign in (("right", -1), ("left", 1)):
        angles = 2 * np.pi * np.arange(16) / 16
        for eye, width, grow in ((EYE_RING[side], 10, 0), (EYE_SURROUND[side], 14, 4)):
            height = np.where(np.sin(angles) > 0, 8 * eyes + grow, 12 * eyes + grow)
            x, y = sign * (20 + width * np.cos(angles)), -14 + np.sin(angles) * height
            points[list(eye)] = np.stack([x, y], -1)
        points[list(IRIS[side])] = [(0, 0), (4, 0), (0, -4), (-4, 0), (0, 4)]
        points[list(IRIS[side])] += np.array([sign * 20 + 5 * gaze, -14])
        x = sign * (34 - 6.5 * np.arange(5))
        y = -30 - 3 * np.sin(np.pi * np.arange(1, 6) / 6) - 7 * brow
        points[list(BROW[side][:5])] = np.stack([x, y - 2.5], -1)
        points[list(BROW[side][:4:-1])] = np.stack([x, y + 2.5], -1)
    angles = 2 * np.pi * np.arange(20) / 20
    for ids, width, up, down in ((LIPS_OUTER, 18, 6, 7), (LIPS_INNER, 14, 0.4, 0.4)):
        height = np.where(np.sin(angles) > 0, down + 16 * mouth, up + 2 * mouth)
        x = -width * np.cos(angles) * (1 - 0.15 * mouth)
        points[list(ids)] = np.stack([x, 30 + np.sin(angles) * height], -1)
    points[[168, 6, 197, 195, 5, 4, 1, 2], 1] = -16 + 4.3 * np.arange(8)
    for index, place in NOSE_AND_CHEEKS.items():
        points[index] = place
    return points + centre


def drawn(points, skin=LIGHT, hand=None, noise=0.0):
    """A picture (256,256,3) of the face and the part index of every pixel. hand: x0, y0, x1, y1."""
    fine = 4
    picture = np.full((SIZE * fine, SIZE * fine, 3), (60, 120, 90), np.uint8)
    part = np.zeros(picture.shape[:2], np.uint8)
    tone, centre = np.array(skin, float), points[10] + (0, 62)

    def corners(ids):
        return np.round(points[list(ids)] * fine).astype(np.int32)

    def fill(polygon, colour, name):
        cv2.fillPoly(picture, [polygon], tuple(int(c) for c in colour))
        cv2.fillPoly(part, [polygon], PART_INDEX[name])

    def ellipse(x, y, width, height, colour, name):
        angle = np.linspace(0, 2 * np.pi, 60)
        edge = centre + np.stack([x + width * np.cos(angle), y + height * np.sin(angle)], -1)
        fill(np.round(edge * fine).astype(np.int32), colour, name)

    ellipse(0, -14, 60, 76, tone * 0.25, "hair")
    ellipse(0, 110, 80, 50, (40, 50, 110), "top")
    ellipse(0, 60, 20, 40, tone * 0.85, "skin")
    fill(corners(OVAL), tone, "face")
    nose = points[1] - (0, 10.1) + [(-3, -20), (3, -20), (8, 14), (-8, 14)]
    fill(np.round(nose * fine).astype(np.int32), np.clip(tone * 1.06, 0, 255), "face")
    nostrils = points[1] - (0, 10.1) + [(-8, 13), (8, 13), (5, 18), (-5, 18)]
    fill(np.round(nostrils * fine).astype(np.int32), tone * 0.8, "face")
    for side in ("right", "left"):
        fill(corners(EYE_SURROUND[side]), tone * 0.93, "face")
        fill(corners(EYE_RING[side]), (235, 235, 230), "eyes")
        inside = cv2.fillPoly(np.zeros_like(part), [corners(EYE_RING[side])], 1)
        for radius, colour in ((4.2, (70, 50, 30)), (1.8, (10, 10, 10))):
            disc = np.zeros_like(part)
            cv2.circle(disc, tuple(corners(IRIS[side])[0].tolist()), int(radius * fine), 1, -1)
            picture[(disc & inside) > 0] = colour
        lash = tuple(int(v) for v in tone * 0.35)
        cv2.polylines(picture, [corners(EYE_RING[side])], True, lash, 5)
        fill(corners(BROW[side]), tone * 0.3, "brows")
    fill(corners(LIPS_OUTER), tone * (0.85, 0.55, 0.6), "lips")
    fill(corners(LIPS_INNER), (60, 15, 15), "mouth")
    if points[14, 1] - points[13, 1] > 4:
        x, y = (points[13] * fine).astype(int)
        teeth = cv2.rectangle(np.zeros_like(part), (x - 36, y - 4), (x + 36, y + 14), 1, -1)
        inside = cv2.fillPoly(np.zeros_like(part), [corners(LIPS_INNER)], 1)
        picture[(teeth & inside) > 0] = (230, 228, 215)
    if hand:
        x0, y0, x1, y1 = (fine * v for v in hand)
        picture[y0:y1, x0:x1] = tone * 0.9
        part[y0:y1, x0:x1] = PART_INDEX["left_hand"]
    picture = cv2.resize(picture, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    grain = cv2.GaussianBlur(np.random.default_rng(7).normal(0, noise, picture.shape), (0, 0), 1.2)
    return np.clip(picture + grain, 0, 255).astype(np.uint8), part[
        fine // 2 :: fine, 2::fine
    ].copy()


class DrawnPasses:
    """A pass set of drawn faces, one per set of facial actions."""

    def __init__(self, actions, hand=None):
        points = [face_points(**action) for action in actions]
        self.drawings = [drawn(p, hand=hand) for p in points]
        self.points: dict[str, np.ndarray] = {
            "face478": np.stack([np.column_stack([p, np.ones(478)]) for p in points])
        }

    camera = Camera(900.0, 900.0, SIZE / 2, SIZE / 2, SIZE, SIZE)

    def beauty_srgb(self, index):
        return self.drawings[index][0]

    def frame(self, index, *wanted):
        return {"part": self.drawings[index][1]}


def write_frames(folder, pictures):
    folder.mkdir(exist_ok=True)
    for index, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / f"{index:05d}.png")


def read_frame(folder, index):
    return np.asarray(Image.open(folder / f"{index:05d}.png"))


def task_of(painted_actions, target_actions, hand=None, found=True):
    """A frame whose detector is perfect, the painter having another complexion in mind."""
    target, source = face_points(**target_actions), face_points(**painted_actions)
    render, part = drawn(target, hand=hand)
    return FaceTask(
        painted=drawn(source, skin=DARK, hand=hand, noise=12)[0],
        render=render,
        part=part,
        projected=target,
        visible=np.ones(478, bool),
        target=target,
        shift=(target - source) * found,
        found=found,
    )


MOUTH = np.s_[146:188, 102:154]
EYES = np.s_[100:128, 90:166]
BROWS = np.s_[82:106, 88:168]
HAND = (100, 150, 156, 220)


def off(picture, truth, region):
    return np.abs(picture[region].astype(float) - truth[region]).mean()


CASES = {
    "opens the mouth": ({}, {"mouth": 1.0}, MOUTH),
    "shuts the mouth": ({"mouth": 0.8}, {}, MOUTH),
    "shuts the eyes": ({}, {"eyes": 0.03}, EYES),
    "opens the eyes": ({"eyes": 0.08}, {"eyes": 0.45}, EYES),
    "turns the gaze": ({}, {"gaze": 1.0}, EYES),
    "raises the brows": ({}, {"brow": 1.0}, BROWS),
    "lowers the brows": ({"brow": 0.8}, {"brow": -0.4}, BROWS),
}


@pytest.mark.parametrize("case", CASES)
def test_the_face_comes_nearer_to_what_the_source_does(case):
    painted, target, region = CASES[case]
    task = task_of(painted, target)
    truth = drawn(face_points(**target), skin=DARK, noise=12)[0]
    result = brought_to_target(task)
    assert off(result, truth, region) < 0.4 * off(task.painted, truth, region)
    if case == "shuts the mouth":
        assert result[MOUTH].min(-1).max() < 110  # no teeth are left between the lips


@pytest.mark.parametrize("target", [{"mouth": 1.0}, {"eyes": 0.03}])
def test_without_a_detected_face_mouth_and_lids_still_come_from_the_render(target):
    task = task_of({}, target, found=False)
    truth = drawn(face_points(**target), skin=DARK, noise=12)[0]
    region = MOUTH if "mouth" in target else EYES
    assert off(brought_to_target(task), truth, region) < 0.75 * off(task.painted, truth, region)


def test_a_face_that_is_already_right_keeps_its_skin_bit_for_bit():
    task = task_of({"mouth": 0.5}, {"mouth": 0.5})
    same = (brought_to_target(task) == task.painted).all(-1)
    near_eyes_and_mouth = np.zeros((SIZE, SIZE), bool)
    near_eyes_and_mouth[EYES] = near_eyes_and_mouth[MOUTH] = True
    assert same[~near_eyes_and_mouth].all()


def test_hands_in_front_and_everything_outside_stay_bit_for_bit():
    task = task_of({"mouth": 0.0, "eyes": 0.3}, {"mouth": 1.0, "eyes": 0.05}, hand=HAND)
    result = brought_to_target(task)
    around = distance_to(task.part == PART_INDEX["left_hand"]) <= 2
    assert (result[around] == task.painted[around]).all()
    assert (result != task.painted).any()


def test_glasses_stay_bit_for_bit_and_the_brow_behind_them_moves():
    task = task_of({}, {"brow": 1.0})
    frame = np.zeros((SIZE, SIZE), bool)
    frame[103:106, 90:166] = True
    task.part[frame] = PART_INDEX["glasses"]
    task.painted[frame] = (200, 0, 0)
    result = brought_to_target(task)
    assert (result[frame] == (200, 0, 0)).all()
    truth = drawn(face_points(brow=1.0), skin=DARK, noise=12)[0]
    rows = BROWS[0]
    window = np.zeros((SIZE, SIZE), bool)
    window[rows.start : 100, BROWS[1]] = True
    before, after = (
        np.abs(p[window].astype(float) - truth[window]).mean() for p in (task.painted, result)
    )
    assert after < 0.6 * before
    red = (result[..., 0] > 150) & (result[..., 1] < 50)
    assert not red[distance_to(frame) > 3].any()  # no frame is smeared over the skin


def test_the_picture_beside_a_hand_is_not_smeared_with_the_hand():
    marked = task_of({"mouth": 0.0}, {"mouth": 1.0}, hand=HAND)
    marked.painted[HAND[1] : HAND[3], HAND[0] : HAND[2]] = (255, 0, 255)
    result = brought_to_target(marked).astype(int)
    magenta = (result[..., 0] > 180) & (result[..., 1] < 90) & (result[..., 2] > 150)
    assert not magenta[marked.part != PART_INDEX["left_hand"]].any()


def test_no_seam_round_the_mouth_and_the_face():
    task = task_of({"mouth": 0.3}, {"mouth": 0.6})
    truth = drawn(face_points(mouth=0.6), skin=DARK, noise=12)[0]
    result = brought_to_target(task)

    def steepest(picture):
        gradient = np.abs(np.diff(picture.astype(float).sum(-1), axis=0))
        return np.percentile(gradient[60:200, 80:176], 99)

    assert steepest(result) < 1.25 * max(steepest(truth), steepest(task.painted))


def test_files_from_end_to_end_with_the_real_detector(tmp_path):
    targets = [{"mouth": 1.0}, {"mouth": 0.9}, {"eyes": 0.03}, {"gaze": 1.0, "mouth": 0.5}]
    passes = DrawnPasses(targets)
    painted = [drawn(face_points(), skin=DARK, noise=12)[0] for _ in targets]
    write_frames(tmp_path / "frames", painted)
    steps = []
    reports = enhance(
        passes, tmp_path / "frames", tmp_path / "out", progress=lambda *step: steps.append(step)
    )
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]
    for index, (target, report) in enumerate(zip(targets, reports, strict=True)):
        truth = drawn(face_points(**target), skin=DARK, noise=12)[0]
        result = read_frame(tmp_path / "out", index)
        region = EYES if "eyes" in target else MOUTH
        assert off(result, truth, region) < 0.6 * off(painted[index], truth, region)
        assert report["status"] == "enhanced" and report["detected"]
        assert report["after_px"] and report["before_px"]
        assert report["after_px"] < report["before_px"]


def test_a_killed_run_goes_on_and_a_changed_frame_is_made_again(tmp_path):
    passes = DrawnPasses([{"mouth": 1.0}] * 3)
    frames, out = tmp_path / "frames", tmp_path / "out"
    write_frames(frames, [drawn(face_points(), skin=DARK)[0]] * 3)
    first = enhance(passes, frames, out)
    (out / "00001.png").write_bytes(b"half a picture")
    before = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    whole = read_frame(out, 0)
    assert enhance(passes, frames, out) == first
    after = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    assert before["00000.png"] == after["00000.png"] and before["00001.png"] != after["00001.png"]
    assert np.array_equal(whole, read_frame(out, 1))
    changed = drawn(face_points(), skin=DARK)[0]
    changed[-1] = 7  # far from the face: nothing of its crop changes
    write_frames(frames, [changed] * 3)
    enhance(passes, frames, out)
    assert (read_frame(out, 0)[-1] == 7).all()


def test_painted_frames_of_another_size_than_the_passes(tmp_path):
    passes = DrawnPasses([{"mouth": 1.0}])
    large = cv2.resize(drawn(face_points(), skin=DARK)[0], (512, 512))
    truth = cv2.resize(drawn(face_points(mouth=1.0), skin=DARK)[0], (512, 512))
    write_frames(tmp_path / "frames", [large])
    enhance(passes, tmp_path / "frames", tmp_path / "out")
    region = np.s_[292:376, 204:308]
    result = read_frame(tmp_path / "out", 0)
    assert off(result, truth, region) < 0.5 * off(large, truth, region)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda p: p.__setitem__((..., 2), 0), "the face is turned away or covered"),
        (lambda p: p.__setitem__((..., 0), p[..., 0] + 900), "the face is out of the picture"),
        (lambda p: p.__setitem__(..., np.nan), "the face was not projected"),
        (lambda p: p.__imul__(0.05), "the face is too small"),
    ],
)
def test_a_face_that_cannot_be_enhanced_is_left_and_says_why(tmp_path, spoil, reason):
    passes = DrawnPasses([{"mouth": 1.0}])
    spoil(passes.points["face478"])
    painted = drawn(face_points(), skin=DARK)[0]
    write_frames(tmp_path / "frames", [painted])
    (report,) = enhance(passes, tmp_path / "frames", tmp_path / "out")
    assert (report["status"], report["reason"]) == ("skipped", reason)
    assert np.array_equal(read_frame(tmp_path / "out", 0), painted)


def test_a_picture_without_a_face_keeps_all_but_eyes_and_mouth(tmp_path):
    passes = DrawnPasses([{"mouth": 1.0}])
    write_frames(tmp_path / "frames", [np.full((SIZE, SIZE, 3), 90, np.uint8)])
    (report,) = enhance(passes, tmp_path / "frames", tmp_path / "out")
    assert not report["detected"] and report["before_px"] is None
    changed = (read_frame(tmp_path / "out", 0) != 90).any(-1)
    changed[EYES] = changed[MOUTH] = False
    assert not changed.any()


def test_off_copies(tmp_path):
    write_frames(tmp_path / "frames", [drawn(face_points())[0]])
    (report,) = enhance(
        DrawnPasses([{"mouth": 1.0}]), tmp_path / "frames", tmp_path / "out", mode="off"
    )
    assert report["status"] == "off"
    names = [tmp_path / folder / "00000.png" for folder in ("frames", "out")]
    assert names[0].read_bytes() == names[1].read_bytes()


def test_bad_input_is_one_sentence(tmp_path):
    passes = DrawnPasses([{}])
    with pytest.raises(UserError, match="no painted frames"):
        enhance(passes, tmp_path, tmp_path / "out")
    write_frames(tmp_path / "frames", [np.zeros((SIZE, SIZE, 3), np.uint8)] * 2)
    with pytest.raises(UserError, match="has no pass"):
        enhance(passes, tmp_path / "frames", tmp_path / "out")
    with pytest.raises(UserError, match="'magic'"):
        enhance(passes, tmp_path / "frames", tmp_path / "out", mode="magic")


def test_the_box_holds_the_face_glides_and_does_not_lag():
    times = np.arange(60)
    way = np.stack([100 + 40 * np.sin(times / 8), 120 + 0 * times], -1)
    jitter = np.random.default_rng(0).normal(0, 1.5, way.shape)
    points = face_points(centre=(0, 0)) + (way + jitter)[:, None]
    boxes = [box for box in face_boxes(points) if box]
    centres = np.array([(b.x0 + b.side / 2, b.y0 + b.side / 2) for b in boxes])
    for box, face in zip(boxes, points, strict=True):
        assert (face > (box.x0, box.y0)).all() and (face < (box.x0 + box.side, 1e9)).all()
    middle = points.min(1) / 2 + points.max(1) / 2
    assert np.diff(centres, 2, axis=0).std() < 0.4 * np.diff(middle, 2, axis=0).std()
    lags = [np.corrcoef(np.roll(way[:, 0], k)[5:-5], centres[5:-5, 0])[0, 1] for k in (-2, 0, 2)]
    assert np.argmax(lags) == 1


def test_a_box_over_the_edge_repeats_the_border():
    image = np.arange(16, dtype=np.uint8).reshape(4, 4, 1)
    assert cut(image, Box(-1, 2, 4))[..., 0].tolist() == [
        [8, 8, 9, 10],
        [12, 12, 13, 14],
        [12, 12, 13, 14],
        [12, 12, 13, 14],
    ]


def test_a_field_moves_its_points_exactly_and_leaves_the_rim():
    rng = np.random.default_rng(1)
    targets = rng.uniform(30, 98, (12, 2))
    field = dense_field(targets, np.full((12, 2), (4.0, -3.0)), (128, 128))
    assert np.abs(field[64, 64] - (4, -3)).max() < 0.3
    assert np.abs(field[[0, -1]]).max() < 0.3 and np.abs(field[:, [0, -1]]).max() < 0.3
    assert np.abs(field).max() < 4.01  # never overshoots


def test_a_constant_field_is_a_shift_and_no_field_is_no_change():
    picture = np.random.default_rng(2).integers(0, 256, (40, 40, 3)).astype(np.uint8)
    assert np.array_equal(moved(picture, np.zeros((40, 40, 2))), picture)
    shifted = moved(picture, np.full((40, 40, 2), (3.0, 0.0)))
    assert np.array_equal(shifted[:, 3:], picture[:, :-3])


def test_steady_takes_jitter_out_and_leaves_a_blink():
    rng = np.random.default_rng(3)
    truth = np.zeros((80, 1, 2))
    truth[40:42] = 10.0
    noisy = truth + rng.normal(0, 0.5, truth.shape)
    calm = steady(noisy, np.full(80, 1.5))
    assert np.abs(calm - truth)[:35].std() < 0.7 * np.abs(noisy - truth)[:35].std()
    assert calm[40:42].min() > 8.5 and calm[[38, 39, 42, 43]].max() < 1.5
    gap = noisy.copy()
    gap[10] = np.nan
    calm = steady(gap, np.full(80, 1.5))
    assert np.isnan(calm[10]).all() and np.isfinite(np.delete(calm, 10, 0)).all()


def test_bounds_on_displacements():
    shifts = np.array([[30.0, 40.0], [0.3, 0.4], [0.0, 0.0]])
    assert bounded(shifts, 5).tolist() == [[3, 4], [0.3, 0.4], [0, 0]]
    calm = np.linalg.norm(denoised(shifts, 0.5), axis=-1)
    assert calm[0] > 49.9 and calm[1] == pytest.approx(0.25) and calm[2] == 0
    taboo = np.zeros((20, 20), bool)
    taboo[:, 10:] = True
    field = held_back(np.full((20, 20, 2), (-8.0, 0.0)), taboo)
    reach = np.arange(20) - field[0, :, 0]
    assert (reach[:10] < 10).all() and not field[:, 10:].any()


def test_colour_match_follows_the_light_within_bounds():
    rng = np.random.default_rng(4)
    render = rng.integers(100, 140, (30, 30, 3)).astype(np.uint8)
    ring = np.ones((30, 30), bool)
    lighter = np.clip(render * 1.2, 0, 255).astype(np.uint8)
    assert np.abs(matched(render, lighter, ring, ring, SKIN) - lighter).mean() < 3
    assert np.abs(matched(render, render, ring, ring, SKIN) - render).max() < 1.5
    assert np.abs(matched(render, lighter, ~ring, ~ring, SKIN) - render).max() < 1.5


def test_measures_read_what_was_drawn_and_nothing_else():
    rest, wide = face_points(), face_points(mouth=1.0)
    assert mouth_opening(wide) > 0.2 > 10 * mouth_opening(rest)
    assert brow_height(wide, "left") == pytest.approx(brow_height(rest, "left"))
    raised = face_points(brow=1.0)
    assert brow_height(raised, "left") - brow_height(rest, "left") == pytest.approx(7 / 60)
    shut = face_points(eyes=0.0)
    assert eye_opening(shut, "right") == pytest.approx(0) and eye_opening(rest, "right") > 0.25
    angle = np.deg2rad(25)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    for measure in (mouth_opening, lambda p: brow_height(p, "right")):
        assert measure(wide @ turn.T * 1.7 + 40) == pytest.approx(measure(wide))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_clip_shorter_than_the_window_is_calmed_too(count):
    shifts = np.ones((count, 4, 2))
    assert np.allclose(steady(shifts, np.full(count, 1.0), 3), 1)


def test_a_hand_over_the_mouth_throughout_is_left_alone(tmp_path):
    """Brows and lids still follow; not a pixel of the hand changes in any frame."""
    targets = [{"mouth": 1.0, "brow": 0.2 * n} for n in range(4)]
    passes = DrawnPasses(targets)
    passes.drawings = [drawn(face_points(**each), hand=HAND) for each in targets]
    hidden = [*LIPS_OUTER, *LIPS_INNER]
    passes.points["face478"][:, hidden, 2] = 0
    painted = [drawn(face_points(), skin=DARK, hand=HAND, noise=12)[0] for _ in targets]
    write_frames(tmp_path / "frames", painted)
    reports = enhance(passes, tmp_path / "frames", tmp_path / "out")
    around = passes.drawings[0][1] == PART_INDEX["left_hand"]
    for index, report in enumerate(reports):
        assert report["status"] == "enhanced"
        assert (read_frame(tmp_path / "out", index)[around] == painted[index][around]).all()


def test_the_source_s_points_are_an_aim_and_may_be_missing(tmp_path):
    passes = DrawnPasses([{"mouth": 1.0}] * 2)
    write_frames(tmp_path / "frames", [drawn(face_points(), skin=DARK)[0]] * 2)
    nobody = np.full((2, 478, 2), np.nan)
    reports = enhance(passes, tmp_path / "frames", tmp_path / "out", source=nobody)
    assert [report["status"] for report in reports] == ["enhanced"] * 2
