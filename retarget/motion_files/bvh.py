"""Motion as BVH, which Blender, MotionBuilder and game engines read.

Conventions: the 55 joints of SMPL-X by name; offsets and positions in centimetres; y up, z towards
the camera, +x the signer's left, the camera at the origin; rotations in degrees in the order Z, X,
Y (matrix Rz Rx Ry), applied at a rest pose that is SMPL-X's T-pose. The face has no bones in BVH
beyond jaw and eyes: facial actions are not in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ...files import write_text
from ..body.model import rotation_matrices
from ..body.skeleton import JOINT_NAMES, PARENTS
from ..motion import Motion

_CENTIMETRES = 100.0
_Y_UP = np.diag([1.0, -1.0, -1.0])  # from the camera's axes, half a turn about x
_TIP = 0.8  # a fingertip lies about this much of the bone before it beyond the last joint
_ROTATIONS = "Zrotation Xrotation Yrotation"
_INDENT = "  "


def write_bvh(motion: Motion, path: str | Path) -> None:
    """Write a motion as a BVH file.

    Raises:
        UserError: the disk is full or the folder cannot be written.
    """
    write_text(path, "\n".join([*_hierarchy(motion), *_frames(motion)]) + "\n")


def rest_offsets(motion: Motion) -> np.ndarray:
    """(55, 3) metres from each joint's parent to it at rest; zeros for the root.

    They follow from the posed joints, so the body model is not needed.
    """
    rotations = _world_rotations(motion)
    offsets = np.zeros((len(PARENTS), 3))
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            bone = motion.joints[:, joint] - motion.joints[:, parent]
            offsets[joint] = (np.swapaxes(rotations[:, parent], 1, 2) @ bone[..., None]).mean(0)[
                :, 0
            ]
    return offsets


def _world_rotations(motion: Motion) -> np.ndarray:
    local = rotation_matrices(motion.poses.astype(np.float64).reshape(-1, len(PARENTS), 3))
    world = local.copy()
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            world[:, joint] = world[:, parent] @ local[:, joint]
    return world


def _children(joint: int) -> list[int]:
    return [child for child, parent in enumerate(PARENTS) if parent == joint]


def _order(joint: int = 0) -> Iterator[int]:
    """Joints as the file names them: each before its children, branch by branch."""
    yield joint
    for child in _children(joint):
        yield from _order(child)


def _hierarchy(motion: Motion) -> list[str]:
    offsets = rest_offsets(motion) * _CENTIMETRES
    lines = ["HIERARCHY"]

    def write(joint: int, depth: int) -> None:
        pad, inner = _INDENT * depth, _INDENT * (depth + 1)
        lines.append(f"{pad}{'JOINT' if depth else 'ROOT'} {JOINT_NAMES[joint]}")
        lines.append(pad + "{")
        lines.append(f"{inner}OFFSET {_numbers(offsets[joint])}")
        place = "" if depth else "Xposition Yposition Zposition "
        lines.append(f"{inner}CHANNELS {3 if depth else 6} {place}{_ROTATIONS}")
        children = _children(joint)
        for child in children:
            write(child, depth + 1)
        if not children:
            lines.append(f"{inner}End Site")
            lines.append(inner + "{")
            lines.append(f"{inner}{_INDENT}OFFSET {_numbers(_TIP * offsets[joint])}")
            lines.append(inner + "}")
        lines.append(pad + "}")

    write(0, 0)
    return lines


def _frames(motion: Motion) -> list[str]:
    from scipy.spatial.transform import Rotation

    local = rotation_matrices(motion.poses.astype(np.float64).reshape(-1, len(PARENTS), 3))
    local[:, 0] = _Y_UP @ local[:, 0]
    angles = Rotation.from_matrix(local.reshape(-1, 3, 3)).as_euler("ZXY", degrees=True)
    angles = np.unwrap(angles.reshape(len(local), -1, 3), axis=0, period=360)
    places = motion.joints[:, 0] @ _Y_UP * _CENTIMETRES
    rows = np.concatenate([places, angles[:, list(_order())].reshape(len(local), -1)], axis=1)
    head = ["MOTION", f"Frames: {len(rows)}", f"Frame Time: {1 / motion.fps:.9f}"]
    return head + [_numbers(row) for row in rows]


def _numbers(values: np.ndarray) -> str:
    return " ".join(f"{value + 0.0:.6f}" for value in values)
