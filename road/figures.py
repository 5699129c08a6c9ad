"""The measured figures as lines to read: what each is called, its unit, and what it should be.

Names, units and aims stand in the metrics' own modules (`generate.evaluation`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..generate.evaluation.metric import Metric, Value


@dataclass(frozen=True)
class Figure:
    """One line. `aim` is empty where there is none; `met` is whether the value reaches it."""

    name: str
    text: str
    aim: str = ""
    met: bool = True


def figure_lines(measured: Mapping[str, Any]) -> list[Figure]:
    """The figures that `measured` (`generate.evaluate.Evaluation.facts`) holds, in order."""
    from ..generate.evaluation.metric import look_up
    from ..generate.evaluation.registry import METRICS

    return [
        _figure(metric, value, number)
        for metric in METRICS
        for value in metric.values
        if (number := look_up(measured.get(metric.name), value.key)) is not None
    ]


def _figure(metric: "Metric", value: "Value", number: float) -> Figure:
    text = value.text.format(number)
    if value.aim is None:
        return Figure(value.title, text)
    bound = value.text.format(value.aim)
    if metric.better == "lower":
        return Figure(value.title, text, f"at most {bound}", number <= value.aim)
    return Figure(value.title, text, f"at least {bound}", number >= value.aim)
