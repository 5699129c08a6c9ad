"""Our own faces to learn from: one signer, one view, many expressions, with every point exact.

The avatar's head is posed rigidly and drawn by the exact rasteriser with a plain light: fast, the
same everywhere, and rich enough for geometry. The painter's looks come from augmentation.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.spatial.transform import Rotation

from ....render.avatar.avatar import Avatar
from ....render.avatar.build import build_avatar
from ....render.avatar.colours import linear_to_srgb
from ....render.avatar.random_signer import random_signer
from ....render.random_motion import FACIAL_GESTURES, random_face
from ....render.raster import rasterise
from ....render.surface import vertex_normals
from ....retarget.body.load import load_body
from ....retarget.body.phenotype import phenotype_betas
from ....retarget.body.skeleton import INDEX
from ....retarget.fit.face_model import face_model
from ....retarget.motion import Camera
from .clusters import clusters_of
from .faces import FaceSet

VIEWS, EXPRESSIONS = 3, 8
FINER = 2
_FACE_METRES = 0.29  # that the crop shows, as the crops of `crop.face_boxes`, before it is jittered
_HEAD_SHARE = 0.3  # of a vertex' weights that head and what hangs on it must have
_GESTURE = 0.35  # of the faces show one gesture alone and fully


def render_faces(
    signers: int,
    side: int,
    seed: int = 0,
    views: int = VIEWS,
    expressions: int = EXPRESSIONS,
    progress: Callable[[int, int], None] | None = None,
) -> FaceSet:
    """Faces of `signers` random signers, each in several views with several expressions.

    Deterministic in the seed. side: pixels of the crops.
    """
    body = load_body("open")
    names = body.action_names
    found: dict[str, list[np.ndarray]] = {"pictures": [], "points": [], "actions": [], "turn": []}
    angles: list[tuple[float, float]] = []
    for number in range(signers):
        rng = np.random.default_rng([seed, number])
        signer = random_signer(int(rng.integers(2**31)))
        betas = phenotype_betas(body, signer.phenotype)
        head = Head(build_avatar(signer, body, betas))
        model = face_model(body, betas)
        for _ in range(views):
            camera, turn, place, yaw, pitch = _view(rng, side)
            for number_ in range(expressions):
                actions = np.zeros(52) if number_ == 0 else _expression(rng, names)
                local = model.shown(actions[None])[0]
                found["pictures"].append(head.picture(actions, turn, place, camera))
                found["points"].append(camera.project(local @ turn.T + place))
                found["actions"].append(actions)
                found["turn"].append(turn[:, :2].T.reshape(-1))
                angles.append((yaw, pitch))
        if progress:
            progress(number + 1, signers)
    actions = np.array(found["actions"], np.float32)
    count = signers * views * expressions
    return FaceSet(
        pictures=np.array(found["pictures"]),
        points=np.array(found["points"], np.float32),
        actions=actions,
        turn=np.array(found["turn"], np.float32),
        group=np.arange(count, dtype=np.int32) // expressions,
        signer=np.arange(count, dtype=np.int32) // (views * expressions),
        clusters=clusters_of(actions, names, np.array(angles)),
    )


class Head:
    """An avatar's head, ready to be drawn: vertices relative to the head joint."""

    def __init__(self, avatar: Avatar) -> None:
        hangs = [INDEX[name] for name in ("head", "jaw", "left_eye_smplhf", "right_eye_smplhf")]
        near = avatar.weights[:, hangs].sum(1) > _HEAD_SHARE
        opaque = np.array([material.alpha >= 0.5 for material in avatar.materials])
        faces = np.concatenate(
            [piece.faces[opaque[piece.face_material]] for piece in avatar.pieces]
        )
        self._faces = faces[near[faces].all(1)]
        self._avatar = avatar
        self._origin = avatar.joints[INDEX["head"]]

    def picture(
        self, actions: np.ndarray, turn: np.ndarray, place: np.ndarray, camera: Camera
    ) -> np.ndarray:
        """(H,W,3) uint8 of the head with actions (52,), turned (3,3) and placed (3,) metres."""
        vertices = (self._avatar.with_actions(actions) - self._origin) @ turn.T + place
        fine = camera.scaled(FINER * camera.width, FINER * camera.height)
        hits = rasterise(vertices, self._faces, fine)
        normals = vertex_normals(vertices, self._faces)
        corners = self._faces[hits.face]
        normal = (normals[corners] * hits.weights[..., None]).sum(1)
        normal *= np.where(hits.front, 1.0, -1.0)[:, None]
        colour = (self._avatar.colours[corners] * hits.weights[..., None]).sum(1)
        light = 0.45 + 0.55 * np.clip(normal @ _LIGHT, 0, 1)
        picture = np.full((fine.width * fine.height, 3), 0.5)
        picture[hits.pixel] = np.clip(colour * light[:, None], 0, 1)
        small = picture.reshape(camera.height, FINER, camera.width, FINER, 3).mean((1, 3))
        return (linear_to_srgb(small) * 255 + 0.5).astype(np.uint8)


_LIGHT = np.array([-0.25, -0.45, -0.86])
"""Towards the light, in the camera's frame: above the camera and a little to its left."""


def _view(
    rng: np.random.Generator, side: int
) -> tuple[Camera, np.ndarray, np.ndarray, float, float]:
    """A camera, the head's turn and place, and its yaw and pitch in degrees."""
    yaw, pitch, roll = rng.normal(0, (16, 9, 6))
    upright = Rotation.from_rotvec([np.pi, 0, 0])
    turn = (upright * Rotation.from_euler("YXZ", [yaw, pitch, roll], degrees=True)).as_matrix()
    distance = rng.uniform(1.2, 3.0)
    focal = side * distance / (_FACE_METRES * rng.uniform(0.88, 1.15))
    camera = Camera(focal, focal, side / 2, side / 2, side, side)
    middle = np.array([0.0, 0.012, 0.09]) + rng.normal(0, 0.006, 3)  # of the face, from the joint
    return camera, turn, np.array([0, 0, distance]) - turn @ middle, float(yaw), float(pitch)


def _expression(rng: np.random.Generator, names: tuple[str, ...]) -> np.ndarray:
    if rng.random() > _GESTURE:
        return random_face(rng, names)
    actions = np.zeros(len(names))
    for name in FACIAL_GESTURES[rng.integers(len(FACIAL_GESTURES))]:
        actions[names.index(name)] = rng.uniform(0.6, 1.0)
    return actions
