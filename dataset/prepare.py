"""What is made once, before any sample: motions, limits, and looks that take a detector."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..files import write_json
from .layout import limits_file, motion_file, signer_file
from .signers import PlannedSigner, record_of


def prepare(task: dict[str, Any], scratch: Path) -> dict[str, Any]:
    """Do the task's `kind`: "motion" (clip, seed), "signer" (signer, image) or "limits"."""
    out = Path(task["out"])
    if task["kind"] == "motion":
        from .motions import prepare_motion

        return prepare_motion(task["clip"], motion_file(out, task["clip"]["id"]), task["seed"])
    if task["kind"] == "signer":
        signer = PlannedSigner(**task["signer"])
        image = Path(task["image"]) if task["image"] else None
        write_json(signer_file(out, signer.id), asdict(record_of(signer, image)))
        return {}
    from .limits import write_limits

    write_limits(limits_file(out))
    return {}
