"""Several one-thread processes that train one model together on the CPU.

Each process takes a step on its own batch and the gradients are averaged through shared memory.
One process with several threads waits for its slowest thread after every operation; processes
wait once a step. On two cores with other work beside, that is the difference between training
and standing still.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_PATIENCE_S = 600.0


@dataclass(frozen=True)
class Team:
    """This process' place among `world` equal ones, with their shared board (world, n) float32.

    A team of one has no board and averages nothing.
    """

    rank: int = 0
    world: int = 1
    board: torch.Tensor | None = None
    barrier: Any = None

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """The mean of every member's flat float32 `values`; all members must call together."""
        if self.board is None:
            return values
        self.board[self.rank, : values.numel()] = values
        self.barrier.wait(_PATIENCE_S)
        mean = self.board[:, : values.numel()].mean(0)
        self.barrier.wait(_PATIENCE_S)
        return mean


def run_team(world: int, room: int, job: Callable[..., None], *arguments: Any) -> None:
    """Run `job(team, *arguments)` in `world` processes, with `room` floats to average.

    A team of one runs here, with torch's usual threads. `job` and `arguments` must pickle. When a
    member fails the others stop and its error is raised.
    """
    if world <= 1:
        job(Team(), *arguments)
        return
    import torch
    import torch.multiprocessing as mp

    context = mp.get_context("spawn")
    board = torch.zeros(world, room).share_memory_()
    barrier = context.Barrier(world)
    mp.spawn(_member, (world, board, barrier, job, arguments), nprocs=world)


def _member(
    rank: int, world: int, board: Any, barrier: Any, job: Callable[..., None], arguments: Any
) -> None:
    import torch

    torch.set_num_threads(1)
    job(Team(rank, world, board, barrier), *arguments)


def default_workers() -> int:
    """One process per usable core on a CPU, at most 8; one where there is a GPU."""
    import torch

    if torch.cuda.is_available():
        return 1
    return max(1, min(8, len(os.sched_getaffinity(0))))
