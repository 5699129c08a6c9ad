"""Train mini from rendered samples with one command.

`diffsign mini train SAMPLES -o DIR [--minutes N] [--stage NAME]`

The stages are vae, looks, paint and save. DIR/work holds the decoded samples, checkpoints, logs
and contact sheets; DIR/mini is the finished checkpoint. A killed run goes on where it stopped;
with a larger --minutes a finished one trains on. The budget is shared as SHARES says.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import UserError
from .build import MiniConfig
from .cache import load_samples, open_samples
from .fit import FitOptions, finished, load_weights
from .workers import Team, default_workers, run_team

if TYPE_CHECKING:
    from diffusers import AutoencoderTiny
    from transformers import CLIPTokenizer

    from .train_diffusion import DiffusionOptions, Painter
    from .train_looks import Encoders

STAGES = ("vae", "looks", "paint")
SHARES = {"vae": 0.38, "looks": 0.05, "paint": 0.57}
RATES = {"vae": (1e-3, 0.01), "looks": (1e-3, 0.01), "paint": (1e-3, 0.01)}
"""AdamW's and Muon's rate of each stage."""
REPORT_S = {"vae": 60.0, "looks": 20.0, "paint": 240.0}
"""Seconds between rows of a stage's log; with a row of vae and paint comes a contact sheet."""


@dataclass(frozen=True)
class TrainOptions:
    """One training run. `max_steps` ends each stage after so many steps (for tests)."""

    samples: Path
    out: Path
    minutes: float = 60.0
    config: MiniConfig = field(default_factory=MiniConfig)
    workers: int = 1
    seed: int = 0
    max_steps: int | None = None
    sheets: bool = True
    vae_crop: int = 128
    vae_batch: int = 8
    looks_batch: int = 24
    batch: DiffusionOptions | None = None

    @property
    def work(self) -> Path:
        """Where caches, checkpoints, logs and sheets lie."""
        return self.out / "work"

    @property
    def cache(self) -> Path:
        """The decoded samples."""
        return self.work / "samples"

    def fit(self, stage: str) -> FitOptions:
        """The stage's share of the budget."""
        return FitOptions(
            folder=self.work,
            name=stage,
            minutes=self.minutes * SHARES[stage],
            rate=RATES[stage][0],
            matrix_rate=RATES[stage][1],
            max_steps=self.max_steps,
            seed=self.seed,
            report_s=REPORT_S[stage],
        )


def train(options: TrainOptions, stages: tuple[str, ...] = (*STAGES, "save")) -> Path:
    """Run the stages whose budget is not spent yet; returns the checkpoint's folder.

    Raises UserError where there are no samples, or a stage lacks what the one before it makes.
    """
    for stage in STAGES:
        if stage in stages and not _done(options, stage):
            load_samples(options.samples, options.cache)
            run_team(options.workers, _room(options), run_stage, options, stage)
    if "save" in stages:
        save(options)
    return options.out / "mini"


def _done(options: TrainOptions, stage: str) -> bool:
    # The autoencoder is written for the later stages after its last checkpoint.
    written = stage != "vae" or (options.work / "vae" / "config.json").is_file()
    return written and finished(options.fit(stage))


def run_stage(team: Team, options: TrainOptions, stage: str) -> None:
    """One member's part in one stage."""
    from . import preview
    from .train_diffusion import train_diffusion
    from .train_looks import train_looks
    from .train_vae import train_vae

    samples, device = open_samples(options.cache), _device()
    fit = options.fit(stage)

    def shown(row: dict[str, float], figures: dict[str, float] | None = None) -> None:
        values = (f"{key} {value:.4g}" for key, value in {**row, **(figures or {})}.items())
        print(f"{stage}:", *values, file=sys.stderr, flush=True)

    def sheet(row: dict[str, float]) -> Path:
        return options.work / "sheets" / f"{stage}_{int(row['step']):06d}.png"

    if stage == "vae":

        def vae_report(vae: AutoencoderTiny, row: dict[str, float]) -> None:
            shown(row, preview.vae_sheet(vae, samples, sheet(row)) if options.sheets else None)

        vae = train_vae(
            samples,
            options.config,
            fit,
            team,
            device,
            vae_report,
            options.vae_crop,
            options.vae_batch,
        )
        if team.rank == 0:
            vae.save_pretrained(options.work / "vae")
    elif stage == "looks":
        tokenizer = _tokenizer()
        train_looks(
            samples, options.config, tokenizer, fit, team, device, shown, options.looks_batch
        )
    else:
        vae, tokenizer = _trained_vae(options, device), _tokenizer()
        encoders = _encoders(options, tokenizer)

        def paint_report(painter: Painter, row: dict[str, float]) -> None:
            figures = None
            if options.sheets:
                figures = preview.painter_sheet(
                    painter, vae, tokenizer, samples, options.config, sheet(row)
                )
            shown(row, figures)

        train_diffusion(
            samples,
            options.config,
            vae,
            tokenizer,
            encoders,
            fit,
            team,
            device,
            paint_report,
            options.batch,
        )


def save(options: TrainOptions) -> int:
    """Write the checkpoint from the work folder; returns its size in bytes."""
    from .save import save_mini
    from .train_diffusion import Painter

    tokenizer = _tokenizer()
    painter = Painter(options.config, _encoders(options, tokenizer))
    if not (options.work / "paint.pt").is_file():
        raise UserError(f"{options.work} holds no trained painter; run the stage paint first")
    load_weights(painter, options.work, "paint")
    record = {
        "samples": len(open_samples(options.cache)),
        "minutes": options.minutes,
        "seed": options.seed,
    }
    vae = _trained_vae(options, "cpu")
    return save_mini(options.out / "mini", options.config, vae, painter, tokenizer, record)


def _tokenizer() -> CLIPTokenizer:
    from ...render.dress.caption import vocabulary
    from .tokenizer import build_tokenizer

    return build_tokenizer(vocabulary())


def _encoders(options: TrainOptions, tokenizer: CLIPTokenizer) -> Encoders:
    """The encoders of the second stage, or fresh ones where it was left out."""
    from .train_looks import Encoders

    encoders = Encoders(options.config, len(tokenizer))
    if (options.work / "looks.pt").is_file():
        load_weights(encoders, options.work, "looks")
    return encoders


def _trained_vae(options: TrainOptions, device: str) -> AutoencoderTiny:
    import torch
    from diffusers import AutoencoderTiny

    folder = options.work / "vae"
    if not (folder / "config.json").is_file():
        raise UserError(f"{options.work} holds no trained autoencoder; run the stage vae first")
    vae: Any = AutoencoderTiny.from_pretrained(folder)
    return vae.eval().requires_grad_(False).to(device, memory_format=torch.channels_last)


def _stages(asked: str | None) -> tuple[str, ...]:
    """All stages, or the one asked for; the last one that trains also saves."""
    if asked is None:
        return (*STAGES, "save")
    return (asked, "save") if asked == STAGES[-1] else (asked,)


def _room(options: TrainOptions) -> int:
    """Floats that the largest stage averages: all weights, and the share of the budget spent."""
    if options.workers <= 1:
        return 0
    from .build import build_vae
    from .train_diffusion import Painter

    parts = (build_vae(options.config), Painter(options.config, _encoders(options, _tokenizer())))
    return 1 + max(sum(p.numel() for p in part.parameters()) for part in parts)


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def train_stages(
    samples: Path,
    out: Path,
    minutes: float = 60.0,
    stage: str | None = None,
    workers: int | None = None,
    seed: int = 0,
) -> Path:
    """`diffsign mini train`: all stages or one, on as many processes as there are cores.

    Raises UserError as `train` does, and where the time or the processes are none.
    """
    if not minutes > 0:
        raise UserError(f"--minutes is {minutes:g}: give the time to train, above 0.")
    if workers is not None and workers < 1:
        raise UserError(f"--workers is {workers}: give at least 1 process.")
    workers = workers or default_workers()
    return train(TrainOptions(samples, out, minutes, workers=workers, seed=seed), _stages(stage))
