"""COCO-WholeBody's JSON of a shard: one image and one annotation per frame.

The format is that of jin-s13/COCO-WholeBody (data_format.md). A frame's `file_name` is
ID/00000.png, as `dataset.read.extract_frames` writes them.
"""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from .read import read_samples
from .wholebody import BODY_NAMES

_PARTS = {
    "keypoints": slice(0, 17),
    "foot_kpts": slice(17, 23),
    "face_kpts": slice(23, 91),
    "lefthand_kpts": slice(91, 112),
    "righthand_kpts": slice(112, 133),
}
_SKELETON = (
    (16, 14), (14, 12), (17, 15), (15, 13), (12, 13), (6, 12), (7, 13), (6, 7), (6, 8), (7, 9),
    (8, 10), (9, 11), (2, 3), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 7),
)  # fmt: skip


def coco_document(shard: Path, name: str) -> dict[str, Any]:
    """The annotations of every frame of a shard, which is going to have a name."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    number = count(1)
    for sample in read_samples([shard], decode=("json", "annotations", "masks")):
        record, arrays = sample["json"], sample["annotations"]
        masks = sample.get("masks")
        for frame in range(record["frames"]):
            identifier = next(number)
            images.append(
                {
                    "id": identifier,
                    "file_name": f"{record['id']}/{frame:05d}.png",
                    "width": record["width"],
                    "height": record["height"],
                    "video": record["id"],
                    "frame_index": frame,
                }
            )
            area = None if masks is None else int(np.count_nonzero(masks[frame]))
            annotations.append(_annotation(identifier, arrays, frame, area))
    return {
        "info": {"description": "DiffSign synthetic dataset", "shard": name},
        "images": images,
        "annotations": annotations,
        "categories": [
            {
                "id": 1,
                "name": "person",
                "supercategory": "person",
                "keypoints": list(BODY_NAMES),
                "skeleton": [list(bone) for bone in _SKELETON],
            }
        ],
    }


def _annotation(
    identifier: int, arrays: dict[str, np.ndarray], frame: int, area: int | None
) -> dict[str, Any]:
    points = arrays["keypoints_2d"][frame]
    person, face, left, right = (_xywh(box) for box in arrays["boxes"][frame])
    found: dict[str, Any] = {
        "id": identifier,
        "image_id": identifier,
        "category_id": 1,
        "iscrowd": 0,
        "bbox": person,
        "area": round(person[2] * person[3], 1) if area is None else area,
        "num_keypoints": int((points[:17, 2] > 0).sum()),
    }
    for name, rows in _PARTS.items():
        found[name] = np.round(points[rows].astype(float), 2).reshape(-1).tolist()
    for part, box in (("face", face), ("lefthand", left), ("righthand", right)):
        found[f"{part}_box"] = box
        found[f"{part}_valid"] = bool(box[2] > 0 and box[3] > 0)
    found["foot_valid"] = bool((points[17:23, 2] > 0).any())
    return found


def _xywh(box: np.ndarray) -> list[float]:
    x0, y0, x1, y1 = (round(float(value), 1) for value in box)
    return [x0, y0, round(x1 - x0, 1), round(y1 - y0, 1)]
