"""Several people in a video: find them, choose one, and blank out the rest.

MediaPipe Holistic follows one person, whichever it finds first. Its own pose detector, whose model
is in the wheel too, finds several; it is run twice a second on its own graph, its detections become
tracks (`people`), and around the chosen one a strip of the picture is kept that ends midway to the
neighbours. People who stand one behind the other cannot be told apart in this way.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...video import ClipInfo, read_frames
from .people import Note, Person, chosen_track
from .quiet import quiet_native_stderr
from .record import missing

_EVERY_SECONDS = 0.5
_GREY = 128
_GRAPH = """
input_stream: "image"
output_stream: "people"
node {
  calculator: "PoseDetectionCpu"
  input_stream: "IMAGE:image"
  output_stream: "DETECTIONS:people"
}
"""


class PeopleDetector:
    """MediaPipe's pose detector, which finds everybody in a picture."""

    def __init__(self) -> None:
        self._graph: Any = None
        self._found: list[Any] = []
        self._pictures = 0

    def __enter__(self) -> PeopleDetector:
        return self

    def __exit__(self, *_: object) -> None:
        if self._graph:
            self._graph.close()

    def find(self, image: np.ndarray) -> list[Person]:
        """Everybody in one RGB picture (H, W, 3); four points each stand in the place of a body.

        They are the middle of the hips, a point on the circle about the whole body, the middle of
        the shoulders, and a point on the circle about the upper body.
        """
        from mediapipe.python import packet_creator, packet_getter
        from mediapipe.python._framework_bindings import image_frame

        if not self._graph:
            self._start(packet_getter)
        self._found = []
        self._pictures += 1
        packet = packet_creator.create_image_frame(
            image_format=image_frame.ImageFormat.SRGB, data=np.ascontiguousarray(image)
        )
        with quiet_native_stderr():
            self._graph.add_packet_to_input_stream("image", packet.at(self._pictures))
            self._graph.wait_until_idle()
        height, width = image.shape[:2]
        return [_person(detection, width, height) for detection in self._found]

    def _start(self, packet_getter: Any) -> None:
        import mediapipe
        from mediapipe.python._framework_bindings import calculator_graph, resource_util

        def keep(_: str, packet: Any) -> None:
            self._found = packet_getter.get_proto_list(packet)

        resource_util.set_resource_dir(str(Path(mediapipe.__file__).parents[1]))
        with quiet_native_stderr():
            self._graph = calculator_graph.CalculatorGraph(graph_config=_GRAPH)
            self._graph.observe_output_stream("people", keep)
            self._graph.start_run()


def _person(detection: Any, width: int, height: int) -> Person:
    parts = {name: part[0] for name, part in missing(1).items()}
    points = detection.location_data.relative_keypoints
    for row, point in enumerate(points):
        parts["body"][row] = point.x * width, point.y * height, 0, detection.score[0]
    return parts


def strip_of(info: ClipInfo, person: int | None, note: Note) -> np.ndarray | None:
    """The columns (T, 2) of the picture, from and to, that belong to the chosen person.

    None where one person alone is seen throughout. Raises as `people.chosen_track`.
    """
    step = max(1, round(_EVERY_SECONDS * info.fps))
    with PeopleDetector() as detector:
        people = [
            detector.find(frame)
            for index, frame in enumerate(read_frames(info.path))
            if index % step == 0
        ]
    tracks, chosen = chosen_track(people, person, str(info.path), note)
    if chosen is None or len(tracks) < 2:
        return None
    times = np.arange(len(people)) * step
    courses = [_course(people, track, times, info.frame_count) for track in tracks]
    own = courses[chosen]
    strip = np.tile([0.0, float(info.width)], (info.frame_count, 1))
    for other in (course for index, course in enumerate(courses) if index != chosen):
        there = np.isfinite(other) & np.isfinite(own)
        border = (own + other) / 2
        left = there & (other < own)
        right = there & ~left
        strip[left, 0] = np.maximum(strip[left, 0], border[left])
        strip[right, 1] = np.minimum(strip[right, 1], border[right])
    return strip


def _course(
    people: list[list[Person]], track: list[int | None], times: np.ndarray, frames: int
) -> np.ndarray:
    """(T,) where a track's shoulders are across the picture; NaN before and after it is seen."""
    seen = [index for index, number in enumerate(track) if number is not None]
    across = [people[index][track[index]]["body"][2, 0] for index in seen]  # type: ignore[index]
    course = np.interp(np.arange(frames), times[seen], across)
    step = int(times[1]) if len(times) > 1 else frames
    course[: max(times[seen[0]] - step, 0)] = np.nan
    course[times[seen[-1]] + step :] = np.nan
    return course


def blanked(frames: Iterator[np.ndarray], strip: np.ndarray) -> Iterator[np.ndarray]:
    """The frames with everything outside the strip (T, 2) in grey."""
    for frame, (start, stop) in zip(frames, strip, strict=False):
        kept = np.full_like(frame, _GREY)
        columns = slice(int(start), int(np.ceil(stop)))
        kept[:, columns] = frame[:, columns]
        yield kept
