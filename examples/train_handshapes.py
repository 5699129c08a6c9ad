"""Train a small handshape classifier on synthetic pictures; test it on signers it never saw.

diffsign synthesize examples/handshapes.yaml -o out/handshapes
python examples/train_handshapes.py out/handshapes

A hand is cut out about its annotated points, so this is what comes after a hand detector. Left
hands are mirrored. Minutes on two cores.
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

SIDE = 48
RIGHT, LEFT = 3, 2
"""Rows of the annotated boxes."""


def cut_hand(sample: dict[str, Any]) -> tuple[torch.Tensor, str] | None:
    """The signing hand (3, SIDE, SIDE), 0..1, as a right hand; None where it is not in view."""
    from PIL import Image

    record = sample["json"]
    mirrored = record["clip"]["mirrored"]
    x0, y0, x1, y1 = sample["annotations"]["boxes"][0, LEFT if mirrored else RIGHT]
    if min(x1 - x0, y1 - y0) < 8:
        return None
    half = 0.65 * max(x1 - x0, y1 - y0)
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    image = Image.fromarray(sample["frames"][0])
    box = (x - half, y - half, x + half, y + half)
    image = image.transform((SIDE, SIDE), Image.Transform.EXTENT, box, Image.Resampling.BILINEAR)
    pixels = np.asarray(image)[:, ::-1] if mirrored else np.asarray(image)
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1) / 255, record["labels"]["handshape"]


def load(folder: Path, split: str, names: list[str] | None) -> tuple[Any, Any, list[str]]:
    """Pictures (N, 3, SIDE, SIDE), classes (N,), and the classes' names."""
    dataset = SignDataset(
        folder, split, decode=("json", "annotations", "frames"), transform=cut_hand
    )
    found = [entry for entry in dataset if entry is not None]
    names = names or sorted({label for _, label in found})
    classes = torch.tensor([names.index(label) for _, label in found])
    return torch.stack([picture for picture, _ in found]), classes, names


def network(classes: int) -> nn.Module:
    layers: list[nn.Module] = []
    for before, after in ((3, 24), (24, 48), (48, 96)):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU()]
        layers += [nn.MaxPool2d(2)]
    pooled = [nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Dropout(0.4), nn.Linear(96 * 9, classes)]
    return nn.Sequential(*layers, *pooled)


def augmented(pictures: torch.Tensor) -> torch.Tensor:
    """Pictures turned, moved, scaled and tinted a little, each its own way."""
    count = len(pictures)
    angle, scale = torch.randn(count) * 0.2, 1 + torch.randn(count) * 0.1
    turn = (
        torch.stack(
            [torch.cos(angle), -torch.sin(angle), torch.sin(angle), torch.cos(angle)], 1
        ).reshape(-1, 2, 2)
        * scale[:, None, None]
    )
    steps = torch.cat([turn, torch.randn(count, 2, 1) * 0.08], 2)
    grid = nn.functional.affine_grid(steps, list(pictures.shape), align_corners=False)
    moved = nn.functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
    light = 1 + torch.randn(count, 3, 1, 1) * 0.1
    return moved * light + torch.randn(count, 3, 1, 1) * 0.05


def train(folder: Path, epochs: int = 40, seed: int = 0) -> dict[str, float]:
    """Train, and test on the split `test`; accuracies, chance and seconds."""
    torch.manual_seed(seed)
    pictures, classes, names = load(folder, "train", None)
    tests, truths, _ = load(folder, "test", names)
    model = network(len(names))
    optimiser = torch.optim.AdamW(model.parameters(), 2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, 4e-3, epochs=epochs, steps_per_epoch=-(-len(pictures) // 32)
    )
    start = time.perf_counter()
    for _ in range(epochs):
        model.train()
        for rows in torch.randperm(len(pictures)).split(32):
            loss = nn.functional.cross_entropy(model(augmented(pictures[rows])), classes[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    model.eval()
    with torch.no_grad():
        right = {
            name: float((model(x).argmax(1) == y).float().mean())
            for name, x, y in (("train", pictures, classes), ("test", tests, truths))
        }
    return right | {
        "chance": float(torch.bincount(truths).max() / len(truths)),
        "train_samples": len(pictures),
        "test_samples": len(tests),
        "seconds": time.perf_counter() - start,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--epochs", type=int, default=40)
    arguments = parser.parse_args()
    for name, value in train(arguments.dataset, arguments.epochs).items():
        print(f"{name:<14} {value:.3f}")


if __name__ == "__main__":
    main()
