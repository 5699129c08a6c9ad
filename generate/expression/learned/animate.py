"""A painted face brought to its target by the network: what `--enhance learned` runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from ....errors import UserError
from ....render.avatar.parts import PART_INDEX
from ..face_points import face_scale
from ..field import moved
from ..glasses import put_on, taken_off
from ..regions import distance_to, held_back, in_front
from ..warp import FaceTask
from .guide import coarse_motion, sketch
from .network import WORDS, Animator, load_network

SHIPPED = Path(__file__).resolve().parents[3] / "assets" / "expression" / "animator.safetensors"
_FACE_PARTS = ("face", "skin", "eyes", "mouth", "brows", "lips", "lashes", "beard", "glasses")
_IDS = [PART_INDEX[name] for name in _FACE_PARTS]


@dataclass(frozen=True, eq=False)
class FaceAnimator:
    """Calls the network on tasks; digest: of its weights."""

    network: Animator
    digest: str

    def __call__(self, task: FaceTask) -> np.ndarray:
        """The painted crop with the target's expression, (H,W,3) uint8.

        Motion, mask and colours are found at the network's size and laid on painting and render at
        the crop's own, so that both stay sharp. What is in front of the face, or no face, stays bit
        for bit.
        """
        height, width = task.part.shape
        side = self.network.config.side
        finer = np.array([side / width, side / height])
        points = task.projected * finer
        motion = coarse_motion(points, task.shift * finer, side)
        with torch.inference_mode():
            words = np.zeros(WORDS, np.float32) if task.says is None else task.says
            out = self.network(
                _small(task.painted, side),
                _small(task.render, side),
                _tensor(motion),
                _tensor(sketch(points, side)),
                torch.from_numpy(np.asarray(words, np.float32))[None],
            )
        size = (width, height)
        field = _resized(_array(out["motion"]), size) * np.array(size, np.float32)
        mask = _resized(_array(out["mask"])[..., 0], size)
        gain, offset = (_resized(_array(out[name]), size) for name in ("gain", "offset"))
        fill = ((task.render / np.float32(127.5) - 1) * gain + offset + 1) * 127.5
        scale = float(face_scale(task.projected))
        taboo = in_front(task.part, PART_INDEX, max(2.0, 0.04 * scale))
        alpha = _feather(task, taboo)
        field = held_back(field * alpha[..., None], taboo)
        bare = taken_off(task.painted, task.part, scale)
        picture = moved(bare, field).astype(np.float32)
        mixed = picture + (np.clip(fill, 0, 255) - picture) * (mask * alpha)[..., None]
        result = np.clip(np.round(mixed), 0, 255).astype(np.uint8)
        result = np.where(alpha[..., None] > 0, result, task.painted)
        return put_on(result, task.painted, task.part, scale)


def load_animator(path: Path | None) -> FaceAnimator:
    """The network in a file, or the one that ships; UserError where there is none."""
    if path is None and not SHIPPED.is_file():
        raise UserError(
            "No network for --enhance learned ships with this version: train one with diffsign "
            "expression train, and name it with --expression-model."
        )
    network, digest = load_network(path or SHIPPED)
    return FaceAnimator(network, digest)


def _feather(task: FaceTask, taboo: np.ndarray) -> np.ndarray:
    """(H,W) 0..1: 1 in the face, softly 0 at its edge and at what is in front of it."""
    scale = float(face_scale(task.projected))
    face = np.isin(task.part, _IDS) & ~taboo
    inward = np.clip(distance_to(~face) / max(1.0, 0.08 * scale), 0, 1)
    return (inward * inward * (3 - 2 * inward)).astype(np.float32)


def _small(picture: np.ndarray, side: int) -> torch.Tensor:
    return _tensor(cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA) / 127.5 - 1)


def _tensor(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32)).permute(2, 0, 1)[None]


def _array(values: torch.Tensor) -> np.ndarray:
    return values[0].permute(1, 2, 0).contiguous().numpy()


def _resized(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return cv2.resize(values, size, interpolation=cv2.INTER_LINEAR)
