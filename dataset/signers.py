"""The signers that a recipe names, as far as they are known before anything is looked at."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..files import sha256
from ..render.avatar.record import Signer
from .recipe import Recipe, Signers, refuse
from .yaml_lines import Lines


@dataclass(frozen=True)
class PlannedSigner:
    """One signer: JSON values.

    looks: what two signers share who look the same. kind: "random", "text", "image" or "record".
    seed, text: what the record is drawn from. record: where it is given. image: name and hash.
    """

    id: str
    kind: str
    looks: str
    seed: int
    text: str | None = None
    record: dict[str, Any] | None = None
    image_sha256: str | None = None
    consent: str | None = None


def find_signers(
    recipe: Recipe, path: Path, lines: Lines
) -> tuple[list[PlannedSigner], dict[str, Path]]:
    """Every signer in the recipe's order, and the pictures of those who have one, by their ids.

    Raises:
        UserError: a file is missing or cannot be used, or two signers have one id.
    """
    signers: list[PlannedSigner] = []
    images: dict[str, Path] = {}
    for index, entry in enumerate(recipe.signers):
        try:
            for signer, image in _signers(entry, index, path):
                signers.append(signer)
                if image is not None:
                    images[signer.id] = image
        except UserError as error:
            raise refuse(path, lines, ("signers", index), str(error)) from None
    twice = [name for name, count in Counter(s.id for s in signers).items() if count > 1]
    if twice:
        raise UserError(
            f"{path}: two signers have the id {twice[0]!r}: give each its own id, or another seed."
        )
    return signers, images


def record_of(signer: PlannedSigner, image: Path | None = None) -> Signer:
    """The looks. Pictures are read by MediaPipe, so never beside Blender."""
    if signer.record is not None:
        return Signer.from_dict(signer.record)
    if signer.kind == "random":
        from ..render.avatar.random_signer import random_signer

        return random_signer(signer.seed)
    from ..render.dress.signer_from import signer_from

    return signer_from(image, signer.text, signer.seed)


def _signers(
    entry: Signers, index: int, recipe: Path
) -> Iterator[tuple[PlannedSigner, Path | None]]:
    name = entry.id or f"s{index}"
    seed, consent = entry.seed, entry.consent
    if entry.random is not None:
        start = "r" if entry.id is None else f"{entry.id}-"
        for drawn in range(seed, seed + entry.random):
            yield PlannedSigner(f"{start}{drawn:05d}", "random", f"random {drawn}", drawn), None
    elif entry.text is not None:
        looks = f"text {entry.text} {seed}"
        yield PlannedSigner(name, "text", looks, seed, text=entry.text, consent=consent), None
    elif entry.image is not None:
        image = recipe.parent / entry.image
        if not image.is_file():
            raise UserError(f"there is no picture {image}; mend the path.")
        digest = sha256(image)
        yield (
            PlannedSigner(
                name, "image", f"image {digest}", seed, image_sha256=digest, consent=consent
            ),
            image,
        )
    else:
        given = entry.record
        record = (
            Signer.load(recipe.parent / given)
            if isinstance(given, str)
            else Signer.from_dict(given or {})
        )
        content = asdict(record)
        looks = f"record {json.dumps(content, sort_keys=True)}"
        yield PlannedSigner(name, "record", looks, seed, record=content, consent=consent), None
