"""Colours in Lab and by name."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffsign.render.avatar.colours import hex_to_linear
from diffsign.render.dress.albedo import LIGHTEST, SEEN, albedo_of
from diffsign.render.dress.colour_names import (
    CLOTH,
    HAIR,
    SPOKEN,
    TABLES,
    colour_of,
    known_names,
    modified,
    name_of,
)
from diffsign.render.dress.lab import delta_e_2000, hex_to_lab, lab_to_hex, lab_to_srgb, srgb_to_lab

hexes = st.integers(0, 0xFFFFFF).map(lambda value: f"#{value:06x}")


@given(hexes)
def test_lab_goes_there_and_back(colour: str) -> None:
    assert lab_to_hex(hex_to_lab(colour)) == colour


def test_lab_of_known_colours() -> None:
    # Values of CIE Lab under D65, as published for the sRGB primaries (Lindbloom).
    srgb = np.array([[255, 255, 255], [0, 0, 0], [255, 0, 0], [0, 0, 255]], np.uint8)
    primaries = [[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20], [32.30, 79.19, -107.86]]
    known = np.array(primaries)
    np.testing.assert_allclose(srgb_to_lab(srgb), known, atol=0.02)
    np.testing.assert_allclose(lab_to_srgb(known), srgb / 255, atol=1e-3)


@pytest.mark.parametrize("context", SPOKEN)
def test_every_spoken_name_is_its_own_nearest(context: str) -> None:
    for name in SPOKEN[context]:
        assert name_of(TABLES[context][name], context) == name


def test_every_known_name_means_a_colour_somewhere() -> None:
    for name in known_names():
        assert any(colour_of(name, context) for context in TABLES), name


def test_css_names_and_unknown_names() -> None:
    assert colour_of("darkslategrey") == colour_of("dark slate grey") == "#2f4f4f"
    assert colour_of("no such colour") is None
    assert colour_of("red") == CLOTH["red"] != colour_of("red", "hair") == HAIR["red"]


@given(hexes)
def test_modifiers_move_lightness_their_way(colour: str) -> None:
    light = hex_to_lab(colour)[0]
    assert hex_to_lab(modified(colour, ["dark"]))[0] <= light + 1
    assert hex_to_lab(modified(colour, ["light"]))[0] >= light - 1
    assert modified(colour, []) == colour


@given(hexes, st.sampled_from(sorted(SEEN)))
def test_albedo_keeps_the_order_of_lightness(colour: str, field: str) -> None:
    darker = modified(colour, ["dark"])
    light, dark = (hex_to_linear(albedo_of(field, each)) for each in (colour, darker))
    if (hex_to_linear(darker) <= hex_to_linear(colour)).all():
        assert (dark <= light + 1e-9).all()
    assert light.max() <= LIGHTEST + 0.01
    assert albedo_of("background", colour) == colour


def test_ciede2000_of_published_pairs() -> None:
    # Sharma, Wu, Dalal 2005, table 1: blues, greys, hues across zero, and half a turn apart.
    pairs = [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
        ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
        ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
        ((50, 0, 0), (50, -1, 2), 2.3669),
    ]
    first, second, known = (np.array(column) for column in zip(*pairs, strict=True))
    np.testing.assert_allclose(delta_e_2000(first, second), known, atol=1e-4)
    np.testing.assert_allclose(delta_e_2000(second, first), known, atol=1e-4)


@given(hexes)
def test_a_colour_is_no_distance_from_itself(colour: str) -> None:
    assert delta_e_2000(hex_to_lab(colour), hex_to_lab(colour)) == 0
