"""From a clip to a signer: the whole road, or a part of it."""

from pathlib import Path
from typing import Any

import click

from ..road.anonymize import PrivateLook
from ..road.options import Fitting, Look, Painting, Running, Viewing, cli_options, from_cli
from .arguments import clip, out_folder, run_folder
from .guard import Command, result


def _records(values: dict[str, Any], *classes: type) -> list[Any]:
    return [from_cli(cls, values) for cls in classes]


@click.command(cls=Command)
@clip
@cli_options(Look, Painting, Viewing, Fitting)
@out_folder()
@cli_options(Running)
def run(clip: Path, out: Path, **values: Any) -> None:
    """From CLIP to DIR/signer.mp4: all stages."""
    from ..road.run import run as run_road

    result(*run_road(clip, out, *_records(values, Fitting, Look, Painting, Running, Viewing)))


@click.command(cls=Command)
@clip
@out_folder()
@cli_options(Fitting, Running)
def fit(clip: Path, out: Path, **values: Any) -> None:
    """From CLIP to DIR/motion.npz: keypoints and motion."""
    from ..road.run import run_fit

    result(*run_fit(clip, out, *_records(values, Fitting, Running)))


@click.command(cls=Command)
@clip
@cli_options(PrivateLook, Painting, Viewing, Fitting)
@out_folder()
@cli_options(Running)
def anonymize(clip: Path, out: Path, **values: Any) -> None:
    """From CLIP to DIR/signer.mp4 with privacy as the aim.

    No pixel of CLIP reaches the result, a signer who would resemble CLIP's is chosen anew, and the
    report says what still identifies.
    """
    from ..road.run import run_anonymize

    records = _records(values, Fitting, PrivateLook, Painting, Running, Viewing)
    result(*run_anonymize(clip, out, *records))


@click.command(cls=Command)
@clip
@out_folder()
@cli_options(Look, Viewing, Fitting, Running)
def retarget(clip: Path, out: Path, **values: Any) -> None:
    """From CLIP to DIR/passes: keypoints, motion, avatar, rendered passes."""
    from ..road.run import run_retarget

    result(*run_retarget(clip, out, *_records(values, Fitting, Look, Running, Viewing)))


@click.command(cls=Command)
@run_folder
@cli_options(Look, Painting, Viewing, Running)
def generate(folder: Path, **values: Any) -> None:
    """From DIR/motion.npz to DIR/signer.mp4: dress, paint, bring the face to life, film.

    DIR is the folder of an earlier run or of `diffsign retarget`.
    """
    from ..road.run import run_generate

    result(*run_generate(folder, *_records(values, Look, Painting, Running, Viewing)))


@click.command(cls=Command)
@run_folder
@cli_options(Look, Painting, Running)
def paint(folder: Path, **values: Any) -> None:
    """From DIR/passes of any scene (the Blender add-on renders them) to DIR/signer.mp4."""
    from ..road.run import run_paint

    result(*run_paint(folder, *_records(values, Look, Painting, Running)))


COMMANDS = (run, fit, anonymize, retarget, generate, paint)
