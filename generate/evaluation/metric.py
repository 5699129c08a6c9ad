"""What a metric is: its record, and what it gives back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from .case import Case

Better = Literal["higher", "lower", "neither"]


@dataclass(frozen=True)
class Value:
    """One number of a metric.

    key: where it lies in the metric's figures, names joined by dots. title: for people; text: how
    it is written. aim: what it should reach, where the project sets such a bound.
    """

    key: str
    title: str
    text: str = "{:.2f}"
    aim: float | None = None
    better: Better | None = None


@dataclass(frozen=True)
class Measured:
    """What a metric found: figures (JSON values, nested by name) and curves over the output.

    curves: title to (T,) values for every frame of the output, NaN where there is none.
    """

    figures: Mapping[str, Any]
    curves: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Metric:
    """One metric: how it is called, what it means, where it comes from, and how it is measured.

    low, high: the range that its values can have. better: which way is better; `neither` where a
    value only informs. source: who defined it. needs: what it cannot do without, for people.
    caveat: what it must not be taken for. measure raises `Unavailable` where something is missing.
    """

    name: str
    title: str
    unit: str
    low: float
    high: float
    better: Better
    source: str
    needs: str
    values: tuple[Value, ...]
    measure: Callable[["Case"], Measured]
    caveat: str = ""

    def record(self) -> dict[str, Any]:
        """What evaluation.json says of the metric; an end of the range is None where open."""
        ends = [end if np.isfinite(end) else None for end in (self.low, self.high)]
        return {
            "title": self.title,
            "unit": self.unit,
            "range": ends,
            "better": self.better,
            "source": self.source,
            "needs": self.needs,
            "caveat": self.caveat,
        }


def look_up(figures: Any, key: str) -> float | None:
    """The number at a dotted key, None where there is none."""
    for name in key.split("."):
        if not isinstance(figures, Mapping) or name not in figures:
            return None
        figures = figures[name]
    number = isinstance(figures, (int, float)) and not isinstance(figures, bool)
    return figures if number else None


def mean_or_none(values: np.ndarray) -> float | None:
    """Mean of what is not NaN; None where nothing is left."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None
