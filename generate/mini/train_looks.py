"""Second stage: the two encoders learn what a signer's looks are, before any picture is painted.

Text and appearance picture are each asked for the colours of skin, hair, top, bottom and
background, for the hair style and for the garment. That takes minutes, and the denoiser then
meets tokens that already mean something; left to its loss alone they would stay noise for most
of a small budget. The questions' linear heads are not part of the checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from torch import nn

from ...render.avatar.record import HAIR_STYLES, TOPS
from .build import MiniConfig, build_image_encoder, build_text_encoder
from .cache import Samples
from .data import Look, appearance_batch, draw_look, look_colours
from .fit import FitOptions, Losses, fit
from .recolour import COLOUR_FIELDS
from .workers import Team

if TYPE_CHECKING:
    import torch
    from transformers import CLIPTokenizer

BATCH = 24


class Encoders(nn.Module):
    """Text and image encoder with the heads that question them."""

    def __init__(self, config: MiniConfig, vocabulary: int) -> None:
        super().__init__()
        answers = 3 * len(COLOUR_FIELDS) + len(HAIR_STYLES) + len(TOPS)
        self.text = build_text_encoder(config, vocabulary)
        self.image = build_image_encoder(config)
        self.text_head = nn.Linear(config.token_width, answers)
        self.image_head = nn.Linear(config.vision_projection, answers)

    def read_text(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Token states (B,77,width) and answers (B,answers) of token ids (B,77)."""
        output = self.text(tokens)
        return output.last_hidden_state, self.text_head(output.pooler_output)

    def read_image(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Embeddings (B,projection) and answers (B,answers) of pictures (B,3,S,S)."""
        embeds = self.image(pictures).image_embeds
        return embeds, self.image_head(embeds)


def train_looks(
    samples: Samples,
    config: MiniConfig,
    tokenizer: CLIPTokenizer,
    options: FitOptions,
    team: Team,
    device: str,
    report: Callable[[dict[str, float]], None] = lambda row: None,
    batch: int = BATCH,
) -> Encoders:
    """The encoders after `options.minutes` of questions."""
    import torch

    torch.manual_seed(options.seed)
    encoders = Encoders(config, len(tokenizer)).to(device)

    def step(rng: np.random.Generator, spent: float) -> Losses:
        looks = tuple(draw_look(samples, rng) for _ in range(batch))
        pictures = appearance_batch(samples, looks, rng, config.vision_size).to(device)
        with torch.autocast(device, torch.bfloat16):
            said = encoders.read_text(tokens_of(tokenizer, [k.caption for k in looks], device))[1]
            seen = encoders.read_image(pictures)[1]
        truth = look_truth(samples, looks, device)
        return {
            "said": answer_loss(said.float(), truth),
            "seen": answer_loss(seen.float(), truth),
        }

    fit(encoders, step, options, team, report)
    return encoders


Truth = tuple["torch.Tensor", "torch.Tensor", "torch.Tensor"]


def look_truth(samples: Samples, looks: tuple[Look, ...], device: str) -> Truth:
    """Right answers: colours (B,F,3), which of them show (B,F), and (B,2) hair style and top."""
    import torch

    colours, shown = look_colours(samples, looks)
    kinds = [(HAIR_STYLES.index(k.signer.hair_style), TOPS.index(k.signer.top)) for k in looks]
    return colours.to(device), shown.to(device), torch.tensor(kinds, device=device)


def answer_loss(answers: torch.Tensor, truth: Truth) -> torch.Tensor:
    """L1 of the shown colours plus a tenth of the cross entropies of hair style and top."""
    import torch.nn.functional as functional

    colours, shown, kinds = truth
    count = 3 * len(COLOUR_FIELDS)
    error = (answers[:, :count].reshape(colours.shape) - colours).abs().mean(-1)
    hair, top = answers[:, count:].split([len(HAIR_STYLES), len(TOPS)], dim=1)
    named = functional.cross_entropy(hair, kinds[:, 0]) + functional.cross_entropy(top, kinds[:, 1])
    return (error * shown).sum() / shown.sum().clamp(min=1.0) + 0.1 * named


def tokens_of(tokenizer: CLIPTokenizer, captions: list[str], device: str) -> torch.Tensor:
    """Token ids (B,77) as the pipeline makes them."""
    ids = tokenizer(
        captions,
        padding="max_length",
        max_length=tokenizer.model_max_length,
        truncation=True,
        return_tensors="pt",
    ).input_ids
    return ids.to(device)
