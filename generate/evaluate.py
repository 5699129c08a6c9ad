"""How good a generated clip is: every metric that can be had, and why the others cannot.

A metric has its own module in `generate.evaluation`, which says what it is, its range, which way
is better and where it is from; `evaluation.registry` lists them. What cannot be had is named under
"skipped" with the reason.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from .. import __version__
from ..errors import UserError
from .evaluation.case import Case
from .evaluation.metric import Metric
from .evaluation.registry import METRICS
from .evaluation.timelines import fitted_curves
from .evaluation.unavailable import Unavailable

FORMAT = "diffsign-evaluation"
_CURVE_DIGITS = 4


@dataclass(frozen=True)
class Evaluation:
    """What was found of one case.

    figures: by metric, nested JSON values. skipped: metric to the reason in one sentence. curves:
    title to (T,) values over the output's frames, NaN where there is none. alignment: how the
    source's frames were paired with the output's, in words; frames_of_source: (T,) the pairs.
    """

    name: str
    frames: int | None
    fps: float | None
    figures: dict[str, Any]
    skipped: dict[str, str]
    curves: dict[str, np.ndarray] = field(default_factory=dict)
    alignment: str = ""
    frames_of_source: np.ndarray | None = None

    def facts(self) -> dict[str, Any]:
        """The figures and what was skipped, without the curves; JSON values."""
        return {**self.figures, "skipped": self.skipped}

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values; a curve's gaps are null."""
        pairs = self.frames_of_source
        return {
            "name": self.name,
            "frames": self.frames,
            "fps": self.fps,
            "alignment": self.alignment,
            "frames_of_source": None if pairs is None else pairs.tolist(),
            "figures": self.figures,
            "skipped": self.skipped,
            "curves": {title: _rounded(values) for title, values in self.curves.items()},
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Evaluation":
        """Back from `to_json`. Raises KeyError where a field is missing."""
        pairs = values["frames_of_source"]
        return cls(
            values["name"],
            values["frames"],
            values["fps"],
            values["figures"],
            values["skipped"],
            {title: np.array(curve, float) for title, curve in values["curves"].items()},
            values["alignment"],
            None if pairs is None else np.array(pairs, int),
        )


def evaluate(
    case: Case,
    metrics: tuple[Metric, ...] = METRICS,
    on_metric: Callable[[str, int, int], None] | None = None,
) -> Evaluation:
    """Measure everything that can be measured of `case`.

    on_metric: called before each metric as on_metric(title, done, total).
    """
    figures: dict[str, Any] = {}
    skipped: dict[str, str] = {}
    curves: dict[str, np.ndarray] = {}
    for done, metric in enumerate(metrics):
        if on_metric:
            on_metric(metric.title, done, len(metrics))
        measured = _attempt(partial(metric.measure, case), metric.name, skipped)
        if measured is not None:
            figures[metric.name] = dict(measured.figures)
            curves |= measured.curves
    skipped = {name: _without_folders(reason, case) for name, reason in skipped.items()}
    curves |= _attempt(lambda: fitted_curves(case.motion), "", {}) or {}
    alignment = _attempt(lambda: case.alignment, "", {})
    frames, fps = _length(case)
    return Evaluation(
        case.path.resolve().name,
        frames,
        fps,
        figures,
        skipped,
        {title: curve for title, curve in curves.items() if np.isfinite(curve).any()},
        alignment.how if alignment else "",
        alignment.source if alignment else None,
    )


def evaluation_file(evaluations: list[Evaluation]) -> dict[str, Any]:
    """The content of evaluation.json: the metrics' records, then every case."""
    return {
        "format": FORMAT,
        "made_with": f"DiffSign {__version__}",
        "metrics": {metric.name: metric.record() for metric in METRICS},
        "cases": [evaluation.to_json() for evaluation in evaluations],
    }


def read_evaluations(values: Mapping[str, Any]) -> list[Evaluation]:
    """The cases of an evaluation.json; none where it is of another format."""
    if values.get("format") != FORMAT:
        return []
    return [Evaluation.from_json(case) for case in values["cases"]]


def _attempt(measure: Callable[[], Any], name: str, skipped: dict[str, str]) -> Any:
    try:
        return measure()
    except (Unavailable, UserError) as error:
        skipped[name] = str(error)
        return None


def _without_folders(reason: str, case: Case) -> str:
    """A reason that can be passed on: it names files, not where they lie on this machine."""
    for path in (case.path, case.source):
        if path is not None:
            reason = reason.replace(f"{path.parent}/", "")
    return reason


def _length(case: Case) -> tuple[int | None, float | None]:
    from ..video import probe

    video = _attempt(lambda: probe(case.output_video), "", {})
    if video is not None:
        return video.frame_count, video.fps
    motion = _attempt(lambda: case.motion, "", {})
    return (motion.frame_count, motion.fps) if motion is not None else (None, None)


def _rounded(values: np.ndarray) -> list[float | None]:
    return [round(float(v), _CURVE_DIGITS) if np.isfinite(v) else None for v in values]
