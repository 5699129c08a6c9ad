"""Whether skin, shirt and hair have the colours that were asked for."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from ...render.avatar.parts import PART_INDEX

REGIONS: dict[str, tuple[str, ...]] = {
    "skin": ("skin", "face", "left_hand", "right_hand"),
    "shirt": ("top",),
    "hair": ("hair",),
}
FEWEST_PIXELS = 60
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
