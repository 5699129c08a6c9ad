"""The user's own clips to learn from: any frame of a signer is brought to any other of the clip."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from ....errors import UserError
from ....retarget.body.landmarks import global_rotations
from ....retarget.body.skeleton import INDEX
from ....retarget.fit.options import FitOptions
from ....retarget.fit.solve import fit_clip
from ....retarget.keypoints.source import load_keypoints
from ....video import read_frames
from ..crop import cut, face_boxes
from .clusters import clusters_of
from .faces import FaceSet

MOST = 2000  # faces of one clip: more of them say little that is new
_FEWEST = 2


def clip_faces(
    clip: Path, side: int, progress: Callable[[int, int], None] | None = None
) -> FaceSet:
    """The faces of a video, with the actions and head poses that the road reads from it.

    side: pixels of the crops. Raises UserError for a bad clip, and for one without faces.
    """
    keypoints = load_keypoints(clip, progress)
    seen = keypoints.seen("face")
    if seen.sum() < _FEWEST:
        raise UserError(f"{clip} shows no face: give a clip in which the signer's face is seen.")
    motion = fit_clip(keypoints, FitOptions(), progress)
    turn = global_rotations(motion.poses)[:, INDEX["head"]]
    points = np.where(seen[:, None, None], keypoints.face[..., :2], np.nan).astype(float)
    boxes = face_boxes(points)
    numbers = np.flatnonzero(seen)
    kept = numbers[np.unique(np.linspace(0, len(numbers) - 1, MOST).astype(int))]
    chosen = set(kept.tolist())
    pictures, places = [], []
    for number, frame in enumerate(read_frames(clip)):
        box = boxes[number] if number in chosen else None
        if box is None:
            continue
        crop = cut(frame, box)
        how = cv2.INTER_AREA if box.side > side else cv2.INTER_CUBIC
        pictures.append(cv2.resize(crop, (side, side), interpolation=how))
        places.append((points[number] - (box.x0, box.y0)) * (side / box.side))
    actions = motion.facial_actions.astype(np.float32)
    shown = clusters_of(actions, motion.facial_action_names, head_angles(turn), motion.fps)[kept]
    count = len(pictures)
    return FaceSet(
        pictures=np.array(pictures),
        points=np.array(places, np.float32),
        actions=actions[kept],
        turn=np.ascontiguousarray(np.swapaxes(turn[kept][:, :, :2], 1, 2), np.float32).reshape(
            count, 6
        ),
        group=np.zeros(count, np.int32),
        signer=np.zeros(count, np.int32),
        clusters=shown,
    )


def head_angles(turn: np.ndarray) -> np.ndarray:
    """(N,2) yaw and pitch in degrees of heads turned (N,3,3) from rest into the camera's frame."""
    upright = Rotation.from_rotvec([np.pi, 0, 0])
    return (upright.inv() * Rotation.from_matrix(turn)).as_euler("YXZ", degrees=True)[:, :2]
