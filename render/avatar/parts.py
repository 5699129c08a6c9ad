"""Names of what one can tell apart in a render; the place in the tuple is the pass index."""

PARTS: tuple[str, ...] = (
    "background",
    "skin",
    "face",
    "left_hand",
    "right_hand",
    "hair",
    "top",
    "bottom",
    "eyes",
    "mouth",
    "brows",
    "lips",
    "glasses",
    "beard",
    "shoes",
    "lashes",
    "headwear",
)

PART_INDEX: dict[str, int] = {name: index for index, name in enumerate(PARTS)}
