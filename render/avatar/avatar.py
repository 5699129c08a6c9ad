"""The dressed avatar as plain arrays: what Blender, the preview and the passes read.

File layout (`Avatar.save`, .npz without pickle): every array below under its own name; pieces and
materials as JSON in `header`, and each piece's arrays as `piece{i}_faces` (F,3),
`piece{i}_face_material` (F,) and, where it has them, `piece{i}_uv` (F,3,2).
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ...errors import UserError
from ...files import atomic_path
from .record import Signer

FORMAT = 1


@dataclass(frozen=True)
class Material:
    """How a surface looks.

    name: unique. part: a name in PARTS. kind: 'skin', 'lips', 'eye', 'cornea', 'mouth', 'teeth',
    'hair', 'cloth', 'glass', 'frame', 'shoe', 'dark'. colour: linear RGB. roughness, specular and
    subsurface as in Blender's Principled BSDF, 0..1. vertex_colour: the surface takes its base
    colour from `Avatar.colours` (already in full: do not multiply by `colour`). alpha: opacity.
    bump: height in metres of a fine noise texture (weave, pores, strands), 0 for none.
    """

    name: str
    part: str
    kind: str
    colour: tuple[float, float, float]
    roughness: float = 0.5
    specular: float = 0.5
    subsurface: float = 0.0
    vertex_colour: bool = True
    alpha: float = 1.0
    bump: float = 0.0


@dataclass(frozen=True, eq=False)
class Piece:
    """One Blender object: a run of the avatar's vertices and the triangles on them.

    start, stop: its vertices are `avatar.vertices[start:stop]`. faces: (F,3) int32 ids into the
    avatar's vertices (subtract `start` for ids within the piece), counter-clockwise from outside.
    face_material: (F,) int32 index into `avatar.materials`. uv: (F,3,2) per corner, 0..1, or None.
    object_index: pass index, from 1, unique among pieces. two_sided: an open sheet.
    """

    name: str
    object_index: int
    start: int
    stop: int
    faces: np.ndarray
    face_material: np.ndarray
    uv: np.ndarray | None = None
    two_sided: bool = False


@dataclass(frozen=True, eq=False)
class Avatar:
    """A dressed signer at rest (T-pose, SMPL-X axes: metres, y up, z forward, +x signer's left).

    vertices (N,3) float32; joints (55,3) float32; parents (55,) int32, root -1; joint_names (55,);
    weights (N,55) float32, rows sum to 1; colours (N,3) float32 linear RGB per vertex.
    pieces: runs of vertices, in order, covering all N. materials: see Material.
    action_names (52,): ARKit facial actions. Their vertex offsets, metres at full strength, in the
    rest pose before skinning, are stored sparsely: action k moves vertices
    `action_vertices[action_start[k]:action_start[k+1]]` (ascending) by the `action_offsets` there.
    body_vertices (V,) int32: body vertex -> avatar vertex at the same place, or -1 where the
    avatar has none (covered by cloth, helper geometry).
    """

    signer: Signer
    vertices: np.ndarray
    joints: np.ndarray
    parents: np.ndarray
    joint_names: tuple[str, ...]
    weights: np.ndarray
    colours: np.ndarray
    pieces: tuple[Piece, ...]
    materials: tuple[Material, ...]
    action_names: tuple[str, ...]
    action_start: np.ndarray
    action_vertices: np.ndarray
    action_offsets: np.ndarray
    body_vertices: np.ndarray

    def action(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """(ids, offsets): the vertices that action `index` moves, and by how much at 1."""
        run = slice(int(self.action_start[index]), int(self.action_start[index + 1]))
        return self.action_vertices[run], self.action_offsets[run]

    def with_actions(self, weights: np.ndarray) -> np.ndarray:
        """(N,3) rest vertices with facial actions (52,) applied, unclipped."""
        moved = self.vertices.astype(np.float64)
        for index in np.flatnonzero(np.asarray(weights)):
            ids, offsets = self.action(int(index))
            moved[ids] += float(weights[index]) * offsets
        return moved

    def save(self, path: Path) -> None:
        """Write a compressed .npz, atomically."""
        header = {
            "format": FORMAT,
            "signer": asdict(self.signer),
            "joint_names": self.joint_names,
            "action_names": self.action_names,
            "materials": [asdict(material) for material in self.materials],
            "pieces": [
                {
                    "name": piece.name,
                    "object_index": piece.object_index,
                    "start": piece.start,
                    "stop": piece.stop,
                    "two_sided": piece.two_sided,
                }
                for piece in self.pieces
            ],
        }
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        for i, piece in enumerate(self.pieces):
            arrays[f"piece{i}_faces"] = piece.faces
            arrays[f"piece{i}_face_material"] = piece.face_material
            if piece.uv is not None:
                arrays[f"piece{i}_uv"] = piece.uv
        with atomic_path(path) as beside, open(beside, "wb") as stream:
            np.savez_compressed(stream, header=np.array(json.dumps(header)), **arrays)

    @classmethod
    def load(cls, path: Path) -> Avatar:
        """Read what `save` wrote; UserError where the file is missing or is no avatar."""
        try:
            with np.load(path, allow_pickle=False) as stored:
                data = {name: stored[name] for name in stored.files}
            header = json.loads(str(data["header"]))
            if header["format"] != FORMAT:
                raise UserError(
                    f"{path} is avatar format {header['format']}, this version reads {FORMAT};"
                    " build the avatar again"
                )
            return cls(
                signer=Signer.from_dict(header["signer"]),
                joint_names=tuple(header["joint_names"]),
                action_names=tuple(header["action_names"]),
                materials=tuple(
                    Material(**{**entry, "colour": tuple(entry["colour"])})
                    for entry in header["materials"]
                ),
                pieces=tuple(
                    Piece(
                        **entry,
                        faces=data[f"piece{i}_faces"],
                        face_material=data[f"piece{i}_face_material"],
                        uv=data.get(f"piece{i}_uv"),
                    )
                    for i, entry in enumerate(header["pieces"])
                ),
                **{name: data[name] for name in _ARRAYS},
            )
        except FileNotFoundError:
            raise UserError(f"no avatar at {path}; build one first") from None
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
            raise UserError(f"{path} is not an avatar file; build the avatar again") from None


_ARRAYS = (
    "vertices",
    "joints",
    "parents",
    "weights",
    "colours",
    "action_start",
    "action_vertices",
    "action_offsets",
    "body_vertices",
)
