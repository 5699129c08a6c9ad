"""The dataset card: README.md with the front matter that dataset hubs read."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from ..files import write_text
from ..road.record import DISCLOSURE
from .layout import CARD

NOT_STATED = "not stated"


def write_card(out: Path, index: dict[str, Any]) -> None:
    """Write the card of a dataset, from the content of its dataset.json."""
    write_text(out / CARD, render_card(index))


def render_card(index: dict[str, Any]) -> str:
    """The card as Markdown."""
    from jinja2 import Environment, StrictUndefined

    source = (resources.files(__package__) / "card.md.j2").read_text(encoding="utf-8")
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    front = {
        "pretty_name": index["name"],
        "license": index["licence"] or "unknown",
        "tags": ["sign-language", "synthetic", "webdataset"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [
                    {"split": split, "path": f"{split}/*.tar"} for split in index["splits"]
                ],
            }
        ],
    }
    clips, signers = index["clips"].values(), index["signers"].values()
    return environment.from_string(source).render(
        index=index,
        front=yaml.safe_dump(front, sort_keys=False).strip(),
        recipe=yaml.safe_dump(index["recipe"], sort_keys=False, allow_unicode=True).strip(),
        disclosure=DISCLOSURE,
        clip_licences=_said(clip["licence"] for clip in clips),
        clip_consents=_said(
            clip["consent"] or index["consent"]["source_signers"] for clip in clips
        ),
        person_consents=_said(
            signer["consent"] or index["consent"]["reference_persons"]
            for signer in signers
            if signer["kind"] == "image"
        ),
    )


def _said(values: Any) -> dict[str, int]:
    """How many say what; silence is said too."""
    counts: dict[str, int] = {}
    for value in values:
        said = value or NOT_STATED
        counts[said] = counts.get(said, 0) + 1
    return counts
