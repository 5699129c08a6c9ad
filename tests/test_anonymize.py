"""Anonymisation: no source pixel in the output by construction, a signer unlike the source."""

import json
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest

from diffsign.render.avatar.record import Signer
from diffsign.render.dress.signer_from import signer_from
from diffsign.retarget.body import phenotype
from diffsign.road import anonymize
from diffsign.road import run as road
from diffsign.road.options import Fitting, Painting, Running
from diffsign.road.remembered import source_clip
from diffsign.video import write_video

_SPEC = spec_from_file_location("road_stand_ins", Path(__file__).with_name("test_road_run.py"))
assert _SPEC and _SPEC.loader
_STAND_INS = module_from_spec(_SPEC)
_SPEC.loader.exec_module(_STAND_INS)
ran = _STAND_INS.ran  # the fixture that puts quick stand-ins in place of the slow stages

QUIET = Running(quiet=True)
LOOKS = {"skin": "#c98f60", "hair_colour": "#3a261b", "top_colour": "#101013"}


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "jane_doe.mp4"
    write_video(path, [np.full((64, 64, 3), 90, np.uint8)] * 5, 25)
    return path


@pytest.fixture
def looked(monkeypatch):
    monkeypatch.setattr(phenotype, "phenotype_betas", lambda body, labels: None)
    monkeypatch.setattr(anonymize, "source_looks", lambda clip: {"looks": LOOKS, "frames": 5})


def anonymized(clip, out, **look):
    return road.run_anonymize(
        clip, out, Fitting(), anonymize.PrivateLook(**look), Painting(model="mini"), QUIET
    )


def noise(clip):
    pictures = np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3)).astype(np.uint8)
    write_video(clip, pictures, 25)


@pytest.mark.parametrize(("spoil", "before"), [(noise, "fit_stage"), (Path.unlink, "dress_stage")])
def test_no_stage_after_the_points_looks_at_the_clip(
    ran, looked, clip, tmp_path, monkeypatch, spoil, before
):
    """The clip becomes noise once its points are found (the fit reads of it what its file says of
    the lens), and is taken away after the fit: the result is the same, so that no pixel of it can
    be in there."""
    first = anonymized(clip, tmp_path / "with")
    make, was = getattr(road, before), clip.read_bytes()

    def spoilt(*arguments):
        spoil(clip)
        return make(*arguments)

    monkeypatch.setattr(road, before, spoilt)
    second = anonymized(clip, tmp_path / "without")
    assert not clip.exists() or clip.read_bytes() != was
    assert [path.name for path in first] == [path.name for path in second]
    names = ("signer.mp4", "frames/00000.png", "enhanced/00000.png")
    for name in names:
        assert (tmp_path / "with" / name).read_bytes() == (tmp_path / "without" / name).read_bytes()


def test_nothing_that_is_shared_names_or_shows_the_source(ran, looked, clip, tmp_path):
    out = tmp_path / "out"
    results = anonymized(clip, out)
    assert {path.name for path in results} == {"signer.mp4", "signer.json", "report.html"}
    assert not (out / "compare.mp4").exists()
    record = json.loads((out / "signer.json").read_text())
    assert record["source"] is None
    assert record["privacy"]["still_identifies"] and "movement" in record["disclosure"]
    for path in results:
        text = path.read_bytes()
        assert b"jane_doe" not in text
        assert all(colour.encode() not in text for colour in LOOKS.values())


def test_a_later_command_in_the_folder_does_not_find_the_clip(ran, looked, clip, tmp_path):
    out = tmp_path / "out"
    road.run(clip, out, Fitting(), anonymize.PrivateLook(), Painting(model="mini"), QUIET)
    assert (out / "compare.mp4").exists()
    anonymized(clip, out)
    assert source_clip(out) is None and not (out / "compare.mp4").exists()
    road.run_generate(out, anonymize.PrivateLook(seed=5), Painting(model="mini"), QUIET)
    assert not (out / "compare.mp4").exists()


def test_a_signer_who_resembles_the_source_is_chosen_anew():
    own = signer_from(None, None, 3)
    looks = {name: getattr(own, name) for name in ("skin", "hair_colour", "top_colour")}
    assert set(anonymize.alike(own, looks)) >= {"skin", "clothes"}
    chosen, check = anonymize.unlike_source(anonymize.PrivateLook(seed=3), looks)
    assert chosen.seed != 3 and check["alike"] == []
    assert anonymize.alike(signer_from(None, None, chosen.seed), looks) == ()
    (note,) = anonymize.privacy_notes(check, True)
    assert "seed 3" in note and f"seed {chosen.seed}" in note


def test_what_the_words_ask_for_stays_and_is_said():
    looks = {"skin": "#000000", "top_colour": "#0000ff", "hair_colour": "#00ff00"}
    look = anonymize.PrivateLook(prompt="a person in a blue jumper")
    blue = signer_from(None, look.prompt, 0).top_colour
    chosen, check = anonymize.unlike_source(look, {**looks, "top_colour": blue})
    assert chosen.seed == 0 and check["alike"] == ["clothes"]
    assert any("still resemble" in note for note in anonymize.privacy_notes(check, True))


def test_a_signer_unlike_the_source_is_kept():
    looks = {"skin": "#000000", "top_colour": "#00ff00", "hair_colour": "#0000ff"}
    chosen, check = anonymize.unlike_source(anonymize.PrivateLook(seed=4), looks)
    assert chosen.seed == 4 and anonymize.privacy_notes(check, True) == []
    bald = replace(Signer(), hair_style="bald", hair_colour="#0000ff")
    assert "hair" not in anonymize.alike(bald, looks)


def test_an_unknown_source_is_said_to_be_unknown():
    _, check = anonymize.unlike_source(anonymize.PrivateLook(), {})
    assert "no video" in anonymize.privacy_notes(check, False)[0]
    assert "nobody clearly" in anonymize.privacy_notes(check, True)[0]


def test_the_bones_are_the_avatars_own_unless_asked_for():
    assert anonymize.PrivateLook().proportions == "avatar"
    _, check = anonymize.unlike_source(anonymize.PrivateLook(), {})
    kept = anonymize.privacy_record(check, anonymize.PrivateLook(proportions="source"))
    assert kept["source_bones"] and "bone lengths" in anonymize.privacy_sentence(kept)
