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


def aim_text(metric: "Metric", value: "Value") -> str:
    """What a figure should reach, in words; empty where nothing is set."""
    if value.aim is None:
        return ""
    return f"at {'most' if metric.better == 'lower' else 'least'} {value.text.format(value.aim)}"


def meets(metric: "Metric", value: "Value", number: float) -> bool | None:
    """Whether a number reaches its aim; None where nothing is set."""
    if value.aim is None:
        return None
    return number <= value.aim if metric.better == "lower" else number >= value.aim


def _figure(metric: "Metric", value: "Value", number: float) -> Figure:
    text = value.text.format(number)
    return Figure(
        value.title, text, aim_text(metric, value), meets(metric, value, number) is not False
    )
