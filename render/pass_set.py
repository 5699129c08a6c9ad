"""Reading a finished set of passes: `passes.json`, its frames and its points.

`passes.json` (format "diffsign-passes", version 1; written last, so it stands for a whole set):

- fps, width, height, frame_count; first_frame: number of the motion's frame that frame 0 shows
- camera: fx, fy, cx, cy in pixels (pixel centre of the top-left pixel at (0.5, 0.5))
- frame "camera frame": x right, y down, z forward, metres, the camera at the origin
- layers: per layer its channels, storage and meaning (see `frame_file.LAYERS`)
- parts: names by part index; objects: names by object index
- depth_range: near and far, metres, of the whole clip; the depth pictures use it
- points: file name; point_sets: per set how many; points hold x, y in pixels and visibility
  (1 seen, 0.5 hidden inside the picture, 0 absent), and `NAME_xyz` their places in metres
- conditioning: names of the drawn maps; files: name patterns, `{0:05d}` is the frame's number
- signer: the avatar's record; options: the render's settings; job: hash of all that made it
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UserError
from ..files import read_json
from ..retarget.motion import Camera
from .conditioning import DepthRange, FrameSource, draw
from .frame_file import read_frame

FORMAT = "diffsign-passes"
VERSION = 1
INDEX_FILE = "passes.json"
POINTS_FILE = "points.npz"
FRAME_FILE = "frame_{0:05d}.exr"
BEAUTY_FILE = "beauty/{0:05d}.png"
CONDITIONING_FILE = "conditioning/{name}/{0:05d}.png"


@dataclass(frozen=True)
class PassSet:
    """A finished set of passes on disk.

    folder: where it is. info: the content of passes.json.
    """

    folder: Path
    info: dict[str, Any]

    def __len__(self) -> int:
        return int(self.info["frame_count"])

    @property
    def fps(self) -> float:
        return float(self.info["fps"])

    @property
    def camera(self) -> Camera:
        return Camera(width=self.info["width"], height=self.info["height"], **self.info["camera"])

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(self.info["parts"])

    @property
    def depth_range(self) -> DepthRange:
        return DepthRange(**self.info["depth_range"])

    @cached_property
    def points(self) -> dict[str, np.ndarray]:
        """Every point set: NAME (T, N, 3) pixels and visibility, NAME_xyz (T, N, 3) metres."""
        with np.load(self.folder / self.info["points"], allow_pickle=False) as data:
            return {name: data[name] for name in data.files}

    def frame(self, index: int, *wanted: str) -> dict[str, np.ndarray]:
        """The wanted layers of a frame (all where none is named): see `frame_file.LAYERS`.

        Each is (H,W) or (H,W,channels) float32; object and part are int32.
        """
        return read_frame(self._file(FRAME_FILE, index), wanted or None)

    def beauty_srgb(self, index: int) -> np.ndarray:
        """The beauty picture (H, W, 3) uint8 sRGB."""
        return _read_png(self._file(BEAUTY_FILE, index))

    def conditioning(self, name: str, index: int) -> np.ndarray:
        """The conditioning picture (H, W, 3) uint8: read where it was drawn, else drawn now."""
        path = self._file(CONDITIONING_FILE, index, name)
        if name in self.info["conditioning"] and path.is_file():
            return _read_png(path)
        found = self.frame(index, "depth", "normal")
        points = {key: values[index] for key, values in self.points.items()}
        beauty = self.beauty_srgb(index)
        source = FrameSource(found["depth"], found["normal"], beauty, points, self.depth_range)
        return draw(name, source)

    def _file(self, pattern: str, index: int, name: str = "") -> Path:
        if not 0 <= index < len(self):
            raise IndexError(f"frame {index} of {len(self)} in {self.folder}")
        return self.folder / pattern.format(index, name=name)


def read_pass_set(folder: str | Path) -> PassSet:
    """The passes in a folder.

    Raises:
        UserError: there are none, they are unfinished, or of another version.
    """
    folder = Path(folder)
    path = folder / INDEX_FILE
    if not path.is_file():
        raise UserError(f"No finished passes in {folder}: run diffsign-retarget to render them.")
    info = read_json(path)
    if info.get("format") != FORMAT or info.get("version") != VERSION:
        raise UserError(f"{path} is not of a version that can be read: render the passes again.")
    return PassSet(folder, info)


def _read_png(path: Path) -> np.ndarray:
    from PIL import Image

    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("RGB"))
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error}): render the passes again.") from None
