"""The last step of a run: the dataset's index, its card and what is there to look at."""

from __future__ import annotations

import platform
from collections import Counter
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .. import __version__
from ..files import read_json, write_json
from ..render.avatar.parts import PARTS
from ..retarget.body.load import load_body
from ..retarget.body.skeleton import JOINT_NAMES
from .annotate import BOXES
from .clips import Clip
from .layout import INDEX, shard_index, shards_of
from .plan import FORMAT, VERSION, Plan, deciding, labels_of
from .recipe import Recipe
from .shards import Ledger
from .signers import PlannedSigner
from .wholebody import NAMES

_PACKAGES = ("bpy", "numpy", "scipy", "av", "pillow", "anny", "mediapipe", "torch", "diffusers")


def write_dataset(
    out: Path,
    recipe: Recipe,
    plan: Plan,
    clips: dict[str, Clip],
    signers: dict[str, PlannedSigner],
    ledger: Ledger,
) -> None:
    """Write dataset.json last: it stands for a whole dataset."""
    from .card import write_card
    from .gallery import write_gallery

    index = dataset_index(out, recipe, plan, clips, signers, ledger)
    write_gallery(out, index)
    write_card(out, index)
    write_json(out / INDEX, index)


def dataset_index(
    out: Path,
    recipe: Recipe,
    plan: Plan,
    clips: dict[str, Clip],
    signers: dict[str, PlannedSigner],
    ledger: Ledger,
) -> dict[str, Any]:
    """The content of dataset.json: JSON values, no path of this machine."""
    splits = {}
    for split in recipe.splits.shares:
        shards = [read_json(shard_index(path)) for path in shards_of(out, split)]
        entries = [entry for shard in shards for entry in shard["samples"]]
        splits[split] = {
            "samples": len(entries),
            "frames": sum(entry["frames"] for entry in entries),
            "bytes": sum(shard["bytes"] for shard in shards),
            "clips": sorted({entry["clip"] for entry in entries}),
            "signers": sorted({entry["signer"] for entry in entries}),
            "labels": _label_counts(entries, list(labels_of(list(clips.values())))),
            "shards": [
                {name: shard[name] for name in ("shard", "sha256", "bytes")}
                | {"samples": len(shard["samples"])}
                for shard in shards
            ],
        }
    return {
        "format": FORMAT,
        "version": VERSION,
        "identity": plan.identity,
        "name": recipe.name,
        "description": recipe.description,
        "licence": recipe.licence,
        "synthetic": True,
        "made_with": f"DiffSign {__version__}",
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "recipe": deciding(recipe),
        "splits": splits,
        "planned": len(plan.samples),
        "failed": len(ledger.failed),
        "clips": {name: _clip(clip) for name, clip in clips.items()},
        "signers": {
            name: {"kind": s.kind, "seed": s.seed, "text": s.text, "consent": s.consent}
            for name, s in signers.items()
        },
        "consent": recipe.consent.model_dump(),
        "names": {
            "keypoints": list(NAMES),
            "joints": list(JOINT_NAMES),
            "parts": list(PARTS),
            "facial_actions": list(load_body("open").action_names),
            "boxes": list(BOXES),
        },
        "packages": {name: _version(name) for name in _PACKAGES},
        "python": platform.python_version(),
    }


def _clip(clip: Clip) -> dict[str, Any]:
    return {
        "sha256": clip.sha256,
        "labels": clip.labels,
        "licence": clip.licence,
        "consent": clip.consent,
    }


def _label_counts(entries: list[dict[str, Any]], names: list[str]) -> dict[str, dict[str, int]]:
    """How often each value of each label occurs; labels that are nearly all different are left
    out."""
    found = {}
    for name in names:
        counts = Counter(str(e["labels"][name]) for e in entries if name in e["labels"])
        if 0 < len(counts) <= 60:
            found[name] = dict(sorted(counts.items()))
    return found


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
