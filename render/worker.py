"""The child process that loads Blender: `python -m diffsign.render.worker FOLDER/job.json`.

The JSON holds `job`, a key of JOBS, and that job's arguments. FOLDER is the child's own: what
Blender prints goes to blender.log there, and its intermediate files too. Events go to standard
output as one JSON object per line.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import UserError
from .blender_process import LOG_FILE

JOBS = {
    "passes": "pass_job",
    "synthesis": "synthesis_job",
    "scene_passes": "scene_pass_job",
    "performance_file": "performance_file_job",
    "avatar_file": "avatar_file_job",
    "character": "character_job",
}
"""Name of a job, and the module beside this one whose `run(job, scratch, report)` does it."""

Report = Callable[[dict[str, Any]], None]


def main(arguments: list[str]) -> int:
    """Do the job; 0 when it is done, 2 for what the user can mend, 1 for everything else."""
    job_path = Path(arguments[0])
    folder = job_path.parent
    report = take_stdout(folder / LOG_FILE)
    _leave_with_the_parent(folder)
    job = json.loads(job_path.read_text(encoding="utf-8"))
    try:
        importlib.import_module(f".{JOBS[job['job']]}", __package__).run(job, folder, report)
    except UserError as error:
        report({"user_error": str(error)})
        return 2
    except Exception:
        traceback.print_exc()
        return 1
    return 0


def take_stdout(log: Path) -> Report:
    """Keep the real standard output for events; send file descriptors 1 and 2 to the log."""
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    chatter = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(chatter, 1)
    os.dup2(chatter, 2)
    os.close(chatter)

    def report(event: dict[str, Any]) -> None:
        events.write(json.dumps(event) + "\n")
        events.flush()

    return report


def _leave_with_the_parent(folder: Path) -> None:
    """End when standard input closes: the parent has ended or was killed. The folder goes along."""

    def wait() -> None:
        while os.read(0, 1024):
            pass
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(3)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stderr.flush()
    os._exit(status)  # Blender's own tear-down can hang or crash after good work
