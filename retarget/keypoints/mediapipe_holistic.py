"""Detection with MediaPipe Holistic 0.10.21, whose models are in its wheel: no network is needed.

Each frame gives 33 body points (in the image and in metres), 478 points of the face with irises,
and 21 of each hand. Holistic finds a hand by the wrist of the body, so its left hand is the
signer's own left (seen on a real clip: the hand's wrist is the body's left wrist).
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from ...video import probe, read_frames
from .people import Note, silent
from .quiet import quiet_native_stderr
from .record import Keypoints, missing, require_signer
from .smoothing import smooth
from .video_people import blanked, strip_of

Progress = Callable[[int, int], None]

# Complexity 1 is the one whose model is in the wheel (pose_landmark_full).
_SHORT = 32  # a clip of fewer frames is not worth a second tracker
_WARM_UP = 8  # frames that the second tracker sees before its own: then it tracks as one would
_OPTIONS = {"model_complexity": 1, "refine_face_landmarks": True, "smooth_landmarks": False}


def detect(
    clip: str | Path,
    progress: Progress | None = None,
    person: int | None = None,
    note: Note = silent,
) -> Keypoints:
    """Find the signer's body, face and hands in every frame of a clip.

    Two trackers work side by side, each on one half of the clip and with a decoder of its own, so
    detection runs beside decoding and on two cores; what they find does not depend on the machine.
    About 35 frames a second at 512 x 512 on two cores. Body points are smoothed over 0.2 s
    (`smoothing`); hands and face are as detected.

    Args:
        clip: a video file; a clip of one frame is allowed.
        progress: called as progress(done, total) after each frame.
        person: which of several people, from the left, from 1; by default the largest. The others
            are blanked out (`video_people`).
        note: told who was taken of several.

    Raises:
        UserError: the video cannot be read, or (nearly) no frame shows a person, or not
            that person.
    """
    info = probe(clip)
    strip = strip_of(info, person, note)
    parts = missing(info.frame_count)
    half = info.frame_count // 2
    spans = [(0, info.frame_count)]
    if info.frame_count >= _SHORT:
        spans = [(0, half), (half, info.frame_count)]
    counter = _Counter(info.frame_count, progress)
    with ThreadPoolExecutor(len(spans)) as pool:
        halves = [pool.submit(_track, clip, span, strip, parts, counter) for span in spans]
        try:
            for done in halves:
                done.result()
        except BaseException:
            counter.stop()
            raise
    for name in ("body", "body_world"):
        parts[name] = smooth(parts[name], info.fps)
    keypoints = Keypoints(info.fps, info.width, info.height, **parts)
    return require_signer(keypoints, str(clip))


class _Counter:
    """Counts the frames of several threads, and tells them when to stop."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total, self._progress = total, progress
        self._done = 0
        self._lock = threading.Lock()
        self.stopped = False

    def stop(self) -> None:
        self.stopped = True

    def tick(self) -> None:
        with self._lock:
            self._done += 1
            if self._progress:
                self._progress(self._done, self._total)


def _track(
    clip: str | Path,
    span: tuple[int, int],
    strip: np.ndarray | None,
    parts: dict[str, np.ndarray],
    counter: _Counter,
) -> None:
    """Fill the frames [start, stop) of the parts, after some frames to find the signer in."""
    start, stop = span
    first = max(start - _WARM_UP, 0)
    with _Tracker() as tracker:
        frames: Iterator[np.ndarray] = itertools.islice(read_frames(clip), first, stop)
        if strip is not None:
            frames = blanked(frames, strip[first:stop])
        for index, frame in enumerate(frames, first):
            if counter.stopped:
                return
            found = tracker.find(frame)
            if index >= start:
                for name, points in found.items():
                    parts[name][index] = points
                counter.tick()


def detect_image(image: np.ndarray) -> dict[str, np.ndarray]:
    """The parts found in one picture, (H, W, 3) uint8 RGB: (N, 4) arrays as a frame's in Keypoints.

    Parts that are not found are absent from the answer.
    """
    with _Tracker(static_image_mode=True) as tracker:
        return tracker.find(image)


class _Tracker:
    """MediaPipe Holistic, kept quiet until it has started."""

    def __init__(self, **options: Any) -> None:
        self._options = {**_OPTIONS, **options}
        self._holistic: Any = None
        self._started = False

    def __enter__(self) -> _Tracker:
        return self

    def __exit__(self, *_: object) -> None:
        if self._holistic:
            self._holistic.close()

    def find(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """Pixel coordinates by part for one RGB image; parts that are not found are absent."""
        if self._started:
            found = self._holistic.process(image)
        else:  # threads announce themselves from the start until a person has passed through
            with quiet_native_stderr():
                if not self._holistic:
                    import mediapipe

                    self._holistic = mediapipe.solutions.holistic.Holistic(**self._options)
                found = self._holistic.process(image)
            self._started = found.pose_landmarks is not None
        height, width = image.shape[:2]
        pixels = np.array([width, height, width])  # z has the scale of x
        parts = {
            "body": _rows(found.pose_landmarks, pixels, visibility=True),
            "body_world": _rows(found.pose_world_landmarks, np.ones(3), visibility=True),
            "face": _rows(found.face_landmarks, pixels),
            "left_hand": _rows(found.left_hand_landmarks, pixels),
            "right_hand": _rows(found.right_hand_landmarks, pixels),
        }
        return {name: rows for name, rows in parts.items() if rows is not None}


def _rows(landmarks: Any, scale: np.ndarray, visibility: bool = False) -> np.ndarray | None:
    """(N, 4); only the body's points have a confidence of their own, others have 1."""
    if landmarks is None:
        return None
    rows = np.array([(p.x, p.y, p.z, p.visibility) for p in landmarks.landmark], np.float32)
    rows[:, :3] *= scale
    rows[:, 3] = np.maximum(rows[:, 3], 1e-3) if visibility else 1
    return rows
