"""`diffsign evaluate`: any runs and videos against their sources, one table, JSON, one page."""

from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError
from ..files import read_json, write_json
from .library_output import logged_to
from .progress import make_reporter

EVALUATION = "evaluation.json"
PAGE = "evaluation.html"


@dataclass(frozen=True)
class Asked:
    """What the command line asks for.

    paths: folders of runs, or videos. source: for all that do not name their own. caption: words
    for the generated signer, source_caption for the source. recogniser: `module:function`.
    """

    paths: tuple[Path, ...]
    out: Path | None = None
    source: Path | None = None
    caption: str | None = None
    source_caption: str | None = None
    recogniser: str | None = None
    quiet: bool = False
    debug: bool = False


def evaluate_paths(asked: Asked) -> tuple[Path, ...]:
    """Measure everything, print the table, write evaluation.json and evaluation.html.

    Returns their paths.

    Raises:
        UserError: a path or the source cannot be read, the recogniser cannot be loaded, or it is
            not clear where to write.
    """
    from ..generate.evaluate import evaluate, evaluation_file
    from ..generate.evaluation.back_translation import load_recogniser
    from ..generate.evaluation.case import Case
    from .evaluation_page import write_page
    from .lock import STATE_FOLDER
    from .score_table import print_scores

    _check(asked)
    out = _out_folder(asked)
    recogniser = load_recogniser(asked.recogniser) if asked.recogniser else None
    log = None if asked.debug else out / STATE_FOLDER / "evaluate.txt"
    cases, evaluations = [], []
    with logged_to(log) as shown:
        reporter = make_reporter(asked.quiet, shown)
        for path in asked.paths:
            source = asked.source or _own_source(path)
            case = Case(path, source, None, _captions(asked, path), recogniser)
            with reporter.stage(path.resolve().name[:20]) as progress:
                found = evaluate(case, on_metric=lambda _, done, total: progress(done, total))
            cases.append(case)
            evaluations.append(found)
        write_json(out / EVALUATION, evaluation_file(evaluations))
        page = write_page(out / PAGE, cases, evaluations)
    if not asked.quiet:
        print_scores(evaluations)
    return out / EVALUATION, page


def _out_folder(asked: Asked) -> Path:
    if asked.out is not None:
        return asked.out
    if len(asked.paths) == 1 and asked.paths[0].is_dir():
        return asked.paths[0]
    raise UserError("Name the folder for the results with -o: there is not one run alone.")


def _check(asked: Asked) -> None:
    """Refuse what cannot be read, before anything is measured."""
    for path in (*asked.paths, *([asked.source] if asked.source else [])):
        if not path.exists():
            raise UserError(f"There is no {path}: check its name and folder.")
    from ..video import probe

    for path in asked.paths:
        if path.is_file():
            probe(path)
        elif not any((path / name).is_file() for name in ("signer.mp4", "motion.npz")):
            raise UserError(f"{path} is no run: it holds neither signer.mp4 nor motion.npz.")


def _own_source(path: Path) -> Path | None:
    """What a run was made from, where it still stands unchanged."""
    from .remembered import source_clip

    return source_clip(path) if path.is_dir() else None


def _captions(asked: Asked, path: Path) -> tuple[str, str] | None:
    """Words for source and output: those given, else what the run calls its signer."""
    from ..generate.evaluation.clip_direction import SOURCE_CAPTION

    words = asked.caption
    record = path / "signer.json"
    if words is None and record.is_file():
        stages = {stage["name"]: stage for stage in read_json(record)["stages"]}
        words = stages.get("avatar", {}).get("facts", {}).get("caption")
    return (asked.source_caption or SOURCE_CAPTION, words) if words else None
