"""A sidecar file that says where sign priors act, for a clip whose annotation is at hand.

    {"spans": [
        {"kind": "equal", "start": 0.4, "end": 1.2},
        {"kind": "held", "hand": "right", "start_frame": 40, "end_frame": 52},
        {"kind": "free", "start": 2.0, "end": 2.5}
    ], "detect": true}

``equal``: both hands have one handshape. ``held``: the handshape of a hand (``left``, ``right``, or
``both``, which is meant where nothing is said) stays as it is. ``free``: neither. Times are seconds
from the clip's start; frames count from 0; the end is not included. A span decides all of its
frames; in the others, what is found in the keypoints stands unless ``detect`` is false.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ...errors import UserError
from .sign_priors import SignPriors, no_sign_priors

KINDS = ("equal", "held", "free")
HANDS = {"left": (0,), "right": (1,), "both": (0, 1)}


@dataclass(frozen=True)
class Span:
    """One line of the file; start and end are frames where ``frames``, else seconds."""

    kind: str
    hand: str
    start: float
    end: float
    frames: bool

    def rows(self, fps: float) -> slice:
        """The frames of the span."""
        rate = 1.0 if self.frames else fps
        return slice(round(self.start * rate), round(self.end * rate))


@dataclass(frozen=True)
class SpanFile:
    """Spans in their order, and whether detection stands outside them."""

    spans: tuple[Span, ...]
    detect: bool = True


def read_spans(path: Path) -> SpanFile:
    """Read a file of spans.

    Raises:
        UserError: no such file, not JSON, or a span that cannot be used, by its number from 1.
    """
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: the sign priors cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is no JSON file of sign priors: {error}.") from error
    if not isinstance(record, dict) or not isinstance(record.get("spans"), list):
        raise UserError(f'{path}: sign priors are written {{"spans": [...]}}; see the docs.')
    if unknown := sorted(set(record) - {"spans", "detect"}):
        raise UserError(f"{path}: unknown entry {unknown[0]!r}; there are spans and detect.")
    detect = record.get("detect", True)
    if not isinstance(detect, bool):
        raise UserError(f"{path}: detect is {detect!r}; write true or false.")
    spans = [
        _span(entry, f"{path}, span {number}") for number, entry in enumerate(record["spans"], 1)
    ]
    return SpanFile(tuple(spans), detect)


def _span(entry: Any, where: str) -> Span:
    if not isinstance(entry, dict):
        raise UserError(f"{where} is {entry!r}; write an object with kind, start and end.")
    known = {"kind", "hand", "start", "end", "start_frame", "end_frame"}
    if unknown := sorted(set(entry) - known):
        raise UserError(
            f"{where}: unknown entry {unknown[0]!r}; there are {', '.join(sorted(known))}."
        )
    kind, hand = entry.get("kind"), entry.get("hand", "both")
    if kind not in KINDS:
        raise UserError(f"{where}: kind is {kind!r}; use {', '.join(KINDS)}.")
    if not isinstance(hand, str) or hand not in HANDS:
        raise UserError(f"{where}: hand is {hand!r}; use left, right or both.")
    if hand != "both" and kind == "equal":
        raise UserError(f"{where}: equal is of both hands; leave hand out.")
    frames = "start_frame" in entry or "end_frame" in entry
    names = ("start_frame", "end_frame") if frames else ("start", "end")
    if frames and ("start" in entry or "end" in entry):
        raise UserError(f"{where}: give start and end in seconds or in frames, not in both.")
    start, end = (_time(entry.get(name), f"{where}: {name}", frames) for name in names)
    if end <= start:
        raise UserError(f"{where} ends at {end:g}, not after its start at {start:g}.")
    return Span(kind, hand, start, end, frames)


def _time(value: Any, where: str, frames: bool) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value < 0:
        raise UserError(f"{where} is {value!r}; give a number from 0.")
    if frames and value != int(value):
        raise UserError(f"{where} is {value!r}; frames are whole numbers.")
    return float(value)


def overridden(found: SignPriors, file: SpanFile, fps: float) -> SignPriors:
    """What was found, with the file's spans in its place where they lie; later ones add to
    earlier ones, save that ``free`` clears."""
    known = found if file.detect else no_sign_priors(len(found.equal))
    equal, held = known.equal.clone(), known.held.clone()
    _clear(equal, held, file.spans, fps)
    number = int(held.max()) + 1 if held.numel() else 0
    for span in file.spans:
        rows = span.rows(fps)
        if span.kind == "free":
            equal[rows] = 0
            held[rows, list(HANDS[span.hand])] = -1
        elif span.kind == "equal":
            equal[rows] = 1
        else:
            held[rows, list(HANDS[span.hand])] = number
            number += 1
    return SignPriors(equal, held)


def _clear(equal: torch.Tensor, held: torch.Tensor, spans: Sequence[Span], fps: float) -> None:
    for span in spans:
        equal[span.rows(fps)] = 0
        held[span.rows(fps)] = -1
