"""Several people in a source of keypoints: who is who over time, and whom to follow.

Detectors list the people of each frame in any order. Here detections become tracks (the nearest
body goes on, as a whole assignment per frame), and one track is chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ...errors import UserError
from .record import missing

Note = Callable[[str], None]
Person = Mapping[str, np.ndarray]
"""One person in one frame: parts by the names of `Keypoints`, (N, 4) x, y, z, confidence."""

_REACH = 1.0  # how far, in sizes of the person, a track may jump from one frame to the next
_SPECK = 0.05  # a track of less than this share of the greatest one is no person but an error


def silent(text: str) -> None:
    """A `Note` that nobody reads."""


def follow(frames: Sequence[Sequence[Person]]) -> list[list[int | None]]:
    """Link the people of successive frames by the nearest body.

    Args:
        frames: the people of each frame, in any order.

    Returns:
        Tracks, each with the person's index in every frame (None where not seen), from left to
        right by where they mostly are. A track that was lost goes on where somebody appears within
        one body size of where it was; errors of the detector that come and go are left out.
    """
    from scipy.optimize import linear_sum_assignment

    tracks: list[list[int | None]] = []
    last: list[np.ndarray] = []
    for index, people in enumerate(frames):
        for track in tracks:
            track.append(None)
        bodies = [_marks(person) for person in people]
        free = [number for number, body in enumerate(bodies) if len(_seen(body))]
        if tracks and free:
            costs = np.array(
                [[_distance(last[t], bodies[n]) for n in free] for t in range(len(tracks))]
            )
            for t, column in zip(*linear_sum_assignment(np.minimum(costs, 1e6)), strict=True):
                if costs[t, column] <= _REACH:
                    tracks[t][index] = free[column]
                    last[t] = bodies[free[column]]
        taken = {track[index] for track in tracks}
        for number in free:
            if number not in taken:
                tracks.append([None] * index + [number])
                last.append(bodies[number])
    weights = [_weight(frames, track) for track in tracks]
    kept = [t for t, w in zip(tracks, weights, strict=True) if w >= _SPECK * max(weights)]
    return sorted(kept, key=lambda track: _place(frames, track))


def chosen_track(
    frames: Sequence[Sequence[Person]], person: int | None, name: str, note: Note = silent
) -> tuple[list[list[int | None]], int | None]:
    """The tracks of everybody, and which is number `person` from the left, or else the largest.

    Largest is whose size, summed over the frames in which they are seen, is greatest. Where there
    is a choice, `note` is told how many people there are and who was taken. None: nobody is seen.

    Raises:
        UserError: there is no such person.
    """
    tracks = follow(frames)
    if person is not None and not 1 <= person <= max(len(tracks), 1):
        raise UserError(
            f"--person {person} is not in {name}, which shows {_people(len(tracks))}: count them "
            "from the left of the picture, from 1."
        )
    if not tracks:
        return [], None
    largest = int(np.argmax([_weight(frames, track) for track in tracks]))
    chosen = largest if person is None else person - 1
    if len(tracks) > 1:
        why = "the largest" if person is None else "as asked for"
        how = "; --person N takes another" if person is None else ""
        note(
            f"{name} shows {_people(len(tracks))}: number {chosen + 1} from the left is taken, "
            f"{why}{how}."
        )
    return tracks, chosen


def one_person(
    frames: Sequence[Sequence[Person]], person: int | None, name: str, note: Note = silent
) -> dict[str, np.ndarray]:
    """The parts (T, N, 4) of the person whom `chosen_track` chooses; nothing where nobody is."""
    tracks, chosen = chosen_track(frames, person, name, note)
    parts = missing(len(frames))
    for index, number in enumerate(tracks[chosen] if chosen is not None else ()):
        if number is not None:
            for part, rows in frames[index][number].items():
                parts[part][index] = rows
    return parts


def _people(count: int) -> str:
    return {0: "nobody", 1: "one person"}.get(count, f"{count} people")


def _marks(person: Person) -> np.ndarray:
    """(N, 3) x, y, confidence of what tells people apart: the body, or whatever there is."""
    body = person["body"]
    if (body[:, 3] > 0).any():
        return body[:, [0, 1, 3]]
    return np.concatenate([rows for part, rows in person.items() if part != "body_world"])[
        :, [0, 1, 3]
    ]


def _seen(marks: np.ndarray) -> np.ndarray:
    return marks[marks[:, 2] > 0, :2]


def _size(marks: np.ndarray) -> float:
    seen = _seen(marks)
    return float(np.linalg.norm(np.ptp(seen, axis=0))) if len(seen) else 0.0


def _distance(old: np.ndarray, new: np.ndarray) -> float:
    """Mean distance of the points that both have, in sizes of the person."""
    size = max(_size(old), _size(new), 1e-6)
    if old.shape == new.shape:
        both = (old[:, 2] > 0) & (new[:, 2] > 0)
        if both.any():
            return float(np.linalg.norm(old[both, :2] - new[both, :2], axis=1).mean()) / size
    gap = np.median(_seen(old), axis=0) - np.median(_seen(new), axis=0)
    return float(np.linalg.norm(gap)) / size


def _bodies(frames: Sequence[Sequence[Person]], track: Sequence[int | None]) -> list[np.ndarray]:
    return [
        _marks(people[number])
        for people, number in zip(frames, track, strict=True)
        if number is not None
    ]


def _weight(frames: Sequence[Sequence[Person]], track: Sequence[int | None]) -> float:
    """Size summed over time, each frame by how surely the person is seen."""
    return sum(_size(body) * float(body[:, 2].mean()) for body in _bodies(frames, track))


def _place(frames: Sequence[Sequence[Person]], track: Sequence[int | None]) -> float:
    return float(np.median([np.median(_seen(body)[:, 0]) for body in _bodies(frames, track)]))
