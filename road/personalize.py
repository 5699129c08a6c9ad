"""Learning one person, with the road's lock, log and progress."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..files import sweep
from .library_output import logged_to
from .lock import STATE_FOLDER, locked
from .options import Running
from .progress import make_reporter


def run_personalize(
    images: Sequence[Path], folder: Path, options: Mapping[str, Any], running: Running
) -> Path:
    """Learn the person in `images` into `folder`; the LoRA's file.

    Raises:
        UserError: a picture, an option or the model cannot be used, a full disk, another run in
            the same folder.
    """
    from ..generate.personalize.personalize import PersonalizeOptions, personalize

    asked = PersonalizeOptions(**options)
    with locked(folder):
        sweep(folder)
        log = None if running.debug else folder / STATE_FOLDER / "log.txt"
        with logged_to(log) as shown:
            reporter = make_reporter(running.quiet, shown)
            with reporter.stage("learn") as progress:
                return personalize(images, folder, asked, progress, reporter.note)
