"""Detection with RTMW through the package rtmlib, an optional extra.

rtmlib fetches its weights from OpenMMLab when it is first used, so it needs the network once.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import UserError
from ...video import probe, read_frames
from .coco_wholebody import keypoints_parts
from .people import Note, one_person, silent
from .record import Keypoints, require_signer

Progress = Callable[[int, int], None]


def detect(
    clip: str | Path,
    progress: Progress | None = None,
    person: int | None = None,
    note: Note = silent,
) -> Keypoints:
    """Find body, face and hands (COCO-WholeBody's 133 points, no depth) in every frame of a clip.

    Args:
        clip: a video file.
        progress: called as progress(done, total) after each frame.
        person: which of several people, from the left, from 1; by default the largest.
        note: told who was taken of several.

    Raises:
        UserError: rtmlib is not installed or cannot start, the video cannot be read, or (nearly)
            no frame shows a person.
    """
    info = probe(clip)
    model = _model()
    people = []
    for index, frame in enumerate(read_frames(clip)):
        points, scores = model(np.ascontiguousarray(frame[..., ::-1]))  # it expects OpenCV's BGR
        table = np.concatenate([points, np.asarray(scores)[..., None]], axis=-1)
        people.append([keypoints_parts(one) for one in table])
        if progress:
            progress(index + 1, info.frame_count)
    parts = one_person(people, person, str(clip), note)
    return require_signer(Keypoints(info.fps, info.width, info.height, **parts), str(clip))


def _model() -> Any:
    try:
        from rtmlib import Wholebody
    except ImportError:
        raise UserError(
            "--detector rtmlib needs the package rtmlib: pip install 'diffsign[rtmlib]'."
        ) from None
    try:
        return Wholebody(to_openpose=False, mode="balanced", backend="onnxruntime", device="cpu")
    except OSError as error:
        raise UserError(
            f"rtmlib cannot fetch its weights ({error}): connect to the network once, or use "
            "--detector mediapipe."
        ) from error
