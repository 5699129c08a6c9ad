"""Texts of any length as embeddings.

A CLIP text encoder reads 77 tokens, two of them marks of start and end. A longer text is read in
pieces of 75, cut at a comma where there is one near the end, and the pieces' embeddings stand side
by side: the UNet's cross attention takes any number of them.
"""

import unicodedata
from typing import Any

import torch

MOST_PIECES = 8
"""A prompt of more than 600 tokens is cut."""

_COMMA_WITHIN = 25


@torch.no_grad()
def embed_texts(
    pipeline: Any, prompt: str, negative: str | None
) -> tuple[torch.Tensor, torch.Tensor | None, tuple[str, ...]]:
    """Embeddings (1, 77 n, D) of the prompt and of the negative prompt, both of the same length.

    Args:
        negative: None where guidance is off.

    Returns:
        the embeddings, None where there is no negative, and notes for the user.
    """
    tokenizer = pipeline.tokenizer
    texts = [prompt] if negative is None else [prompt, negative]
    cut = [_pieces(tokenizer, text) for text in texts]
    count = max(map(len, cut))
    embedded = [_embed(pipeline, [*pieces, *[[]] * (count - len(pieces))]) for pieces in cut]
    notes = _notes(tokenizer, prompt, len(cut[0]))
    return embedded[0], embedded[1] if len(embedded) > 1 else None, notes


def _pieces(tokenizer: Any, text: str) -> list[list[int]]:
    """The tokens of a text, in pieces that fit; one empty piece for an empty text."""
    tokens = _tokens(tokenizer, text)
    size = tokenizer.model_max_length - 2
    commas = {tokenizer.convert_tokens_to_ids(sign) for sign in (",</w>", ",")}
    pieces: list[list[int]] = []
    while tokens and len(pieces) < MOST_PIECES:
        end = min(size, len(tokens))
        if end < len(tokens):
            near = range(end, end - _COMMA_WITHIN, -1)
            end = next((at for at in near if tokens[at - 1] in commas), end)
        pieces.append(tokens[:end])
        tokens = tokens[end:]
    return pieces or [[]]


def _tokens(tokenizer: Any, text: str) -> list[int]:
    # Not verbose: it would warn of long texts, which are cut into pieces here.
    tokens = tokenizer(text, add_special_tokens=False, truncation=False, verbose=False)
    return list(tokens.input_ids)


def _embed(pipeline: Any, pieces: list[list[int]]) -> torch.Tensor:
    """Embeddings of pieces of tokens, side by side."""
    tokenizer, encoder = pipeline.tokenizer, pipeline.text_encoder
    length = tokenizer.model_max_length
    start, end, pad = tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id
    rows = [[start, *piece, end] for piece in pieces]
    ids = torch.tensor([row + [pad] * (length - len(row)) for row in rows], device=encoder.device)
    states = encoder(ids)[0]
    return states.reshape(1, -1, states.shape[-1]).to(encoder.dtype)


def _notes(tokenizer: Any, prompt: str, pieces: int) -> tuple[str, ...]:
    notes = []
    if pieces > 1:
        notes.append(f"The prompt is long and was read in {pieces} pieces.")
    unread = _tokens(tokenizer, prompt)[MOST_PIECES * (tokenizer.model_max_length - 2) :]
    if unread:
        words = tokenizer.decode(unread).strip()
        notes.append(f"The prompt is too long; from here on it was not read: {words[:60]}")
    foreign = "".join(dict.fromkeys(c for c in prompt if c.isalpha() and not _is_latin(c)))
    if foreign:
        notes.append(
            f"The models learned from English: they hardly understand {foreign[:20]}; write the "
            "prompt in English."
        )
    return tuple(notes)


def _is_latin(letter: str) -> bool:
    return "LATIN" in unicodedata.name(letter, "")
