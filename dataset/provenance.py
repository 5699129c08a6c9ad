"""Every sample says that it is synthetic: in its record, its video's metadata, and if wanted by a
visible word and a signed C2PA manifest."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..errors import UserError
from ..files import atomic_path
from ..road.record import DISCLOSURE

MARK = "SYNTHETIC"
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
RENDERED_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCreation"
"""IPTC's words for what a model painted, and for what a person's programme drew."""


@dataclass(frozen=True)
class Certificate:
    """Paths of a PEM chain (leaf first) and its PEM private key; alg as C2PA names it."""

    chain: Path
    key: Path
    alg: str = "es256"
    timestamp_url: str | None = None


def marked(picture: np.ndarray) -> np.ndarray:
    """The picture (H, W, 3) uint8 with a visible word in its lower left corner."""
    height, width = picture.shape[:2]
    word = _word(max(8, height // 28))
    tall, wide = min(word.shape[0], height), min(word.shape[1], width)
    found = picture.copy()
    corner = found[height - tall :, :wide]
    share = word[:tall, :wide, None]
    corner[:] = np.rint(corner * 0.35 + (255 * share) * 0.65).astype(np.uint8)
    return found


@cache
def _word(size: int) -> np.ndarray:
    """(h, w) 0..1: the word MARK in white on black."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(size)
    left, top, right, bottom = font.getbbox(MARK)
    pad = size // 3
    width, height = round(right - left) + 2 * pad, round(bottom - top) + 2 * pad
    image = Image.new("L", (width, height))
    ImageDraw.Draw(image).text((pad - left, pad - top), MARK, fill=255, font=font)
    return np.asarray(image, np.float32) / 255


def manifest(title: str, painted: bool) -> dict[str, Any]:
    """A C2PA manifest that says how the video came to be (C2PA 2.1, actions assertion)."""
    return {
        "claim_generator_info": [{"name": "DiffSign", "version": __version__}],
        "title": title,
        "format": "video/mp4",
        "assertions": [
            {
                "label": "c2pa.actions",
                "data": {
                    "actions": [
                        {
                            "action": "c2pa.created",
                            "digitalSourceType": SOURCE_TYPE if painted else RENDERED_TYPE,
                            "softwareAgent": {"name": "DiffSign", "version": __version__},
                            "description": DISCLOSURE,
                        }
                    ]
                },
            }
        ],
    }


def check_certificate(certificate: Certificate) -> None:
    """Refuse what cannot sign, before anything is made.

    Raises:
        UserError: c2pa-python is missing, or a file is.
    """
    _c2pa()
    for path in (certificate.chain, certificate.key):
        if not path.is_file():
            raise UserError(f"There is no file {path}: give the certificate and its key as PEM.")


def sign(video: Path, title: str, painted: bool, certificate: Certificate) -> None:
    """Put a signed manifest into an mp4, in place.

    Raises:
        UserError: the certificate cannot be used, or c2pa-python is not installed.
    """
    c2pa = _c2pa()
    try:
        info = c2pa.C2paSignerInfo(
            alg=certificate.alg.encode(),
            sign_cert=certificate.chain.read_bytes(),
            private_key=certificate.key.read_bytes(),
            ta_url=(certificate.timestamp_url or "").encode() or None,
        )
        with (
            atomic_path(video) as partial,
            c2pa.Signer.from_info(info) as signer,
            c2pa.Builder(json.dumps(manifest(title, painted))) as builder,
        ):
            builder.sign_file(str(video), str(partial), signer)
    except c2pa.C2paError as error:
        raise UserError(f"{certificate.chain} cannot sign ({error}).") from None


def read_manifest(video: Path) -> dict[str, Any] | None:
    """The active C2PA manifest of a video, and `validation_state`; None where it has none."""
    c2pa = _c2pa()
    try:
        with c2pa.Reader(str(video)) as reader:
            found = json.loads(reader.json())
    except c2pa.C2paError as error:
        if "ManifestNotFound" in str(error):
            return None
        raise UserError(f"{video}: its C2PA manifest cannot be read ({error}).") from None
    active = found["manifests"][found["active_manifest"]]
    return active | {"validation_state": found.get("validation_state")}


def _c2pa() -> Any:
    try:
        import c2pa
    except ImportError:
        raise UserError(
            "C2PA manifests need the package c2pa-python: pip install 'diffsign[c2pa]'."
        ) from None
    return c2pa
