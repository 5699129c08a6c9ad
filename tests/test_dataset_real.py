"""Samples that Blender really renders: the same bytes again, and annotations that lie on them."""

import json
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import av
import numpy as np
import pytest

from diffsign.dataset.check import check_dataset
from diffsign.dataset.children import Child
from diffsign.dataset.read import decode_frames, open_dataset, raw_samples
from diffsign.dataset.run import RunOptions, make_only, read_job, synthesize
from diffsign.retarget.keypoints.pose_file import read_pose
from diffsign.road.record import DISCLOSURE

ASSETS = Path(__file__).parents[1] / "assets"
RECIPE = """\
name: tiny
clips:
  - {files: CLIP, language: none}
  - handshapes: [v]
signers:
  - random: 1
    seed: 3
cameras:
  - {camera: front, azimuth: [-30, 30]}
motion: {speed: [0.8, 1.2], mirror: 0.5, noise: 2, proportions: avatar}
frames: {stride: 4, max: 3, place: middle}
resolution: 96
render: {samples: 1}
outputs: {depth: true, flow: true}
"""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    path = tmp_path_factory.mktemp("recipe") / "recipe.yaml"
    path.write_text(RECIPE.replace("CLIP", str(ASSETS / "sample_motion.npz")))
    return path


@pytest.fixture(scope="module")
def dataset(recipe, tmp_path_factory):
    out = tmp_path_factory.mktemp("dataset") / "out"
    synthesize(recipe, out, RunOptions(workers=2, quiet=True))
    return out


def test_the_dataset_is_whole_and_its_points_project(dataset):
    found = check_dataset(dataset)
    assert not found.problems and (found.samples, found.frames) == (2, 4)
    assert max(found.reprojection.values()) < 0.01 and found.inside > 0.95


def _members(path):
    with tarfile.open(path) as archive:
        files = {name: archive.extractfile(name) for name in archive.getnames()}
        return {name: file.read() for name, file in files.items() if file is not None}


def _assert_same(first, second):
    assert first.keys() == second.keys()
    for name in first:
        assert first[name] == second[name], name


def test_one_sample_alone_is_the_same(dataset, recipe, tmp_path):
    entry = json.loads((dataset / "train" / "train-000000.json").read_text())["samples"][0]
    alone = make_only(recipe, tmp_path / "other", entry["id"], RunOptions(workers=1, quiet=True))
    whole = _members(dataset / "train" / "train-000000.tar")
    found = _members(alone)
    _assert_same(found, {name: whole[name] for name in found})


def test_killed_with_sigkill_and_started_again(dataset, recipe, tmp_path):
    command = [sys.executable, "-m", "diffsign.cli", "synthesize", str(recipe), "-q"]
    command += ["-o", str(tmp_path / "out"), "--workers", "1"]
    staged = tmp_path / "out" / ".diffsign" / "staged"
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    limit = time.monotonic() + 120
    while not list(staged.glob("[!.]*.tar")) and time.monotonic() < limit:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "out" / "dataset.json").exists()
    assert subprocess.run(command, stdout=subprocess.DEVNULL).returncode == 0
    shards = [path.relative_to(dataset) for path in sorted(dataset.glob("*/*.tar"))]
    assert shards
    for shard in shards:
        _assert_same(_members(tmp_path / "out" / shard), _members(dataset / shard))


def test_blender_agrees_with_the_annotations(dataset, recipe):
    job = read_job(recipe)
    child = Child("witness")
    try:
        for sample in job.plan.samples:
            shard = str(dataset / "train" / "train-000000.tar")
            task = {**job.task(dataset, sample, None), "do": "witness", "shard": shard}
            answer = child.do(task)
            assert "why" not in answer, answer
            assert np.median(answer["errors"]) < 0.1 and max(answer["errors"]) < 0.5
            assert min(answer["iou"]) > 0.99 and min(answer["parts"]) > 0.99
    finally:
        child.close()


def test_a_sample_holds_what_the_card_says(dataset, tmp_path):
    for sample in open_dataset(dataset, "train"):
        record, arrays = sample["json"], sample["annotations"]
        frames = record["frames"]
        assert sample["frames"].shape == (frames, 96, 96, 3)
        assert sample["masks"].shape == sample["depth"].shape == (frames, 96, 96)
        assert sample["flow"].shape == (frames, 96, 96, 4)
        assert arrays["keypoints_2d"].shape == (frames, 133, 3)
        assert set(np.unique(arrays["keypoints_2d"][..., 2])) <= {0, 1, 2}
        assert arrays["poses"].shape == (frames, 165)
        assert arrays["facial_actions"].shape == (frames, 52)
        assert ((sample["depth"] > 0) == (sample["masks"] > 0)).all()
        person = arrays["boxes"][0, 0]
        rows, columns = np.nonzero(sample["masks"][0])
        assert person.tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        seen = arrays["keypoints_2d"][0][arrays["keypoints_2d"][0][:, 2] == 2]
        depth = sample["depth"][0][seen[:, 1].astype(int), seen[:, 0].astype(int)] / 1000
        places = arrays["keypoints_3d"][0][arrays["keypoints_2d"][0][:, 2] == 2]
        on_somebody = depth > 0
        assert np.median(np.abs(places[on_somebody, 2] - depth[on_somebody])) < 0.02
        assert record["synthetic"] is True and record["caption"]
        assert "/" not in json.dumps({**record, "disclosure": "", "generator": ""})
        path = tmp_path / "points.pose"
        path.write_bytes(sample["pose"])
        points = read_pose(path)
        assert points.frame_count == frames and points.width == 96
        wrist = arrays["keypoints_2d"][:, 91]
        shown = wrist[:, 2] > 0
        assert np.abs(points.left_hand[shown, 0, :2] - wrist[shown, :2]).max(initial=0) < 0.01


def test_videos_say_that_they_are_synthetic(dataset):

    name, raw = next(raw_samples(dataset / "train" / "train-000000.tar"))
    path = dataset / f"{name}.mp4"
    path.write_bytes(raw["mp4"])
    with av.open(str(path)) as container:
        assert container.metadata["comment"] == DISCLOSURE
    path.unlink()
    assert decode_frames(raw).std() > 5


def test_coco_file_is_cocos(dataset):
    document = json.loads((dataset / "train" / "train-000000.coco.json").read_text())
    assert len(document["images"]) == len(document["annotations"]) == 4
    entry = document["annotations"][0]
    lengths = {"keypoints": 17, "foot_kpts": 6, "face_kpts": 68}
    lengths |= {"lefthand_kpts": 21, "righthand_kpts": 21}
    assert all(len(entry[name]) == 3 * count for name, count in lengths.items())
    assert entry["bbox"][2] > 20 and entry["area"] > 500
    from diffsign.retarget.keypoints.coco_wholebody import read_coco_wholebody

    first = {**document, "annotations": [entry], "images": document["images"][:1]}
    path = dataset / "one.json"
    path.write_text(json.dumps(first))
    points = read_coco_wholebody(path, fps=25)
    path.unlink()
    assert points.frame_count == 1 and (points.body[0, 11:13, 3] > 0).all()
