"""Fit what tells hairstyles and apparent gender apart on renders whose records are known.

    python -m diffsign.render.calibration.looks SAMPLES -o assets/looks.json

SAMPLES is a folder that `diffsign mini samples` filled. Pictures in which no face is found are
left out; so are those in which a hand is before the face, where the sample names the boxes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np

from ...files import write_json
from ..dress.body_regions import body_regions
from ..dress.face_regions import face_regions
from ..dress.face_shape import face_shape
from ..dress.hair import hair_extent
from ..dress.hair_shape import hair_shape
from ..dress.image_file import load_appearance
from ..dress.lab import srgb_to_lab
from ..dress.person import Person, find_person
from ..dress.softmax import fit_softmax, to_json

PENALTIES = {"hair_style": 6.0, "gender": 20.0}
"""L2, chosen by cross-validation over signers."""


def measured(person: Person) -> tuple[dict[str, float], dict[str, float]] | None:
    """The numbers of hair and of face that the models weigh; None where no head is seen."""
    face = face_regions(person)
    if face is None:
        return None
    lab = srgb_to_lab(person.image)
    body = body_regions(person, face)
    extent = hair_extent(face, body, lab)
    if extent is None:
        return None
    return hair_shape(person, face, body, lab, extent), face_shape(person, face)


def samples(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The pictures of a folder that show a whole face, and the records of who is in them."""
    for path in sorted(folder.glob("*.json")):
        sample = json.loads(path.read_text(encoding="utf-8"))
        boxes = sample["boxes"]
        if boxes["face"] is None or any(
            boxes[hand] is not None and _meet(boxes["face"], boxes[hand])
            for hand in ("left_hand", "right_hand")
        ):
            continue
        yield path.with_name(f"{path.stem}_target.png"), sample["signer"]


def _meet(first: list[int], second: list[int]) -> bool:
    return all(first[k] < second[k + 2] and second[k] < first[k + 2] for k in (0, 1))


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path))
def main(folder: Path, out: Path) -> None:
    """Fit the models of hairstyle and apparent gender on rendered samples."""
    hair, faces, styles, genders = [], [], [], []
    for path, signer in samples(folder):
        found = measured(find_person(np.asarray(load_appearance(path))))
        if found is not None:
            hair.append(found[0])
            faces.append(found[1])
            styles.append(signer["hair_style"])
            genders.append("woman" if signer["phenotype"]["gender"] > 0.5 else "man")
    models = {
        "hair_style": fit_softmax(hair, styles, PENALTIES["hair_style"]),
        "gender": fit_softmax(faces, genders, PENALTIES["gender"]),
    }
    write_json(out, {name: to_json(model) for name, model in models.items()})
    click.echo(f"{len(styles)} pictures")


if __name__ == "__main__":
    main()
