"""Curves over time as inline SVG: no script draws them and nothing is fetched.

A curve's title reads "group, series"; curves of one group share a chart.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

import numpy as np

WIDTH, HEIGHT = 720, 120
_EDGE = 6
_MOST_POINTS = 1200
_COLOURS = 6
ALONE = ("Action",)
"""Groups whose every curve has a small chart of its own: too many to tell apart in one."""


@dataclass(frozen=True)
class Chart:
    """One drawn chart. svg is safe to embed; low and high are the ends of its scale as text."""

    title: str
    svg: str
    low: str
    high: str
    series: tuple[str, ...]
    small: bool = False


def charts(curves: Mapping[str, np.ndarray]) -> list[Chart]:
    """Charts of curves (T,) in their order; NaN are gaps. Curves without a number are left out."""
    groups: dict[tuple[str, bool], dict[str, np.ndarray]] = {}
    for title, values in curves.items():
        if not np.isfinite(values).any():
            continue
        group, _, series = title.partition(", ")
        if group in ALONE:
            groups[(series, True)] = {"": values}
        else:
            groups.setdefault((group, False), {})[series] = values
    return [_chart(title, lines, small) for (title, small), lines in groups.items()]


def _chart(title: str, lines: Mapping[str, np.ndarray], small: bool) -> Chart:
    known = np.concatenate([line[np.isfinite(line)] for line in lines.values()])
    low, high = float(known.min()), float(known.max())
    if low >= 0 and low < 0.3 * high:
        low = 0.0
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    count = max(len(line) for line in lines.values())
    drawn = "".join(
        f'<path class="line c{index % _COLOURS}" d="{_path(line, count, low, high)}"/>'
        for index, line in enumerate(lines.values())
    )
    named = ", ".join(name for name in lines if name)
    label = escape(f"{title} over {count} frames, {low:.3g} to {high:.3g}. {named}", quote=True)
    svg = (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" '
        f'role="img" aria-label="{label}" data-frames="{count}">{drawn}'
        f'<line class="cursor" x1="0" x2="0" y1="0" y2="{HEIGHT}"/></svg>'
    )
    return Chart(title, svg, f"{low:.3g}", f"{high:.3g}", tuple(n for n in lines if n), small)


def _path(line: np.ndarray, count: int, low: float, high: float) -> str:
    """An SVG path with a gap wherever the curve has none; a lone value is a short dash."""
    step = -(-len(line) // _MOST_POINTS)
    across = WIDTH / max(count - 1, 1)
    parts: list[str] = []
    up = False
    for frame in range(0, len(line), step):
        value = line[frame]
        if not np.isfinite(value):
            up = False
            continue
        y = HEIGHT - _EDGE - (value - low) / (high - low) * (HEIGHT - 2 * _EDGE)
        parts.append(f"{'L' if up else 'M'}{frame * across:.1f} {y:.1f}")
        if not up:
            parts.append("h1")
        up = True
    return "".join(parts)
