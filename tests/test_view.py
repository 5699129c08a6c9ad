"""A new viewpoint of the same signing: the geometry first, then its pixels."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from diffsign.errors import UserError
from diffsign.render.backdrop import coverage, fill, panorama_behind, read_plate
from diffsign.render.blender_process import default_workers, run_jobs
from diffsign.render.camera import WORLD_FROM_CAMERA
from diffsign.render.clip_view import check_outside, winding
from diffsign.render.mannequin import mannequin, wave
from diffsign.render.passes import PassOptions, read_pass_set, render_passes
from diffsign.render.posed import pose_avatar, pose_joints
from diffsign.render.view import PRESETS, Viewpoint, choose_view, read_camera, resized
from diffsign.retarget.motion import Camera

CAMERA = Camera(230.0, 230.0, 80.0, 60.0, 160, 120)
AVATAR = mannequin()
MOTION = wave(CAMERA, 4)


def vertices(motion):  # type: ignore[no-untyped-def]
    return pose_avatar(AVATAR, motion.poses, motion.trans, motion.facial_actions)


def place_of(view) -> np.ndarray:  # type: ignore[no-untyped-def]
    """Where the camera stands, in the source camera's frame."""
    return -view.turn.T @ view.shift


class TestView:
    @given(
        azimuth=st.floats(-180, 180),
        elevation=st.floats(-60, 60),
        camera=st.sampled_from(["source", *PRESETS]),
    )
    @settings(max_examples=20, deadline=None)
    def test_the_motion_moves_as_its_surface_does(
        self, azimuth: float, elevation: float, camera: str
    ) -> None:
        """Posing the moved motion is moving the posed motion, for any camera."""
        view = choose_view(Viewpoint(camera, (azimuth, elevation)), MOTION, AVATAR)
        assert np.allclose(view.turn @ view.turn.T, np.eye(3)) and np.linalg.det(view.turn) > 0
        moved = vertices(view.of(MOTION, AVATAR))
        expected = vertices(MOTION) @ view.turn.T + view.shift
        assert np.abs(moved - expected).max() < 1e-5
        assert abs(view.turn[0, 1]) < 1e-9  # upright: its x is level

    def test_the_source_is_left_alone(self) -> None:
        view = choose_view(Viewpoint(), MOTION, AVATAR)
        assert view.camera == CAMERA and view.is_source(CAMERA)
        assert np.array_equal(view.turn, np.eye(3))
        larger = choose_view(Viewpoint(width=320, height=240), MOTION, AVATAR)
        assert larger.is_source(CAMERA)
        assert not choose_view(Viewpoint(orbit=(10, 0)), MOTION, AVATAR).is_source(CAMERA)
        assert not choose_view(Viewpoint(focal=90), MOTION, AVATAR).is_source(CAMERA)

    @pytest.mark.parametrize("name", ["front", "three-quarter", "side"])
    @pytest.mark.parametrize("size", [(160, 120), (90, 160)])
    def test_a_preset_shows_the_whole_signing(self, name: str, size: tuple) -> None:
        view = choose_view(Viewpoint(name, width=size[0], height=size[1]), MOTION, AVATAR)
        upper = AVATAR.weights.argmax(axis=1)
        keep = ~np.isin(upper, [1, 2, 4, 5, 7, 8, 10, 11])  # hips, knees, ankles, feet
        seen = vertices(view.of(MOTION, AVATAR))[:, keep].reshape(-1, 3)
        pixels = view.camera.project(seen)
        assert (pixels > 0).all() and (pixels < size).all()
        assert np.ptp(pixels / size, axis=0).max() > 0.8  # and fills the picture

    def test_where_the_presets_stand(self) -> None:
        """From the front the signer's left shoulder is at the right; the side sees one shoulder."""
        names = list(AVATAR.joint_names)
        for name, low, high in (
            ("front", 0.3, 0.4),
            ("three-quarter", 0.2, 0.35),
            ("side", -0.12, 0.12),
        ):
            view = choose_view(Viewpoint(name), MOTION, AVATAR)
            moved = view.of(MOTION, AVATAR)
            joints = pose_joints(AVATAR, moved.poses, moved.trans).mean(axis=0)
            across = joints[names.index("left_shoulder")] - joints[names.index("right_shoulder")]
            assert low < across[0] < high, name
        right = place_of(choose_view(Viewpoint("three-quarter"), MOTION, AVATAR))
        assert right[0] > 0.3  # to the right in the source's picture

    def test_orbit_keeps_its_distance_and_goes_where_it_says(self) -> None:
        base = choose_view(Viewpoint(), MOTION, AVATAR)
        up = choose_view(Viewpoint(orbit=(0, 30)), MOTION, AVATAR)
        right = choose_view(Viewpoint(orbit=(30, 0)), MOTION, AVATAR)
        assert place_of(up)[1] < place_of(base)[1] - 0.3
        assert place_of(right)[0] > place_of(base)[0] + 0.3
        steep = choose_view(Viewpoint(orbit=(0, 500)), MOTION, AVATAR)
        assert steep.turn[2] @ [0, 1, 0] == pytest.approx(np.sin(np.radians(85)))

    def test_another_shape_of_picture_loses_and_stretches_nothing(self) -> None:
        for size in ((300, 120), (160, 400), (50, 40)):
            found = resized(CAMERA, *size)
            assert found.fx / found.fy == pytest.approx(CAMERA.fx / CAMERA.fy)
            corners = np.array([[-80 / 230, -60 / 230, 1], [80 / 230, 60 / 230, 1]])
            pixels = found.project(corners)
            assert (pixels > -1e-6).all() and (pixels < np.array(size) + 1e-6).all()

    def test_focal_length(self) -> None:
        view = choose_view(Viewpoint(focal=72), MOTION, AVATAR)
        assert view.camera.fx == pytest.approx(72 / 36 * 160)


class TestCameraFile:
    def test_an_earlier_render_is_a_camera(self, tmp_path: Path) -> None:
        first = choose_view(Viewpoint("side", (5, 10)), MOTION, AVATAR)
        pinhole = {name: getattr(first.camera, name) for name in ("fx", "fy", "cx", "cy")}
        path = tmp_path / "passes.json"
        content = {"camera": pinhole, "width": 160, "height": 120, "from_source": first.matrix}
        path.write_text(json.dumps(content))
        again = choose_view(Viewpoint(str(path)), MOTION, AVATAR)
        assert np.allclose(again.turn, first.turn) and np.allclose(again.shift, first.shift)
        assert again.camera == first.camera

    def test_a_placed_camera(self, tmp_path: Path) -> None:
        path = tmp_path / "camera.json"
        path.write_text('{"distance": 3, "azimuth": -90, "focal": 36}')
        view = choose_view(Viewpoint(str(path)), MOTION, AVATAR)
        assert view.camera.fx == pytest.approx(160)
        chest = view.turn @ place_of(view) + view.shift
        assert np.allclose(chest, 0)
        assert place_of(view)[0] < -2

    @pytest.mark.parametrize(
        "content",
        [
            "",
            "no json",
            "[]",
            "{}",
            "3",
            '{"distance": -1}',
            '{"distance": "far"}',
            '{"distance": 1, "zoom": 3}',
            '{"from_source": 4}',
            '{"camera": {"fx": 1, "fy": 1, "cx": 0, "cy": 0}, "width": 9, "height": 9, '
            '"from_source": [[2,0,0,0],[0,1,0,0],[0,0,1,0],[0,0,0,1]]}',
        ],
    )
    def test_a_file_that_is_none(self, tmp_path: Path, content: str) -> None:
        path = tmp_path / "camera.json"
        path.write_text(content)
        with pytest.raises(UserError, match="is no camera"):
            read_camera(path)

    def test_binary_and_missing(self, tmp_path: Path) -> None:
        path = tmp_path / "camera.json"
        path.write_bytes(bytes(range(256)))
        with pytest.raises(UserError, match="is no camera"):
            read_camera(path)
        with pytest.raises(UserError, match="three-quarter"):
            read_camera(tmp_path / "none.json")


class TestOutside:
    def test_winding_tells_inside_from_outside(self) -> None:
        import trimesh

        ball = trimesh.creation.icosphere(subdivisions=2)
        assert winding(ball.triangles) == pytest.approx(1, abs=1e-6)
        assert winding(ball.triangles + np.array([3, 0, 0])) == pytest.approx(0, abs=1e-6)

    @pytest.mark.parametrize("distance", [0.0, 0.02])
    def test_a_camera_in_the_chest(self, distance: float) -> None:
        with pytest.raises(UserError, match="inside the signer"):
            check_outside(AVATAR, wave(CAMERA, 2, distance=distance))

    def test_a_camera_before_the_chest(self) -> None:
        check_outside(AVATAR, wave(CAMERA, 2, distance=1.5))


class TestBackdrop:
    def test_coverage_is_the_share_of_the_pixel(self) -> None:
        camera = Camera(10, 10, 5, 5, 10, 10)
        square = np.array([[-0.25, -0.25, 1], [0.25, -0.25, 1], [0.25, 0.25, 1], [-0.25, 0.25, 1]])
        found = coverage(square, np.array([[0, 1, 2], [0, 2, 3]]), camera)
        assert found.sum() == pytest.approx(25)
        assert found[5, 5] == 1 and found[2, 5] == pytest.approx(0.5) and found[2, 2] == 0.25

    def test_a_plate_fills_the_picture(self, tmp_path: Path) -> None:
        wide = np.zeros((20, 60, 3), np.uint8)
        wide[:, 20:40] = 200
        assert (fill(wide, 30, 30)[:, 6:-6] == 200).all()  # the middle is kept
        Image.fromarray(wide).save(tmp_path / "plate.png")
        frames, note = read_plate(tmp_path / "plate.png", 30, 30)
        first, second = next(frames), next(frames)
        assert first.shape == (30, 30, 3) and second is first
        assert "cropped" in note and "60x20" in note
        assert read_plate(tmp_path / "plate.png", 60, 20)[1] == ""

    def test_a_plate_that_is_none(self, tmp_path: Path) -> None:
        (tmp_path / "plate.png").write_text("no picture")
        with pytest.raises(UserError, match="backdrop"):
            read_plate(tmp_path / "plate.png", 8, 8)

    def test_the_panorama_turns_with_the_camera(self) -> None:
        """Half its width is half a turn; the horizon is half-way down."""
        panorama = np.zeros((90, 180, 3), np.float32)
        panorama[..., 0] = np.arange(180)
        panorama[..., 1] = np.arange(90)[:, None]
        camera = Camera(400, 400, 8, 8, 16, 16)
        ahead = panorama_behind(panorama, camera, WORLD_FROM_CAMERA)[8, 8]
        quarter = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
        aside = panorama_behind(panorama, camera, WORLD_FROM_CAMERA @ quarter)[8, 8]
        assert ahead[1] == pytest.approx(44.5, abs=0.6)  # the horizon
        assert aside[0] - ahead[0] == pytest.approx(45, abs=0.6)


class TestWorkers:
    @pytest.mark.parametrize(
        ("frames", "cores", "memory", "workers"),
        [
            (85, 2, 2**34, 1),
            (85, 16, 2**36, 8),
            (85, 16, 2**32, 2),
            (9, 16, 2**36, 1),
            (1, 1, 0, 1),
        ],
    )
    def test_by_cores_memory_and_frames(
        self, frames: int, cores: int, memory: int, workers: int
    ) -> None:
        assert default_workers(frames, cores, memory) == workers

    def test_one_that_fails_ends_all(self) -> None:
        with pytest.raises(RuntimeError, match="no such job"):
            list(run_jobs([{"job": "no such job"}, {"job": "no such job"}]))


class TestRendered:
    """A view's pixels: another camera, workers, a green screen, and alpha."""

    def test_two_workers_a_side_view_and_alpha(self, tmp_path: Path) -> None:
        MOTION.save(tmp_path / "motion.npz")
        AVATAR.save(tmp_path / "avatar.npz")
        options = PassOptions(
            samples=2, camera="side", backdrop="alpha", workers=2, count=2, maps=("depth",)
        )
        render_passes(tmp_path / "motion.npz", tmp_path / "avatar.npz", tmp_path / "a", options)
        found = read_pass_set(tmp_path / "a")
        assert not found.info["source_view"]
        layers = found.frame(1)
        view = choose_view(options.viewpoint, MOTION, AVATAR)
        assert np.allclose(found.info["from_source"], view.matrix)
        clip = view.of(MOTION, AVATAR)
        expected = np.zeros((120, 160), bool)
        pixels = np.floor(view.camera.project(vertices(clip)[1])).astype(int)
        inside = ((pixels >= 0) & (pixels < [160, 120])).all(axis=1)
        expected[pixels[inside, 1], pixels[inside, 0]] = True
        seen = np.isfinite(layers["depth"])
        assert (seen & expected).sum() / expected.sum() > 0.9
        assert np.abs(layers["alpha"][seen]).mean() > 0.9
        assert layers["alpha"][0, 0] == 0
        with Image.open(tmp_path / "a" / "beauty" / "00000.png") as picture:
            assert picture.mode == "RGBA"
        green = replace(options, backdrop="green", workers=1, count=1)
        render_passes(tmp_path / "motion.npz", tmp_path / "avatar.npz", tmp_path / "g", green)
        assert read_pass_set(tmp_path / "g").beauty_srgb(0)[0, 0].tolist() == [0, 177, 64]
