"""Hairstyle and apparent gender weighed together, and the models behind them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffsign.render.avatar.record import HAIR_STYLES
from diffsign.render.dress.apparent import WOMEN_SHARE, apparent_age, apparent_gender, together
from diffsign.render.dress.hair import HairExtent, as_reaching, hair_lab
from diffsign.render.dress.softmax import calibrated, fit_softmax, from_json, to_json

shares = st.lists(st.floats(0.01, 1), min_size=9, max_size=9).map(
    lambda values: dict(zip(HAIR_STYLES, (np.array(values) / sum(values)).tolist(), strict=True))
)


@given(shares, st.floats(0.01, 0.99))
def test_together_are_likelihoods(styles: dict[str, float], woman: float) -> None:
    joint, gender = together(styles, woman)
    assert sum(joint.values()) == pytest.approx(1)
    assert 0 <= gender <= 1
    assert together(styles, woman, "full")[1] <= gender + 1e-9


def test_hair_and_face_help_each_other() -> None:
    tied = dict.fromkeys(HAIR_STYLES, 0.0) | {"crop": 0.55, "ponytail": 0.45}
    assert max(together(tied, 0.9)[0].items(), key=lambda item: item[1])[0] == "ponytail"
    assert max(together(tied, 0.1)[0].items(), key=lambda item: item[1])[0] == "crop"
    sure = dict.fromkeys(HAIR_STYLES, 0.0) | {"long": 1.0}
    assert together(sure, 0.5)[1] == pytest.approx(WOMEN_SHARE["long"])


def test_gender_in_the_middle_where_nothing_speaks() -> None:
    assert apparent_gender(0.5).value == {"gender": 0.5}
    assert apparent_gender(0.99).value["gender"] > 0.9 > 0.1 > apparent_gender(0.01).value["gender"]
    assert apparent_gender(0.99).confidence > apparent_gender(0.6).confidence


def test_grey_hair_is_old() -> None:
    assert apparent_age("#a8a6a3") is not None
    assert apparent_age("#14100e") is apparent_age("#c4a265") is apparent_age(None) is None


def _extent(**changes: object) -> HairExtent:
    values = dict(
        area=0.5, bare=0.1, height=0.3, width=1.0, beside=(0.0, 0.0), below=(0.0, 0.0),
        lowest=-0.3, knot=0.0, straight=0.9, cut=False,
    )  # fmt: skip
    return HairExtent(**{**values, **changes})  # type: ignore[arg-type]


def test_hair_at_the_neck_is_not_cut_short() -> None:
    even = dict.fromkeys(HAIR_STYLES, 1 / 9)
    tail = as_reaching(_extent(below=(0.0, 0.08)), even)
    assert max(tail["short"], tail["crop"], tail["bald"]) < tail["ponytail"]
    assert tail["long"] < tail["ponytail"]
    assert as_reaching(_extent(beside=(1.0, 1.0)), even) == pytest.approx(even)


def test_shine_on_close_hair_does_not_count() -> None:
    dark, shine = np.tile([15.0, 4, 4], (70, 1)), np.tile([60.0, 0, 0], (30, 1))
    pixels = np.concatenate([dark, shine])
    assert hair_lab(pixels, "crop")[0] == pytest.approx(15)
    assert hair_lab(pixels, "curly")[0] > 20


def test_softmax_learns_what_parts_two_clouds() -> None:
    random = np.random.default_rng(3)
    labels = ["a"] * 60 + ["b"] * 60
    samples = [
        {"x": random.normal(2.0 if label == "a" else -2.0, 1.0), "noise": random.normal()}
        for label in labels
    ]
    model = fit_softmax(samples, labels, 1.0)
    assert model.probabilities({"x": 3.0, "noise": 0.0})["a"] > 0.95
    assert model.probabilities({"x": -3.0, "noise": 0.0})["b"] > 0.95
    assert model.probabilities({"x": 0.0}) == model.probabilities({"x": 0.0, "noise": np.nan})
    assert from_json(to_json(model)) == model


def test_carried_models_know_every_label() -> None:
    assert set(calibrated("hair_style").labels) == set(HAIR_STYLES) == set(WOMEN_SHARE)
    assert set(calibrated("gender").labels) == {"man", "woman"}
    assert sum(calibrated("hair_style").probabilities({}).values()) == pytest.approx(1)
