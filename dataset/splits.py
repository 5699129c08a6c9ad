"""Which clips and signers belong to which split, so that no two splits share any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import UserError


def shared_out(count: int, shares: Mapping[str, float], at_least: int = 0) -> dict[str, int]:
    """`count` things by shares: the largest remainders get what is left (Hamilton's method).

    at_least: what each must get; taken from the largest.
    """
    total = sum(shares.values())
    exact = {name: count * share / total for name, share in shares.items()}
    given = {name: int(value) for name, value in exact.items()}
    rest = sorted(shares, key=lambda name: (given[name] - exact[name], name))
    for name in rest[: count - sum(given.values())]:
        given[name] += 1
    for name in shares:
        while given[name] < at_least:
            given[max(given, key=lambda other: given[other])] -= 1
            given[name] += 1
    return given


def divide(
    things: Sequence[str], groups: Mapping[str, str], shares: Mapping[str, float], seed: list[int]
) -> dict[str, list[str]]:
    """Things by split; those of one group stay together.

    Args:
        things: their names, in order. groups: the group of each. shares: by the split's name.
        seed: of the shuffle.

    Raises:
        UserError: there are fewer groups than splits.
    """
    order = sorted(set(groups[thing] for thing in things))
    if len(order) < len(shares):
        raise UserError(
            f"{len(order)} cannot be divided among {len(shares)} splits "
            f"({', '.join(shares)}): give more, or fewer splits."
        )
    np.random.default_rng(seed).shuffle(order)
    members = {group: [thing for thing in things if groups[thing] == group] for group in order}
    wanted = shared_out(len(things), shares)
    divided: dict[str, list[str]] = {name: [] for name in shares}
    for place, group in enumerate(order):
        empty = [name for name in shares if not divided[name]]
        open_to = list(shares) if len(order) - place > len(empty) else empty
        short = max(open_to, key=lambda name: wanted[name] - len(divided[name]))
        divided[short] += members[group]
    return {name: sorted(found, key=things.index) for name, found in divided.items()}


def clip_groups(
    clips: Sequence[str], contents: Mapping[str, str], labels: Mapping[str, str | None]
) -> dict[str, str]:
    """The group of each clip: clips of the same content or the same label stand together."""
    leader = {clip: clip for clip in clips}

    def find(clip: str) -> str:
        while leader[clip] != clip:
            clip = leader[clip]
        return clip

    for marks in (contents, labels):
        first: dict[str, str] = {}
        for clip in clips:
            mark = marks.get(clip)
            if mark is not None:
                leader[find(clip)] = find(first.setdefault(mark, clip))
    return {clip: find(clip) for clip in clips}
