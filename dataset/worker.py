"""A long-living child: `python -m diffsign.dataset.worker FOLDER`, tasks in, answers out.

A task is a JSON object on one line of standard input, with `do`, a name in TASKS; the answer is
one line on standard output: the task's result, or {"why": text} where it failed. What libraries
print goes to FOLDER/log. When standard input closes, the parent has ended or was killed: the child
leaves at once and its folder goes with it. Blender never shares a child with torch.
"""

from __future__ import annotations

import importlib
import json
import os
import queue
import resource
import shutil
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..render.worker import take_stdout

LOG_FILE = "log"
TASKS = {
    "prepare": "prepare:prepare",
    "render": "sample:make_sample",
    "paint": "painter:paint_sample",
    "witness": "witness:witness_sample",
}
"""Name of a task, the module beside this one, and its function (task, scratch) -> result."""


def main(arguments: list[str]) -> None:
    folder = Path(arguments[0])
    report = take_stdout(folder / LOG_FILE)
    tasks: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(tasks, folder), daemon=True).start()
    while True:
        report(_do(tasks.get(), folder))


def _listen(tasks: queue.SimpleQueue[dict[str, Any]], folder: Path) -> None:
    with os.fdopen(os.dup(0), encoding="utf-8") as stream:
        for line in stream:
            tasks.put(json.loads(line))
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def _do(task: dict[str, Any], scratch: Path) -> dict[str, Any]:
    module, function = TASKS[task["do"]].split(":")
    start = time.monotonic()
    try:
        action = getattr(importlib.import_module(f".{module}", __package__), function)
        result = dict(action(task, scratch))
    except UserError as error:
        result = {"why": str(error), "user": True}
    except Exception as error:
        traceback.print_exc()
        result = {"why": f"{type(error).__name__}: {error}"}
    result["seconds"] = round(time.monotonic() - start, 3)
    result["memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return result


if __name__ == "__main__":
    main(sys.argv[1:])
