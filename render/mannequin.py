"""A small avatar of balls and limbs on the 55 joints, to try the renderer in seconds."""

from __future__ import annotations

import numpy as np

from ..retarget.body.model import rotation_matrices
from ..retarget.body.skeleton import INDEX, JOINT_NAMES, PARENTS
from ..retarget.motion import CONFIDENCE_PARTS, Camera, Motion
from .avatar.avatar import Avatar, Material, Piece
from .avatar.record import Signer

ACTIONS = tuple(f"action{i}" for i in range(52))
GROWING_ACTION = 3
_SPINE: dict[str, tuple[float, float, float]] = {
    "pelvis": (0, 0.95, 0),
    "spine1": (0, 1.05, 0),
    "spine2": (0, 1.18, 0),
    "spine3": (0, 1.25, 0),
    "neck": (0, 1.45, 0),
    "head": (0, 1.55, 0.02),
    "jaw": (0, 1.56, 0.05),
}
_SIDE: dict[str, tuple[float, float, float]] = {
    "hip": (0.09, 0.87, 0),
    "knee": (0.1, 0.48, 0),
    "ankle": (0.1, 0.08, 0),
    "foot": (0.1, 0.02, 0.12),
    "collar": (0.06, 1.4, 0),
    "shoulder": (0.17, 1.42, 0),
    "elbow": (0.43, 1.42, 0),
    "wrist": (0.68, 1.42, 0),
    "eye_smplhf": (0.03, 1.62, 0.09),
}
_FINGER_Z = {"thumb": 0.045, "index": 0.025, "middle": 0.005, "ring": -0.015, "pinky": -0.035}


def rest_joints() -> np.ndarray:
    """(55, 3) plausible SMPL-X rest joints in metres."""
    places = dict(_SPINE)
    for side, sign in (("left", 1), ("right", -1)):
        for name, (x, y, z) in _SIDE.items():
            places[f"{side}_{name}"] = (sign * x, y, z)
        for finger, z in _FINGER_Z.items():
            start = 0.71 if finger == "thumb" else 0.77
            for k in range(3):
                places[f"{side}_{finger}{k + 1}"] = (sign * (start + 0.03 * k), 1.42, z)
    return np.array([places[name] for name in JOINT_NAMES], np.float32)


def _ball(centre: np.ndarray, radius: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rings, sides = 8, 10
    polar = np.linspace(0, np.pi, rings + 2)[1:-1, None]
    around = np.linspace(0, 2 * np.pi, sides, endpoint=False)[None]
    grid = np.stack(
        [
            np.sin(polar) * np.cos(around),
            np.cos(polar) + 0 * around,
            -np.sin(polar) * np.sin(around),
        ],
        axis=-1,
    ).reshape(-1, 3)
    points = np.concatenate([grid, [[0, 1, 0], [0, -1, 0]]]) * radius + centre
    top, bottom = rings * sides, rings * sides + 1
    faces = []
    for side in range(sides):
        after = (side + 1) % sides
        faces.append((top, side, after))
        faces.append((bottom, (rings - 1) * sides + after, (rings - 1) * sides + side))
        for ring in range(rings - 1):
            a, b = ring * sides + side, ring * sides + after
            c, d = a + sides, b + sides
            faces += [(a, c, b), (b, c, d)]
    return points, np.array(faces)


def mannequin() -> Avatar:
    """An avatar of two pieces: a body of limbs, and a head whose ball grows by GROWING_ACTION."""
    joints = rest_joints()
    points, faces, weights, materials = [], [], [], []
    count = 0
    for joint, parent in enumerate(PARENTS):
        if JOINT_NAMES[joint] in ("head", "jaw", "left_eye_smplhf", "right_eye_smplhf"):
            continue
        start = joints[parent] if parent >= 0 else joints[joint]
        reach = joints[joint] - start
        thick = 0.011 if joint >= 25 else 0.055
        ball, ball_faces = _ball((joints[joint] + start) / 2, thick + np.abs(reach) / 2)
        share = np.clip(((ball - start) @ reach) / max(reach @ reach, 1e-6), 0, 1)
        weight = np.zeros((len(ball), 55), np.float32)
        owner = max(parent, 0)
        weight[:, owner] = 1.0
        if joint >= 1:
            weight[:, owner] -= 0.5 * share
            weight[:, joint] += 0.5 * share
        points.append(ball)
        faces.append(ball_faces + count)
        weights.append(weight)
        materials.append(np.full(len(ball_faces), 1 if joint >= 25 else 0))
        count += len(ball)
    body_stop = count
    head, head_faces = _ball(np.array([0, 1.62, 0.03]), np.array([0.08, 0.12, 0.1]))
    weight = np.zeros((len(head), 55), np.float32)
    weight[:, INDEX["head"]] = 1
    vertices = np.concatenate([*points, head]).astype(np.float32)
    uv = np.random.default_rng(0).random((len(head_faces), 3, 2)).astype(np.float32)
    ids = np.arange(body_stop, body_stop + len(head), dtype=np.int32)
    starts = np.zeros(53, np.int64)
    starts[GROWING_ACTION + 1 :] = len(ids)
    return Avatar(
        signer=Signer(),
        vertices=vertices,
        joints=joints,
        parents=np.array(PARENTS, np.int32),
        joint_names=JOINT_NAMES,
        weights=np.concatenate([*weights, weight]),
        colours=np.random.default_rng(1).random((len(vertices), 3)).astype(np.float32),
        pieces=(
            Piece(
                "body",
                1,
                0,
                body_stop,
                np.concatenate(faces).astype(np.int32),
                np.concatenate(materials).astype(np.int32),
            ),
            Piece(
                "head",
                2,
                body_stop,
                len(vertices),
                (head_faces + body_stop).astype(np.int32),
                np.full(len(head_faces), 2, np.int32),
                uv,
            ),
        ),
        materials=(
            Material("top", "top", "cloth", (0.2, 0.3, 0.5)),
            Material("hands", "left_hand", "skin", (0.6, 0.4, 0.3)),
            Material("face", "face", "skin", (0.6, 0.4, 0.3), subsurface=0.1),
        ),
        action_names=ACTIONS,
        action_start=starts,
        action_vertices=ids,
        action_offsets=((head - [0, 1.62, 0.03]) * 0.3).astype(np.float32),
        body_vertices=np.full(4, -1, np.int32),
    )


def wave(camera: Camera, frames: int = 4, distance: float = 1.7) -> Motion:
    """The mannequin before the camera, turning, bending its arms and growing its head.

    Its chest is `distance` metres away on the camera's axis.
    """
    joints = rest_joints()
    time = np.linspace(0, 1, frames)
    still = 0 * time
    poses = np.zeros((frames, 55, 3))
    # Upright in a frame whose y points down is half a turn about x; then a turn about its own axis.
    turned = rotation_matrices(np.stack([still, 0.4 * time, still], -1))
    upright = rotation_matrices(np.array([[np.pi, 0.0, 0.0]]))[0]
    poses[:, 0] = _rotvecs(upright @ turned)
    poses[:, INDEX["left_shoulder"], 2] = -1.0 + 0.5 * time
    poses[:, INDEX["right_elbow"], 1] = 1.5 * time
    poses[:, INDEX["left_index1"], 2] = -time
    poses[:, INDEX["neck"], 0] = 0.2 * time
    chest = joints[INDEX["spine3"], 1] - joints[0, 1]
    trans = np.stack([0.1 * time, chest + still, distance - 0.2 * time], -1) - joints[0]
    actions = np.zeros((frames, 52))
    actions[:, GROWING_ACTION] = time
    return Motion(
        trans=trans,
        poses=poses.reshape(frames, 165),
        betas=np.zeros(1),
        expression=actions,
        facial_actions=actions,
        facial_action_names=ACTIONS,
        joints=np.zeros((frames, 55, 3)),
        joint_names=JOINT_NAMES,
        camera=camera,
        confidence={part: np.ones(frames) for part in CONFIDENCE_PARTS},
        fps=25.0,
    )


def _rotvecs(matrices: np.ndarray) -> np.ndarray:
    """Axis-angle vectors (..., 3) of rotation matrices."""
    from scipy.spatial.transform import Rotation

    return Rotation.from_matrix(matrices).as_rotvec()
