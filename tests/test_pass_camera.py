"""The camera of the passes, the points it sees, and OpenGL as a witness of both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffsign.errors import UserError
from diffsign.render.camera import (
    SENSOR_WIDTH_MM,
    blender_camera,
    unproject,
)
from diffsign.render.mannequin import mannequin, wave
from diffsign.render.passes import PassOptions, read_pass_set, render_passes
from diffsign.render.points import ABSENT, HIDDEN, SEEN, project_points
from diffsign.render.preview import Previewer
from diffsign.retarget.motion import Camera

ODD = Camera(fx=210.0, fy=231.0, cx=64.3, cy=61.7, width=137, height=111)
FRAMES = 3


class TestCamera:
    @given(
        fx=st.floats(50, 5000),
        stretch=st.floats(0.5, 2),
        cx=st.floats(-100, 800),
        cy=st.floats(-100, 800),
        width=st.integers(4, 2000),
        height=st.integers(4, 2000),
    )
    @settings(max_examples=50)
    def test_blenders_settings_project_as_the_pinhole(
        self, fx: float, stretch: float, cx: float, cy: float, width: int, height: int
    ) -> None:
        """Blender's own formulas for a sensor fitted to the width, written out."""
        camera = Camera(fx, fx * stretch, cx, cy, width, height)
        found = blender_camera(camera)
        point = np.array([0.3, -0.2, 1.7])
        pixel_mm = SENSOR_WIDTH_MM / width
        x = width * (0.5 - found.shift_x) + found.lens_mm * point[0] / point[2] / pixel_mm
        tall = found.aspect_y / found.aspect_x
        y = (
            height / 2
            + (found.shift_y * width + found.lens_mm * point[1] / point[2] / pixel_mm) / tall
        )
        assert np.allclose([x, y], camera.project(point), rtol=1e-9, atol=1e-6)
        assert min(found.aspect_x, found.aspect_y) == 1

    def test_unproject_undoes_project(self) -> None:
        depth = np.random.default_rng(0).uniform(0.5, 3, (ODD.height, ODD.width))
        pixels = ODD.project(unproject(ODD, depth))
        rows, columns = np.mgrid[: ODD.height, : ODD.width] + 0.5
        assert np.allclose(pixels, np.stack([columns, rows], -1))


class TestPoints:
    camera = Camera(100, 100, 32, 32, 64, 64)

    def test_seen_hidden_and_absent(self) -> None:
        depth = np.full((64, 64), 2.0)
        places = np.array([[0, 0, 2.01], [0, 0, 2.5], [9, 0, 2], [0, 0, -1], [np.nan] * 3])
        found = project_points(places, self.camera, depth, slack=0.03)
        assert found[:, 2].tolist() == [SEEN, HIDDEN, ABSENT, ABSENT, ABSENT]
        assert found[0, :2].tolist() == [32, 32]
        assert not found[2:].any()


class TestPreview:
    def test_opengl_sees_what_blender_sees(self, tmp_path: Path) -> None:
        """The witness shares neither Blender's rig nor its camera."""
        camera = Camera(430, 430, 170, 160, 320, 300)
        motion = wave(camera, 3)
        try:
            previewer = Previewer(mannequin(), camera)
        except UserError as error:
            pytest.skip(str(error))
        motion.save(tmp_path / "motion.npz")
        mannequin().save(tmp_path / "avatar.npz")
        options = PassOptions(samples=1, first=1, count=1, maps=())
        render_passes(tmp_path / "motion.npz", tmp_path / "avatar.npz", tmp_path, options)
        layers = read_pass_set(tmp_path).frame(0, "depth", "normal")
        depth = layers["depth"]
        seen = np.isfinite(depth)
        with previewer:
            preview = previewer.draw(motion, 1)
        assert preview.colour.shape == (300, 320, 3)
        both = preview.mask & seen
        assert both.sum() / (preview.mask | seen).sum() > 0.995
        apart = np.abs(preview.depth[both] - depth[both])
        assert np.median(apart) < 1e-3
        assert np.quantile(apart, 0.95) < 2e-3
        # OpenGL's normals are what its depth bends: the gradient of the seen surface.
        flat = normals_of(unproject(camera, np.where(preview.mask, preview.depth, np.nan)))
        inner = both & np.isfinite(flat).all(axis=2)
        agreement = np.sum(flat * layers["normal"] * [1, -1, -1], axis=2)[inner]
        assert np.median(agreement) > 0.98


def normals_of(points: np.ndarray) -> np.ndarray:
    """(H, W, 3) unit normals, camera frame, towards the camera, of a field of surface points."""
    down = np.gradient(points, axis=0)
    right = np.gradient(points, axis=1)
    normal = np.cross(down, right)
    return normal / np.linalg.norm(normal, axis=2, keepdims=True)
