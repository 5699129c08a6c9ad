"""The model of a run: chosen, found and hashed before the first stage begins."""

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..files import sha256

if TYPE_CHECKING:
    from ..generate.checkpoints import Checkpoint, Source

_BLOB = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Model:
    """A checkpoint, why it was chosen, and the SHA-256 of each of its weight files by part."""

    checkpoint: "Checkpoint"
    reason: str
    hashes: dict[str, str]

    @property
    def settings(self) -> dict[str, Any]:
        """What identifies this model wherever it lies; JSON values, no paths of this machine."""
        nets = self.checkpoint.controlnets
        return {
            "model": self.checkpoint.name,
            "base": _public_name(self.checkpoint.base),
            "controlnets": [[net.kind, _public_name(net.source), net.scale] for net in nets],
            "defaults": asdict(self.checkpoint.defaults),
            "weights": self.hashes,
        }


def find_model(name: str) -> Model:
    """The model that `name` stands for, with its weights on this machine.

    Raises:
        UserError: there is no such model, or its weights are neither here nor to be had.
    """
    from ..generate.checkpoints import resolve_model
    from ..generate.hub import locate
    from ..generate.layout import all_parts, weight_file

    checkpoint, reason = resolve_model(name)
    folders = locate(checkpoint)
    files = {part: weight_file(folders[part], what) for part, what in all_parts(checkpoint).items()}
    if checkpoint.adapter is not None:
        source = checkpoint.adapter.source
        files["adapter"] = folders["adapter"] / source.subfolder / checkpoint.adapter.weights
    hashes = {part: _hash(file) for part, file in files.items() if file is not None}
    return Model(checkpoint, reason, hashes)


def _hash(file: Path) -> str:
    # The hub's cache names large files by their SHA-256, which spares reading gigabytes.
    target = file.resolve()
    return target.name if _BLOB.fullmatch(target.name) else sha256(target)


def _public_name(source: "Source") -> str:
    return Path(source.repo).name if source.is_folder else source.repo
