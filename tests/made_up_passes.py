"""A pass set of pictures that follow from their numbers, for tests of painting."""

from dataclasses import dataclass

import numpy as np

from diffsign.errors import UserError
from diffsign.render.conditioning import DepthRange
from diffsign.retarget.motion import Camera

SIZE, FRAMES = 64, 5


@dataclass(frozen=True)
class MadeUpPasses:
    """Pictures that follow from a frame's number; those in `missing` are lost."""

    missing: frozenset[int] = frozenset()
    wider: int | None = None
    count: int = FRAMES

    camera = Camera(fx=100, fy=100, cx=32, cy=32, width=SIZE, height=SIZE)
    depth_range = DepthRange(1.0, 1.0)

    def __len__(self) -> int:
        return self.count

    def beauty_srgb(self, index: int) -> np.ndarray:
        if index in self.missing:
            raise UserError(f"frame {index} cannot be read: render the passes again.")
        width = SIZE + 1 if index == self.wider else SIZE
        return self._picture(index, 0)[:, :1].repeat(width, axis=1)

    def conditioning(self, name: str, index: int) -> np.ndarray:
        return self._picture(index, len(name))

    def frame(self, index: int, *wanted: str) -> dict[str, np.ndarray]:
        objects = np.zeros((SIZE, SIZE), np.int32)
        objects[16:48, 8 + 4 * index : 40 + 4 * index] = 1
        rows, columns = np.indices(objects.shape)
        rest = np.stack([columns - 4 * index, rows, 0 * rows], axis=-1) * 0.01
        depth, motion = np.ones(objects.shape, np.float32), np.zeros((SIZE, SIZE, 4), np.float32)
        layers = {"rest": rest, "part": objects, "depth": depth, "motion": motion}
        return {name: ({"object": objects} | layers)[name] for name in wanted}

    def _picture(self, index: int, kind: int) -> np.ndarray:
        random = np.random.default_rng((index, kind))
        return random.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
