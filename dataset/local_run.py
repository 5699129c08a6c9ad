"""Tasks on this machine: one thread per long-living child, each taking the next task."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .children import Child

Task = dict[str, Any]
Answer = dict[str, Any]
Then = Callable[[Task, Answer], Task | None]


class LocalEngine:
    """Runs tasks in `workers` children side by side.

    A second step, such as painting, has one child for all workers: a model is large, and a
    graphics card is one.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.peak_mb = 0

    def run(
        self, tasks: Iterable[Task], kind: str, then: Then | None = None
    ) -> Iterator[tuple[Task, Answer]]:
        """(task, answer) as they are done, in any order.

        then: gives the second step's task of an answer, or None; the answer is then the second's.
        """
        waiting = iter(tasks)
        take, paint = threading.Lock(), threading.Lock()
        results: queue.SimpleQueue[tuple[Task, Answer] | None] = queue.SimpleQueue()
        stop = threading.Event()
        second = Child("paint", memory_limit_mb=1 << 20)
        children = [Child(kind) for _ in range(self.workers)]

        def work(child: Child) -> None:
            try:
                while not stop.is_set():
                    with take:
                        task = next(waiting, None)
                    if task is None:
                        break
                    answer = child.do(task)
                    following = then(task, answer) if then and "why" not in answer else None
                    if following is not None and not stop.is_set():
                        with paint:
                            answer = second.do(following)
                    results.put((task, answer))
            finally:
                child.close()
                results.put(None)

        threads = [threading.Thread(target=work, args=(c,), daemon=True) for c in children]
        for thread in threads:
            thread.start()
        running = len(threads)
        try:
            while running:
                result = results.get()
                if result is None:
                    running -= 1
                else:
                    yield result
        finally:
            stop.set()
            for child in (*children, second):
                child.stop()
            for thread in threads:
                thread.join()
            second.close()
            self.peak_mb = max(self.peak_mb, *(child.peak_mb for child in (*children, second)))
