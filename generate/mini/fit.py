"""One training loop for every stage of mini: a time budget, checkpoints, a log.

The learning rate follows the share of the budget that is spent, so the same code trains an hour
on two cores or a day on a GPU and ends annealed. A killed run goes on from its last checkpoint.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...files import atomic_path
from .optimiser import Optimiser
from .workers import Team

if TYPE_CHECKING:
    import torch

Losses = dict[str, "torch.Tensor"]
Step = Callable[[np.random.Generator, float], Losses]
"""(random generator, share of the budget spent) -> losses by name; their sum is descended."""


@dataclass(frozen=True)
class FitOptions:
    """How long and how fast to train (rates as `Optimiser` reads them); where the results go.

    `minutes` is the stage's whole budget of training time, earlier runs of it included;
    `max_steps` ends it sooner (for tests). `seed` fixes batches and noise on one worker.
    """

    folder: Path
    name: str
    minutes: float
    rate: float
    matrix_rate: float
    max_steps: int | None = None
    seed: int = 0
    warm_up: int = 40
    report_s: float = 30.0
    save_s: float = 120.0
    weight_decay: float = 1e-3


def fit(
    module: torch.nn.Module,
    step: Step,
    options: FitOptions,
    team: Team,
    report: Callable[[dict[str, float]], None] = lambda row: None,
) -> None:
    """Train `module` in place on `step` until the budget is spent.

    `report` is called on the first member with a row (step, seconds, losses averaged since the
    last row) every `report_s` seconds and at the end; rows also go to `{name}.jsonl`. The weights
    after the last checkpoint are those of `{name}.pt` in the folder.
    """
    import torch

    optimiser = Optimiser(module, options.rate, options.matrix_rate, options.weight_decay)
    parameters = optimiser.parameters
    done, before = _resume(module, optimiser, options)
    torch.manual_seed(options.seed + 7919 * team.rank + done)
    rng = np.random.default_rng((options.seed, team.rank, done))
    started = last_report = last_save = time.monotonic()
    sums: dict[str, float] = {}
    since = 0
    spent = _share(done, before, options)
    while spent < 1.0:
        losses = step(rng, spent)
        optimiser.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        now = time.monotonic()
        # The share spent travels with the gradients, so that all members stop at the same step.
        share = _share(done + 1, before + now - started, options)
        spent = _average(parameters, share, team)
        pace = min(1.0, (done + 1) / options.warm_up) * _anneal(spent)
        if math.isfinite(float(torch.nn.utils.clip_grad_norm_(parameters, 1.0))):
            optimiser.step(pace)
        done += 1
        since += 1
        for name, loss in losses.items():
            sums[name] = sums.get(name, 0.0) + float(loss.detach())
        if team.rank == 0:
            if now - last_report > options.report_s or spent >= 1.0:
                row = {
                    "step": done,
                    "seconds": round(before + now - started, 1),
                    "pace": round(pace, 4),
                }
                row |= {name: total / since for name, total in sums.items()}
                _log(options, row)
                report(row)
                sums, since, last_report = {}, 0, time.monotonic()
            if now - last_save > options.save_s or spent >= 1.0:
                _save(module, optimiser, options, done, before + now - started)
                last_save = time.monotonic()


def finished(options: FitOptions) -> bool:
    """Whether the stage's checkpoint says that its budget was spent."""
    import torch

    path = _checkpoint(options)
    if not path.is_file():
        return False
    state = torch.load(path, map_location="cpu", weights_only=True)
    return _share(state["steps"], state["seconds"], options) >= 1.0


def load_weights(module: torch.nn.Module, folder: Path, name: str) -> None:
    """Read a stage's weights into its module."""
    import torch

    state = torch.load(folder / f"{name}.pt", map_location="cpu", weights_only=True)
    module.load_state_dict(state["weights"])


def _share(steps: int, seconds: float, options: FitOptions) -> float:
    share = seconds / (60.0 * options.minutes)
    return max(share, steps / options.max_steps) if options.max_steps else share


def _anneal(spent: float) -> float:
    """Full rate for the first 30 % of the budget, then a cosine down to 2 %."""
    late = min(1.0, max(0.0, (spent - 0.3) / 0.7))
    return 0.02 + 0.98 * 0.5 * (1.0 + math.cos(math.pi * late))


def _average(parameters: list[torch.nn.Parameter], share: float, team: Team) -> float:
    """Average the gradients over the team in place; returns the mean share spent."""
    if team.world == 1:
        return share
    import torch

    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    flat = torch.cat([*(g.reshape(-1).float() for g in gradients), torch.tensor([share])])
    mean = team.mean(flat)
    at = 0
    for parameter in parameters:
        count = parameter.numel()
        parameter.grad = mean[at : at + count].view_as(parameter)
        at += count
    return float(mean[-1])


def _checkpoint(options: FitOptions) -> Path:
    return options.folder / f"{options.name}.pt"


def _resume(
    module: torch.nn.Module, optimiser: Optimiser, options: FitOptions
) -> tuple[int, float]:
    import torch

    path = _checkpoint(options)
    if not path.is_file():
        return 0, 0.0
    state = torch.load(path, map_location="cpu", weights_only=True)
    module.load_state_dict(state["weights"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["steps"]), float(state["seconds"])


def _save(
    module: torch.nn.Module,
    optimiser: Optimiser,
    options: FitOptions,
    steps: int,
    seconds: float,
) -> None:
    import torch

    with atomic_path(_checkpoint(options)) as path:
        torch.save(
            {
                "weights": module.state_dict(),
                "optimiser": optimiser.state_dict(),
                "steps": steps,
                "seconds": seconds,
            },
            path,
        )


def _log(options: FitOptions, row: dict[str, float]) -> None:
    options.folder.mkdir(parents=True, exist_ok=True)
    with (options.folder / f"{options.name}.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps(row) + "\n")
