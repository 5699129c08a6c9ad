"""Dressing from a picture: how much of a signer's record is read back from a render of it.

    python benchmarks/dress.py SAMPLES [--cache FOLDER] [--wrong]

SAMPLES is a folder that `diffsign mini samples` filled, so the record behind every
picture is known. The references are its targets in which no hand is before the face, as nobody
gives such a picture of a signer. assets/looks.json was fitted on signers of seed 0: any other seed
is held out. Colours are compared as records hold them, by CIEDE2000. --cache keeps detections.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from diffsign.render.calibration.looks import samples
from diffsign.render.dress.from_image import measure_person
from diffsign.render.dress.image_file import load_appearance
from diffsign.render.dress.lab import delta_e_2000, hex_to_lab
from diffsign.render.dress.measured import Measured
from diffsign.render.dress.person import Person, find_person

COLOURS = ("top_colour", "hair_colour", "skin")
NEAR = 12.0
SLEEVES = {"tank": "none", "tshirt": "short", "dress": "short"}
OLD = 0.85


def person_in(path: Path, cache: Path | None) -> Person:
    """The person found in a picture, from the cache if it is there."""
    stored = None if cache is None else cache / f"{path.stem}.npz"
    if stored is not None and stored.exists():
        with np.load(stored) as data:
            return Person(
                data["image"],
                data["mask"],
                data.get("face"),
                data.get("body"),
                tuple(data["hands"]),
                data.get("depth"),
            )
    person = find_person(np.asarray(load_appearance(path)))
    if stored is not None:
        stored.parent.mkdir(parents=True, exist_ok=True)
        arrays = {"image": person.image, "mask": person.mask}
        for name in ("face", "body", "depth"):
            if getattr(person, name) is not None:
                arrays[name] = getattr(person, name)
        hands = np.array(person.hands) if person.hands else np.zeros((0, 21, 2))
        np.savez_compressed(stored, hands=hands, **arrays)
    return person


def compare(truth: dict[str, Any], seen: dict[str, Measured]) -> dict[str, float]:
    """What was right (1) or wrong (0), colour distances and phenotype errors; absent if unseen."""
    figures: dict[str, float] = {}
    for name in ("hair_style", "top", "glasses", "beard"):
        if name in seen:
            figures[name] = float(seen[name].value == truth[name])
    if "top" in seen:
        figures["sleeves"] = float(_sleeves(seen["top"].value) == _sleeves(truth["top"]))
    for name in COLOURS:
        if name in seen and not (name == "hair_colour" and truth["hair_style"] == "bald"):
            distance = delta_e_2000(hex_to_lab(seen[name].value), hex_to_lab(truth[name]))
            figures[name] = float(distance)
    phenotype = seen["phenotype"].value if "phenotype" in seen else {}
    if "gender" in phenotype:
        wrong = (phenotype["gender"] > 0.5) != (truth["phenotype"]["gender"] > 0.5)
        figures["gender"] = float(not wrong)
        figures["gender error"] = abs(phenotype["gender"] - truth["phenotype"]["gender"])
    if "age" in phenotype:
        figures["age error"] = abs(phenotype["age"] - truth["phenotype"]["age"])
        figures["age"] = float((phenotype["age"] > OLD) == (truth["phenotype"]["age"] > OLD))
    return figures


def _sleeves(top: str) -> str:
    return SLEEVES.get(top, "long")


def table(results: list[dict[str, float]]) -> str:
    """Markdown: one row per field."""
    rows = ["| field | seen in | right or near | median error |", "|---|---|---|---|"]
    names = list(dict.fromkeys(name for figures in results for name in figures))
    for name in sorted(names):
        values = np.array([figures[name] for figures in results if name in figures])
        if name in COLOURS:
            near, median = f"{(values <= NEAR).mean():.0%}", f"dE {np.median(values):.1f}"
        elif name.endswith("error"):
            near, median = "", f"{np.median(values):.2f}"
        else:
            near, median = f"{values.mean():.0%}", ""
        rows.append(f"| {name} | {len(values)} of {len(results)} | {near} | {median} |")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("samples", type=Path)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--first", type=int, default=0, help="Samples before this number are left.")
    parser.add_argument("--wrong", action="store_true", help="Name what was read wrongly.")
    options = parser.parse_args()
    results: list[dict[str, float]] = []
    for path, truth in samples(options.samples):
        if int(path.name[:6]) < options.first:
            continue
        person = person_in(path, options.cache)
        if person.face is None and person.body is None:
            results.append({})
            continue
        seen = measure_person(person)
        figures = compare(truth, seen)
        results.append(figures)
        if options.wrong:
            _name_wrong(path.name, truth, seen, figures)
    print(f"{len(results)} references\n\n{table(results)}")


def _name_wrong(
    picture: str, truth: dict[str, Any], seen: dict[str, Measured], figures: dict[str, float]
) -> None:
    for name, value in figures.items():
        if name in seen and (value > NEAR if name in COLOURS else value == 0):
            print(f"{picture}: {name} is {truth[name]}, read {seen[name].value}")
    if figures.get("gender") == 0:
        print(f"{picture}: gender is {truth['phenotype']['gender']:.2f}, read wrong")


if __name__ == "__main__":
    main()
