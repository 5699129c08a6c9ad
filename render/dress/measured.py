"""A measurement with the confidence in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Measured:
    """The value of a field of the record, and a confidence from 0 (a guess) to 1 (sure)."""

    value: Any
    confidence: float
