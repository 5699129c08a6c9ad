"""Recipes: what is accepted, and one line that names the place for everything that is not."""

from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffsign.dataset.plan import seed_of
from diffsign.dataset.recipe import read_recipe
from diffsign.dataset.run import read_job
from diffsign.dataset.splits import clip_groups, divide, shared_out
from diffsign.errors import UserError

GOOD = """\
name: tiny
clips:
  - handshapes: [v, y, b, five]
signers:
  - random: 4
"""


def write(folder, text):
    path = folder / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(folder, text):
    with pytest.raises(UserError) as error:
        read_job(write(folder, text))
    return str(error.value)


def test_every_pair_is_a_sample(tmp_path):
    plan = read_job(write(tmp_path, GOOD)).plan
    assert len(plan.samples) == 16 == len({sample.id for sample in plan.samples})
    assert len({sample.seed for sample in plan.samples}) == 16


@pytest.mark.parametrize(
    ("more", "line", "words"),
    [
        ("colour: red\n", 6, ["colour", "known are"]),
        ("motion: {sped: 2}\n", 6, ["sped", "speed"]),
        ("samples: many\n", 6, ["samples", "many"]),
        ("samples: 0\n", 6, ["samples", "0"]),
        ("resolution: huge\n", 6, ["resolution", "huge"]),
        ("resolution: [64, 8]\n", 6, ["resolution"]),
        ("frames:\n  stride: 0\n", 7, ["stride"]),
        ("cameras:\n  - camera: front\n  - camera: behind\n", 8, ["behind"]),
        ("lights:\n  - light: moon\n", 7, ["moon", "plain"]),
        ("backgrounds:\n  - background: none.png\n", 7, ["none.png"]),
        ("backgrounds:\n  - background: '#12'\n", 7, ["#12"]),
        ("splits: {shares: {train: 1, test: 1}, by: []}\n", 6, ["by"]),
        ("name: again\n", 6, ["name", "twice"]),
        ("motion: {speed: [1, x]}\n", 6, ["speed"]),
        ("generator: {model: dalle}\n", 6, ["model", "mini"]),
        ("skip_unreadable: [1\n", 7, []),
    ],
)
def test_what_cannot_be_used_names_its_line(tmp_path, more, line, words):
    said = refusal(tmp_path, GOOD + more)
    assert f"line {line}:" in said and "\n" not in said
    assert all(word in said for word in words), said


@pytest.mark.parametrize(
    ("clips", "words"),
    [
        ("files: none/*.pose", ["none/*.pose", "line 3"]),
        ("manifest: none.csv", ["none.csv", "line 3"]),
        ("handshapes: [v, quux]", ["quux", "line 3"]),
        ("handshapes: [v]\n    files: a", ["exactly one", "line 3"]),
        ("count: 3", ["exactly one", "line 3"]),
        ("handshapes: [v, v]", ["hand-v-000", "Two clips"]),
    ],
)
def test_clips_that_are_not_there(tmp_path, clips, words):
    said = refusal(tmp_path, f"name: a\nclips:\n  - {clips}\nsigners:\n  - random: 1\n")
    assert all(word in said for word in words), said


@pytest.mark.parametrize(
    ("signers", "words"),
    [
        ("random: 0", ["random"]),
        ("image: none.png", ["none.png", "line 5"]),
        ("record: none.json", ["none.json", "line 5"]),
        ("record: {hair: long}", ["hair", "line 5"]),
        ("random: 3\n  - random: 3", ["r00000", "two signers"]),
        ("text: a man\n    random: 2", ["exactly one"]),
    ],
)
def test_signers_that_cannot_be_used(tmp_path, signers, words):
    said = refusal(tmp_path, f"name: a\nclips:\n  - handshapes: [v]\nsigners:\n  - {signers}\n")
    assert all(word in said for word in words), said


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("gloss\nA\n", ["line 1", "path"]),
        ("path,gloss\nnone.pose,A\n", ["line 2", "none.pose"]),
        ("path,gloss\nrecipe.yaml\n", ["line 2", "columns"]),
        ("path,id\nrecipe.yaml,x\nrecipe.yaml,x\n", ["'x'", "line 2", "line 3"]),
        ("path,gloss\n,A\n", ["line 2", "empty"]),
    ],
)
def test_manifests_that_cannot_be_used(tmp_path, content, words):
    (tmp_path / "clips.csv").write_text(content)
    said = refusal(tmp_path, "name: a\nclips:\n  - manifest: clips.csv\nsigners:\n  - random: 1\n")
    assert all(word in said for word in words), said


def test_manifest_columns_are_carried_along(tmp_path):
    (tmp_path / "one.pose").write_bytes(b"x")
    (tmp_path / "clips.csv").write_text("path,id,gloss,mood,text\none.pose,my.id,HOUSE,calm,\n")
    clips = "name: a\nclips:\n  - {manifest: clips.csv, language: dsgs, labels: {set: 1}}\n"
    job = read_job(write(tmp_path, clips + "signers:\n  - random: 1\n"))
    (clip,) = job.clips.values()
    assert clip.id == "my_id"
    assert clip.labels == {"set": 1, "language": "dsgs", "gloss": "HOUSE", "mood": "calm"}


def test_missing_and_empty_recipes(tmp_path):
    with pytest.raises(UserError, match=r"none\.yaml"):
        read_recipe(tmp_path / "none.yaml")
    assert "mapping" in refusal(tmp_path, "")
    assert "clips" in refusal(tmp_path, "name: a\nsigners: [{random: 1}]\n")


def test_identity_depends_on_what_decides_the_samples(tmp_path):
    def identity(text):
        return read_job(write(tmp_path, text)).plan.identity

    assert identity(GOOD) == identity("# a comment\n" + GOOD)
    assert identity(GOOD) != identity(GOOD + "seed: 1\n")
    assert identity(GOOD) != identity(GOOD.replace("five", "four"))


def test_splits_share_neither_signer_nor_clip_nor_seed(tmp_path):
    splits = "splits:\n  shares: {train: 0.5, val: 0.25, test: 0.25}\n"
    plan = read_job(write(tmp_path, GOOD + "samples: 40\n" + splits)).plan
    assert {s: len(plan.of(s)) for s in plan.clips} == {"train": 20, "val": 10, "test": 10}
    for field in ("clip", "signer", "seed", "id"):
        sets = [{getattr(sample, field) for sample in plan.of(split)} for split in plan.clips]
        assert all(sets) and sum(map(len, sets)) == len(set.union(*sets)), field


def test_too_few_for_the_splits(tmp_path):
    splits = "splits: {shares: {a: 1, b: 1, c: 1, d: 1, e: 1}}\n"
    assert "4 cannot be divided among 5" in refusal(tmp_path, GOOD + splits)


shares = st.dictionaries(st.sampled_from("abcde"), st.floats(0.05, 10), min_size=1)


@given(st.integers(0, 500), shares)
def test_shares_are_kept_to_one(count, parts):
    given_out = shared_out(count, parts)
    total = sum(parts.values())
    assert sum(given_out.values()) == count
    assert all(abs(given_out[k] - count * parts[k] / total) <= 1 + 1e-9 for k in parts)


@settings(max_examples=60)
@given(st.lists(st.integers(0, 12), min_size=5, max_size=40), shares, st.integers(0, 9))
def test_groups_are_never_torn_apart(marks, parts, seed):
    things = [f"t{k}" for k in range(len(marks))]
    groups = clip_groups(things, {}, {t: str(m) for t, m in zip(things, marks, strict=True)})
    if len(set(groups.values())) < len(parts):
        return
    divided = divide(things, groups, parts, [seed])
    assert sorted(chain(*divided.values())) == sorted(things) and all(divided.values())
    where = {thing: split for split, found in divided.items() for thing in found}
    by_mark: dict[int, str] = {}
    for thing, mark in zip(things, marks, strict=True):
        assert by_mark.setdefault(mark, where[thing]) == where[thing]


def test_equal_content_stays_together_through_labels():
    groups = clip_groups(
        ["a", "b", "c", "d"], {"a": "x", "b": "x", "c": "y", "d": "z"}, {"b": "eve", "c": "eve"}
    )
    assert groups["a"] == groups["b"] == groups["c"] != groups["d"]


def test_seeds_are_spread():
    seeds = {seed_of(0, str(k)) for k in range(2000)}
    assert len(seeds) == 2000 and np.mean(list(seeds)) == pytest.approx(2**31, rel=0.1)
