"""The rest skeleton of any rig, and the poses that are put on it, in plain numpy.

Everything is in the skeleton's own world (for Blender: the scene's, Z up), in metres, right handed.
A bone's rest rotation has the bone's local axes as its columns; Blender's bones point along their
local +Y, other programs' along whatever they like: nothing here depends on it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...errors import UserError
from ..body.model import rotation_matrices
from ..body.skeleton import JOINT_NAMES, PARENTS
from ..motion import Motion
from ..rotations import aligning, transposed, unit

UP_Y = (0.0, 1.0, 0.0)
UP_Z = (0.0, 0.0, 1.0)
_TOLERANCE = 1e-3
_NO_BONES = "The armature has no bones: choose the one that moves the character."


@dataclass(frozen=True)
class Skeleton:
    """B bones at rest.

    Attributes:
        names: B different names. parents: B indices, -1 for a root; any order.
        heads: (B, 3) metres. tails: (B, 3) metres, NaN where unknown; they tell where the bones
            without children point, such as the last finger bones.
        rotations: (B, 3, 3) rest rotations.
        up: the direction out of a standing rig's head: +Z in Blender, +Y in glTF and BVH.
        unit: metres per local unit of the rig, so that local translations come out in its units.

    Raises:
        UserError: names repeat, parents make a loop, or numbers are missing.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    heads: np.ndarray
    tails: np.ndarray
    rotations: np.ndarray
    up: tuple[float, float, float] = UP_Z
    unit: float = 1.0
    order: tuple[int, ...] = field(init=False, repr=False, compare=False)  # parents first

    def __post_init__(self) -> None:
        count = len(self.names)
        if count == 0:
            raise UserError(_NO_BONES)
        if len(set(self.names)) != count:
            twice = next(name for name in self.names if self.names.count(name) > 1)
            raise UserError(f"Two bones of the armature are named {twice!r}: rename one of them.")
        shapes = {"heads": (count, 3), "tails": (count, 3), "rotations": (count, 3, 3)}
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise ValueError(
                    f"Skeleton.{name} has shape {getattr(self, name).shape}, not {shape}"
                )
        if not (np.isfinite(self.heads).all() and np.isfinite(self.rotations).all()):
            raise UserError("The armature's rest pose holds numbers that are none: export it anew.")
        object.__setattr__(self, "order", _parents_first(self.names, self.parents))

    def index(self, name: str) -> int:
        return self.names.index(name)

    @classmethod
    def from_matrices(
        cls,
        names: tuple[str, ...],
        parents: tuple[int, ...],
        matrices: np.ndarray,
        tails: np.ndarray | None = None,
        world: np.ndarray | None = None,
        up: tuple[float, float, float] = UP_Z,
    ) -> Skeleton:
        """A skeleton from rest matrices (B, 4, 4) in the armature's space, standing in the world.

        Args:
            matrices: bone to armature; no scale in them. tails: (B, 3) in the armature's space.
            world: (4, 4) armature to world, with whatever moves, turns and scales the armature
                and its parents; identity by default. up: in the world.

        Raises:
            UserError: the world matrix mirrors or stretches, or a bone's matrix is no rotation.
        """
        if not len(names):
            raise UserError(_NO_BONES)
        matrices = np.asarray(matrices, float)
        world = np.eye(4) if world is None else np.asarray(world, float)
        scale = _uniform_scale(world[:3, :3])
        turn = world[:3, :3] / scale
        rotations = turn @ matrices[:, :3, :3]
        off = np.abs(transposed(rotations) @ rotations - np.eye(3)).max(axis=(1, 2))
        if off.max() > _TOLERANCE or (np.linalg.det(rotations) < 0).any():
            worst = names[int(off.argmax())]
            raise UserError(
                f"The rest matrix of bone {worst!r} is scaled or mirrored: apply the scale of the "
                "armature (in Blender: Ctrl+A, All Transforms) and export it again."
            )
        heads = matrices[:, :3, 3] @ world[:3, :3].T + world[:3, 3]
        ends = np.full_like(heads, np.nan)
        if tails is not None:
            ends = np.asarray(tails, float) @ world[:3, :3].T + world[:3, 3]
        return cls(tuple(names), tuple(parents), heads, ends, rotations, up, float(scale))

    @classmethod
    def from_edit_bones(
        cls,
        names: tuple[str, ...],
        parents: tuple[int, ...],
        heads: np.ndarray,
        tails: np.ndarray,
        rolls: np.ndarray,
        up: tuple[float, float, float] = UP_Z,
    ) -> Skeleton:
        """A skeleton from heads (B, 3), tails (B, 3) and rolls (B,) in radians, Blender's way."""
        heads, tails = np.asarray(heads, float), np.asarray(tails, float)
        return cls(
            tuple(names), tuple(parents), heads, tails, bone_rotations(tails - heads, rolls), up
        )


def bone_rotations(directions: np.ndarray, rolls: np.ndarray) -> np.ndarray:
    """Rest rotations (B, 3, 3) of bones along directions (B, 3) with rolls (B,) in radians.

    Blender's convention: the smallest rotation that takes +Y to the bone, after a turn about +Y.
    """
    about_y = np.zeros((len(directions), 3))
    about_y[:, 1] = rolls
    towards = aligning(np.broadcast_to([0.0, 1.0, 0.0], directions.shape), directions)
    return towards @ rotation_matrices(about_y)


def rest_skeleton(motion: Motion) -> Skeleton:
    """The T-pose of a motion's own body: 55 bones named as SMPL-X, y up, z forward, unrotated.

    The rest joints are read back from the joints and poses of the motion, so no body is needed.
    """
    rotations, positions = global_rotations(motion.poses), np.asarray(motion.joints, float)
    rest = np.zeros((len(PARENTS), 3))
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            bones = (positions[:, joint] - positions[:, parent])[..., None]
            rest[joint] = (
                rest[parent] + (transposed(rotations[:, parent]) @ bones).mean(axis=0)[:, 0]
            )
    return smplx_skeleton(rest)


def smplx_skeleton(joints: np.ndarray, tips: dict[str, np.ndarray] | None = None) -> Skeleton:
    """The skeleton of a T-posed SMPL-X body with flat hands.

    Args:
        joints: (55, 3) rest joints, y up, z forward. tips: the ends (3,) of bones without
            children by joint name, such as ``left_index3``, where known.
    """
    tails = np.full((len(JOINT_NAMES), 3), np.nan)
    for name, tip in (tips or {}).items():
        tails[JOINT_NAMES.index(name)] = tip
    turns = np.broadcast_to(np.eye(3), (len(JOINT_NAMES), 3, 3)).copy()
    return Skeleton(JOINT_NAMES, PARENTS, np.asarray(joints, float), tails, turns, UP_Y)


def global_rotations(poses: np.ndarray) -> np.ndarray:
    """(T, 55, 3, 3) rotations of the joints, in the frame of the motion, from poses (T, 165)."""
    local = rotation_matrices(np.asarray(poses, float).reshape(len(poses), -1, 3))
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            local[:, joint] = local[:, parent] @ local[:, joint]
    return local


def pose_skeleton(
    skeleton: Skeleton, quaternions: np.ndarray, translations: dict[int, np.ndarray] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Rotations (T, B, 3, 3) and heads (T, B, 3) in the world of a posed skeleton.

    Args:
        quaternions: (T, B, 4) w first, each bone's rotation from its rest, in its own axes
            (Blender's ``rotation_quaternion``). translations: bone index -> (T, 3) in the bone's
            rest axes and local units (Blender's ``location``).
    """
    frames = len(quaternions)
    local = matrices_of(quaternions)
    rotations = np.empty_like(local)
    heads = np.empty((frames, len(skeleton.names), 3))
    for bone in skeleton.order:
        parent = skeleton.parents[bone]
        rest, head = skeleton.rotations[bone], skeleton.heads[bone]
        if parent < 0:
            carried = np.broadcast_to(np.eye(3), (frames, 3, 3))
            heads[:, bone] = head
        else:
            carried = rotations[:, parent] @ skeleton.rotations[parent].T
            heads[:, bone] = heads[:, parent] + carried @ (head - skeleton.heads[parent])
        rotations[:, bone] = carried @ rest @ local[:, bone]
        if translations and bone in translations:
            moved = translations[bone] * skeleton.unit
            heads[:, bone] += (carried @ rest @ moved[..., None])[..., 0]
    return rotations, heads


def local_quaternions(skeleton: Skeleton, rotations: np.ndarray) -> np.ndarray:
    """(T, B, 4) rotations from rest, w first, of bones with rotations (T, B, 3, 3) in the world."""
    local = np.empty_like(rotations)
    for bone, parent in enumerate(skeleton.parents):
        if parent < 0:
            local[:, bone] = skeleton.rotations[bone].T @ rotations[:, bone]
            continue
        rest = skeleton.rotations[bone].T @ skeleton.rotations[parent]
        local[:, bone] = rest @ transposed(rotations[:, parent]) @ rotations[:, bone]
    return continuous(quaternions_of(local))


def matrices_of(quaternions: np.ndarray) -> np.ndarray:
    """Rotation matrices (..., 3, 3) of unit quaternions (..., 4), w first."""
    w, x, y, z = np.moveaxis(np.asarray(quaternions, float), -1, 0)
    return np.stack(
        [
            1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
            2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
            2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
        ],
        axis=-1,
    ).reshape(*w.shape, 3, 3)  # fmt: skip


def quaternions_of(matrices: np.ndarray) -> np.ndarray:
    """Unit quaternions (..., 4), w first, of rotation matrices (..., 3, 3).

    Of Shepperd's four formulas the one with the largest divisor, so none is near 0.
    """
    m = np.moveaxis(matrices, (-2, -1), (0, 1))
    xx, yy, zz = m[0, 0], m[1, 1], m[2, 2]
    squares = np.stack([1 + xx + yy + zz, 1 + xx - yy - zz, 1 - xx + yy - zz, 1 - xx - yy + zz])
    x, y, z = m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]
    xy, xz, yz = m[0, 1] + m[1, 0], m[0, 2] + m[2, 0], m[1, 2] + m[2, 1]
    table = np.stack(
        [
            np.stack([squares[0], x, y, z]),
            np.stack([x, squares[1], xy, xz]),
            np.stack([y, xy, squares[2], yz]),
            np.stack([z, xz, yz, squares[3]]),
        ]
    )
    best = squares.argmax(axis=0)[None, None]
    chosen = np.moveaxis(np.take_along_axis(table, best, axis=0)[0], 0, -1)
    return chosen / np.linalg.norm(chosen, axis=-1, keepdims=True)


def continuous(quaternions: np.ndarray) -> np.ndarray:
    """The same rotations (T, ..., 4) with signs chosen so that no frame jumps to the far side."""
    first = np.where(quaternions[:1, ..., :1] < 0, -1.0, 1.0)
    turns = np.sign((quaternions[1:] * quaternions[:-1]).sum(-1, keepdims=True))
    signs = np.cumprod(np.concatenate([first, np.where(turns == 0, 1.0, turns)]), axis=0)
    return quaternions * signs


def point_direction(skeleton: Skeleton, start: int, end: int) -> np.ndarray:
    """The unit direction (3,) from one bone's head to another's."""
    return unit(skeleton.heads[end] - skeleton.heads[start])


def _uniform_scale(matrix: np.ndarray) -> float:
    scales = np.linalg.norm(matrix, axis=0)
    if not np.isfinite(matrix).all() or scales.min() <= 1e-9:
        raise UserError(
            "The armature is scaled to nothing: give it a positive scale and apply it "
            "(in Blender: Ctrl+A, Scale)."
        )
    if np.linalg.det(matrix) < 0:
        raise UserError(
            "The armature has a negative scale, which mirrors left and right: apply the scale "
            "(in Blender: Ctrl+A, Scale) so that it is positive."
        )
    square = np.abs(transposed(matrix) @ matrix / scales.mean() ** 2 - np.eye(3)).max()
    if square > 10 * _TOLERANCE:
        raise UserError(
            "The armature is scaled differently along its axes: apply the scale "
            "(in Blender: Ctrl+A, Scale) to it and to its parents."
        )
    return float(scales.mean())


def _parents_first(names: tuple[str, ...], parents: tuple[int, ...]) -> tuple[int, ...]:
    if len(parents) != len(names):
        raise ValueError(f"Skeleton.parents has {len(parents)} entries, not {len(names)}")
    order: list[int] = []
    placed = [False] * len(names)
    for bone in range(len(names)):
        chain = []
        while bone >= 0 and not placed[bone]:
            if bone in chain:
                raise UserError(f"Bone {names[bone]!r} is its own ancestor: mend its parents.")
            chain.append(bone)
            bone = parents[bone]
        for member in reversed(chain):
            placed[member] = True
            order.append(member)
    return tuple(order)
