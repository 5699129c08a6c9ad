"""Third stage: UNet, ControlNets and IP-Adapter learn together to turn noise and render to target.

The road starts from the quick beauty render, half hidden in noise (img2img); the picture wanted is
the target, the same pose in better light. So the noisy input is made from latents of the beauty,
of the target, or of both mixed, and the prediction always aims at the target's latents:

    x_t = a * (m * beauty + (1 - m) * target) + s * noise,    v* = (a * x_t - target) / s,

which the v-prediction sampler turns into exactly `target`. Mixtures matter: after a DDIM step the
sample holds what the first estimate left of the beauty.

Some inputs are strays: their beauty wears other colours than target, caption and appearance, so
that what is asked for wins over what was rendered where the noise leaves the choice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from torch import nn

from .build import CONTROLS, TRAIN_STEPS, MiniConfig, build_controlnet, build_scheduler, build_unet
from .cache import Samples
from .data import Batch, appearance_batch, crop_batch
from .fit import FitOptions, Losses, fit
from .train_looks import Encoders, Truth, answer_loss, look_truth, tokens_of
from .workers import Team

if TYPE_CHECKING:
    import torch
    from diffusers import AutoencoderTiny
    from transformers import CLIPTokenizer


LOW_NOISE_STEPS = 380
"""Training times within which a frame that starts from its render is painted."""


@dataclass(frozen=True)
class DiffusionOptions:
    """What a batch holds. `full` is the chance of a batch of whole frames instead of crops."""

    crop: int = 256
    crop_count: int = 8
    full_count: int = 2
    full: float = 0.35
    pool: int = 6
    reuse: int = 3
    drop: float = 0.12
    stray: float = 0.15
    low_noise: float = 0.8
    heads: float = 0.05


class Painter(nn.Module):
    """All that the third stage trains."""

    def __init__(self, config: MiniConfig, encoders: Encoders) -> None:
        super().__init__()
        self.unet = build_unet(config)
        self.controlnets = nn.ModuleList(build_controlnet(config) for _ in CONTROLS)
        self.encoders = encoders

    def forward(
        self,
        noisy: torch.Tensor,
        times: torch.Tensor,
        text: torch.Tensor,
        image: torch.Tensor,
        controls: list[torch.Tensor],
        scales: torch.Tensor,
    ) -> torch.Tensor:
        """Predicted v (B,C,h,w), as the pipeline calls the same parts.

        `text` (B,77,width) token states, `image` (B,projection) embeddings, `controls` one
        (B,3,8h,8w) in [0,1] per ControlNet, `scales` (controls,B) their strengths.
        """
        sums: list[torch.Tensor] = []
        for net, control, scale in zip(self.controlnets, controls, scales, strict=True):
            down, mid = net(noisy, times, text, controlnet_cond=control, return_dict=False)
            scaled = [part * scale[:, None, None, None].to(part.dtype) for part in (*down, mid)]
            sums = [a + b for a, b in zip(sums, scaled, strict=True)] if sums else scaled
        return self.unet(
            noisy,
            times,
            text,
            added_cond_kwargs={"image_embeds": [image[:, None]]},
            down_block_additional_residuals=sums[:-1],
            mid_block_additional_residual=sums[-1],
            return_dict=False,
        )[0]


@dataclass(frozen=True)
class Encoded:
    """A batch after the autoencoder: latents, loss weights at their size, and the conditions."""

    beauty: torch.Tensor
    target: torch.Tensor
    weight: torch.Tensor
    stray: torch.Tensor
    controls: list[torch.Tensor]
    tokens: torch.Tensor
    pictures: torch.Tensor
    truth: Truth


def train_diffusion(
    samples: Samples,
    config: MiniConfig,
    vae: AutoencoderTiny,
    tokenizer: CLIPTokenizer,
    encoders: Encoders,
    options: FitOptions,
    team: Team,
    device: str,
    report: Callable[[Painter, dict[str, float]], None] = lambda painter, row: None,
    batch: DiffusionOptions | None = None,
) -> Painter:
    """The trained painter; a batch is encoded once and seen several times under new noise."""
    import torch

    batch = batch or DiffusionOptions()
    torch.manual_seed(options.seed)
    painter = Painter(config, encoders).to(device)
    painter.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    alphas = build_scheduler().alphas_cumprod.to(device)
    empty = tokens_of(tokenizer, [""], device)
    pool: deque[Encoded] = deque(maxlen=batch.pool)
    taken = 0

    def refill(rng: np.random.Generator) -> None:
        whole = rng.random() < batch.full or batch.crop >= samples.size
        size, count = (samples.size, batch.full_count) if whole else (batch.crop, batch.crop_count)
        crops = crop_batch(samples, rng, count, size, CONTROLS, stray=batch.stray)
        pool.append(_encode(crops, samples, config, vae, tokenizer, rng, device))

    def step(rng: np.random.Generator, spent: float) -> Losses:
        nonlocal taken
        if taken % batch.reuse == 0:
            refill(rng)
        taken += 1
        return painter_losses(painter, pool[int(rng.integers(len(pool)))], alphas, empty, batch)

    fit(painter, step, options, team, lambda row: report(painter, row))
    return painter.eval()


def painter_losses(
    painter: Painter,
    encoded: Encoded,
    alphas: torch.Tensor,
    empty: torch.Tensor,
    batch: DiffusionOptions,
) -> Losses:
    """One draw of times, mixtures, noise and dropped conditions over an encoded batch."""
    import torch

    target, device = encoded.target, encoded.target.device
    count = len(target)
    times = draw_times(count, batch.low_noise, encoded.stray)
    a, s = (value[times.to(device)][:, None, None, None] for value in _signal_noise(alphas))
    mix = draw_mixtures(count, encoded.stray)[:, None, None, None].to(device)
    noise = torch.randn_like(target)
    noisy = a * (mix * encoded.beauty + (1 - mix) * target) + s * noise
    wanted = (a * noisy - target) / s
    no_text, no_image = (torch.rand(2, count) < batch.drop).to(device)
    scales = (torch.rand(len(encoded.controls), count) >= batch.drop / 2).float().to(device)
    tokens = torch.where(no_text[:, None], empty, encoded.tokens)
    with torch.autocast(device.type, torch.bfloat16):
        text, said = painter.encoders.read_text(tokens)
        image, seen = painter.encoders.read_image(encoded.pictures)
        image = image * (~no_image)[:, None]
        v = painter(noisy, times.to(device), text, image, encoded.controls, scales)
    # The error of v is that of the estimated target over s: small noise is not let to rule.
    weight = encoded.weight / encoded.weight.mean() * s.square().clamp(min=0.15)
    losses = {"v": (weight * (v.float() - wanted).square()).mean()}
    truth = encoded.truth
    told = [part[~no_text] for part in truth]
    heads = answer_loss(seen.float(), truth)
    if len(told[0]):
        heads = heads + answer_loss(said.float()[~no_text], (told[0], told[1], told[2]))
    return losses | {"heads": batch.heads * heads}


def draw_times(count: int, low_noise: float, stray: torch.Tensor) -> torch.Tensor:
    """(count,) training times: mostly low, a few at pure noise, strays from 300 up."""
    import torch

    low = 20 + torch.rand(count) * LOW_NOISE_STEPS
    anywhere = torch.rand(count) * (TRAIN_STEPS - 1)
    times = torch.where(torch.rand(count) < low_noise, low, anywhere)
    times = torch.where(torch.rand(count) < 0.06, TRAIN_STEPS - 1.0, times)
    times = torch.where(stray & (times < 300), 300 + torch.rand(count) * 699, times)
    return times.round().long()


def draw_mixtures(count: int, stray: torch.Tensor) -> torch.Tensor:
    """(count,) share of the beauty in the noisy input: all, none, or between; all for strays."""
    import torch

    kind = torch.rand(count)
    share = torch.where(kind < 0.5, 1.0, torch.where(kind < 0.75, torch.rand(count), 0.0))
    return torch.where(stray, 1.0, share)


def _signal_noise(alphas: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return alphas.sqrt(), (1.0 - alphas).sqrt()


def _encode(
    crops: Batch,
    samples: Samples,
    config: MiniConfig,
    vae: AutoencoderTiny,
    tokenizer: CLIPTokenizer,
    rng: np.random.Generator,
    device: str,
) -> Encoded:
    import torch
    import torch.nn.functional as functional

    pictures = torch.cat([crops.beauty, crops.target]).to(device)
    with torch.no_grad(), torch.autocast(device, torch.bfloat16):
        latents = vae.encode(pictures).latents.float() * vae.config.scaling_factor
    beauty, target = latents.chunk(2)
    return Encoded(
        beauty=beauty,
        target=target,
        weight=functional.avg_pool2d(crops.weight, 8).to(device),
        stray=crops.stray,
        controls=[crops.controls[name].to(device) for name in CONTROLS],
        tokens=tokens_of(tokenizer, [look.caption for look in crops.looks], device),
        pictures=appearance_batch(samples, crops.looks, rng, config.vision_size).to(device),
        truth=look_truth(samples, crops.looks, device),
    )
