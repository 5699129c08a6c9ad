"""The animation network: a painted face, a coarse motion and what it shall say; a warp and a fill.

After the first-order motion model (Siarohin et al. 2019): a coarse motion from sparse points is
refined to a dense one, an occlusion map says where warped pixels do not tell, and there the network
fills. The points are not learned: they are the face's own, known from the facial actions. Nor is
the fill painted from nothing: the avatar's render has teeth, tongue, lids and irises where they
belong, and the network says pixel by pixel how its colours become the painter's (an affine map of
each channel, as in HDRnet, Gharbi et al. 2017), so that what is filled is as sharp as the render.
Actions, gaze and head pose also steer the layers (feature-wise linear modulation, Perez et al.
2018). Nothing of the source's picture enters.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from ....errors import UserError
from ....files import atomic_path
from .guide import SKETCH_LAYERS

WORDS = 58  # 52 facial actions, gaze among them, and two columns of the head's turn
FORMAT = "diffsign-expression-2"
LIMIT_BYTES = 15_000_000
_REACH = 0.08  # of the crop's side: how far the network may move a pixel beyond the coarse motion
_GAIN, _OFFSET = 0.8, 0.8  # how far a channel of the fill may be stretched and shifted
_FOLD = 2  # pixels each way that are one place of the first level


@dataclass(frozen=True)
class AnimatorConfig:
    """Sizes. side: pixels of the crop it works at; widths: channels of its levels."""

    side: int = 160
    widths: tuple[int, ...] = (32, 64, 96, 128)
    blocks: int = 1


class _Block(nn.Module):
    """Two convolutions about a modulation by what shall be said."""

    def __init__(self, channels: int, words: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, channels)
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.steer = nn.Linear(words, 2 * channels)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.steer.weight)

    def forward(self, x: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
        gain, offset = self.steer(words)[:, :, None, None].chunk(2, 1)
        inner = self.norm(x) * (1 + gain) + offset
        return x + self.second(functional.silu(self.first(functional.silu(inner))))


class _Blocks(nn.ModuleList):
    """Blocks one after the other."""

    def forward(self, x: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
        for block in self:
            x = block(x, words)
        return x


class Animator(nn.Module):
    """A U-Net over the crop, the crop moved coarsely, the render, the motion and the sketch."""

    def __init__(self, config: AnimatorConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or AnimatorConfig()
        widths, words, folded = config.widths, 64, _FOLD * _FOLD
        self.words = nn.Sequential(nn.Linear(WORDS, words), nn.SiLU(), nn.Linear(words, words))
        self.enter = nn.Conv2d(folded * (3 * 3 + 2 + SKETCH_LAYERS), widths[0], 3, padding=1)
        self.down = nn.ModuleList(
            nn.Conv2d(a, b, 4, stride=2, padding=1) for a, b in pairwise(widths)
        )
        self.inward = nn.ModuleList(self._blocks(width, words) for width in widths)
        self.up = nn.ModuleList(nn.Conv2d(b, a, 3, padding=1) for a, b in pairwise(widths))
        self.outward = nn.ModuleList(self._blocks(width, words) for width in widths[:-1])
        self.leave = nn.Conv2d(widths[0], 2 + 3 + 3 + folded, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        assert self.leave.bias is not None
        with torch.no_grad():  # at first all is warped and nothing filled
            self.leave.bias.zero_()
            self.leave.bias[-folded:] = -3.0

    def _blocks(self, width: int, words: int) -> _Blocks:
        return _Blocks(_Block(width, words) for _ in range(self.config.blocks))

    def forward(
        self,
        picture: torch.Tensor,
        render: torch.Tensor,
        motion: torch.Tensor,
        sketch: torch.Tensor,
        words: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        """What the face becomes.

        Args:
            picture, render: (B,3,S,S) in -1..1, the painted face and the avatar with the target's
                expression. motion: (B,2,S,S) coarse, shares of the side: the pixel at p comes from
                p - motion. sketch: (B,L,S,S) of `guide.sketch`. words: (B,58).

        Returns:
            motion (B,2,S,S) refined; mask (B,1,S,S) 0..1, where to fill; gain, offset (B,3,S,S):
            the fill is render * gain + offset; result (B,3,S,S).
        """
        moved = warped(picture, motion)
        steer = self.words(words)
        seen = torch.cat([picture, moved, render, motion * 10, sketch], 1)
        x = self.enter(functional.pixel_unshuffle(seen, _FOLD))
        kept = []
        for level, blocks in enumerate(self.inward):
            if level:
                x = self.down[level - 1](x)
            x = blocks(x, steer)
            kept.append(x)
        for level in reversed(range(len(self.up))):
            x = functional.interpolate(x, scale_factor=2, mode="nearest")
            x = self.up[level](x) + kept[level]
            x = self.outward[level](x, steer)
        out = self.leave(x).float()
        smooth = functional.interpolate(out[:, :8], scale_factor=_FOLD, mode="bilinear")
        refined = motion + _REACH * torch.tanh(smooth[:, :2])
        gain = 1 + _GAIN * torch.tanh(smooth[:, 2:5])
        offset = _OFFSET * torch.tanh(smooth[:, 5:])
        mask = torch.sigmoid(functional.pixel_shuffle(out[:, 8:], _FOLD))
        result = torch.lerp(warped(picture, refined), render * gain + offset, mask)
        return {"motion": refined, "mask": mask, "gain": gain, "offset": offset, "result": result}


def warped(picture: torch.Tensor, motion: torch.Tensor) -> torch.Tensor:
    """The picture (B,C,S,S) moved: the pixel at p comes from p - motion, in shares of the side."""
    side = picture.shape[-1]
    steps = (torch.arange(side, device=picture.device, dtype=picture.dtype) + 0.5) / side
    grid = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), -1) * 2 - 1
    places = grid[None] - 2 * motion.permute(0, 2, 3, 1)
    return functional.grid_sample(picture, places, padding_mode="border", align_corners=False)


def save_network(network: Animator, path: Path, record: dict[str, Any]) -> int:
    """Write the weights in fp16 with their sizes, atomically; returns bytes.

    Raises UserError above 15 MB.
    """
    from safetensors.torch import save_file

    state = {
        name: value.detach().to("cpu", torch.float16).contiguous()
        for name, value in network.state_dict().items()
    }
    described = json.dumps({**asdict(network.config), **record})
    with atomic_path(Path(path)) as partial:
        save_file(state, partial, metadata={"format": FORMAT, "animator": described})
        size = partial.stat().st_size
        if size > LIMIT_BYTES:
            raise UserError(
                f"The network weighs {size / 1e6:.1f} MB, more than {LIMIT_BYTES / 1e6:.0f}: "
                "choose smaller widths."
            )
    return size


def load_network(path: Path) -> tuple[Animator, str]:
    """The network in a file of `save_network`, ready to run, and the hash of the file.

    Raises UserError where there is none, or it is another file.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise UserError(f"There is no network {path}: train one with diffsign expression train.")
    try:
        with safe_open(path, "pt") as stored:
            metadata = stored.metadata() or {}
            state = {name: stored.get_tensor(name).float() for name in stored.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is no safetensors file ({error}).") from None
    if metadata.get("format") != FORMAT:
        raise UserError(f"{path} is no network of diffsign expression train.")
    described = json.loads(metadata["animator"])
    config = AnimatorConfig(described["side"], tuple(described["widths"]), described["blocks"])
    network = Animator(config)
    network.load_state_dict(state)
    return network.eval(), hashlib.sha256(path.read_bytes()).hexdigest()[:16]
