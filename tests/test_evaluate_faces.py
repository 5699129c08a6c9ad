"""Faces that are hard to see: none, in profile, half out of the picture, covered throughout.

Made from the sample clip by cutting and masking, and from our own renders. Nothing may break, a
figure that cannot be had has a reason, and a face that is not seen says nothing.
"""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest

from diffsign.errors import UserError
from diffsign.generate.evaluate import evaluate
from diffsign.generate.evaluation.case import Case
from diffsign.generate.evaluation.registry import METRICS
from diffsign.retarget.fit.options import FitOptions
from diffsign.retarget.fit.solve import fit_clip
from diffsign.retarget.keypoints.source import load_keypoints
from diffsign.video import read_frames, write_video

SAMPLE = Path(__file__).parents[1] / "assets" / "sample.mp4"
FRAMES = 8


@pytest.fixture(scope="module")
def frames():
    return list(itertools.islice(read_frames(SAMPLE), 20, 20 + FRAMES))


@pytest.fixture(scope="module")
def source(frames, tmp_path_factory):
    path = tmp_path_factory.mktemp("faces") / "source.mp4"
    write_video(path, frames, 25)
    return path


@pytest.fixture(scope="module")
def face(source):
    """The box of the face over the clip: left, top, right, bottom in pixels."""
    points = load_keypoints(source).face[..., :2]
    return (*points.min((0, 1)).astype(int), *points.max((0, 1)).astype(int))


def headless(frames, face):
    left, top, right, bottom = face
    reach = (right - left) // 2
    for frame in frames:
        hidden = frame.copy()
        hidden[max(0, top - 2 * reach) : bottom + reach // 4, left - reach : right + reach] = frame[
            2, 2
        ]
        yield hidden


def half_out(frames, face):
    middle = (face[0] + face[2]) // 2
    yield from (frame[:, middle:] for frame in frames)


def covered(frames, face):
    left, top, right, bottom = face
    for frame in frames:
        hidden = frame.copy()
        hidden[(top + 3 * bottom) // 4 - (bottom - top) // 8 : bottom, left:right] = frame[
            (top + bottom) // 2, (left + right) // 2
        ]
        yield hidden


KINDS = {"headless": headless, "half out": half_out, "covered": covered}


def check(found):
    """Every metric has figures that are numbers, or a reason why it has none."""
    assert set(found.figures) | set(found.skipped) == {metric.name for metric in METRICS}
    assert all(reason for reason in found.skipped.values())
    for figures in found.figures.values():
        assert all(math.isfinite(value) for value in figures.values() if isinstance(value, float))


@pytest.mark.parametrize("kind", KINDS)
def test_a_face_that_is_hard_to_see_breaks_nothing(kind, frames, face, source, tmp_path):
    path = tmp_path / "hard.mp4"
    write_video(path, KINDS[kind](frames, face), 25)
    found = evaluate(Case(path, source))
    check(found)
    if kind == "headless":  # a face that is gone is no zero: it has a reason, or no value
        said = found.figures.get("face_correlation", {})
        assert "face_correlation" in found.skipped or set(said.values()) == {None}
    try:
        keypoints = load_keypoints(path)
    except UserError:
        return
    motion = fit_clip(keypoints, FitOptions())
    actions = motion.facial_actions
    assert np.isfinite(actions).all() and actions.min() >= 0 and actions.max() <= 1
    assert not actions[~keypoints.seen("face")].any()


def test_a_head_in_profile_breaks_nothing(source, tmp_path):
    from scipy.spatial.transform import Rotation

    from diffsign.generate.expression.learned.renders import Head
    from diffsign.render.avatar.build import build_avatar
    from diffsign.render.avatar.random_signer import random_signer
    from diffsign.retarget.body.load import load_body
    from diffsign.retarget.motion import Camera

    head = Head(build_avatar(random_signer(4), load_body("open")))
    upright = Rotation.from_rotvec([np.pi, 0, 0])
    turn = (upright * Rotation.from_euler("Y", 88, degrees=True)).as_matrix()
    camera = Camera(900.0, 900.0, 128.0, 128.0, 256, 256)
    picture = head.picture(np.zeros(52), turn, np.array([0, 0.05, 1.2]), camera)
    path = tmp_path / "profile.mp4"
    write_video(path, [picture] * FRAMES, 25)
    found = evaluate(Case(path, source))
    check(found)
    said = found.figures.get("face_correlation", {})
    assert set(said.values()) <= {None}  # it does not move, and so follows nothing
