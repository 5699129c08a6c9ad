"""Blender's passes against a slow witness in numpy: rays cast through the posed avatar."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from diffsign.errors import UserError
from diffsign.render import passes
from diffsign.render.blender_process import run_job, run_jobs
from diffsign.render.camera import (
    WORLD_FROM_CAMERA,
)
from diffsign.render.mannequin import mannequin, wave
from diffsign.render.passes import PassOptions, read_pass_set, render_passes
from diffsign.render.posed import pose_avatar
from diffsign.render.raster import rasterise
from diffsign.render.surface import Surface
from diffsign.retarget.body.model import rotation_matrices
from diffsign.retarget.motion import Camera

ODD = Camera(fx=210.0, fy=231.0, cx=64.3, cy=61.7, width=137, height=111)
FRAMES = 3


@dataclass(frozen=True)
class Rendered:
    folder: Path
    motion: Path
    avatar: Path


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    """The mannequin's wave through an off-centre camera of odd size with unequal focal lengths."""
    folder = tmp_path_factory.mktemp("passes")
    found = Rendered(folder / "passes", folder / "motion.npz", folder / "avatar.npz")
    wave(ODD, FRAMES).save(found.motion)
    mannequin().save(found.avatar)
    said: list[tuple[int, int]] = []
    render_passes(
        found.motion,
        found.avatar,
        found.folder,
        PassOptions(samples=2),
        lambda done, total: said.append((done, total)),
    )
    assert said == [(k + 1, FRAMES) for k in range(FRAMES)]
    return found


@dataclass(frozen=True)
class Hits:
    """What the witness's rays through some pixel centres met."""

    rows: np.ndarray
    columns: np.ndarray
    depth: np.ndarray  # inf: nothing
    face: np.ndarray
    weights: np.ndarray  # barycentric


def cast(vertices: np.ndarray, faces: np.ndarray, camera: Camera, step: int) -> Hits:
    """Nearest hit of a ray through every step-th pixel centre (Möller and Trumbore 1997)."""
    rows, columns = np.mgrid[1 : camera.height : step, 2 : camera.width : step].reshape(2, -1)
    rays = np.stack(
        [
            (columns + 0.5 - camera.cx) / camera.fx,
            (rows + 0.5 - camera.cy) / camera.fy,
            np.ones(len(rows)),
        ],
        axis=-1,
    )
    a, b, c = (vertices[faces[:, k]].astype(float) for k in range(3))
    ab, ac = b - a, c - a
    depth = np.full(len(rays), np.inf)
    face = np.full(len(rays), -1)
    weights = np.zeros((len(rays), 3))
    for index, ray in enumerate(rays):
        p = np.cross(ray, ac)
        determinant = np.sum(ab * p, axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            u = np.sum(-a * p, axis=1) / determinant
            q = np.cross(-a, ab)
            v = q @ ray / determinant
            t = np.sum(ac * q, axis=1) / determinant
        met = (u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0) & (np.abs(determinant) > 1e-12)
        if met.any():
            nearest = np.flatnonzero(met)[np.argmin(t[met])]
            depth[index], face[index] = t[nearest], nearest
            weights[index] = [1 - u[nearest] - v[nearest], u[nearest], v[nearest]]
    return Hits(rows, columns, depth, face, weights)


@pytest.fixture(scope="module")
def witness(rendered: Rendered) -> tuple[Hits, np.ndarray, np.ndarray]:
    """Hits in frame 1, the posed vertices of all frames, and the faces."""
    avatar, motion = mannequin(), wave(ODD, FRAMES)
    vertices = pose_avatar(avatar, motion.poses, motion.trans, motion.facial_actions)
    faces = np.concatenate([piece.faces for piece in avatar.pieces])
    return cast(vertices[1], faces, ODD, 2), vertices, faces


def agreed(layer: np.ndarray, hits: Hits, depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which hits the renderer met too (nearly all), and the layer's values there."""
    seen = np.isfinite(hits.depth) & np.isfinite(depth[hits.rows, hits.columns])
    seen &= np.abs(np.where(seen, hits.depth, 0) - depth[hits.rows, hits.columns]) < 1e-3
    return seen, layer[hits.rows, hits.columns][seen]


class TestAgainstRays:
    def test_depth_and_mask_are_exact(self, rendered: Rendered, witness: tuple) -> None:
        hits = witness[0]
        depth = read_pass_set(rendered.folder).frame(1, "depth")["depth"]
        found = depth[hits.rows, hits.columns]
        assert np.isfinite(hits.depth).sum() > 300
        assert (np.isfinite(found) == np.isfinite(hits.depth)).mean() > 0.998
        both = np.isfinite(found) & np.isfinite(hits.depth)
        error = np.abs(found[both] - hits.depth[both])
        # A tenth of a pixel is 0.8 mm here on a surface at 45 degrees.
        assert np.quantile(error, 0.99) < 1e-4

    def test_points_are_where_the_camera_projects_them(
        self, rendered: Rendered, witness: tuple
    ) -> None:
        """The surface point seen in a pixel projects into that pixel's centre: < 0.1 px."""
        hits, vertices, faces = witness
        depth = read_pass_set(rendered.folder).frame(1, "depth")["depth"]
        seen, _ = agreed(depth, hits, depth)
        corners = vertices[1][faces[hits.face[seen]]]
        pixels = ODD.project((corners * hits.weights[seen][..., None]).sum(axis=1))
        centres = np.stack([hits.columns[seen], hits.rows[seen]], axis=-1) + 0.5
        assert np.abs(pixels - centres).max() < 0.1

    def test_motion_vectors_are_the_surface_points_own(
        self, rendered: Rendered, witness: tuple
    ) -> None:
        hits, vertices, faces = witness
        layers = read_pass_set(rendered.folder).frame(1, "depth", "motion")
        seen, motion = agreed(layers["motion"], hits, layers["depth"])
        places = [
            ODD.project(
                (vertices[k][faces[hits.face[seen]]] * hits.weights[seen][..., None]).sum(axis=1)
            )
            for k in range(3)
        ]
        expected = np.concatenate([places[0] - places[1], places[2] - places[1]], axis=1)
        assert np.abs(expected).max() > 5
        assert np.quantile(np.abs(motion - expected), 0.99) < 0.1

    def test_the_clips_ends_do_not_move(self, rendered: Rendered) -> None:
        passes = read_pass_set(rendered.folder)
        assert np.abs(passes.frame(0, "motion")["motion"][..., :2]).max() < 1e-3
        assert np.abs(passes.frame(FRAMES - 1, "motion")["motion"][..., 2:]).max() < 1e-3

    def test_indices_and_uv(self, rendered: Rendered, witness: tuple) -> None:
        hits = witness[0]
        avatar = mannequin()
        layers = read_pass_set(rendered.folder).frame(1, "depth", "object", "part", "uv")
        owner = np.concatenate([np.full(len(p.faces), p.object_index) for p in avatar.pieces])
        materials = np.concatenate([p.face_material for p in avatar.pieces])
        parts = np.array([passes.PARTS.index(m.part) for m in avatar.materials])
        seen, objects = agreed(layers["object"], hits, layers["depth"])
        assert (objects == owner[hits.face[seen]]).mean() > 0.998
        found_parts = layers["part"][hits.rows, hits.columns][seen]
        assert (found_parts == parts[materials[hits.face[seen]]]).mean() > 0.998
        head = seen & (hits.face >= len(avatar.pieces[0].faces))
        assert avatar.pieces[1].uv is not None
        corners = avatar.pieces[1].uv[hits.face[head] - len(avatar.pieces[0].faces)]
        expected = (corners * hits.weights[head][..., None]).sum(axis=1)
        error = np.abs(layers["uv"][hits.rows, hits.columns][head] - expected).max(axis=1)
        assert np.quantile(error, 0.95) < 1e-3

    def test_normals_are_the_surfaces_in_camera_space(
        self, rendered: Rendered, witness: tuple
    ) -> None:
        hits, vertices, faces = witness
        layers = read_pass_set(rendered.folder).frame(1, "depth", "normal")
        seen, normal = agreed(layers["normal"], hits, layers["depth"])
        a, b, c = (vertices[1][faces[hits.face[seen], k]] for k in range(3))
        flat = np.cross(b - a, c - a)
        flat = flat / np.linalg.norm(flat, axis=1, keepdims=True) * [1, -1, -1]
        assert np.median(np.sum(flat * normal, axis=1)) > 0.98
        assert np.abs(np.linalg.norm(normal, axis=1) - 1).max() < 2e-3

    def test_nothing_lies_on_the_background(self, rendered: Rendered) -> None:
        layers = read_pass_set(rendered.folder).frame(0)
        behind = ~np.isfinite(layers["depth"])
        for name in ("normal", "uv", "motion", "object", "part"):
            assert not layers[name][behind].any(), name


class TestFiles:
    def test_the_index_says_what_is_there(self, rendered: Rendered) -> None:
        found = read_pass_set(rendered.folder)
        assert len(found) == FRAMES
        assert found.fps == 25
        assert found.camera == ODD and found.info["source_view"]
        assert found.info["objects"] == {"1": "body", "2": "head"}
        assert found.beauty_srgb(0).shape == (ODD.height, ODD.width, 3)
        assert found.conditioning("normal", 2).shape == (ODD.height, ODD.width, 3)
        assert found.conditioning("seg", 0).shape == (ODD.height, ODD.width, 3)
        for index in range(FRAMES):
            depth = found.frame(index, "depth")["depth"]
            seen = depth[np.isfinite(depth)]
            assert seen.min() >= found.depth_range.near - 1e-3
            assert seen.max() <= found.depth_range.far + 1e-3

    def test_the_background_is_the_signers(self, rendered: Rendered) -> None:
        found = read_pass_set(rendered.folder)
        expected = bytes.fromhex(found.info["signer"]["background"][1:])
        assert np.abs(found.beauty_srgb(0)[0, 0].astype(int) - list(expected)).max() <= 1

    def test_a_finished_set_is_not_rendered_again(
        self, rendered: Rendered, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(jobs: list[dict]) -> None:
            raise AssertionError(f"Blender was started for {jobs}")

        monkeypatch.setattr(passes, "run_jobs", refuse)
        render_passes(rendered.motion, rendered.avatar, rendered.folder, PassOptions(samples=2))

    def test_only_the_missing_frame_is_rendered(
        self, rendered: Rendered, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[list[int]] = []

        def listen(jobs: list[dict]):  # type: ignore[no-untyped-def]
            asked.extend(job["frames"] for job in jobs)
            yield from run_jobs(jobs)

        monkeypatch.setattr(passes, "run_jobs", listen)
        exr = rendered.folder / "frame_00002.exr"
        before = read_pass_set(rendered.folder).frame(2, "depth")["depth"]
        exr.unlink()
        render_passes(rendered.motion, rendered.avatar, rendered.folder, PassOptions(samples=2))
        assert asked == [[2]]
        after = read_pass_set(rendered.folder).frame(2, "depth")["depth"]
        assert np.array_equal(before, after)

    def test_another_job_makes_every_frame_anew(
        self, rendered: Rendered, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[list[int]] = []

        def listen(jobs: list[dict]) -> list[dict]:
            asked.extend(job["frames"] for job in jobs)
            return []

        monkeypatch.setattr(passes, "run_jobs", listen)
        options = PassOptions(samples=3, first=1, count=2)
        render_passes(rendered.motion, rendered.avatar, rendered.folder, options)
        assert asked == [[1, 2]]
        full = PassOptions(samples=2)
        monkeypatch.undo()
        render_passes(rendered.motion, rendered.avatar, rendered.folder, full)


class TestBadInput:
    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"width": 2}, "cannot be rendered"),
            ({"first": 9}, "not all in the motion"),
            ({"count": 0}, "not all in the motion"),
            ({"samples": 0}, "samples"),
            ({"lights": "disco"}, "disco"),
            ({"maps": ("scribble",)}, "scribble"),
            ({"background": "red"}, "red"),
            ({"width": 20000, "height": 20000}, "cannot be rendered"),
            ({"camera": "behind"}, "behind"),
            ({"focal": 0.5}, "focal length"),
            ({"orbit": (float("nan"), 0.0)}, "orbit"),
            ({"backdrop": "nowhere.png"}, "nowhere"),
            ({"backdrop": "hdri"}, "--hdri"),
            ({"hdri": "sky.hdr"}, "sky.hdr"),
            ({"engine": "pov"}, "pov"),
            ({"device": "tpu"}, "tpu"),
            ({"workers": 0}, "workers"),
        ],
    )
    def test_an_option_that_cannot_be_used(self, tmp_path: Path, change: dict, words: str) -> None:
        wave(ODD, 2).save(tmp_path / "motion.npz")
        mannequin().save(tmp_path / "avatar.npz")
        options = replace(PassOptions(), **change)
        with pytest.raises(UserError, match=words):
            render_passes(tmp_path / "motion.npz", tmp_path / "avatar.npz", tmp_path, options)
        assert not (tmp_path / "passes.json").exists()

    def test_a_signer_outside_the_picture(self, tmp_path: Path) -> None:
        away = wave(ODD, 2)
        replace(away, trans=away.trans + np.array([50.0, 0, 0])).save(tmp_path / "motion.npz")
        mannequin().save(tmp_path / "avatar.npz")
        with pytest.raises(UserError, match="never inside"):
            render_passes(tmp_path / "motion.npz", tmp_path / "avatar.npz", tmp_path)

    def test_unfinished_passes(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="No finished passes"):
            read_pass_set(tmp_path)

    def test_a_failing_child_shows_the_end_of_its_log(self) -> None:
        with pytest.raises(RuntimeError, match="KeyError: 'no such job'"):
            list(run_job({"job": "no such job"}))

    def test_the_childs_word_for_the_user_is_passed_on(self, tmp_path: Path) -> None:
        job = {"job": "passes", "motion": str(tmp_path / "none.npz"), "out": str(tmp_path)}
        with pytest.raises(UserError, match="No motion"):
            list(run_job(job))

    def test_the_child_leaves_with_its_parent(self, tmp_path: Path) -> None:
        """Killed parents cannot end their children: these watch their standard input."""
        wave(ODD, 2).save(tmp_path / "motion.npz")
        mannequin().save(tmp_path / "avatar.npz")
        own = tmp_path / "own"
        own.mkdir()
        np.savez(tmp_path / "places.npz")
        job = {
            "job": "passes",
            "motion": str(tmp_path / "motion.npz"),
            "avatar": str(tmp_path / "avatar.npz"),
            "places": str(tmp_path / "places.npz"),
            "out": str(tmp_path),
            "frames": [0, 1],
            "first": 0,
            "hash": "",
            "turn": np.eye(3).tolist(),
            "depth_range": {"near": 1.0, "far": 3.0},
            "samples": 5000,
            "denoise": False,
            "background": "#000000",
            "backdrop": "colour",
            "lights": "plain",
            "maps": [],
            "hdri": None,
            "engine": "cycles",
            "device": "cpu",
            "threads": 1,
        }
        (own / "job.json").write_text(json.dumps(job))
        command = [sys.executable, "-m", "diffsign.render.worker", str(own / "job.json")]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert child.stdout is not None
        assert b"note" in child.stdout.readline()  # it is at work
        time.sleep(0.5)
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(timeout=60) == 3
        assert not own.exists()
        assert not list(tmp_path.rglob("*.exr"))


class TestRaster:
    """The picture's own rasteriser against rays cast one by one."""

    def test_triangles_that_reach_behind_the_camera(self) -> None:
        rng = np.random.default_rng(3)
        vertices = rng.normal([0, 0, 0.8], 1.0, (90, 3))
        faces = np.arange(90).reshape(30, 3)
        camera = Camera(60, 55, 31.3, 24.1, 64, 48)
        found = rasterise(vertices, faces, camera)
        hits = cast(vertices, faces, camera, 1)
        depth = np.full((48, 64), np.inf)
        depth.ravel()[found.pixel] = found.depth
        inside = hits.depth > 0.02
        assert np.isfinite(hits.depth).sum() > 1000
        expected = np.where(inside, hits.depth, np.inf)
        near = depth[hits.rows, hits.columns]
        agree = np.isclose(near, expected) | (np.isinf(near) & np.isinf(expected))
        # Where the very nearest lies within 2 cm, the two choose differently behind it.
        assert agree[inside].mean() > 0.99

    @given(turn=st.floats(-3, 3), width=st.integers(4, 60), height=st.integers(4, 60))
    @settings(max_examples=25, deadline=None)
    def test_a_closed_surface_has_no_hole(self, turn: float, width: int, height: int) -> None:
        """Neighbouring triangles leave no pixel between them: a box covers its outline whole."""
        box = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
        spin = rotation_matrices(np.array([[0.3, turn, 0.1]]))[0]
        corners = box @ spin.T + [0, 0, 5]
        hull = trimesh.Trimesh(corners).convex_hull
        camera = Camera(width, height, width / 2, height / 2, width, height)
        found = rasterise(hull.vertices, hull.faces, camera)
        mask = np.zeros(width * height, bool)
        mask[found.pixel] = True
        for line in mask.reshape(height, width):  # a convex shape is one run in every row
            assert np.abs(np.diff(line.astype(int))).sum() <= 2
        assert np.allclose(found.weights.sum(axis=1), 1)
        assert (found.weights > -1e-9).all()

    def test_sides(self) -> None:
        facing = np.array([[0, -1, 2], [-1, 1, 2], [1, 1, 2]], float)
        camera = Camera(20, 20, 10, 10, 20, 20)
        # y points down: these corners go counter-clockwise for the one who looks along z.
        assert rasterise(facing, np.array([[0, 1, 2]]), camera).front.all()
        assert not rasterise(facing, np.array([[0, 2, 1]]), camera).front.any()

    def test_cycles_sees_the_same(self, tmp_path: Path) -> None:
        """Blender's Cycles, through its own rig, skinning and camera, is the layers' witness."""
        script = (
            "import os, sys, numpy as np\n"
            "from pathlib import Path\n"
            "from diffsign.render import cycles, scene\n"
            "from diffsign.render.lighting import PLAIN\n"
            "from diffsign.render.mannequin import mannequin, wave\n"
            "from diffsign.retarget.motion import Camera\n"
            f"motion = wave({ODD!r}, 3)\n"
            "stage = scene.build_stage(mannequin(), PLAIN)\n"
            "scene.animate(stage, motion.poses, motion.trans, motion.facial_actions)\n"
            "scene.set_camera(stage.scene, motion.camera)\n"
            "cycles.prepare(stage.scene, 1)\n"
            "out = Path(sys.argv[-1])\n"
            "np.savez(out / 'cycles.npz', **cycles.render_data(stage.scene, 1, out))\n"
            "sys.stdout.flush()\n"
            "os._exit(0)\n"
        )
        command = [sys.executable, "-c", script, str(tmp_path)]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        avatar, motion = mannequin(), wave(ODD, 3)
        frames = pose_avatar(avatar, motion.poses, motion.trans, motion.facial_actions)
        surface = Surface(avatar, ODD, WORLD_FROM_CAMERA)
        ours = surface.layers(frames[1], frames[0], frames[2])
        with np.load(tmp_path / "cycles.npz") as theirs:
            seen = np.isfinite(ours["depth"])
            both = seen & np.isfinite(theirs["depth"])
            assert both.sum() / (seen | np.isfinite(theirs["depth"])).sum() > 0.998
            for name, bound in (
                ("depth", 3e-5),
                ("position", 3e-5),
                ("normal", 1e-3),
                ("normal_world", 1e-3),
                ("uv", 1e-4),
                ("motion", 1e-2),
                ("object", 0),
                ("part", 0),
            ):
                error = np.abs(ours[name][both] - theirs[name][both])
                assert np.quantile(error, 0.97) <= bound, name
