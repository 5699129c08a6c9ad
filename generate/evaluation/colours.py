"""Whether skin, shirt and hair have the colours that were asked for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import cv2
import numpy as np

from ...render.avatar.parts import PART_INDEX
from .case import Case
from .metric import Measured, Metric, Value

REGIONS: dict[str, tuple[str, ...]] = {
    "skin": ("skin", "face", "left_hand", "right_hand"),
    "shirt": ("top",),
    "hair": ("hair",),
}
FEWEST_PIXELS = 60
_OTHERS = 30
_EDGE = 2  # pixels left out along the parts' edges, where painting may cross them

Colours = Mapping[str, np.ndarray]


def region_colours(image: np.ndarray, part: np.ndarray) -> dict[str, np.ndarray]:
    """Mean CIE Lab (3,) of skin, shirt and hair of an (H, W, 3) uint8 RGB picture.

    part: (H, W) part index of the render that the picture was painted over. Regions of fewer
    than 60 pixels are left out.
    """
    lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    kernel = np.ones((2 * _EDGE + 1,) * 2, np.uint8)
    found = {}
    for region, names in REGIONS.items():
        mask = np.isin(part, [PART_INDEX[name] for name in names]).astype(np.uint8)
        inside = cv2.erode(mask, kernel).astype(bool)
        if inside.sum() >= FEWEST_PIXELS:
            found[region] = lab[inside].mean(0)
    return found


def nearer_to_reference(
    frames: Sequence[Colours],
    reference: Colours,
    others: Sequence[Colours],
    seed: int = 0,
) -> dict[str, float | None]:
    """Share of tries in which a region's colour is nearest to the reference's.

    A try is one region of one frame against the reference and three of `others`, drawn at random
    (seeded); distance is CIE Lab's (CIE 1976). 1 is best, 0.25 is what chance gives. Keys: skin,
    shirt, hair and "all"; None where neither has the region. Colours are (3,) Lab.
    """
    rng = np.random.default_rng(seed)
    tries: dict[str, list[bool]] = {region: [] for region in REGIONS}
    for colours in frames:
        for region in sorted(colours.keys() & reference.keys()):
            having = [other for other in others if region in other]  # the bald have no hair colour
            drawn = [having[i] for i in rng.choice(len(having), 3, replace=False)]
            own = np.linalg.norm(colours[region] - reference[region])
            theirs = [np.linalg.norm(colours[region] - other[region]) for other in drawn]
            tries[region].append(bool(own < min(theirs)))
    shares: dict[str, float | None] = {
        region: float(np.mean(won)) if won else None for region, won in tries.items()
    }
    together = [won for each in tries.values() for won in each]
    shares["all"] = float(np.mean(together)) if together else None
    return shares


def _measure(case: Case) -> Measured:
    pictures = case.pictures
    reference, name = _reference(case)
    shares = nearer_to_reference(pictures.colours, reference, list(_other_signers()))
    return Measured({**shares, "reference": name})


def _reference(case: Case) -> tuple[dict[str, np.ndarray], str]:
    """The colours that were asked for, and whether a picture or the record says so."""
    from ...files import read_json

    if case.appearance is not None:
        from ...render.dress.from_image import read_image

        colours = colours_of(read_image(case.appearance))
        if colours:
            return colours, "picture"
    return colours_of(read_json(case.folder / "signer_record.json")), "record"


def _other_signers() -> Iterator[dict[str, np.ndarray]]:
    from ...render.avatar.random_signer import random_signer

    for seed in range(_OTHERS):
        yield colours_of(asdict(random_signer(seed)))


def colours_of(looks: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """CIE Lab of skin, shirt and hair from the fields of a signer's record that are there."""
    from ...render.dress.lab import hex_to_lab

    fields = {"skin": "skin", "shirt": "top_colour", "hair": "hair_colour"}
    if looks.get("hair_style") == "bald":
        del fields["hair"]
    return {region: hex_to_lab(looks[name]) for region, name in fields.items() if name in looks}


METRIC = Metric(
    name="colours",
    title="Skin, shirt and hair have the colours that were asked for",
    unit="share nearer than three others; chance is 0.25",
    low=0,
    high=1,
    better="higher",
    source="this project; CIE 1976 Lab distance",
    needs="the pictures, passes and record of a run",
    values=(
        Value("all", "Skin, shirt, hair nearest to what was asked", "{:.0%}", 0.8),
        Value("skin", "Skin nearest to what was asked", "{:.0%}"),
        Value("shirt", "Shirt nearest to what was asked", "{:.0%}"),
        Value("hair", "Hair nearest to what was asked", "{:.0%}"),
    ),
    measure=_measure,
)
