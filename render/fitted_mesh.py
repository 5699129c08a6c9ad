"""The fitted body drawn over its source: the quickest look at whether a fit is right."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from ..retarget.body.model import Body, pose_vertices, shape_body
from ..retarget.body.skeleton import LEFT_HAND, RIGHT_HAND
from ..retarget.motion import Motion
from .preview import MeshView

OPACITY = 0.72
_GROUPS = ("body", "eye_left", "eye_right", "tongue", "teeth_upper", "teeth_lower")
_SKIN, _LEFT, _RIGHT = (150, 180, 205), (255, 176, 87), (126, 217, 140)
_OTHERS = {
    "eye_left": (245, 245, 245),
    "eye_right": (245, 245, 245),
    "tongue": (200, 90, 90),
    "teeth_upper": (250, 250, 240),
    "teeth_lower": (250, 250, 240),
}


def overlay_mesh(
    motion: Motion, body: Body, pictures: Iterable[np.ndarray], opacity: float = OPACITY
) -> Iterator[np.ndarray]:
    """Lay the fitted mesh over pictures (H, W, 3) uint8, frame by frame; ends with the shorter.

    The left hand is orange and the right one green, as where points are drawn. The pictures' size
    may differ from the motion's camera's: they are drawn at their own.

    Raises:
        UserError: this machine has no OpenGL without a window.
    """
    faces = body.faces[np.isin(body.face_group, _known(body))]
    colours = vertex_colours(body)
    rest, joints = shape_body(body, motion.betas)
    view: MeshView | None = None
    try:
        for frame, picture in zip(range(motion.frame_count), pictures, strict=False):
            if view is None:
                view = MeshView(motion.camera.scaled(picture.shape[1], picture.shape[0]), finer=1)
            clip = motion.part(frame, frame + 1)
            actions = clip.facial_actions if body.actiondirs.shape[2] == 52 else None
            vertices = pose_vertices(body, rest, joints, clip.poses, clip.trans, actions)[0]
            drawn = view.draw(vertices, faces, colours)
            weight = opacity * drawn.mask[..., None]
            yield (picture * (1 - weight) + drawn.colour * weight + 0.5).astype(np.uint8)
    finally:
        if view is not None:
            view.close()


def vertex_colours(body: Body) -> np.ndarray:
    """(V, 3) uint8 sRGB: skin, each hand, eyes, teeth and tongue apart."""
    colours = np.tile(np.array(_SKIN, np.uint8), (len(body.v_template), 1))
    for joints, wrist, colour in (
        (LEFT_HAND, "left_wrist", _LEFT),
        (RIGHT_HAND, "right_wrist", _RIGHT),
    ):
        columns = [*joints, body.joint_names.index(wrist)]
        colours[body.weights[:, columns].sum(1) > 0.5] = colour
    for name, colour in _OTHERS.items():
        if name in body.group_names:
            group = body.face_group == body.group_names.index(name)
            colours[np.unique(body.faces[group])] = colour
    return colours


def _known(body: Body) -> list[int]:
    """Indices of the groups that are flesh; all of a body that has no such names."""
    found = [body.group_names.index(name) for name in _GROUPS if name in body.group_names]
    return found or list(range(len(body.group_names)))
