"""The closed loop: what a face says is read and corrected, on a face whose answer is exact."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from diffsign.generate.expression.actions import Heads, heads_of, rigid_motion
from diffsign.generate.expression.face_points import BROW, EYE_RING, LIPS_OUTER
from diffsign.generate.expression.loop import MOST, close_the_loop, unreached
from diffsign.generate.expression.signals import SIGNALS, signal_lack, wishes
from diffsign.retarget.body.load import load_body
from diffsign.retarget.fit.face_model import face_model
from diffsign.retarget.fit.face_response import detector_response
from diffsign.retarget.motion import Camera

CAMERA = Camera(1800.0, 1800.0, 256.0, 256.0, 512, 512)
UPRIGHT = np.diag([1.0, -1.0, -1.0]) @ Rotation.from_euler("YX", [12, 8], degrees=True).as_matrix()


@pytest.fixture(scope="module")
def model():
    body = load_body("open")
    return face_model(body, np.zeros(0), detector_response(body))


def heads_for(model, count):
    place = np.tile([0.0, 0.05, 1.8], (count, 1))
    return Heads(np.tile(UPRIGHT, (count, 1, 1)), place, CAMERA, model, 0.05)


class Face:
    """Heads of a face whose points answer three actions exactly: what the loop needs of `Heads`."""

    names = ("jawOpen", "browInnerUp", "eyeBlinkRight", "eyeBlinkLeft")

    def __init__(self):
        self.model = self
        self.rest = np.random.default_rng(0).uniform(100, 200, (478, 2))
        self.rest[33], self.rest[263] = (120, 140), (180, 140)
        self.answer = np.zeros((4, 478, 2))
        for row, (ring, way) in enumerate(
            ((LIPS_OUTER, 5), (BROW["right"] + BROW["left"], -5), (EYE_RING["right"], 4))
        ):
            self.answer[row, list(ring), 1] = way
        self.answer[3, list(EYE_RING["left"]), 1] = 4

    def column(self, name):
        return self.names.index(name)

    def shown(self, actions):
        return self.rest + np.tensordot(actions, self.answer, 1)

    def actions(self, points, frames):
        moved = (points - self.rest).reshape(len(points), -1)
        return np.clip(moved @ np.linalg.pinv(self.answer.reshape(4, -1)), 0, 1)

    def displacement(self, says, wanted, frames):
        return np.tensordot(wanted - says, self.answer, 1)


def acting(face, **said):
    return np.array([said.get(name, 0.0) for name in face.names])


def shown(face, actions):
    return face.shown(np.array(actions))


@pytest.fixture
def face():
    return Face()


def loop(face, painted, wanted, rounds=4, dulled=1.0):
    """A face that follows the drive, though only by a share of it."""
    first = shown(face, painted)
    tasks: Any = [SimpleNamespace(projected=points, found=True) for points in first]

    def look(places, drives, lids):
        return [first[n] + dulled * drive for n, drive in zip(places, drives, strict=True)]

    return close_the_loop(tasks, np.arange(len(painted)), np.asarray(wanted), face, look, rounds)


@pytest.mark.parametrize("dulled", [1.0, 0.5])
def test_the_loop_brings_a_face_to_say_what_is_wanted(face, dulled):
    wanted = [acting(face, browInnerUp=0.6, jawOpen=0.3)] * 8
    painted = [acting(face, browInnerUp=0.1, jawOpen=0.6)] * 8
    before = loop(face, painted, wanted, rounds=0, dulled=dulled)
    after = loop(face, painted, wanted, dulled=dulled)
    assert (after.missing < 0.6 * before.missing).all()
    off = [np.abs(tried.actions - wanted).sum() for tried in (before, after)]
    assert off[1] < 0.6 * off[0]


def test_the_drive_is_bounded_and_a_face_that_is_right_is_left(face):
    face.answer *= 10
    wild = loop(face, [acting(face)] * 3, [acting(face, jawOpen=1.0)] * 3)
    assert np.linalg.norm(wild.drive, axis=-1).max() == pytest.approx(MOST * 60, rel=0.01)
    right = loop(face, [acting(face, jawOpen=0.3)] * 3, [acting(face, jawOpen=0.3)] * 3)
    assert np.abs(right.drive).max() == 0


def test_a_try_that_is_worse_is_not_kept(face):
    """A face that goes the other way than it is driven keeps its first state."""
    wanted = [acting(face, jawOpen=0.8)] * 2
    tried = loop(face, [acting(face, jawOpen=0.4)] * 2, wanted, dulled=-1.0)
    assert np.abs(tried.drive).max() == 0


def test_lids_that_do_not_shut_are_laid_on(face):
    wanted = np.array([acting(face, eyeBlinkLeft=1.0, eyeBlinkRight=1.0)])
    first = shown(face, [acting(face)])
    tasks: Any = [SimpleNamespace(projected=first[0], found=True)]
    seen = []

    def look(places, drives, lids):
        seen.append(lids.max())
        return [shown(face, wanted)[0] if lids.max() > 0.5 else first[0]]

    tried = close_the_loop(tasks, np.array([0]), wanted, face, look)
    assert seen[0] == 0 and tried.lids.min() > 0.5 and tried.actions[0, 3] > 0.9


def test_without_a_face_nothing_is_driven(face):
    points = shown(face, [acting(face)])
    tasks: Any = [SimpleNamespace(projected=points[0], found=False) for _ in range(2)]
    wanted = np.array([acting(face, jawOpen=1.0)] * 2)
    tried = close_the_loop(
        tasks, np.arange(2), wanted, face, lambda places, drives, lids: [None] * len(places)
    )
    assert not tried.drive.any() and np.isnan(tried.missing).all()
    assert unreached(tried.actions[0], wanted[0], face.names) == {}


def test_what_cannot_be_reached_is_named(face):
    says, wanted = acting(face, jawOpen=0.2), acting(face, jawOpen=0.9, browInnerUp=0.1)
    assert unreached(says, wanted, face.names) == {"jawOpen": -0.7}


def test_the_resting_face_is_found_from_known_actions(model):
    """The avatar performs what is known; its detected face is another than the body's."""
    body = load_body("open")
    rng = np.random.default_rng(0)
    actions = np.zeros((30, 52))
    actions[:, model.column("browInnerUp")] = rng.uniform(0, 1, 30)
    actions[:, model.column("jawOpen")] = rng.uniform(0, 0.5, 30)
    offset = rng.normal(0, 0.001, (478, 3))
    offset[:, 2] = 0
    own = face_model(body, np.zeros(0))
    truth = heads_for(model.with_rest(model.rest + offset), 30)
    performance: Any = SimpleNamespace(
        body="open", betas=np.zeros(0), facial_actions=actions.astype(np.float32)
    )
    places = own.shown(actions) @ np.swapaxes(truth.turn, 1, 2) + truth.place[:, None]
    detected = truth.view(np.zeros((30, 478, 2)), np.arange(30)).project(truth.model, actions)
    detected[3] = np.nan
    heads = heads_of(performance, places, CAMERA, detected)
    assert heads is not None
    left = np.linalg.norm(heads.model.rest - truth.model.rest, axis=-1)
    assert np.median(left) < 0.0003
    assert heads_of(performance, places, CAMERA, np.full_like(detected, np.nan)) is None


def test_the_heads_turn_and_place_follow_from_the_points(model):
    local = np.tile(model.rest, (2, 1, 1))
    turn, place = rigid_motion(local, local @ UPRIGHT.T + [0.1, 0.2, 1.0])
    assert np.allclose(turn, UPRIGHT) and np.allclose(place, [0.1, 0.2, 1.0])


def test_the_solver_is_calibrated_where_a_face_answers_otherwise(model):
    """A detector that hardly sees this face's brows (glasses): what is read still follows them."""
    body = load_body("open")
    rng = np.random.default_rng(1)
    brow, jaw = model.column("browInnerUp"), model.column("jawOpen")
    actions = np.zeros((60, 52))
    actions[:, brow], actions[:, jaw] = rng.uniform(0, 1, 60), rng.uniform(0, 0.5, 60)
    dull = model.moves.copy()
    dull[..., brow] *= 0.5
    truth = heads_for(replace(model, moves=dull), 60)
    performance: Any = SimpleNamespace(body="open", betas=np.zeros(0), facial_actions=actions)
    own = face_model(body, np.zeros(0))
    places = own.shown(actions) @ np.swapaxes(truth.turn, 1, 2) + truth.place[:, None]
    detected = truth.view(np.zeros((60, 478, 2)), np.arange(60)).project(truth.model, actions)
    detected += rng.normal(0, 0.1, detected.shape)
    heads = heads_of(performance, places, CAMERA, detected)
    assert heads is not None
    fresh = np.zeros((60, 52))  # another performance, by the same face
    fresh[:, brow], fresh[:, jaw] = rng.uniform(0, 1, 60), rng.uniform(0, 0.5, 60)
    seen = truth.view(np.zeros((60, 478, 2)), np.arange(60)).project(truth.model, fresh)
    seen += rng.normal(0, 0.1, seen.shape)
    says = heads.actions(seen, np.arange(60))
    plain = heads_for(model, 60).actions(seen, np.arange(60))
    off, before = (np.abs(read[:, brow] - fresh[:, brow]).mean() for read in (says, plain))
    assert off < 0.5 * before, (
        off,
        before,
        heads.price,
        np.corrcoef(says[:, brow], fresh[:, brow]),
    )
    assert np.corrcoef(says[:, brow], fresh[:, brow])[0, 1] > 0.9


def test_mouth_and_brows_are_driven_as_far_as_the_source_shows(model):
    """Points whose actions are right but whose mouth and brow are moved too little."""
    heads = heads_for(model, 12)
    frames = np.arange(12)
    none, shown = np.zeros((12, 52)), np.zeros((12, 52))
    shown[:, model.column("jawOpen")] = 0.2
    shown[:, model.column("browOuterUpLeft")] = 0.3
    here = heads.view(np.zeros((12, 478, 2)), frames).project(model, none)
    there = heads.view(np.zeros((12, 478, 2)), frames).project(model, shown)
    wish = np.stack([signal(there) for signal, *_ in SIGNALS], -1)
    moved = here + signal_lack(heads, here, wish, frames)
    for column, (signal, _, unsure) in enumerate(SIGNALS):
        before, after = (np.abs(signal(p) - wish[:, column]).mean() for p in (here, moved))
        assert after < 0.35 * before + 1.5 * unsure + 0.002
    assert not signal_lack(heads, here, np.full((12, 3), np.nan), frames).any()


def test_what_is_wished_for_follows_the_source_on_the_avatars_level():
    rng = np.random.default_rng(2)
    rendered = rng.uniform(0, 200, (1, 478, 2)) + np.zeros((30, 1, 1))
    source = rendered.copy()
    lower = [14, 87, 317]
    swing = 5 * np.sin(np.arange(30) / 3)
    source[:, lower, 1] += swing[:, None]
    source[4] = np.nan
    wish = wishes(source, rendered)
    assert np.isnan(wish[4]).all() and np.isfinite(np.delete(wish[:, 0], 4)).all()
    assert np.isnan(wish[:, 1:]).all()  # brows that do not move ask for nothing
    seen = np.delete(np.arange(30), 4)
    measured = SIGNALS[0][0](source)[seen]
    assert np.corrcoef(wish[seen, 0], measured)[0, 1] > 0.99
    assert np.isnan(wishes(np.full_like(source, np.nan), rendered)).all()
