"""Train a small handshape classifier on a synthetic dataset; test it on signers it never saw.

diffsign synthesize examples/handshapes.yaml -o out/handshapes
python examples/train_handshapes.py out/handshapes

It reads a hand's 21 points in the picture, as a pose model gives them. Because a synthetic hand is
known in 3-D, every step of the training sees it from new sides, with a detector's noise; the test
sees the annotated points of the held-out signers' pictures. A minute on two cores.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from diffsign.dataset.torch_dataset import SignDataset

LEFT, RIGHT = slice(91, 112), slice(112, 133)
TILT, NOISE, BATCH = 0.5, 0.03, 256
"""Radians by which training hands are tilted; noise of their points in hand sizes."""


def read_hand(sample: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor, str] | None:
    """The signing hand as a right hand: points in metres (21, 3), in the picture (21, 2), label.

    None where it is not in the picture.
    """
    record, arrays = sample["json"], sample["annotations"]
    mirrored = record["clip"]["mirrored"]
    rows = LEFT if mirrored else RIGHT
    flat, places = arrays["keypoints_2d"][0, rows], arrays["keypoints_3d"][0, rows]
    if (flat[:, 2] == 0).any():
        return None
    flip = -1.0 if mirrored else 1.0
    places, flat = places * [flip, 1, 1], flat[:, :2] * [flip, 1]
    label = record["labels"]["handshape"]
    return torch.from_numpy(places).float(), torch.from_numpy(flat).float(), label


def load(folder: Path, split: str, names: list[str] | None) -> tuple[Any, Any, Any, list[str]]:
    """Points in metres (N, 21, 3), in the picture (N, 21, 2), classes (N,), and their names."""
    dataset = SignDataset(folder, split, decode=("json", "annotations"), transform=read_hand)
    found = [entry for entry in dataset if entry is not None]
    names = names or sorted({label for _, _, label in found})
    classes = torch.tensor([names.index(label) for _, _, label in found])
    places, flat = (torch.stack([entry[k] for entry in found]) for k in (0, 1))
    return places, flat, classes, names


def normalised(flat: torch.Tensor) -> torch.Tensor:
    """(N, 42) of points (N, 21, 2): about their middle, of unit size."""
    away = flat - flat.mean(dim=1, keepdim=True)
    return (away / away.norm(dim=2).mean(dim=1)[:, None, None]).flatten(1)


def seen_anew(places: torch.Tensor) -> torch.Tensor:
    """Hands (N, 21, 3) from other sides, a little unlike themselves, in the picture (N, 21, 2)."""
    count = len(places)
    skew = torch.zeros(count, 3, 3)
    x, y, z = (torch.randn(count, 3) * TILT).T
    skew[:, 0, 1], skew[:, 0, 2], skew[:, 1, 2] = -z, y, -x
    turn = torch.linalg.matrix_exp(skew - skew.transpose(1, 2))
    centre = places.mean(dim=1, keepdim=True)
    turned = (places - centre) @ turn.transpose(1, 2) + centre
    flat = turned[..., :2] / turned[..., 2:]
    size = (flat - flat.mean(dim=1, keepdim=True)).norm(dim=2).mean(dim=1)
    return flat + torch.randn_like(flat) * NOISE * size[:, None, None]


def train(folder: Path, steps: int = 1000, seed: int = 0) -> dict[str, float]:
    """Train, and test on the split `test`; accuracies, chance and seconds."""
    torch.manual_seed(seed)
    places, flat, classes, names = load(folder, "train", None)
    _, tests, truths, _ = load(folder, "test", names)
    model = nn.Sequential(
        nn.Linear(42, 192), nn.ReLU(), nn.Dropout(0.2),
        nn.Linear(192, 192), nn.ReLU(), nn.Dropout(0.2), nn.Linear(192, len(names)),
    )  # fmt: skip
    optimiser = torch.optim.AdamW(model.parameters(), 3e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    start = time.perf_counter()
    for _ in range(steps):
        rows = torch.randint(len(places), (BATCH,))
        loss = nn.functional.cross_entropy(
            model(normalised(seen_anew(places[rows]))), classes[rows], label_smoothing=0.05
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    model.eval()
    with torch.no_grad():
        right = {
            name: float((model(normalised(x)).argmax(1) == y).float().mean())
            for name, x, y in (("train", flat, classes), ("test", tests, truths))
        }
    return right | {
        "chance": float(np.bincount(truths).max() / len(truths)),
        "train samples": len(places),
        "test samples": len(tests),
        "seconds": time.perf_counter() - start,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--steps", type=int, default=1000)
    arguments = parser.parse_args()
    for name, value in train(arguments.dataset, arguments.steps).items():
        print(f"{name:<14} {value:.3f}")


if __name__ == "__main__":
    main()
