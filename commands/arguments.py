"""Arguments and options that several commands share."""

from collections.abc import Callable
from pathlib import Path

import click

clip = click.argument("clip", type=click.Path(path_type=Path))
motion = click.argument("motion", type=click.Path(path_type=Path))
run_folder = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
quiet = click.option("--quiet", "-q", is_flag=True, help="No progress.")
debug = click.option("--debug", is_flag=True, help="Show whole tracebacks.")


def path_option(*names: str, metavar: str = "FILE", help: str, required: bool = False) -> Callable:
    """An option that names a file or a folder which is read."""
    kind = click.Path(path_type=Path)
    return click.option(*names, type=kind, metavar=metavar, help=help, required=required)


def out_file(help: str = "What is written.") -> Callable:
    """`-o FILE`."""
    kind = click.Path(path_type=Path, dir_okay=False)
    return click.option("-o", "--out", required=True, type=kind, metavar="FILE", help=help)


def out_folder(
    help: str = "Folder for everything that is made; a run in the same folder goes on where it "
    "stopped.",
    required: bool = True,
    metavar: str = "DIR",
) -> Callable:
    """`-o DIR`."""
    kind = click.Path(path_type=Path, file_okay=False)
    return click.option("-o", "--out", required=required, type=kind, metavar=metavar, help=help)


def seed(help: str) -> Callable:
    """`--seed NUMBER`."""
    return click.option("--seed", default=0, show_default=True, help=help)


def minutes(help: str) -> Callable:
    """`--minutes NUMBER`."""
    return click.option("--minutes", default=60.0, show_default=True, help=help)
