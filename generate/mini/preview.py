"""Contact sheets and figures of a mini in training, on samples that it does not train on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ...files import atomic_path
from .build import CONTROLS, TRAIN_STEPS, MiniConfig, build_scheduler
from .cache import Samples
from .data import CLIP_MEAN, CLIP_STD, appearance_batch, frame_batch
from .train_looks import tokens_of
from .train_vae import psnr

if TYPE_CHECKING:
    import torch
    from diffusers import AutoencoderTiny
    from transformers import CLIPTokenizer

    from .train_diffusion import Painter

Figures = dict[str, float]
TRIES = ((0.3, 2), (0.6, 2), (1.0, 4))
"""(strength, steps) that a sheet shows."""


def vae_sheet(vae: AutoencoderTiny, samples: Samples, path: Path, count: int = 3) -> Figures:
    """Targets above their round trip through the autoencoder; its PSNR in dB."""
    import torch

    truth = frame_batch(samples, _held_out(samples, count), np.random.default_rng(0)).target
    device = next(vae.parameters()).device
    with torch.no_grad(), torch.autocast(device.type, torch.bfloat16):
        back = torch.cat([_round_trip(vae, frame[None].to(device)).cpu() for frame in truth])
    _save_rows(path, [list(_pixels(truth)), list(_pixels(back))])
    return {"psnr": psnr(back, truth)}


def painter_sheet(
    painter: Painter,
    vae: AutoencoderTiny,
    tokenizer: CLIPTokenizer,
    samples: Samples,
    config: MiniConfig,
    path: Path,
    count: int = 3,
) -> Figures:
    """A row per sample: appearance, beauty, target, then each of TRIES; PSNR to the target."""
    import torch

    rng = np.random.default_rng(1)
    batch = frame_batch(samples, _held_out(samples, count), rng)
    pictures = appearance_batch(samples, batch.looks, rng, config.vision_size)
    device = str(next(painter.parameters()).device)
    painter.eval()
    with torch.no_grad(), torch.autocast(device, torch.bfloat16):
        tokens = tokens_of(tokenizer, [look.caption for look in batch.looks], device)
        text = painter.encoders.read_text(tokens)[0]
        image = painter.encoders.read_image(pictures.to(device))[0]
        conditions = (text, image, [batch.controls[name].to(device) for name in CONTROLS])
        render = vae.encode(batch.beauty.to(device)).latents.float() * vae.config.scaling_factor
        tries = [sample(painter, render, conditions, *how) for how in TRIES]
        decoded = [vae.decode(z / vae.config.scaling_factor).sample.float().cpu() for z in tries]
    painter.train()
    seen = pictures.permute(0, 2, 3, 1).numpy() * CLIP_STD + CLIP_MEAN
    columns = [(seen * 255).clip(0, 255).astype(np.uint8), _pixels(batch.beauty)]
    columns += [_pixels(batch.target), *map(_pixels, decoded)]
    _save_rows(path, [list(row) for row in zip(*columns, strict=True)])
    names = [f"psnr_{strength:g}x{steps}" for strength, steps in TRIES]
    figures = {"psnr_beauty": psnr(batch.beauty, batch.target)}
    return figures | {n: psnr(d, batch.target) for n, d in zip(names, decoded, strict=True)}


Conditions = tuple["torch.Tensor", "torch.Tensor", list["torch.Tensor"]]


def sample(
    painter: Painter, render: torch.Tensor, conditions: Conditions, strength: float, steps: int
) -> torch.Tensor:
    """Latents after `steps` DDIM steps, evenly from `strength` to 0, from the render's latents."""
    import torch

    alphas = build_scheduler().alphas_cumprod
    times = [round(strength * TRAIN_STEPS * (1 - k / steps)) - 1 for k in range(steps)]
    levels = [*((alphas[t].sqrt(), (1 - alphas[t]).sqrt()) for t in times), (1.0, 0.0)]
    noise = torch.randn(render.shape, generator=torch.Generator().manual_seed(0)).to(render)
    latents = levels[0][0] * render + levels[0][1] * noise
    text, image, controls = conditions
    scales = torch.ones(len(controls), len(render), device=render.device)
    for time, (a, s), (a_next, s_next) in zip(times, levels, levels[1:], strict=False):
        at = torch.full((len(render),), time, device=render.device)
        v = painter(latents, at, text, image, controls, scales).float()
        estimate = a * latents - s * v
        latents = a_next * estimate + s_next * (latents - a * estimate) / s
    return latents


def _round_trip(vae: AutoencoderTiny, pictures: torch.Tensor) -> torch.Tensor:
    # Not vae(pictures): its forward rounds the latents to bytes.
    return vae.decode(vae.encode(pictures).latents).sample.float()


def _held_out(samples: Samples, count: int) -> list[int]:
    """Indices spread over the samples that are not trained on (over all, in a tiny set)."""
    first = samples.training if samples.training < len(samples) else 0
    return [int(i) for i in np.linspace(first, len(samples) - 1, min(count, len(samples)))]


def _pixels(values: torch.Tensor) -> np.ndarray:
    """(B,H,W,3) uint8 of (B,3,H,W) in [-1,1]."""
    scaled = (values.clamp(-1, 1) + 1) * 127.5
    return scaled.round().byte().permute(0, 2, 3, 1).numpy()


def _save_rows(path: Path, rows: list[list[np.ndarray]]) -> None:
    """Pictures side by side in rows, each as tall as the tallest of all."""
    side = max(picture.shape[0] for row in rows for picture in row)

    def tile(picture: np.ndarray) -> np.ndarray:
        return np.asarray(Image.fromarray(picture).resize((side, side)))

    sheet = np.concatenate([np.concatenate([tile(p) for p in row], axis=1) for row in rows])
    with atomic_path(path) as beside:
        Image.fromarray(sheet).save(beside)
