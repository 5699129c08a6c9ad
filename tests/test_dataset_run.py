"""Runs: the same samples whatever happens on the way. Blender is stood in for by a quick maker."""

import io
import json
import os
import tarfile
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from diffsign.dataset import run as run_module
from diffsign.dataset import space
from diffsign.dataset.check import check_dataset, content_hash, leaks
from diffsign.dataset.layout import FAILED, staged_file
from diffsign.dataset.pack import json_bytes, npz_bytes, write_tar
from diffsign.dataset.read import open_dataset
from diffsign.dataset.run import RunOptions, make_only, synthesize
from diffsign.errors import UserError

RECIPE = """\
name: tiny
clips:
  - handshapes: [v, y, b]
signers:
  - random: 6
outputs: {frames: png, shard_mb: 0.02}
splits: {shares: {train: 0.7, test: 0.3}, by: [signer]}
"""
BROKEN = "hand-y-000-r00002-000"


def fake_sample(task):
    """A sample's tar, decided by its task as the real one is."""
    sample = task["sample"]
    rng = np.random.default_rng(sample["seed"])
    name = sample["id"]
    picture = io.BytesIO()
    from PIL import Image

    Image.fromarray(rng.integers(0, 255, (32, 32, 3), np.uint8)).save(picture, "PNG")
    points = np.zeros((1, 133, 3), np.float32)
    places = rng.uniform(-0.3, 0.3, (1, 133, 3)) + np.array([0, 0, 2])
    points[..., :2] = places[..., :2] / places[..., 2:] * 60 + 16
    points[..., 2] = 2
    arrays = {
        "keypoints_2d": points,
        "keypoints_3d": places,
        "boxes": np.zeros((1, 4, 4), np.float32),
        "intrinsics": np.array([[60, 0, 16], [0, 60, 16], [0, 0, 1.0]]),
        "poses": np.zeros((1, 165), np.float32),
        "trans": np.array([[0, 0, 2]], np.float32),
        "betas": np.zeros(40, np.float32),
    }
    points[:, [5, 6, 7, 8, 11, 12], 2] = 0  # no joints of a body
    record = {
        "id": name, "frames": 1, "width": 32, "height": 32, "seed": sample["seed"],
        "synthetic": True, "caption": "nobody", "labels": task["clip"]["labels"],
        "clip": {"id": sample["clip"]}, "signer": {"id": sample["signer"]},
    }  # fmt: skip
    write_tar(
        staged_file(Path(task["out"]), name),
        [
            (f"{name}.00000.png", picture.getvalue()),
            (f"{name}.json", json_bytes(record)),
            (f"{name}.annotations.npz", npz_bytes(arrays)),
            (f"{name}.masks.npz", npz_bytes({"masks": np.ones((1, 32, 32), np.uint8)})),
        ],
    )


class FakeEngine:
    """Answers in another order for every number of workers."""

    peak_mb = 0

    def __init__(self, workers=1, broken=(), die_after=None):
        self.workers, self.broken, self.die_after = workers, broken, die_after
        self.made = []

    def run(self, tasks, kind, then=None):
        tasks = list(tasks)
        if kind == "prepare":
            from diffsign.dataset.prepare import prepare

            for task in tasks:
                yield task, prepare(task, Path())
            return
        for place in np.random.default_rng(self.workers).permutation(len(tasks)):
            task = tasks[place]
            if self.die_after is not None and len(self.made) >= self.die_after:
                raise Killed
            name = task["sample"]["id"]
            self.made.append(name)
            if name in self.broken:
                yield task, {"why": "the camera is inside the signer"}
                continue
            fake_sample(task)
            yield task, {"finished": True}


class Killed(BaseException):
    """What nothing catches."""


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE)
    return path


@pytest.fixture
def engine(monkeypatch):
    """The engine that the next runs use: set with engine(...)."""
    chosen = {}

    def choose(*arguments, **options):
        chosen["engine"] = FakeEngine(*arguments, **options)
        return chosen["engine"]

    choose()
    monkeypatch.setattr(run_module, "_engine", lambda options: chosen["engine"])
    return choose


def run(recipe, out, **options):
    return synthesize(recipe, out, RunOptions(quiet=True, **options))


def test_the_same_dataset_whatever_the_number_of_workers(recipe, engine, tmp_path):
    hashes = set()
    for workers in (1, 2, 5):
        engine(workers)
        result = run(recipe, tmp_path / f"out{workers}")
        assert (result.made, result.kept, result.failed) == (18, 0, {})
        hashes.add(content_hash(tmp_path / f"out{workers}"))
    assert len(hashes) == 1


def test_shards_are_bounded_and_hold_every_sample_once(recipe, engine, tmp_path):
    run(recipe, tmp_path / "out")
    names: list[str] = []
    for shard in (tmp_path / "out").glob("*/*.tar"):
        with tarfile.open(shard) as archive:
            keys = [name.split(".")[0] for name in archive.getnames()]
        assert len(set(keys)) == 1 or shard.stat().st_size < 0.02 * 2**20 + 10240
        names += dict.fromkeys(keys)
    assert len(names) == 18 == len(set(names))
    assert len(list((tmp_path / "out" / "train").glob("*.tar"))) > 1


@pytest.mark.parametrize("seed", range(4))
def test_killed_anywhere_and_started_again(recipe, engine, tmp_path, monkeypatch, seed):
    run(recipe, tmp_path / "whole")
    rng = np.random.default_rng(seed)
    out = tmp_path / "out"
    real = {name: getattr(os, name) for name in ("replace", "unlink", "mkdir")}
    made = []
    for _ in range(12):
        left = {"calls": int(rng.integers(1, 45))}

        def counted(name, left=left):
            def call(*arguments, **options):
                left["calls"] -= 1
                if left["calls"] == 0 or left["calls"] < 0:  # nothing happens after a kill
                    raise Killed
                return real[name](*arguments, **options)

            return call

        for name in real:
            monkeypatch.setattr(os, name, counted(name))
        used = engine(workers=int(rng.integers(1, 6)))
        try:
            run(recipe, out)
        except Killed:
            pass
        finally:
            for name, function in real.items():
                monkeypatch.setattr(os, name, function)
        made += used.made
    engine()
    run(recipe, out)
    assert content_hash(out) == content_hash(tmp_path / "whole")
    assert not list((out / ".diffsign" / "staged").glob("*"))
    assert not check_dataset(out).problems


def test_nothing_that_is_finished_is_made_twice(recipe, engine, tmp_path):
    first = engine(die_after=7)
    with pytest.raises(Killed):
        run(recipe, tmp_path / "out")
    second = engine(workers=3)
    result = run(recipe, tmp_path / "out")
    assert result.kept == 7 and len(second.made) == 11
    assert not set(first.made) & set(second.made)
    third = engine()
    assert run(recipe, tmp_path / "out").made == 0 and third.made == []


def test_a_failing_sample_is_told_and_the_rest_goes_on(recipe, engine, tmp_path):
    engine(broken={BROKEN})
    result = run(recipe, tmp_path / "out")
    assert result.made == 17 and list(result.failed) == [BROKEN]
    entry = json.loads((tmp_path / "out" / FAILED).read_text())
    assert entry["id"] == BROKEN and "camera" in entry["why"]
    assert "1 failed" in (tmp_path / "out" / "README.md").read_text()
    again = engine()
    assert run(recipe, tmp_path / "out").made == 1 and again.made == [BROKEN]
    assert not (tmp_path / "out" / FAILED).exists()
    assert (
        len(list(open_dataset(tmp_path / "out", "train", ("json",))))
        + len(list(open_dataset(tmp_path / "out", "test", ("json",))))
        == 18
    )


def test_a_run_in_which_all_fail_says_why(recipe, engine, tmp_path):
    names = {sample.id for sample in run_module.read_job(recipe).plan.samples}
    engine(broken=names)
    with pytest.raises(UserError, match="inside the signer"):
        run(recipe, tmp_path / "out")


def test_a_folder_with_another_recipes_run(recipe, engine, tmp_path):
    run(recipe, tmp_path / "out")
    before = content_hash(tmp_path / "out")
    recipe.write_text(RECIPE + "seed: 9\n")
    with pytest.raises(UserError, match="another recipe"):
        run(recipe, tmp_path / "out")
    assert content_hash(tmp_path / "out") == before


@pytest.mark.parametrize("workers", [0, -3])
def test_no_workers(recipe, tmp_path, workers):
    with pytest.raises(UserError, match="workers"):
        synthesize(recipe, tmp_path / "out", RunOptions(workers=workers))
    assert not (tmp_path / "out").exists()


def test_a_full_disk_is_told_ahead(recipe, engine, tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 10_000_000})
    monkeypatch.setattr(space.shutil, "disk_usage", lambda path: usage)
    used = engine()
    with pytest.raises(UserError, match="GB free"):
        run(recipe, tmp_path / "out")
    assert used.made == []


def test_a_clip_that_cannot_be_read(recipe, engine, tmp_path, monkeypatch):
    from diffsign.dataset import prepare as prepare_module

    (tmp_path / "broken.pose").write_bytes(b"no pose at all")
    recipe.write_text(RECIPE.replace("signers:", "  - files: broken.pose\nsigners:"))
    real = prepare_module.prepare

    def answered(task, scratch):
        try:
            return real(task, scratch)
        except UserError as error:
            return {"why": str(error)}

    monkeypatch.setattr(prepare_module, "prepare", answered)
    with pytest.raises(UserError, match=r"broken\.pose.*skip_unreadable"):
        run(recipe, tmp_path / "out")
    recipe.write_text(recipe.read_text() + "skip_unreadable: true\n")
    result = run(recipe, tmp_path / "other")
    assert result.made == 18 and all(name.startswith("broken-") for name in result.failed)


def test_one_sample_alone_is_the_same_sample(recipe, engine, tmp_path):
    run(recipe, tmp_path / "out")
    index = json.loads(next((tmp_path / "out" / "train").glob("*[0-9].json")).read_text())
    entry = index["samples"][0]
    alone = make_only(recipe, tmp_path / "other", entry["id"], RunOptions(quiet=True))
    from diffsign.files import sha256

    assert sha256(alone) == entry["sha256"]
    with pytest.raises(UserError, match="no sample 'nobody'"):
        make_only(recipe, tmp_path / "other", "nobody")


def test_check_finds_what_was_changed(recipe, engine, tmp_path):
    out = tmp_path / "out"
    run(recipe, out)
    found = check_dataset(out)
    assert found.samples == 18 and not found.problems
    assert found.reprojection["points_median"] < 1e-3
    shard = next((out / "train").glob("*.tar"))
    content = bytearray(shard.read_bytes())
    content[700] ^= 1
    shard.write_bytes(content)
    assert "another hash" in check_dataset(out).problems[0]
    shard.unlink()
    assert "missing" in check_dataset(out).problems[0]
    with pytest.raises(UserError, match="No finished dataset"):
        check_dataset(tmp_path)


def test_leaks_are_found():
    split = {"signers": ["r1"], "clips": ["c1"]}
    index = {"recipe": {"splits": {"by": ["signer"]}}, "splits": {"a": split, "b": split}}
    assert leaks(index) == ["a and b share the signer r1"]


def test_reading_back(recipe, engine, tmp_path):
    import torch
    from torch.utils.data import DataLoader

    from diffsign.dataset.torch_dataset import SignDataset

    run(recipe, tmp_path / "out")
    plain = [sample["id"] for sample in open_dataset(tmp_path / "out", "train", ("json",))]
    pixels = SignDataset(
        tmp_path / "out",
        "train",
        decode=("frames",),
        shuffle=5,
        transform=lambda sample: (sample["id"], torch.from_numpy(sample["frames"])),
    )
    loaded = [name for names, frames in DataLoader(pixels, 2) for name in names]
    assert sorted(loaded) == sorted(plain) and loaded != plain
    pixels.set_epoch(1)
    assert [name for name, _ in pixels] != loaded
    shared = [
        [name for name, _ in SignDataset(
            tmp_path / "out", "test", transform=lambda s: (s["id"], 0), rank=rank, world_size=9
        )]
        for rank in range(9)
    ]  # fmt: skip
    everyone = list(chain(*shared))
    assert len(everyone) == len(set(everyone)) and max(map(len, shared)) <= 1
    with pytest.raises(UserError, match="no split 'dev'"):
        list(open_dataset(tmp_path / "out", "dev"))


def test_webdataset_reads_the_shards(recipe, engine, tmp_path):
    wds = pytest.importorskip("webdataset", reason="webdataset is not installed")
    run(recipe, tmp_path / "out")
    shards = [str(path) for path in sorted((tmp_path / "out" / "train").glob("*.tar"))]
    found = list(wds.WebDataset(shards, shardshuffle=False).decode("rgb8"))
    plain = list(open_dataset(tmp_path / "out", "train", ("frames", "json")))
    assert [sample["__key__"] for sample in found] == [sample["id"] for sample in plain]
    assert np.array_equal(found[0]["00000.png"], plain[0]["frames"][0])


def test_card_and_gallery_say_what_matters(recipe, engine, tmp_path):
    recipe.write_text(RECIPE + "licence: cc-by-4.0\nconsent: {source_signers: written consent}\n")
    run(recipe, tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text()
    assert card.startswith("---\n") and "license: cc-by-4.0" in card
    assert "written consent (3)" in card and "Synthetic" in card
    page = (tmp_path / "out" / "gallery.html").read_text()
    assert page.count("<figure>") == 18 and "hand-v-000" in page and "http" not in page
    assert (tmp_path / "out" / "contact_sheet.jpg").stat().st_size > 1000
