"""The figures that look at every generated picture once, beside its passes."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import Image

from .colours import region_colours
from .flow import GROUPS, warp_error
from .silhouette import intersection_over_union, person_finder
from .ssim import ssim
from .unavailable import Unavailable

if TYPE_CHECKING:
    from ...render.pass_set import PassSet


def generated_frames(folder: Path, count: int) -> list[Path]:
    """The final pictures of a run: enhanced ones where there are any, else painted ones."""
    for name in ("enhanced", "frames"):
        paths = sorted((folder / name).glob("[0-9]*.png"))
        if paths:
            if int(paths[-1].stem) >= count:
                raise Unavailable(f"{name} has more pictures than the passes have frames")
            return paths
    raise Unavailable("there are no generated pictures")


class PictureFigures:
    """Collects, frame by frame in order: outline, colours, similarity and warp error.

    A context manager: it holds a person segmentation while it is open.
    """

    def __init__(self) -> None:
        self.colours: list[dict[str, np.ndarray]] = []
        self._overlaps: list[float] = []
        self._similar: dict[str, list[float]] = {
            "successive": [],
            "to_first": [],
            "to_render": [],
        }
        self._warps = {who: np.zeros((len(GROUPS), 2)) for who in ("generated", "render")}
        self._first: np.ndarray | None = None
        self._before: tuple[int, np.ndarray, np.ndarray, np.ndarray] | None = None
        self._open = ExitStack()
        self._find_person: Callable[[np.ndarray], np.ndarray]

    def __enter__(self) -> "PictureFigures":
        self._find_person = self._open.enter_context(person_finder())
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def add(self, path: Path, passes: "PassSet") -> None:
        """Measure one picture of 11 x 11 pixels or more; its number is the file's."""
        index = int(path.stem)
        with Image.open(path) as picture:
            frame = np.asarray(picture.convert("RGB"))
        render = passes.beauty_srgb(index)
        layers = passes.frame(index, "part", "motion")
        part = layers["part"]
        if frame.shape != render.shape:  # the passes' pixels are where motion and parts are exact
            size = render.shape[1::-1]
            frame = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
        self._overlaps.append(intersection_over_union(self._find_person(frame), part > 0))
        self.colours.append(region_colours(frame, part))
        self._compare(index, frame, render, part, layers["motion"][..., :2])

    def _compare(
        self,
        index: int,
        frame: np.ndarray,
        render: np.ndarray,
        part: np.ndarray,
        motion: np.ndarray,
    ) -> None:
        self._similar["to_render"].append(ssim(frame, render))
        if self._first is None:
            self._first = frame
        else:
            self._similar["to_first"].append(ssim(frame, self._first))
        if self._before is not None and self._before[0] == index - 1:
            _, frame_before, render_before, part_before = self._before
            self._similar["successive"].append(ssim(frame, frame_before))
            pairs = {"generated": (frame, frame_before), "render": (render, render_before)}
            for who, (now, then) in pairs.items():
                found = warp_error(now, then, motion, part, part_before)
                self._warps[who] += [found[group] for group in GROUPS]
        self._before = (index, frame, render, part)

    def figures(self) -> dict[str, Any]:
        """silhouette, ssim and warp_error as `generate.evaluate` lists them."""
        worst = int(np.argmin(self._overlaps))
        return {
            "silhouette": {
                "mean": float(np.mean(self._overlaps)),
                "worst": self._overlaps[worst],
                "worst_frame": worst,
            },
            "ssim": {
                name: float(np.mean(values)) if values else None
                for name, values in self._similar.items()
            },
            "warp_error": {
                who: {
                    group: float(total / pixels) if pixels else None
                    for group, (total, pixels) in zip(GROUPS, sums, strict=True)
                }
                for who, sums in self._warps.items()
            },
        }
