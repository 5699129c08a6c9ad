"""Commands whose every error reaches the user as one line and an exit code.

Exit codes: 0 done, 1 an error in the program, 2 something that the user can mend, 130 interrupted.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from ..errors import UserError


class Command(click.Command):
    """A command whose every error reaches the user as the exit codes above say."""

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:
        return _guarded(super().main, args, *rest, **extra)


class Group(click.Group):
    """A group of such commands."""

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:
        return _guarded(super().main, args, *rest, **extra)


def result(*paths: Path) -> None:
    """Print the paths of what was made, for other programs to read."""
    for path in paths:
        click.echo(path)


def _guarded(main: Callable, args: Sequence[str] | None, *rest: Any, **extra: Any) -> Any:
    debug = "--debug" in (sys.argv if args is None else args)
    try:
        extra["standalone_mode"] = False
        main(args, *rest, **extra)
    except click.exceptions.Exit as exit_:
        sys.exit(exit_.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(2)
    except click.ClickException as error:
        _stop(error.format_message(), 2)
    except UserError as error:
        if debug:
            raise
        _stop(str(error), 2)
    except (KeyboardInterrupt, click.Abort):
        _stop("interrupted; the same command goes on from here.", 130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    sys.exit(0)


def _stop(message: str, code: int) -> None:
    """Print `message` on one line of standard error and leave with `code`."""
    click.echo("diffsign: " + " ".join(message.split()), err=True)
    sys.exit(code)
