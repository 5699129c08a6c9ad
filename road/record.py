"""signer.json: everything that made a clip, so that it can be made again and is known as made."""

import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .. import __version__
from ..files import read_json, sha256
from .model import Model
from .options import Look
from .retarget_stages import SIGNER_RECORD
from .stages import Ledger

DISCLOSURE = (
    "Synthetic: made with DiffSign. The signer who is shown does not exist; the signing follows "
    "a real or recorded source."
)
STAGES = (
    "keypoints",
    "fit",
    "dress",
    "avatar",
    "passes",
    "paint",
    "enhance",
    "video",
    "compare",
    "measure",
)
"""Every stage in the order of the road."""
_PACKAGES = (
    "accelerate",
    "anny",
    "av",
    "bpy",
    "diffusers",
    "mediapipe",
    "numpy",
    "openimageio",
    "peft",
    "pillow",
    "pose-format",
    "safetensors",
    "scipy",
    "smplx",
    "torch",
    "transformers",
)


def signer_record(ledger: Ledger, clip: Path | None, look: Look, model: Model) -> dict[str, Any]:
    """The content of signer.json: JSON values only, and no path of this machine."""
    outcomes = [outcome for name in STAGES if (outcome := ledger.outcome(name))]
    return {
        "synthetic": True,
        "disclosure": DISCLOSURE,
        "made_with": f"DiffSign {__version__}",
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "source": _file(clip),
        "appearance": [_file(path) for path in look.appearance],
        "garment": _file(look.garment),
        "prompt": look.prompt,
        "seed": look.seed,
        "model": {"name": model.checkpoint.name, "weights": model.hashes},
        "signer": read_json(ledger.folder / SIGNER_RECORD),
        "stages": [
            {
                "name": outcome.name,
                "seconds": outcome.seconds,
                "settings": outcome.settings,
                "facts": outcome.facts,
            }
            for outcome in outcomes
        ],
        "packages": {name: _version(name) for name in _PACKAGES},
        "python": platform.python_version(),
        "platform": platform.platform(),
    }


def _file(path: Path | None) -> dict[str, str] | None:
    return None if path is None else {"name": path.name, "sha256": sha256(path)}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
