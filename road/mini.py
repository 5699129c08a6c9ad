"""`diffsign mini samples`: what the embedded generator learns from."""

from pathlib import Path

from ..errors import UserError
from .progress import make_reporter


def run_mini_samples(out: Path, **settings: int) -> Path:
    """Render the samples that are missing in `out`; the folder.

    Raises:
        UserError: an option or the folder cannot be used, or a sample cannot be made.
    """
    from ..render.synthesis import SynthesisOptions, synthesise

    reporter = make_reporter()
    with reporter.stage("samples") as progress:
        result = synthesise(out, SynthesisOptions(**settings), progress)
    reporter.note(f"{result.made} made, {result.kept} kept, {len(result.failed)} failed.")
    for number, why in result.failed.items():
        raise UserError(
            f"{len(result.failed)} samples were not made, the first of them {number} ({why}): "
            "the same command tries them again."
        )
    return out
