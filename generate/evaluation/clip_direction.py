"""CLIP directional similarity: does the picture change as the words do?

Gal et al. 2022 (StyleGAN-NADA), as DiffSign's compute_dir_sim.py takes it: source frame to output
frame against "a female sign language signer" to the words for the generated signer, frame by
frame, averaged.
"""

from pathlib import Path
from typing import Any

import numpy as np

from .case import Case
from .encoders import CLIP, clip_encoder, load_local, local_folder, unit
from .metric import Measured, Metric, Value
from .unavailable import Unavailable

SOURCE_CAPTION = "a sign language signer"
"""For the source where the user gives no words; DiffSign's scripts say what they see, "a female
sign language signer"."""


def directional_similarity(
    source: np.ndarray, output: np.ndarray, caption: np.ndarray, changed: np.ndarray
) -> np.ndarray:
    """Cosine (N,) of the pictures' change (N, D) and the words' change (D,), all made unit first.

    -1..1, higher is better; 0 where either does not change.
    """
    pictures = unit(unit(output) - unit(source))
    return pictures @ unit(unit(changed) - unit(caption))


def text_features(texts: list[str], source: str | Path = CLIP) -> np.ndarray:
    """CLIP's text embeddings (N, D). Raises Unavailable without the weights."""
    import torch
    from transformers import CLIPTextModelWithProjection, CLIPTokenizer

    folder = local_folder(source)
    model = load_local(CLIPTextModelWithProjection, folder)
    try:
        tokenizer: Any = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        raise Unavailable(f"the tokenizer of {source} is not on this machine") from error
    tokens = tokenizer(texts, padding="max_length", max_length=77, truncation=True)
    with torch.inference_mode():
        return model(torch.tensor(tokens["input_ids"])).text_embeds.numpy().astype(float)


def measure(case: Case, weights: str | Path = CLIP) -> Measured:
    """The metric with any CLIP, from the hub's cache or from a folder."""
    if case.captions is None:
        raise Unavailable("there are no words for the generated signer: give --caption")
    output, source = case.output_sweep.thumbnails, case.source_sweep.thumbnails
    encode = clip_encoder(weights)
    words = text_features(list(case.captions), weights)
    count = min(len(output), len(source))
    rows = np.linspace(0, len(source) - 1, count).round().astype(int)
    columns = np.linspace(0, len(output) - 1, count).round().astype(int)
    similar = directional_similarity(encode(source[rows]), encode(output[columns]), *words)
    return Measured({"mean": float(similar.mean())})


METRIC = Metric(
    name="clip_direction",
    title="The picture changes as the words do (CLIP directional similarity)",
    unit="cosine",
    low=-1,
    high=1,
    better="higher",
    source="Gal et al. 2022; DiffSign, compute_dir_sim.py",
    needs="both videos, words for both, CLIP's weights",
    values=(Value("mean", "CLIP directional similarity", "{:.3f}"),),
    measure=measure,
)
