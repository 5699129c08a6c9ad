"""Sets of faces to learn from: pictures with their points, actions and head pose, as one .npz."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from ....errors import UserError
from ....files import atomic_path

SUFFIX = ".faces.npz"
_EYES_AND_MOUTH = 3.0


@dataclass(frozen=True, eq=False)
class FaceSet:
    """N faces of side S.

    pictures (N,S,S,3) uint8; points (N,478,2) float32 pixels of the crop; actions (N,52) float32;
    turn (N,6) float32, the first two columns of the head's turn; group (N,) int32: faces of one
    group may stand for each other (one signer; in renders one view as well); signer (N,) int32;
    clusters (N,18) bool of `clusters.NAMES`.
    """

    pictures: np.ndarray
    points: np.ndarray
    actions: np.ndarray
    turn: np.ndarray
    group: np.ndarray
    signer: np.ndarray
    clusters: np.ndarray

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def side(self) -> int:
        """Pixels."""
        return int(self.pictures.shape[1])

    def save(self, path: Path) -> None:
        """Write the set, atomically."""
        arrays = {field.name: getattr(self, field.name) for field in fields(self)}
        with atomic_path(Path(path)) as partial, open(partial, "wb") as stream:
            np.savez_compressed(stream, **arrays)

    @classmethod
    def load(cls, path: Path) -> FaceSet:
        """Read what `save` wrote; UserError where it is missing or is something else."""
        try:
            with np.load(path, allow_pickle=False) as stored:
                return cls(**{field.name: stored[field.name] for field in fields(cls)})
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise UserError(f"{path} is no set of faces ({error}): make it again.") from None


def split(faces: FaceSet, share: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the faces to train on and of those held out: whole groups, the last ones.

    A set of one group holds nothing out.
    """
    groups = np.unique(faces.group)
    held = groups[len(groups) - int(np.ceil(share * (len(groups) - 1))) :]
    out = np.isin(faces.group, held) if len(groups) > 1 else np.zeros(len(faces), bool)
    return np.flatnonzero(~out), np.flatnonzero(out)


def joined(sets: Sequence[FaceSet]) -> tuple[FaceSet, np.ndarray]:
    """All sets as one, and which of them each face came from (N,).

    Groups and signers of different sets stay apart. UserError where their sides differ.
    """
    if len({faces.side for faces in sets}) > 1:
        raise UserError("The sets of faces are of different sizes: make them with one --side.")
    values: dict[str, list[np.ndarray]] = {field.name: [] for field in fields(FaceSet)}
    groups = signers = 0
    for faces in sets:
        for name, parts in values.items():
            parts.append(getattr(faces, name))
        values["group"][-1] = faces.group + groups
        values["signer"][-1] = faces.signer + signers
        groups += int(faces.group.max()) + 1
        signers += int(faces.signer.max()) + 1
    whole = FaceSet(**{name: np.concatenate(parts) for name, parts in values.items()})
    return whole, np.repeat(np.arange(len(sets)), [len(faces) for faces in sets])


def partners(faces: FaceSet) -> np.ndarray:
    """Numbers of the faces whose group has another face: those that can be brought from one."""
    groups, counts = np.unique(faces.group, return_counts=True)
    return np.flatnonzero(np.isin(faces.group, groups[counts > 1]))


def weight_of(sketch: np.ndarray) -> np.ndarray:
    """(S,S) loss weight: larger on eyes, brows and mouth. sketch: of `guide.sketch`."""
    return 1 + (_EYES_AND_MOUTH - 1) * sketch.max(-1)
