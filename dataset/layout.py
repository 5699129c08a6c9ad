"""Where everything lies in a dataset's folder."""

from __future__ import annotations

from pathlib import Path

STATE = ".diffsign"
INDEX = "dataset.json"
CARD = "README.md"
RECIPE = "recipe.yaml"
FAILED = "failed.jsonl"
GALLERY = "gallery.html"
CONTACT_SHEET = "contact_sheet.jpg"


def plan_note(out: Path) -> Path:
    """Says whose run is in the folder."""
    return out / STATE / "dataset.json"


def motion_file(out: Path, clip: str) -> Path:
    return out / STATE / "motions" / f"{clip}.npz"


def clip_failures(out: Path) -> Path:
    """Clips that could not be read, and why."""
    return out / STATE / "unreadable.json"


def signer_file(out: Path, signer: str) -> Path:
    return out / STATE / "signers" / f"{signer}.json"


def limits_file(out: Path) -> Path:
    return out / STATE / "limits.npz"


def staged_file(out: Path, sample: str) -> Path:
    """A finished sample that waits for its shard."""
    return out / STATE / "staged" / f"{sample}.tar"


def work_folder(out: Path, sample: str) -> Path:
    """The passes of a sample on their way to the painter."""
    return out / STATE / "work" / sample


def shard_name(split: str, number: int) -> str:
    return f"{split}-{number:06d}"


def shard_file(out: Path, split: str, number: int) -> Path:
    return out / split / f"{shard_name(split, number)}.tar"


def shard_index(shard: Path) -> Path:
    """What a shard holds; written before the shard gets its name."""
    return shard.with_suffix(".json")


def shard_coco(shard: Path) -> Path:
    return shard.with_suffix(".coco.json")


def shards_of(out: Path, split: str) -> list[Path]:
    """The finished shards of a split, in order."""
    return sorted((out / split).glob(f"{split}-[0-9]*.tar"))
