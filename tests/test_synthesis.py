"""Made-up signers: arms, hands and frames obey laws; samples are whole, alike and resumable."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from diffsign.cli import main
from diffsign.errors import UserError
from diffsign.render import synthesis
from diffsign.render.arms import SIGN, ArmGoal, reach
from diffsign.render.avatar.parts import PARTS
from diffsign.render.handshapes import HANDSHAPES, blended, hand_pose
from diffsign.render.mannequin import ACTIONS, rest_joints
from diffsign.render.random_motion import (
    FACIAL_GESTURES,
    random_camera,
    random_pose,
)
from diffsign.render.synthesis import SynthesisOptions, synthesise
from diffsign.retarget.body.model import joint_transforms
from diffsign.retarget.body.skeleton import INDEX

JOINTS = rest_joints()
NAMES = tuple(dict.fromkeys(name for gesture in FACIAL_GESTURES for name in gesture))
NAMES += tuple(
    f"eyeLook{way}{side}" for way in ("Up", "Down", "In", "Out") for side in ("Left", "Right")
)
NAMES += ACTIONS[: 52 - len(NAMES)]


def posed_joints(rotations: dict[int, np.ndarray]) -> np.ndarray:
    poses = np.zeros((1, 55, 3))
    for joint, rotation in rotations.items():
        poses[0, joint] = rotation
    return joint_transforms(JOINTS, poses.reshape(1, -1), np.zeros((1, 3)))[1][0]


class TestArms:
    @given(
        side=st.sampled_from(["left", "right"]),
        goal=st.tuples(st.floats(-0.2, 0.3), st.floats(-0.3, 0.2), st.floats(0.1, 0.35)),
        swivel=st.floats(0, 80),
        twist=st.floats(-100, 80),
        flex=st.floats(-50, 50),
    )
    @settings(max_examples=60)
    def test_the_wrist_is_where_it_should_be(
        self, side: str, goal: tuple, swivel: float, twist: float, flex: float
    ) -> None:
        wanted = np.array(goal) * [SIGN[side], 1, 1]
        arm = reach(ArmGoal(wanted, swivel, twist, flex), side, JOINTS)
        places = posed_joints(arm.rotations)
        shoulder = JOINTS[INDEX[f"{side}_shoulder"]]
        found = places[INDEX[f"{side}_wrist"]] - shoulder
        assert np.allclose(found, wanted, atol=1e-5)
        assert np.allclose(arm.wrist, found + shoulder, atol=1e-5)
        fingers = places[INDEX[f"{side}_middle1"]] - places[INDEX[f"{side}_wrist"]]
        assert np.allclose(fingers / np.linalg.norm(fingers), arm.fingers, atol=0.1)

    @pytest.mark.parametrize("side", ["left", "right"])
    def test_too_far_is_as_far_as_the_arm_goes(self, side: str) -> None:
        wanted = np.array([SIGN[side] * 2.0, 1.0, 3.0])
        arm = reach(ArmGoal(wanted), side, JOINTS)
        stretched = arm.wrist - JOINTS[INDEX[f"{side}_shoulder"]]
        assert np.allclose(stretched / np.linalg.norm(stretched), wanted / np.linalg.norm(wanted))
        assert np.linalg.norm(stretched) < 0.51

    def test_left_and_right_are_mirrors(self) -> None:
        goal = np.array([0.1, -0.1, 0.3])
        left = reach(ArmGoal(goal, 30, -40, 20, 5), "left", JOINTS)
        right = reach(ArmGoal(goal * [-1, 1, 1], 30, -40, 20, 5), "right", JOINTS)
        for name in ("shoulder", "elbow", "wrist"):
            mirrored = left.rotations[INDEX[f"left_{name}"]] * [1, -1, -1]
            assert np.allclose(right.rotations[INDEX[f"right_{name}"]], mirrored, atol=1e-6)


class TestHandshapes:
    @pytest.mark.parametrize("name", sorted(HANDSHAPES))
    def test_right_mirrors_left(self, name: str) -> None:
        left = hand_pose(HANDSHAPES[name], "left", JOINTS)
        right = hand_pose(HANDSHAPES[name], "right", JOINTS)
        assert sorted(left) == list(range(25, 40))
        assert sorted(right) == list(range(40, 55))
        for joint, rotation in left.items():
            assert np.allclose(right[joint + 15], rotation * [1, -1, -1])

    def test_straight_fingers_reach_and_fists_do_not(self) -> None:
        for name, long, short in (("index", "index", "middle"), ("i", "pinky", "index")):
            places = posed_joints(hand_pose(HANDSHAPES[name], "left", JOINTS))
            palm = places[INDEX["left_wrist"]]
            reach_of = {
                f: np.linalg.norm(places[INDEX[f"left_{f}3"]] - palm) for f in (long, short)
            }
            assert reach_of[long] > reach_of[short] + 0.02

    def test_fingers_bend_towards_the_palm(self) -> None:
        places = posed_joints(hand_pose(HANDSHAPES["s"], "left", JOINTS))
        assert places[INDEX["left_middle2"], 1] < places[INDEX["left_middle1"], 1] - 0.02

    def test_blending_ends_at_both_shapes(self) -> None:
        a, b = HANDSHAPES["five"], HANDSHAPES["s"]
        assert blended(a, b, 0.0) == a
        assert blended(a, b, 1.0) == b


class TestRandomMotion:
    def test_the_same_seed_gives_the_same_pose(self) -> None:
        first = random_pose(np.random.default_rng([3, 1]), JOINTS, NAMES)
        second = random_pose(np.random.default_rng([3, 1]), JOINTS, NAMES)
        other = random_pose(np.random.default_rng([3, 2]), JOINTS, NAMES)
        assert np.array_equal(first.poses, second.poses)
        assert not np.array_equal(first.poses, other.poses)

    def test_poses_are_plausible(self) -> None:
        """Finite; the face upright towards the camera; hands before the trunk, mostly in view."""
        shown = wanted = 0
        for number in range(60):
            rng = np.random.default_rng([0, number])
            pose = random_pose(rng, JOINTS, NAMES)
            assert np.isfinite(pose.poses).all()
            assert (pose.facial_actions >= 0).all() and (pose.facial_actions <= 1).all()
            chest = INDEX["spine3"]
            camera, stand = random_camera(rng, JOINTS[chest], 1.74, 512)
            rotations, places = joint_transforms(JOINTS, pose.poses[None], np.zeros((1, 3)))
            places = places[0] + stand - places[0, chest]
            facing = rotations[0, INDEX["head"]] @ [0, 0, 1]
            assert facing[2] < -0.5
            assert places[INDEX["head"], 1] < places[chest, 1] - 0.15
            for side in ("left", "right"):
                if pose.handshapes[side] == "loose":
                    continue
                pixel = camera.project(places[INDEX[f"{side}_middle2"]])
                wanted += 1
                shown += bool((pixel > 0).all() and (pixel < 512).all())
        assert shown / wanted > 0.85

    def test_every_handshape_is_shown(self) -> None:
        seen = set()
        for number in range(200):
            pose = random_pose(np.random.default_rng([1, number]), JOINTS, NAMES)
            seen |= {name for shape in pose.handshapes.values() for name in shape.split(">")}
        assert seen == set(HANDSHAPES)


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    options = SynthesisOptions(count=3, seed=4, poses=2, size=64, target_samples=1)
    result = synthesise(folder, options)
    assert (result.made, result.kept, result.failed) == (3, 0, {})
    return folder


class TestSamples:
    def test_every_file_of_the_contract(self, samples: Path) -> None:
        for number in range(3):
            for name in ("beauty", "target", "depth", "normal", "openpose"):
                with Image.open(samples / f"{number:06d}_{name}.png") as picture:
                    assert (picture.size, picture.mode) == ((64, 64), "RGB")
            part = np.asarray(Image.open(samples / f"{number:06d}_part.png"))
            assert part.dtype == np.uint8
            assert part.shape == (64, 64)
            assert part.max() < len(PARTS)
            assert {PARTS.index("background"), PARTS.index("top")} <= set(part.ravel())
            record = json.loads((samples / f"{number:06d}.json").read_text())
            assert record["caption"].startswith("a")
            assert set(record["boxes"]) == {"face", "left_hand", "right_hand"}
            x0, y0, x1, y1 = record["boxes"]["face"]
            face = np.isin(part[y0:y1, x0:x1], [PARTS.index(p) for p in ("face", "hair", "eyes")])
            assert face.any()

    def test_a_signer_keeps_the_looks_and_changes_the_pose(self, samples: Path) -> None:
        records = [json.loads((samples / f"{n:06d}.json").read_text()) for n in range(3)]
        assert records[0]["signer"] == records[1]["signer"] != records[2]["signer"]
        first, second = (np.asarray(Image.open(samples / f"{n:06d}_part.png")) for n in (0, 1))
        assert (first != second).any()

    def test_made_again_only_where_missing_and_then_alike(self, samples: Path) -> None:
        before = np.asarray(Image.open(samples / "000001_beauty.png")).astype(int)
        part = (samples / "000001_part.png").read_bytes()
        (samples / "000001.json").unlink()
        options = SynthesisOptions(count=3, seed=4, poses=2, size=64, target_samples=1)
        result = synthesise(samples, options)
        assert (result.made, result.kept) == (1, 2)
        assert (samples / "000001_part.png").read_bytes() == part
        after = np.asarray(Image.open(samples / "000001_beauty.png")).astype(int)
        assert np.abs(after - before).mean() < 1


class TestTrouble:
    def test_a_failing_signer_does_not_stop_the_rest(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(job: dict[str, Any], threads: int) -> Iterator[dict[str, Any]]:
            for group in job["groups"]:
                if 2 in group["numbers"]:
                    raise RuntimeError("Blender stopped")
                for number in group["numbers"]:
                    (tmp_path / f"{number:06d}.json").write_text("{}")
                    yield {"sample": number}

        monkeypatch.setattr(synthesis, "run_job", broken)
        monkeypatch.setattr(synthesis, "SIGNERS_PER_PROCESS", 1)
        options = SynthesisOptions(count=6, poses=2, workers=2)
        result = synthesise(tmp_path, options)
        assert result.made == 4
        assert result.failed == {2: "Blender stopped", 3: "Blender stopped"}

    def test_the_childs_sentence_reaches_the_caller(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(job: dict[str, Any], threads: int) -> Iterator[dict[str, Any]]:
            raise UserError("The disk is full.")
            yield {}

        monkeypatch.setattr(synthesis, "run_job", full)
        with pytest.raises(UserError, match="disk is full"):
            synthesise(tmp_path, SynthesisOptions(count=1))

    @pytest.mark.parametrize("wrong", ["--count=0", "--workers=0", "--poses=0", "--size=2"])
    def test_options_that_cannot_be_used(
        self, tmp_path: Path, wrong: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit) as stop:
            main(["mini", "samples", "-o", str(tmp_path / "out"), wrong])
        assert stop.value.code == 2
        assert "must be 1 or more" in capsys.readouterr().err
