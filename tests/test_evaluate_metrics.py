"""The metrics against truth: identical, shifted, frozen, shuffled and mirrored clips, known
Gaussians, and the packages that have the same metric."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffsign.errors import UserError
from diffsign.generate.evaluation import frechet, handshape, identity, reidentification
from diffsign.generate.evaluation.alignment import align
from diffsign.generate.evaluation.back_translation import load_recogniser, word_error_rate
from diffsign.generate.evaluation.clip_direction import directional_similarity
from diffsign.generate.evaluation.dtw import dtw_distances, dtw_path
from diffsign.generate.evaluation.face_signals import face_correlation
from diffsign.generate.evaluation.hand_pck import hand_pck
from diffsign.generate.evaluation.handshape import joint_angles
from diffsign.generate.evaluation.pose_distance import hand_tracks, pose_distance
from diffsign.generate.evaluation.ssim import ssim
from diffsign.generate.evaluation.unavailable import Unavailable
from diffsign.retarget.keypoints.record import Keypoints, missing

RNG = np.random.default_rng
HANDS = ("left_hand", "right_hand")
FRAMES = 60


def hand(bends, spread=0.25):
    """(T, 21, 3): a hand whose fingers bend by `bends` (T, 5) radians at each of their joints."""
    points = np.zeros((len(bends), 21, 3))
    for finger in range(5):
        across = (finger - 2) * spread
        direction = np.array([np.sin(across), -np.cos(across), 0.0])
        place = 20 * direction
        angle = np.zeros(len(bends))
        for joint in range(4):
            points[:, 1 + 4 * finger + joint] = place
            angle = angle + bends[:, finger]
            forward = np.cos(angle)[:, None] * direction
            place = place + 8 * (forward + np.sin(angle)[:, None] * [0, 0, -1.0])
    return points


def signing(frames=FRAMES, fps=25.0, seconds=None, scale=1.0, shift=(0.0, 0.0)):
    """A signer whose hands move and change shape differently, and whose mouth and brows move."""
    times = np.linspace(0, seconds or frames / 25, frames)
    parts = missing(frames)
    body = np.zeros((frames, 33, 4), np.float32)
    body[..., 3] = 1
    body[..., :2] = RNG(0).uniform(150, 350, (33, 2))
    body[:, 11, :2], body[:, 12, :2] = (300, 250), (200, 250)
    for side, phase, name in ((1, 0.0, "left_hand"), (-1, 1.3, "right_hand")):
        wave = np.column_stack([np.sin(2.1 * times + phase), np.cos(3.3 * times + 2 * phase)])
        place = [250 + side * 70, 300] + 40 * wave
        bends = 0.6 + 0.6 * np.sin(times[:, None] * (1.5 + phase) + np.arange(5))
        points = hand(bends)
        parts[name][..., :3] = points + np.column_stack([place, np.zeros(frames)])[:, None]
        parts[name][..., 3] = 1
        body[:, 15 if side > 0 else 16, :2] = place
        body[:, 13 if side > 0 else 14, :2] = place / 2 + [125 + side * 25, 125]
    parts["body"] = body
    for name in ("body", *HANDS):
        parts[name][..., :3] *= scale
        parts[name][..., :2] += np.asarray(shift, np.float32)
    return Keypoints(fps, 512, 512, **parts)


def changed(clip, change):
    """The clip with every part's frames changed by `change`."""
    return Keypoints(clip.fps, 512, 512, **{n: change(p) for n, p in clip.parts().items()})


def frozen(clip):
    return changed(clip, lambda part: np.repeat(part[:1], len(part), axis=0))


def shuffled(clip):
    order = RNG(1).permutation(clip.frame_count)
    return changed(clip, lambda part: part[order])


def mirrored(clip):
    """What a detector finds in the mirrored video: x turned, left and right exchanged."""
    swap = {"left_hand": "right_hand", "right_hand": "left_hand"}
    pairs = [(11, 12), (13, 14), (15, 16)]
    parts = {}
    for name in clip.parts():
        turned = clip.parts()[swap.get(name, name)].copy()
        turned[..., 0] = np.where(turned[..., 3] > 0, 512 - turned[..., 0], 0)
        if name == "body":
            for left, right in pairs:
                turned[:, [left, right]] = turned[:, [right, left]]
        parts[name] = turned
    return Keypoints(clip.fps, 512, 512, **parts)


SPOILT = {"frozen": frozen, "shuffled": shuffled, "mirrored": mirrored}


def scores(source, output):
    """Every pose metric, turned so that higher is better."""
    alignment = align(source, output)
    placed = hand_pck(source, output, alignment)
    return {
        "ndtwp": -pose_distance(source, output),
        "dtwp": -pose_distance(source, output, normalised=False),
        "pck": np.nanmean(np.concatenate(list(placed.values()))),
        "handshape": handshape.handshape(source, output, alignment)["agreement"],
    }


def test_an_identical_clip_is_perfect():
    clip = signing()
    assert scores(clip, clip) == {"ndtwp": 0, "dtwp": 0, "pck": 1, "handshape": 1}


@pytest.mark.parametrize("spoil", SPOILT)
def test_a_spoilt_clip_loses_on_every_metric_of_poses(spoil):
    clip = signing()
    jitter = changed(clip, lambda part: part + RNG(2).normal(0, 0.3, part.shape) * [1, 1, 1, 0])
    good, bad = scores(clip, jitter), scores(clip, SPOILT[spoil](clip))
    assert all(good[name] > bad[name] for name in good), (good, bad)
    assert bad["pck"] < 0.7 and bad["handshape"] < 0.7


def test_size_and_place_of_the_picture_do_not_count_but_for_dtwp():
    clip, other = signing(), signing(scale=0.6, shift=(90, 40))
    found = scores(clip, other)
    assert found["ndtwp"] == pytest.approx(0, abs=1e-3) and found["pck"] == 1
    assert found["handshape"] == 1 and found["dtwp"] < -100


@given(st.floats(2, 60))
@settings(max_examples=15, deadline=None)
def test_a_known_shift_of_the_hands_is_measured(pixels):
    clip = signing()
    moved = {name: part.copy() for name, part in clip.parts().items()}
    for name in HANDS:
        moved[name][..., 0] += pixels
    other = Keypoints(25, 512, 512, **moved)
    one, two = (hand_tracks(each, normalised=True) for each in (clip, other))
    assert np.allclose((two - one)[..., 0], pixels / 100, atol=1e-4)  # the shoulders are 100 apart
    assert pose_distance(clip, other) <= pixels / 100 * np.sqrt(FRAMES) + 1e-6
    shares = hand_pck(clip, other, align(clip, other), at_palm=True)
    assert np.nanmin(shares["left_hand"]) == 1  # palm on palm a shift is gone


def test_dtw_is_dtaidistance():
    from dtaidistance import dtw_ndim

    first, second = RNG(3).normal(size=(23, 6, 3)), RNG(4).normal(size=(31, 6, 3))
    theirs = [dtw_ndim.distance(first[:, k].copy(), second[:, k].copy()) for k in range(6)]
    assert dtw_distances(first, second) == pytest.approx(theirs)
    rows, columns = dtw_path(first[:, 0], second[:, 0])
    along = ((first[rows, 0] - second[columns, 0]) ** 2).sum()
    assert np.sqrt(along) == pytest.approx(theirs[0])
    assert (np.diff(rows) >= 0).all() and (np.diff(columns) >= 0).all()


def test_dtwp_is_pose_evaluations_recipe():
    """Trim, hands alone, missing at 10, every trajectory warped on its own, mean."""
    from dtaidistance import dtw_ndim

    source, output = signing(), signing(50, seconds=2.4)
    for part in HANDS:
        source.parts()[part][:4] = 0
        output.parts()[part][20:24] = 0
    total = []
    for name in HANDS:
        for point in range(21):
            tracks = []
            for clip, cut in ((source, 4), (output, 0)):
                track = getattr(clip, name)[cut:, point].astype(float)
                tracks.append(np.where(track[:, 3:] > 0, track[:, :3], 10.0))
            total.append(dtw_ndim.distance(*tracks))
    assert pose_distance(source, output, normalised=False) == pytest.approx(np.mean(total))


def test_handshape_knows_the_angle_and_not_the_place():
    bends = np.full((1, 5), 0.7)
    angles = joint_angles(hand(bends))
    within = [3 * finger + joint for finger in range(5) for joint in (1, 2)]
    assert angles[0, within] == pytest.approx(np.degrees(0.7))
    turn = np.linalg.qr(RNG(5).normal(size=(3, 3)))[0]
    assert joint_angles(3 * hand(bends) @ turn + 40) == pytest.approx(angles, abs=1e-5)


def test_a_hand_that_is_lost_counts_as_wrong_and_none_to_find_does_not_count():
    clip = signing()
    lost = {name: part.copy() for name, part in clip.parts().items()}
    lost["left_hand"][:15] = 0
    other = Keypoints(25, 512, 512, **lost)
    assert np.nanmean(hand_pck(clip, other, align(clip, other))["left_hand"]) == pytest.approx(0.75)
    back = hand_pck(other, clip, align(other, clip))["left_hand"]
    assert np.isnan(back[:15]).all() and (back[15:] == 1).all()


def test_clips_of_other_rates_and_lengths_are_aligned_and_it_is_said_how():
    source = signing(60, 25.0, 2.4)
    assert align(source, signing(61, 25.0)).how.startswith("frame by frame")
    faster = align(source, signing(120, 50.0, 2.4))
    assert faster.how.startswith("by time") and len(faster.source) == 120
    assert np.abs(faster.source - np.arange(120) / 2).max() <= 1
    slower = signing(90, 25.0, 2.4)  # the same signing, half as fast again
    warped = align(source, slower)
    assert "warped in time" in warped.how and "rhythm" in warped.how
    assert np.abs(warped.source - np.arange(90) * 59 / 89).max() <= 2
    assert (np.diff(warped.source) >= 0).all()
    assert np.nanmean(hand_pck(source, slower, warped)["right_hand"]) > 0.95


def test_nothing_found_is_a_reason_and_never_a_zero():
    clip, nobody = signing(), Keypoints(25, 512, 512, **missing(FRAMES))
    for first, second in ((clip, nobody), (nobody, clip)):
        with pytest.raises(Unavailable, match="no hand"):
            pose_distance(first, second)
        with pytest.raises(Unavailable, match="shoulders"):
            hand_pck(first, second, align(clip, clip))
        assert handshape.handshape(first, second, align(clip, clip))["agreement"] is None
    assert set(face_correlation(clip, nobody, np.arange(FRAMES)).values()) == {None}
    with pytest.raises(Unavailable, match="shoulders"):
        align(clip, Keypoints(25, 512, 512, **missing(FRAMES * 2)))


def test_frechet_is_the_closed_form_of_known_gaussians():
    rng = RNG(6)
    deviations = np.array([1.0, 2.0, 0.5])
    first = rng.normal(size=(200_000, 3))
    second = rng.normal(size=(200_000, 3)) * deviations + [3, 0, 0]
    expected = 9 + ((1 - deviations) ** 2).sum()
    assert frechet.frechet_distance(first, second) == pytest.approx(expected, rel=0.02)
    assert frechet.frechet_distance(first, first) == pytest.approx(0, abs=1e-6)
    assert frechet.frechet_distance(first, first + 2) == pytest.approx(12)


def test_frechet_is_scipys_and_torchmetrics():
    import scipy.linalg
    import torch
    from torchmetrics.image.fid import FrechetInceptionDistance

    first, second = RNG(7).normal(size=(80, 6)), RNG(8).normal(size=(50, 6)) * 1.5 + 0.3
    covariances = [np.cov(features.T) for features in (first, second)]
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1]).real
    expected = ((first.mean(0) - second.mean(0)) ** 2).sum()
    expected += np.trace(covariances[0] + covariances[1] - 2 * root)
    ours = frechet.frechet_distance(first, second)
    assert ours == pytest.approx(expected)

    class Given(torch.nn.Module):
        num_features = 6

        def forward(self, pictures):
            return pictures.flatten(1)[:, :6]

    theirs = FrechetInceptionDistance(Given(), normalize=False).set_dtype(torch.float64)
    for features, real in ((first, True), (second, False)):
        theirs.update(torch.from_numpy(features).reshape(-1, 6, 1, 1), real=real)
    assert ours == pytest.approx(float(theirs.compute()), rel=1e-5)


def test_frechet_of_fewer_frames_than_features_is_that_of_the_whole_matrices():
    import scipy.linalg

    first, second = RNG(9).normal(size=(12, 30)), RNG(10).normal(size=(9, 30)) + 0.2
    covariances = [np.cov(features.T) + 1e-10 * np.eye(30) for features in (first, second)]
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1]).real
    expected = ((first.mean(0) - second.mean(0)) ** 2).sum()
    expected += np.trace(covariances[0] + covariances[1] - 2 * root)
    assert frechet.frechet_distance(first, second) == pytest.approx(expected, rel=1e-3)


def test_the_kernel_distance_is_torchmetrics():
    import torch
    from torchmetrics.image.kid import poly_mmd

    first, second = RNG(11).normal(size=(40, 5)), RNG(12).normal(size=(40, 5)) + 0.5

    theirs = poly_mmd(torch.from_numpy(first), torch.from_numpy(second))
    assert frechet.kernel_distance(first, second) == pytest.approx(float(theirs))
    draws = [frechet.kernel_distance(*RNG(s).normal(size=(2, 60, 5))) for s in range(60)]
    assert abs(np.mean(draws)) < 0.1 and min(draws) < 0 < max(draws)  # it has no bias


def test_what_diffsign_published_is_a_negative():
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, -1)
    wrapped = frechet.as_published(levels)
    assert np.array_equal(wrapped[levels > 0], 256 - levels[levels > 0].astype(int))
    import torch

    theirs = (torch.from_numpy(levels) * 255).byte()  # what normalize=True does to 8-bit pictures
    assert np.array_equal(wrapped, theirs.numpy())


def test_ssim_is_scikit_images():
    import cv2
    from skimage.metrics import structural_similarity

    picture = RNG(13).integers(0, 256, (90, 70, 3)).astype(np.uint8)
    other = np.clip(picture + RNG(14).normal(0, 25, picture.shape), 0, 255).astype(np.uint8)
    grey = [cv2.cvtColor(each, cv2.COLOR_RGB2GRAY) for each in (picture, other)]
    how = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    theirs = structural_similarity(*grey, data_range=255, **how)
    assert ssim(picture, other) == pytest.approx(theirs, abs=1e-4)


def test_directional_similarity_laws():
    source = RNG(15).normal(size=(7, 12))
    one, two = RNG(16).normal(size=(2, 12))
    unit = source / np.linalg.norm(source, axis=1, keepdims=True)
    words = two / np.linalg.norm(two) - one / np.linalg.norm(one)
    with_words, against = unit + 1e-3 * words, unit - 1e-3 * words
    along = directional_similarity(source, with_words, one, two)
    opposite = directional_similarity(source, against, one, two)
    assert along == pytest.approx(-opposite, abs=1e-2) and (along > 0.5).all()
    assert directional_similarity(source, source, one, two) == pytest.approx(0)


def test_another_face_in_one_frame_is_the_least_steady():
    features = np.tile(RNG(17).normal(size=32), (20, 1)) + RNG(18).normal(0, 0.05, (20, 32))
    features[13] = RNG(19).normal(size=32)
    steady = identity.steadiness(features)
    assert steady.argmin() == 13 and steady.max() <= 1 and steady[:13].min() > 0.9


def test_ranks_of_likeness():
    crowd = np.linspace(0, 1, 11)
    assert reidentification.less_alike_than(1.1, crowd) == 0
    assert reidentification.less_alike_than(-0.1, crowd) == 1
    assert reidentification.less_alike_than(0.5, crowd) == pytest.approx(0.5)
    faces = reidentification.crowd_faces()
    assert faces.shape == (48, 128, 128, 3) and faces.std(axis=(1, 2, 3)).min() > 10


def test_proportions_do_not_know_size_place_or_turn():
    face = RNG(20).normal(size=(478, 3))
    turn = np.linalg.qr(RNG(21).normal(size=(3, 3)))[0]
    same = reidentification.proportions(4 * face @ turn + 7)
    assert same == pytest.approx(reidentification.proportions(face))


@pytest.mark.parametrize(
    ("reference", "hypothesis", "rate"),
    [("a b c", "a b c", 0), ("a b c", "", 1), ("a b c", "a x c", 1 / 3), ("a", "b a c", 2)],
)
def test_word_error_rate(reference, hypothesis, rate):
    assert word_error_rate(reference.split(), hypothesis.split()) == pytest.approx(rate)
    assert word_error_rate([], hypothesis.split()) is None


@pytest.mark.parametrize("name", ["nothing", "json:nothing", "no_such_module:read", "math:pi"])
def test_a_recogniser_that_is_none_is_refused(name):
    with pytest.raises(UserError, match="--recogniser"):
        load_recogniser(name)
