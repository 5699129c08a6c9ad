"""The road from clip to video with quick stand-ins for the slow stages: order, reuse, results.

What each stage computes is tested beside it; here only what runs when, and what comes out.
"""

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from diffsign.errors import UserError
from diffsign.files import write_json, write_text
from diffsign.generate.evaluate import Evaluation
from diffsign.render.avatar.record import Signer
from diffsign.road import run as road
from diffsign.road.options import Fitting, Look, Painting, Running
from diffsign.video import probe, read_frames, write_video

FRAMES = 5
SIZE = 64


@dataclass(frozen=True)
class FakeMotion:
    """Stands for Motion: what the road reads of it."""

    fps: float = 25.0
    body: str = "open"
    betas: tuple[float, ...] = (0.0,)
    frame_count: int = FRAMES

    @property
    def camera(self):
        return SimpleNamespace(width=SIZE, height=SIZE)

    def save(self, path):
        write_text(path, "motion")

    @classmethod
    def load(cls, path):
        return cls()


def picture(shade):
    return np.full((SIZE, SIZE, 3), shade, np.uint8)


def save_pictures(folder, shade):
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(FRAMES):
        Image.fromarray(picture(shade)).save(folder / f"{index:05d}.png")


@pytest.fixture
def ran(monkeypatch):
    """Replace every slow stage; the list names those that ran, in order."""
    calls = []

    def fake(module, **names):
        found = sys.modules.get(f"diffsign.{module}")
        if found is None:
            found = ModuleType(f"diffsign.{module}")
            monkeypatch.setitem(sys.modules, found.__name__, found)
        for name, value in names.items():
            monkeypatch.setattr(found, name, value, raising=False)

    def load_keypoints(clip, progress=None, **options):
        calls.append("keypoints")
        return SimpleNamespace(body=np.zeros((FRAMES, 33, 4)), fps=25.0, width=SIZE, height=SIZE)

    def fit_clip(keypoints, options, progress=None):
        calls.append("fit")
        return FakeMotion()

    def read_signer(image, text, seed, stated=None):
        calls.append("dress")
        return Signer(hair_colour=f"#{seed:06x}"), {}

    def save_reading(path, signer, sources):
        path.write_text("{}")

    def build_avatar(signer, body, betas=None):
        calls.append("avatar")
        content = signer.to_json()
        return SimpleNamespace(save=lambda path: write_text(path, content))

    def render_passes(motion, avatar, out, options=None, progress=None, note=None):
        calls.append("passes")
        for name in ("beauty", "conditioning/normal", "conditioning/openpose"):
            save_pictures(Path(out) / name, 90)
        write_json(Path(out) / "passes.json", {})

    def paint(passes, appearance, caption, options, out_dir, progress=None, garment=None):
        calls.append("paint")
        save_pictures(Path(out_dir), 200)
        progress(FRAMES, FRAMES)
        return {"painted": FRAMES}

    def steady(passes, frames_dir, out_dir, progress=None):
        save_pictures(Path(out_dir), 205)
        return {"change": 0.0}

    def enhance(
        passes,
        frames_dir,
        out_dir,
        *,
        mode="warp",
        performance=None,
        source=None,
        checkpoint=None,
        progress=None,
    ):
        calls.append("enhance")
        save_pictures(Path(out_dir), 210)
        return []

    def evaluate(case, *rest, **options):
        calls.append("measure")
        figures = {"silhouette": {"mean": 0.95}, "reprojection": {"body": 7.0}}
        return Evaluation("out", FRAMES, 25.0, figures, {})

    def find_model(look, painting):
        if painting.model == "none":
            raise UserError("There is no model 'none'.")
        checkpoint = SimpleNamespace(name=painting.model)
        return SimpleNamespace(checkpoint=checkpoint, reason="as asked for", hashes={"unet": "0"})

    def settings(look, painting, model, caption):
        return {"prompt": look.prompt, "seed": look.seed, "model": painting.model}

    fake("retarget.keypoints.source", load_keypoints=load_keypoints)
    fake(
        "retarget.keypoints.pose_file",
        write_pose=lambda path, keypoints: write_text(path, "pose"),
        read_pose=lambda path: SimpleNamespace(
            width=SIZE, height=SIZE, face=np.zeros((FRAMES, 478, 4))
        ),
    )

    def load_motion(path, body, body_path, fps, note):
        calls.append("read")
        note("It names no frame rate.")
        return FakeMotion()

    fake("retarget.motion_files.load", load_motion=load_motion)
    fake(
        "retarget.motion_files.fitted_pose",
        write_fitted_pose=lambda motion, body, path: write_text(path, "pose"),
    )
    fake("retarget.fit.solve", fit_clip=fit_clip, FitOptions=SimpleNamespace)
    fake("retarget.motion", Motion=FakeMotion)
    fake("retarget.body.load", load_body=lambda name: None, open_body_path=lambda: Path(__file__))
    fake("retarget.body.identity", betas_for=lambda body, phenotype, betas: betas)
    fake("retarget.rig.perform", perform=lambda motion, body, betas, *how: motion)
    fake(
        "render.dress.reading", read_signer=read_signer, save_reading=save_reading, load_stated=dict
    )
    fake("render.dress.caption", describe=lambda signer: f"a signer with {signer.hair_style} hair")
    fake("render.avatar.build", build_avatar=build_avatar)
    fake(
        "render.passes",
        render_passes=render_passes,
        read_pass_set=lambda folder: None,
    )
    fake("generate.paint", paint=paint)
    fake("generate.steady", steady=steady)
    fake("generate.expression.enhance", enhance=enhance)
    fake("generate.evaluate", evaluate=evaluate)
    monkeypatch.setattr(road, "find_model", find_model)
    monkeypatch.setattr("diffsign.road.generate_stages.paint_settings", settings)
    monkeypatch.setattr("diffsign.road.generate_stages.paint_options", lambda look, painting: None)
    return calls


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "clip.mp4"
    write_video(path, (picture(40 + index) for index in range(FRAMES)), 25)
    return path


QUIET = Running(quiet=True)
RETARGET = ["keypoints", "fit", "dress", "avatar", "passes"]
GENERATE = ["paint", "enhance", "measure"]


def run(clip, out, look=Look(), painting=Painting(), running=QUIET):  # noqa: B008
    return road.run(clip, out, Fitting(), look, painting, running)


def test_the_whole_road_then_nothing(ran, clip, tmp_path):
    out = tmp_path / "out"
    results = run(clip, out)
    assert ran == RETARGET + GENERATE
    names = {"signer.mp4", "compare.mp4", "signer.json", "report.html"}
    assert {path.name for path in results} == names
    assert all(path.stat().st_size > 0 for path in results)
    ran.clear()
    run(clip, out)
    assert ran == []
    run(clip, out, running=replace(QUIET, force=True))
    assert ran == RETARGET + GENERATE


def test_videos_keep_count_rate_and_order_of_panels(ran, clip, tmp_path):
    run(clip, tmp_path / "out")
    signer, compare = (probe(tmp_path / "out" / f"{name}.mp4") for name in ("signer", "compare"))
    assert (signer.frame_count, signer.fps) == (FRAMES, 25) == (compare.frame_count, compare.fps)
    assert (signer.width, signer.height) == (SIZE, SIZE)
    first = next(read_frames(tmp_path / "out" / "compare.mp4"))
    thirds = [first[32, column].mean() for column in (32, SIZE + 4 + 32, 2 * (SIZE + 4) + 32)]
    assert thirds == pytest.approx([40, 90, 210], abs=4)


@pytest.mark.parametrize(
    ("look", "painting", "expected"),
    [
        (Look(seed=7), Painting(), ["dress", "avatar", "passes", *GENERATE]),
        (Look(), Painting(model="sd15"), GENERATE),
        (Look(), Painting(enhance="off"), ["enhance", "measure"]),
        # A prompt is read again; it comes to the same looks here, so only painting follows.
        (Look(prompt="a woman"), Painting(), ["dress", *GENERATE]),
    ],
)
def test_only_what_a_setting_touches_runs_again(ran, clip, tmp_path, look, painting, expected):
    run(clip, tmp_path / "out")
    ran.clear()
    run(clip, tmp_path / "out", look, painting)
    assert ran == expected


def test_retarget_then_generate_is_the_whole_road(ran, clip, tmp_path):
    out = tmp_path / "out"
    results = road.run_retarget(clip, out, Fitting(), Look(), QUIET)
    assert ran == [*RETARGET, "measure"]  # the fit's own page
    assert [path.name for path in results] == ["motion.npz", "passes.json", "fit.html"]
    ran.clear()
    road.run_generate(out, Look(), Painting(), QUIET)
    assert ran == GENERATE
    ran.clear()
    road.run_generate(out, Look(seed=3), Painting(), QUIET)
    assert ran == ["dress", "avatar", "passes", *GENERATE]
    record = json.loads((out / "signer.json").read_text())
    assert record["source"]["name"] == "clip.mp4"


def test_a_record_changed_by_hand_is_kept_and_used(ran, clip, tmp_path):
    out = tmp_path / "out"
    run(clip, out)
    Signer(hair_style="bun").save(out / "signer_record.json")
    ran.clear()
    run(clip, out)
    assert ran == ["avatar", "passes", *GENERATE]
    assert "a signer with bun hair" in (out / "report.html").read_text()


def test_a_motion_file_stands_for_the_clip(ran, tmp_path, monkeypatch, capfd):
    motion, out = tmp_path / "walk.npz", tmp_path / "out"
    np.savez(motion, poses=np.zeros((FRAMES, 165)), trans=np.zeros((FRAMES, 3)))
    drawn = iter([picture(7)] * FRAMES)
    monkeypatch.setattr("diffsign.road.compare.draw_keypoints", lambda keypoints, height: drawn)
    results = run(motion, out, running=Running())
    assert ran == ["read", "dress", "avatar", "passes", *GENERATE]
    assert "It names no frame rate." in capfd.readouterr().err
    assert {path.name for path in results} >= {"signer.mp4", "compare.mp4", "report.html"}
    names = [stage["name"] for stage in json.loads((out / "signer.json").read_text())["stages"]]
    assert names[:2] == ["keypoints", "fit"]
    ran.clear()
    run(motion, out)
    assert ran == []


def test_generate_needs_a_motion(ran, tmp_path):
    with pytest.raises(UserError, match="run diffsign-retarget"):
        road.run_generate(tmp_path / "nowhere", Look(), Painting(), QUIET)
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("look", "painting"),
    [
        (Look(appearance=(Path("none.png"),)), Painting()),
        (Look(background="red"), Painting()),
        (Look(), Painting(model="none")),
    ],
)
def test_bad_input_is_refused_before_anything_is_made(ran, clip, tmp_path, look, painting):
    with pytest.raises(UserError):
        run(clip, tmp_path / "out", look, painting)
    assert ran == [] and not (tmp_path / "out").exists()


def test_a_moved_source_leaves_the_keypoints_to_compare_with(ran, clip, tmp_path, monkeypatch):
    out = tmp_path / "out"
    road.run_retarget(clip, out, Fitting(), Look(), QUIET)
    clip.write_bytes(b"something else")
    drawn = iter([picture(7)] * FRAMES)
    monkeypatch.setattr("diffsign.road.compare.draw_keypoints", lambda keypoints, height: drawn)
    road.run_generate(out, Look(), Painting(), QUIET)
    first = next(read_frames(out / "compare.mp4"))
    assert first[32, 32].mean() == pytest.approx(7, abs=4)


def test_record_says_everything_and_no_path(ran, clip, tmp_path):
    out = tmp_path / "out"
    run(clip, out, Look(prompt="a man", seed=5))
    text = (out / "signer.json").read_text()
    record = json.loads(text)
    assert str(tmp_path) not in text
    assert record["synthetic"] is True and "does not exist" in record["disclosure"]
    assert (record["prompt"], record["seed"]) == ("a man", 5)
    assert record["model"]["weights"] == {"unet": "0"}
    assert record["packages"]["numpy"] == np.__version__
    names = [stage["name"] for stage in record["stages"]]
    assert names == [*RETARGET, "paint", "enhance", "video", "compare", "measure"]
    assert all(stage["seconds"] >= 0 for stage in record["stages"])


def test_report_needs_nothing_else_and_escapes_words(ran, clip, tmp_path):
    out = tmp_path / "out"
    run(clip, out, Look(prompt="<script>alert(1)</script>"))
    page = (out / "report.html").read_text()
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page
    assert page.count("data:video/mp4;base64,") == 2
    assert "http://" not in page and "https://" not in page
    assert 'lang="en"' in page and "<caption>" in page
    assert page.count("<img") == page.count(' alt="')
    assert "at least 0.900 ✓ met" in page and "at most 6.0 px ✗ missed" in page


def test_libraries_may_print_what_they_like(ran, clip, tmp_path, monkeypatch, capfd):
    import os

    def noisy(*arguments, **options):
        os.write(1, b"noise on 1\n")
        os.write(2, b"noise on 2\n")
        return SimpleNamespace(body=np.zeros((FRAMES, 33, 4)), fps=25.0, width=SIZE, height=SIZE)

    monkeypatch.setattr(sys.modules["diffsign.retarget.keypoints.source"], "load_keypoints", noisy)
    run(clip, tmp_path / "out", running=Running())
    shown = capfd.readouterr()
    assert shown.out == ""
    assert "noise" not in shown.err and "keypoints" in shown.err and "Model: as asked" in shown.err
    log = (tmp_path / "out" / ".diffsign" / "log.txt").read_text()
    assert "noise on 1" in log and "noise on 2" in log
