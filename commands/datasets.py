"""Datasets made, and runs judged and shown."""

from pathlib import Path
from typing import Any

import click

from .arguments import debug, out_folder, path_option, quiet, run_folder
from .guard import Command, result


@click.command(cls=Command)
@click.argument("recipe", metavar="RECIPE", type=click.Path(path_type=Path, dir_okay=False))
@out_folder()
@click.option("--workers", type=int, help="Children side by side; by cores and memory else.")
@click.option("--ray", metavar="ADDRESS", help="A Ray cluster: auto, local, HOST:PORT.")
@click.option("--only", metavar="ID", help="Make this one sample alone, as DIR/ID.tar.")
@click.option("--check", is_flag=True, help="Make nothing: hash and re-project what is in DIR.")
@path_option(
    "--certificate",
    metavar="PEM",
    help="Sign every video with a C2PA manifest: the certificate chain, leaf first.",
)
@path_option("--key", metavar="PEM", help="The certificate's private key.")
@quiet
@debug
def synthesize(
    recipe: Path,
    out: Path,
    only: str | None,
    check: bool,
    certificate: Path | None,
    key: Path | None,
    debug: bool,
    **running: Any,
) -> None:
    """Make the dataset that RECIPE (YAML) describes: samples of signers who do not exist."""
    from ..dataset.command import synthesize_command

    result(*synthesize_command(recipe, out, only, check, certificate, key, **running))


@click.command(cls=Command)
@click.argument(
    "paths", nargs=-1, required=True, metavar="DIR_OR_VIDEO...", type=click.Path(path_type=Path)
)
@path_option(
    "--source",
    metavar="CLIP",
    help="What they were made from; a run knows its own where it still stands.",
)
@out_folder(
    "Folder for evaluation.json and evaluation.html; a single run's own if not given.",
    required=False,
    metavar="FOLDER",
)
@click.option("--caption", metavar="TEXT", help="The generated signer in words, for CLIP.")
@click.option("--source-caption", metavar="TEXT", help="The source's signer in words, for CLIP.")
@click.option(
    "--recogniser",
    metavar="MODULE:FUNCTION",
    help="Your function from a video's path to its words, for back-translation.",
)
@quiet
@debug
def evaluate(paths: tuple[Path, ...], **values: Any) -> None:
    """How good runs or videos are against their source: a table, JSON and a page.

    DIR is the folder of a run; any other video of the same signing can stand beside it.
    """
    from ..road.evaluate import Asked, evaluate_paths

    result(*evaluate_paths(Asked(paths, **values)))


@click.command(cls=Command)
@run_folder
def compare(folder: Path) -> None:
    """What the enhancement of the face brings, and the whole signer beside the source.

    Writes expression.mp4 (source face, without, with enhancement) and compare.mp4, and both as GIF,
    into DIR, the folder of a run.
    """
    from ..road.expression_clip import write_comparisons

    result(*write_comparisons(folder))


COMMANDS = (synthesize, evaluate, compare)
