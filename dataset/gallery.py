"""Something to look at: a contact sheet, and a page with videos and drawn annotations."""

from __future__ import annotations

import base64
import io
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ..files import atomic_path, write_text
from .layout import CONTACT_SHEET, GALLERY, shards_of
from .read import decode_sample, raw_samples

SHOWN_PER_SPLIT = 24
_SHEET_COLUMNS = 8
_TILE = 160
_VIDEO_LIMIT = 400_000
"""Bytes; a longer video is shown by its picture alone, so that the page stays light."""

_BONES = (
    (5, 7), (7, 9), (6, 8), (8, 10), (5, 6), (5, 11), (6, 12), (11, 12), (0, 5), (0, 6),
    *((91 + k, 91 + k + 1) for k in range(20) if k % 4),
    *((91, 92 + 4 * k) for k in range(5)),
    *((112 + k, 112 + k + 1) for k in range(20) if k % 4),
    *((112, 113 + 4 * k) for k in range(5)),
)  # fmt: skip
_LEFT, _RIGHT, _BODY = (255, 120, 40), (40, 170, 255), (250, 230, 60)


def write_gallery(out: Path, index: dict[str, Any]) -> None:
    """Write contact_sheet.jpg and gallery.html, from the first samples of every split."""
    from jinja2 import Environment, StrictUndefined

    cards, tiles = [], []
    for split in index["splits"]:
        raws = (entry for shard in shards_of(out, split) for entry in raw_samples(shard))
        for name, raw in islice(raws, SHOWN_PER_SPLIT):
            sample = decode_sample(name, raw, ("json", "frames", "annotations", "masks"))
            middle = len(sample["frames"]) // 2
            tiles.append(_fitted(sample["frames"][middle]))
            video = raw.get("mp4")
            if video is not None and len(video) > _VIDEO_LIMIT:
                video = None
            cards.append(
                {
                    "id": name,
                    "split": split,
                    "caption": sample["json"]["caption"],
                    "labels": sample["json"]["labels"],
                    "video": None if video is None else _uri("video/mp4", video),
                    "frame": _picture(sample["frames"][middle]),
                    "drawn": _picture(drawn(sample, middle)),
                }
            )
    _write_sheet(out / CONTACT_SHEET, tiles)
    source = (resources.files(__package__) / "gallery.html.j2").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    page = environment.from_string(source).render(index=index, cards=cards)
    write_text(out / GALLERY, page)


def drawn(sample: dict[str, Any], frame: int) -> np.ndarray:
    """The frame (H, W, 3) with its mask's edges and its 133 points; hidden ones are hollow."""
    from PIL import Image, ImageDraw

    picture = sample["frames"][frame].copy()
    if "masks" in sample:
        mask = sample["masks"][frame].astype(int)
        edge = np.zeros(mask.shape, bool)
        edge[:, 1:] |= mask[:, 1:] != mask[:, :-1]
        edge[1:] |= mask[1:] != mask[:-1]
        picture[edge] = (picture[edge] * 0.4 + np.array([255, 255, 255]) * 0.6).astype(np.uint8)
    points = sample["annotations"]["keypoints_2d"][frame]
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    for start, end in _BONES:
        if points[start, 2] > 0 and points[end, 2] > 0:
            line = [tuple(points[start, :2]), tuple(points[end, :2])]
            draw.line(line, fill=_colour(start, end), width=1)
    for number, (x, y, visibility) in enumerate(points):
        if visibility > 0:
            box = (x - 1, y - 1, x + 1, y + 1)
            colour = _colour(number, number)
            draw.ellipse(box, outline=colour, fill=colour if visibility == 2 else None)
    return np.asarray(image)


def _colour(start: int, end: int) -> tuple[int, int, int]:
    if start >= 112:
        return _RIGHT
    return _LEFT if start >= 91 else _BODY


def _fitted(picture: np.ndarray) -> np.ndarray:
    """The picture inside a square tile, on grey."""
    from PIL import Image

    image = Image.fromarray(picture)
    image.thumbnail((_TILE, _TILE), Image.Resampling.LANCZOS)
    tile = Image.new("RGB", (_TILE, _TILE), "#303438")
    tile.paste(image, ((_TILE - image.width) // 2, (_TILE - image.height) // 2))
    return np.asarray(tile)


def _write_sheet(path: Path, tiles: list[np.ndarray]) -> None:
    from PIL import Image

    if not tiles:
        return
    columns = min(_SHEET_COLUMNS, len(tiles))
    blank = np.full_like(tiles[0], 48)
    tiles = tiles + [blank] * (-len(tiles) % columns)
    rows = [np.concatenate(tiles[k : k + columns], axis=1) for k in range(0, len(tiles), columns)]
    with atomic_path(path) as partial:
        Image.fromarray(np.concatenate(rows)).save(partial, quality=90)


def _picture(image: np.ndarray) -> str:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=88)
    return _uri("image/jpeg", buffer.getvalue())


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
