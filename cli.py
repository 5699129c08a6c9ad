"""The command line: it parses, calls the rooms, and turns errors into one line and an exit code."""

import click

from . import __version__
from .commands import characters, datasets, learning, road
from .commands.guard import Command, Group
from .commands.road import generate, retarget, run

__all__ = ["generate", "main", "retarget", "run"]


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="diffsign")
def main() -> None:
    """The same signing by a signer who does not exist.

    CLIP is a video of a person signing; keypoints (.pose, a folder of OpenPose's JSON,
    COCO-WholeBody's .json or .npz); or fitted motion (AMASS .npz, SMPLify-X or SignAvatars .pkl).
    """


@main.command(cls=Command)
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
def doctor(as_json: bool) -> None:
    """What is installed, what is cached, what will run where, and how to get the rest."""
    from .road.doctor import examine, format_findings, to_json

    findings = examine()
    click.echo(to_json(findings) if as_json else format_findings(findings))


for _room in (road, characters, learning, datasets):
    for _command in _room.COMMANDS:
        main.add_command(_command)


if __name__ == "__main__":
    main()
