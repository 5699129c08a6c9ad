"""A CLIP tokenizer whose small vocabulary holds each word of the captions as one token.

Byte-pair encoding reads a word as letters, the last one marked `</w>`, and joins neighbours in
the order of a list of merges. Words are entered one after another: what the merges so far leave
of a word is joined from left to right by new merges. A merge that comes later never reaches into
a word that came earlier, because every state of that word still holds an earlier merge, and the
earliest wins. Letters, digits and signs stay in the vocabulary, so any prompt can be read.
"""

from __future__ import annotations

import json
import re
import string
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from ...files import atomic_path

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

START, END = "<|startoftext|>", "<|endoftext|>"
MAX_LENGTH = 77
_END_OF_WORD = "</w>"
_WORD = re.compile(r"[a-z]+|[0-9]|[^\sa-z0-9]+")

Merge = tuple[str, str]


def words_of(text: str) -> list[str]:
    """The pieces into which CLIP's tokenizer cuts an ASCII text: words, digits, runs of signs."""
    return _WORD.findall(text.lower())


def build_vocabulary(words: Iterable[str]) -> tuple[dict[str, int], list[Merge]]:
    """Token ids and merges that read each of `words` (ASCII; sorted, once each) as one token.

    Words may hold several pieces ("t-shirt"); each piece becomes a token. Pieces with letters
    outside ASCII are left out: they are read letter by letter, or as the unknown token.
    """
    pieces = sorted({piece for word in words for piece in words_of(word) if piece.isascii()})
    symbols = [c for c in map(chr, range(33, 127)) if c not in string.ascii_uppercase]
    tokens = symbols + [c + _END_OF_WORD for c in symbols]
    ranks: dict[Merge, int] = {}
    for piece in pieces:
        parts = _apply(piece, ranks)
        while len(parts) > 1:
            ranks.setdefault((parts[0], parts[1]), len(ranks))
            parts = [parts[0] + parts[1], *parts[2:]]
            tokens.append(parts[0])
    tokens = list(dict.fromkeys(tokens))
    ids = {token: index for index, token in enumerate([*tokens, START, END])}
    return ids, list(ranks)


def build_tokenizer(words: Iterable[str]) -> CLIPTokenizer:
    """A CLIPTokenizer over `build_vocabulary(words)`, 77 tokens long like SD1.5's."""
    from transformers import CLIPTokenizer

    vocabulary, merges = build_vocabulary(words)
    return CLIPTokenizer(
        vocab=vocabulary,
        merges=merges,
        unk_token=END,
        bos_token=START,
        eos_token=END,
        pad_token=END,
        model_max_length=MAX_LENGTH,
    )


def save_tokenizer(tokenizer: CLIPTokenizer, folder: Path) -> None:
    """Write the tokenizer, and `vocab.json` and `merges.txt` for readers of the older layout."""
    tokenizer.save_pretrained(str(folder))
    model = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    with atomic_path(folder / "vocab.json") as path:
        Path(path).write_text(json.dumps(model["vocab"]), encoding="utf-8")
    with atomic_path(folder / "merges.txt") as path:
        Path(path).write_text("\n".join(["#version: 0.2", *merges]) + "\n", encoding="utf-8")


def _apply(word: str, ranks: dict[Merge, int]) -> list[str]:
    """A word's tokens under the merges so far: the earliest merge first, wherever it fits."""
    parts = [*word[:-1], word[-1] + _END_OF_WORD]
    while len(parts) > 1:
        pairs = list(pairwise(parts))
        best = min(pairs, key=lambda pair: ranks.get(pair, len(ranks)))
        if best not in ranks:
            break
        at = 0
        joined: list[str] = []
        while at < len(parts):
            if at + 1 < len(parts) and (parts[at], parts[at + 1]) == best:
                joined.append(parts[at] + parts[at + 1])
                at += 2
            else:
                joined.append(parts[at])
                at += 1
        parts = joined
    return parts
