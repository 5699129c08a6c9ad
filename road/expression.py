"""`diffsign expression train`: from datasets of faces to a network for `--enhance learned`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import UserError
from .library_output import logged_to
from .lock import locked
from .options import Running
from .progress import make_reporter


def run_expression_train(
    datasets: Sequence[str],
    out: Path,
    running: Running,
    minutes: float = 60.0,
    renders: int = 200,
    uniform: bool = False,
    batch: int = 8,
    seed: int = 0,
    max_steps: int | None = None,
) -> tuple[Path, ...]:
    """Train in the folder `out`; the same call goes on where it stopped. Returns the network.

    Raises UserError for bad datasets, before anything is trained.
    """
    from ..generate.expression.learned.train import TrainOptions, collect, train

    if not minutes > 0:
        raise UserError(f"--minutes is {minutes:g}: give the time to train, above 0.")
    if renders < 2:
        raise UserError(f"--renders is {renders}: give at least 2 signers.")
    options = TrainOptions(out, minutes, not uniform, batch, renders, seed, max_steps=max_steps)
    with locked(out), logged_to(None if running.debug else out / ".diffsign" / "log.txt") as shown:
        reporter = make_reporter(running.quiet, shown)
        with reporter.stage("faces") as progress:
            sets = collect(datasets, options, progress)
        with reporter.stage("train") as progress:

            def report(row: dict[str, float]) -> None:
                progress(min(round(row["seconds"]), round(60 * minutes)), round(60 * minutes))

            path, record = train(sets, options, report)
        for name, value in record["held_out"].items():
            reporter.note(f"Held out, {name}: {value:.2f} of 255.")
    return (path,)
