"""First stage: the autoencoder learns to keep fingers and faces through 64 times fewer places.

Loss: L1, more where the part picture shows hands and faces; L1 of the picture's gradients at two
scales, which keeps edges; and L1 of 8x8 means, which fixes hue early (a fresh autoencoder learns
lightness and leaves colour for later). Latents are kept near zero mean and unit deviation by a
penalty and disturbed by noise, so that small errors of the denoiser stay small in the picture.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from .build import MiniConfig, build_vae
from .cache import Samples
from .data import crop_batch
from .fit import FitOptions, Losses, fit
from .workers import Team

if TYPE_CHECKING:
    import torch
    from diffusers import AutoencoderTiny

CROP = 128
BATCH = 8
_LATENT_NOISE = 0.1


def train_vae(
    samples: Samples,
    config: MiniConfig,
    options: FitOptions,
    team: Team,
    device: str,
    report: Callable[[AutoencoderTiny, dict[str, float]], None] = lambda vae, row: None,
    crop: int = CROP,
    batch: int = BATCH,
) -> AutoencoderTiny:
    """The trained autoencoder, its `scaling_factor` set from latents of targets.

    `report` gets the autoencoder and the log row, as `fit` does.
    """
    import torch

    torch.manual_seed(options.seed)
    vae = build_vae(config).to(device, memory_format=torch.channels_last)

    def step(rng: np.random.Generator, spent: float) -> Losses:
        crops = crop_batch(samples, rng, batch, min(crop, samples.size))
        pick = torch.from_numpy(rng.random(batch) < 0.5)[:, None, None, None]
        picture = torch.where(pick, crops.beauty, crops.target).to(device)
        with torch.autocast(device, torch.bfloat16):
            latents = vae.encode(picture).latents
            noise = torch.randn_like(latents) * (_LATENT_NOISE * float(rng.random()))
            decoded = vae.decode(latents + noise).sample
        losses = picture_losses(decoded.float() - picture, crops.weight.to(device))
        return losses | {"latent": 0.01 * latent_penalty(latents.float())}

    fit(vae, step, options, team, lambda row: report(vae, row))
    vae.eval()
    if team.rank == 0:
        vae.register_to_config(scaling_factor=latent_scale(vae, samples, options.seed, device))
    return vae


def picture_losses(error: torch.Tensor, weight: torch.Tensor) -> Losses:
    """Losses of a picture's error (B,3,S,S) under a weight (B,1,S,S)."""
    import torch.nn.functional as functional

    weighted = error * (weight / weight.mean())
    losses = {"l1": weighted.abs().mean(), "hue": functional.avg_pool2d(error, 8).abs().mean()}
    edges = _gradients(weighted) + _gradients(functional.avg_pool2d(weighted, 2))
    return losses | {"edge": 0.5 * edges}


def latent_penalty(latents: torch.Tensor) -> torch.Tensor:
    """How far each channel's mean and deviation over the batch are from 0 and 1, squared."""
    mean = latents.mean((0, 2, 3))
    deviation = latents.std((0, 2, 3))
    return mean.square().mean() + (deviation - 1.0).square().mean()


def latent_scale(vae: AutoencoderTiny, samples: Samples, seed: int, device: str) -> float:
    """1 / deviation of the latents of 16 whole targets: what latents are multiplied by."""
    import torch

    rng = np.random.default_rng(seed)
    total = []
    for _ in range(16):
        frame = crop_batch(samples, rng, 1, samples.size).target.to(device)
        with torch.no_grad(), torch.autocast(device, torch.bfloat16):
            total.append(vae.encode(frame).latents.float())
    return round(float(1.0 / torch.cat(total).std()), 5)


def psnr(picture: torch.Tensor, truth: torch.Tensor) -> float:
    """Peak signal to noise ratio in dB of two pictures in [-1, 1]."""
    error = (picture.clamp(-1, 1) - truth).square().mean() / 4.0
    return float(-10.0 * error.clamp(min=1e-10).log10())


def _gradients(values: torch.Tensor) -> torch.Tensor:
    across = (values[..., 1:] - values[..., :-1]).abs().mean()
    down = (values[..., 1:, :] - values[..., :-1, :]).abs().mean()
    return across + down
