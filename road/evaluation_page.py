"""evaluation.html: one or several evaluated clips on the report's page."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from .. import __version__
from ..errors import UserError
from ..files import write_text
from ..generate.evaluation.unavailable import Unavailable
from .case_page import case_page
from .report import render_page

if TYPE_CHECKING:
    from ..generate.evaluate import Evaluation
    from ..generate.evaluation.case import Case


def write_page(path: Path, cases: Sequence["Case"], evaluations: Sequence["Evaluation"]) -> Path:
    """Write the page of `evaluations`, each with the clips of its case, in step. Returns `path`."""
    pages = [
        case_page(found, _there(lambda: case.output_video), _there(lambda: case.source_video))  # noqa: B023
        for case, found in zip(cases, evaluations, strict=True)
    ]
    names = [evaluation.name for evaluation in evaluations]
    text = render_page(
        evaluations,
        pages,
        title=names[0] if len(names) == 1 else f"{len(names)} clips compared",
        mark="Evaluation",
        summary=", ".join(names),
        made_with=f"DiffSign {__version__}",
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    write_text(path, text)
    return path


def _there(find: Callable[[], Path]) -> Path | None:
    try:
        return find()
    except (Unavailable, UserError):
        return None
