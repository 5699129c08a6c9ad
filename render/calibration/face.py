"""Measure what MediaPipe makes of the open body's face: at rest, and for every facial action.

    python -m diffsign.render.calibration.face_pictures -o PICTURES
    python -m diffsign.render.calibration.face PICTURES -o assets/open_body_face_landmarks.npz

The file holds the 478 points on the mesh (vertex_ids, weights), the bias (478, 3) by which the
detector's resting face lies beside them and its response (478, 3, 52) to each action at 1, in
metres in the head's frame. Both are least squares over the views (what one does not show another
does; the detector's own depth counts a little), averaged over signers and over both sides of the
face. The table that is printed gives, per action, how much of the mesh's movement the detector
shows and how alike the two are.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from PIL import Image

from ...errors import UserError
from ...files import atomic_path
from ...retarget.body.landmarks import landmarks
from ...retarget.body.load import load_body
from ...retarget.body.model import Body, rotation_matrices, shape_body
from ...retarget.fit.face_model import rigid_ids
from ...retarget.keypoints.quiet import quiet_native_stderr
from ...retarget.motion import Motion
from .face_pictures import VIEWS, picture_path

DEPTH_WEIGHT = 0.15
PRIOR = 0.05
"""Weight of the mesh's own movement beside one view."""

LOST_METRES = 0.02
"""A point whose detections lie further than this from it is put anew on the mesh."""


@dataclass(frozen=True)
class View:
    """One signer seen one way: turn (3, 3) from rest to camera, points (N, 3) of the mesh and what
    the detector sees of rest (N, 3) and of each action (A, N, 3; NaN where it sees no face), in
    metres in the camera's frame."""

    turn: np.ndarray
    points: np.ndarray
    rest: np.ndarray
    actions: np.ndarray


def detect_faces(paths: list[Path]) -> list[np.ndarray | None]:
    """(478, 3) pixels per picture, or None where no face is found."""
    with quiet_native_stderr():
        import mediapipe

        mesh = mediapipe.solutions.face_mesh.FaceMesh(
            static_image_mode=True, refine_landmarks=True, min_detection_confidence=0.3
        )
        found = []
        for path in paths:
            picture = np.asarray(Image.open(path).convert("RGB"))
            faces = mesh.process(picture).multi_face_landmarks
            scale = picture.shape[1], picture.shape[0], picture.shape[1]
            points = faces and [(p.x, p.y, p.z) for p in faces[0].landmark]
            found.append(np.array(points) * scale if points else None)
        mesh.close()
    return found


def read_view(folder: Path, name: str, body: Body) -> View:
    """One view of :mod:`.face_pictures` as the detector sees it.

    Raises:
        UserError: the pictures are not complete, or the resting face is not found.
    """
    motion = Motion.load(folder / f"{name}.npz")
    paths = [picture_path(folder, name, frame) for frame in range(motion.frame_count)]
    for path in paths:
        if not path.is_file():
            raise UserError(f"{path} is missing: run diffsign.render.calibration.face_pictures.")
    found = detect_faces(paths)
    if found[0] is None:
        raise UserError(f"No face is found in {paths[0]}: draw the pictures anew.")
    vertices, joints = shape_body(body, motion.betas)
    turn = rotation_matrices(motion.poses[:1, :3].astype(float))[0]
    points = landmarks(body).face.base(vertices[None], joints[None])[0]
    points = (points - joints[0]) @ turn.T + joints[0] + motion.trans[0]
    camera, depth = motion.camera, points[:, 2].mean()

    def metres(pixels: np.ndarray | None) -> np.ndarray:
        if pixels is None:
            return np.full((len(points), 3), np.nan)
        z = pixels[:, 2] / camera.fx * depth
        z = z + np.median((points[:, 2] - z)[rigid_ids()])
        xy = (pixels[:, :2] - [camera.cx, camera.cy]) / camera.fx * z[:, None]
        return np.concatenate([xy, z[:, None]], 1)

    return View(turn, points, metres(found[0]), np.stack([metres(f) for f in found[1:]]))


def mirror_of(points: np.ndarray) -> np.ndarray:
    """(N,) the partner of each point across the face, from a face seen straight on."""
    from scipy.optimize import linear_sum_assignment

    middle = points[[10, 152, 1, 168], 0].mean()
    mirrored = points[:, :2] * [-1, 1] + [2 * middle, 0]
    distance = np.linalg.norm(points[:, None, :2] - mirrored[None], axis=-1)
    return linear_sum_assignment(distance + distance.T)[1]


def mirrored_action(names: tuple[str, ...]) -> list[int]:
    """The action of the other side, for each."""
    swap = {"Left": "Right", "Right": "Left"}
    other = [
        next((name[: -len(end)] + swap[end] for end in swap if name.endswith(end)), name)
        for name in names
    ]
    return [names.index(name) for name in other]


def in_head(seen: list[tuple[np.ndarray, np.ndarray]], prior: np.ndarray) -> np.ndarray:
    """(N, 3) in the head's frame from (turn, (N, 3) in the camera's) of several views."""
    gram, right = PRIOR * np.eye(3), PRIOR * prior
    for turn, moved in seen:
        weighted = np.diag([1, 1, DEPTH_WEIGHT]) @ turn
        gram, right = gram + turn.T @ weighted, right + moved @ weighted
    return right @ np.linalg.inv(gram)


def solve(views: list[View], body: Body) -> tuple[np.ndarray, np.ndarray]:
    """The detector's bias (N, 3) and response (N, 3, A)."""
    face = landmarks(body).face
    own = np.einsum("nk,nkda->nda", face.vertex_weights, body.actiondirs[face.vertex_ids])
    partner, swap = mirror_of(views[0].rest), mirrored_action(body.action_names)
    flip = np.array([-1.0, 1.0, 1.0])
    bias = in_head([(view.turn, view.rest - view.points) for view in views], 0 * own[:, :, 0])
    response = np.zeros_like(own, float)
    for action in range(own.shape[2]):
        seen = []
        for view in views:
            moved = view.actions[action] - view.rest
            if np.isfinite(moved).all():
                # The fit lets the head move; so does the detector.
                seen.append((view.turn, moved - np.median(moved[rigid_ids()], axis=0)))
        response[:, :, action] = in_head(seen, own[:, :, action])
    bias = (bias + bias[partner] * flip) / 2
    other = (response[partner] * flip[None, :, None])[:, :, swap]
    return bias, (response + other) / 2


def renew_lost(views: list[View], body: Body) -> tuple[np.ndarray, np.ndarray]:
    """The points' vertices (N, 3) and weights (N, 3), the lost ones put on the nearest skin."""
    import trimesh

    face = landmarks(body).face
    ids, weights = face.vertex_ids.copy(), face.vertex_weights.copy()
    offset = in_head([(view.turn, view.rest - view.points) for view in views], np.zeros((478, 3)))
    lost = np.flatnonzero(np.linalg.norm(offset, axis=1) > LOST_METRES)
    places = np.einsum("nk,nkd->nd", weights, body.v_template[ids]) + offset
    skin = body.faces[body.group_faces("body")]
    corners = np.asarray(body.v_template[skin], float)
    for row in lost:
        near = np.flatnonzero(np.linalg.norm(corners.mean(1) - places[row], axis=1) < 0.04)
        nearest = trimesh.triangles.closest_point(
            corners[near], np.repeat(places[row][None], len(near), 0)
        )
        best = np.linalg.norm(nearest - places[row], axis=1).argmin()
        triangle = near[best]
        ids[row] = skin[triangle]
        weights[row] = trimesh.triangles.points_to_barycentric(
            corners[triangle][None], nearest[best][None]
        )[0]
    return ids, weights


def write_points(path: Path, views: list[View], body: Body) -> None:
    """Measure and write the file; the points of the body in use are where it begins."""
    ids, weights = renew_lost(views, body)
    bias, response = solve(views, body)
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(
            file,
            vertex_ids=ids.astype(np.int32),
            weights=weights.astype(np.float32),
            bias=bias.astype(np.float32),
            response=response.astype(np.float16),
        )


def print_table(response: np.ndarray, body: Body) -> None:
    """Per action, the detector's share of the mesh's movement, and their likeness."""
    face = landmarks(body).face
    own = np.einsum("nk,nkda->nda", face.vertex_weights, body.actiondirs[face.vertex_ids])
    click.echo(f"{'action':22s}{'share':>8s}{'cosine':>8s}{'most, mm':>10s}")
    for index, name in enumerate(body.action_names):
        ours, theirs = own[:, :2, index].ravel(), response[:, :2, index].ravel()
        both = float(ours @ theirs)
        share = both / max(float(ours @ ours), 1e-12)
        cosine = both / max(float(np.linalg.norm(ours) * np.linalg.norm(theirs)), 1e-12)
        most = 1000 * np.linalg.norm(response[:, :2, index], axis=1).max()
        click.echo(f"{name:22s}{share:8.2f}{cosine:8.2f}{most:10.1f}")


@click.command(help=__doc__)
@click.argument("pictures", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True)
def main(pictures: Path, output: Path) -> None:
    body = load_body("open")
    views = [read_view(pictures, name, body) for name in VIEWS]
    write_points(output, views, body)
    print_table(solve(views, body)[1], body)


if __name__ == "__main__":
    main()
