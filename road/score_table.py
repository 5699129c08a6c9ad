"""The figures of one or several clips as one table: a row per figure, a column per clip."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .figures import aim_text, meets

if TYPE_CHECKING:
    from ..generate.evaluate import Evaluation

_ARROWS = {"higher": "↑", "lower": "↓", "neither": ""}


@dataclass(frozen=True)
class Cell:
    """A number as text; `share` is its size among the row's (0..1), `best` whether none is better.

    met: whether it reaches the aim; None where there is no aim or no number.
    """

    text: str
    share: float
    best: bool
    met: bool | None


@dataclass(frozen=True)
class ScoreRow:
    """A figure: `arrow` points the way that is better, `metric` is the title of its metric."""

    metric: str
    name: str
    arrow: str
    aim: str
    cells: tuple[Cell, ...]


def score_rows(evaluations: Sequence["Evaluation"]) -> list[ScoreRow]:
    """A row for every figure that at least one of the clips has, in the order of the metrics."""
    from ..generate.evaluation.metric import look_up
    from ..generate.evaluation.registry import METRICS

    rows = []
    for metric in METRICS:
        for value in metric.values:
            numbers = [look_up(e.figures.get(metric.name), value.key) for e in evaluations]
            known = [number for number in numbers if number is not None]
            if not known:
                continue
            top = max(map(abs, known)) or 1.0
            better = value.better or metric.better
            best = {"higher": max(known), "lower": min(known)}.get(better)
            rival = len(known) > 1 and min(known) != max(known)
            cells = tuple(
                Cell("–", 0.0, False, None)
                if number is None
                else Cell(
                    value.text.format(number),
                    abs(number) / top,
                    rival and number == best,
                    meets(metric, value, number),
                )
                for number in numbers
            )
            aim = aim_text(metric, value)
            rows.append(ScoreRow(metric.title, value.title, _ARROWS[better], aim, cells))
    return rows


def print_scores(evaluations: Sequence["Evaluation"]) -> None:
    """The table on the terminal, then what was not measured and why."""
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if Console().is_terminal else 140)
    table = Table(title=None, header_style="bold", show_lines=False, pad_edge=False)
    table.add_column("Figure", overflow="fold")
    table.add_column("Better")
    for evaluation in evaluations:
        table.add_column(evaluation.name, justify="right", overflow="fold")
    table.add_column("Aim", justify="right")
    metric = ""
    for row in score_rows(evaluations):
        if metric and row.metric != metric:
            table.add_section()
        metric = row.metric
        cells = [_styled(cell) for cell in row.cells]
        table.add_row(row.name, row.arrow, *cells, row.aim)
    console.print(table)
    for evaluation in evaluations:
        if evaluation.alignment:
            console.print(f"{evaluation.name}: paired {evaluation.alignment}.", markup=False)
        for name, reason in reasons(evaluation).items():
            console.print(f"{evaluation.name}: {name} not measured: {reason}.", markup=False)


def reasons(evaluation: "Evaluation") -> dict[str, str]:
    """Everything that was not measured, and why: whole metrics, and parts that lack weights."""
    parts = evaluation.figures.get("frechet", {}).get("lacking", {})
    lacking = {f"frechet ({part})": reason for part, reason in parts.items()}
    return {name: why.rstrip(".") for name, why in {**evaluation.skipped, **lacking}.items()}


def _styled(cell: Cell) -> str:
    text = f"[bold]{cell.text}[/bold]" if cell.best else cell.text
    return f"[red]{text}[/red]" if cell.met is False else text
