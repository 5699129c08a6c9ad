"""Tasks on many machines, by Ray. The dataset's folder must be on storage that all of them see.

Ray schedules, retries and survives lost nodes; a task's object is a small record, the samples
themselves go straight to the shared folder. Rendering takes a processor core; painting takes a
graphics card where the cluster has any, so the two are placed apart.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from ..errors import UserError
from .local_run import Answer, Task, Then

RETRIES = 5
"""How often a task is begun anew when its node is lost."""
_IN_FLIGHT = 2
"""Tasks submitted per core: enough to keep all busy, few enough to keep Ray's tables small."""
_ANSWERS_WITHIN_SECONDS = 10.0

_children: dict[str, Any] = {}


class RayEngine:
    """Runs tasks on a cluster. address: "auto", "local", HOST:PORT or ray://HOST:PORT.

    Raises:
        UserError: Ray is missing, or nobody answers at the address.
    """

    peak_mb = 0

    def __init__(self, address: str) -> None:
        try:
            import ray
        except ImportError:
            raise UserError(
                "--ray needs the package ray: pip install 'diffsign[ray]', or leave it out."
            ) from None
        _check_answers(address)
        self._ray = ray
        if not ray.is_initialized():
            try:
                ray.init(
                    None if address == "local" else address,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    include_dashboard=False if address == "local" else None,
                )
            except (ConnectionError, RuntimeError, ValueError) as error:
                why = " ".join(str(error).split())
                raise UserError(f"Nobody answers at the Ray address {address} ({why}).") from None

    def run(
        self, tasks: Iterable[Task], kind: str, then: Then | None = None
    ) -> Iterator[tuple[Task, Answer]]:
        """(task, answer) as they are done, in any order; see `LocalEngine.run`."""
        ray = self._ray
        resources = ray.cluster_resources()
        first = ray.remote(num_cpus=1, max_retries=RETRIES)(_do)
        cards = 1 if resources.get("GPU", 0) >= 1 else 0
        second = ray.remote(num_cpus=1, num_gpus=cards, max_retries=RETRIES)(_do)
        most = max(2, int(_IN_FLIGHT * resources.get("CPU", 1)))
        waiting = iter(tasks)
        running: dict[Any, tuple[Task, bool]] = {}
        ended = False
        try:
            while running or not ended:
                while not ended and len(running) < most:
                    task = next(waiting, None)
                    if task is None:
                        ended = True
                    else:
                        running[first.remote(kind, task)] = (task, True)
                if not running:
                    break
                ready, _ = ray.wait(list(running), num_returns=1)
                for reference in ready:
                    task, is_first = running.pop(reference)
                    answer = self._answer(reference)
                    following = None
                    if is_first and then and "why" not in answer:
                        following = then(task, answer)
                    if following is not None:
                        running[second.remote("paint", following)] = (task, False)
                    else:
                        yield task, answer
        finally:
            for reference in running:
                with suppress(Exception):
                    ray.cancel(reference)

    def _answer(self, reference: Any) -> Answer:
        try:
            return self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            return {"why": " ".join(str(error).split())[:500]}


def _do(kind: str, task: Task) -> Answer:
    """Run a task in this Ray worker's own long-living child."""
    from .children import Child

    if kind not in _children:
        _children[kind] = Child(kind)
    return _children[kind].do(task)


def _check_answers(address: str) -> None:
    """Ask at HOST:PORT, so that nobody waits for Ray's own minute."""
    place = address.removeprefix("ray://")
    if place in ("auto", "local"):
        return
    host, _, port = place.rpartition(":")
    if not host or not port.isdecimal():
        raise UserError(f"--ray is {address!r}: give auto, local, HOST:PORT or ray://HOST:PORT.")
    try:
        socket.create_connection((host, int(port)), _ANSWERS_WITHIN_SECONDS).close()
    except OSError as error:
        raise UserError(
            f"Nobody answers at the Ray address {address} ({error.strerror or error}): start the "
            "cluster, or mend the address."
        ) from None
