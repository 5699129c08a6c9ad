"""The measured figures as lines to read: what each is called, its unit, and what it should be.

The values come from `generate.evaluate`; their definitions are there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One line. `aim` is empty where there is none; `met` is whether the value reaches it."""

    name: str
    text: str
    aim: str = ""
    met: bool = True


@dataclass(frozen=True)
class _Line:
    """Where a figure lies in the evaluation, how it is written, and its bounds."""

    keys: tuple[str, ...]
    name: str
    form: str
    most: float | None = None
    least: float | None = None


_LINES = (
    _Line(("reprojection", "body"), "Reprojection error, body (median at 512 px)", "{:.1f} px", 6),
    _Line(("reprojection", "left_hand"), "Reprojection error, left hand", "{:.1f} px", 4),
    _Line(("reprojection", "right_hand"), "Reprojection error, right hand", "{:.1f} px", 4),
    _Line(("reprojection", "face"), "Reprojection error, face", "{:.1f} px", 4),
    _Line(("silhouette", "mean"), "Silhouette overlap (IoU, mean)", "{:.3f}", None, 0.9),
    _Line(("silhouette", "worst"), "Silhouette overlap, worst frame", "{:.3f}"),
    _Line(("hands", "left_hand", "ratio"), "Left hand found, against source", "{:.2f}", None, 0.7),
    _Line(
        ("hands", "right_hand", "ratio"), "Right hand found, against source", "{:.2f}", None, 0.7
    ),
    _Line(("colours", "all"), "Skin, shirt, hair nearest to what was asked", "{:.0%}", None, 0.8),
    _Line(("face_correlation", "mouth_opening"), "Mouth opening, correlation", "{:.2f}"),
    _Line(("face_correlation", "brow_height_left"), "Left brow, correlation", "{:.2f}"),
    _Line(("face_correlation", "brow_height_right"), "Right brow, correlation", "{:.2f}"),
    _Line(("face_correlation", "eye_opening_left"), "Left eye, correlation", "{:.2f}"),
    _Line(("face_correlation", "eye_opening_right"), "Right eye, correlation", "{:.2f}"),
    _Line(("warp_error", "generated", "hands"), "Flow-warp error, hands (8-bit levels)", "{:.1f}"),
    _Line(("warp_error", "generated", "face"), "Flow-warp error, face (8-bit levels)", "{:.1f}"),
    _Line(("warp_error", "generated", "body"), "Flow-warp error, body (8-bit levels)", "{:.1f}"),
    _Line(("ssim", "successive"), "SSIM of successive frames", "{:.3f}"),
)


def figure_lines(measured: Mapping[str, Any]) -> list[Figure]:
    """The figures that `measured` (the result of `generate.evaluate.evaluate`) holds, in order."""
    return [
        _figure(line, value)
        for line in _LINES
        if isinstance(value := _look_up(measured, line.keys), (int, float))
    ]


def _figure(line: _Line, value: float) -> Figure:
    text = line.form.format(value)
    if line.most is not None:
        aim = f"at most {line.form.format(line.most)}"
        return Figure(line.name, text, aim, value <= line.most)
    if line.least is not None:
        aim = f"at least {line.form.format(line.least)}"
        return Figure(line.name, text, aim, value >= line.least)
    return Figure(line.name, text)


def _look_up(values: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        if not isinstance(values, Mapping) or key not in values:
            return None
        values = values[key]
    return values
