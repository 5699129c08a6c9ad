"""The figures that look at every generated picture once, beside its passes."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image

from .colours import region_colours
from .flow import GROUPS, warp_error
from .metric import Better, Measured, Metric, Value
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
        self.frames = 0
        self._overlaps: list[float] = []
        self._to_render: list[float] = []
        self._warps = {who: np.zeros((len(GROUPS), 2)) for who in ("generated", "render")}
        self.warps: list[dict[str, float]] = []
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
        self.frames += 1
        self._to_render.append(ssim(frame, render))
        self.warps.append({})
        if self._before is not None and self._before[0] == index - 1:
            _, frame_before, render_before, part_before = self._before
            pairs = {"generated": (frame, frame_before), "render": (render, render_before)}
            for who, (now, then) in pairs.items():
                found = warp_error(now, then, motion, part, part_before)
                self._warps[who] += [found[group] for group in GROUPS]
                if who == "generated":
                    self.warps[-1] = {
                        group: total / pixels for group, (total, pixels) in found.items() if pixels
                    }
        self._before = (index, frame, render, part)

    def silhouette(self) -> Measured:
        """Overlap of the painted outline with the rendered one."""
        worst = int(np.argmin(self._overlaps))
        figures = {
            "mean": float(np.mean(self._overlaps)),
            "worst": self._overlaps[worst],
            "worst_frame": worst,
        }
        return Measured(figures, {"Outline overlap (IoU)": np.array(self._overlaps)})

    def to_render(self) -> Measured:
        """SSIM of each picture to its render."""
        values = np.array(self._to_render)
        return Measured({"mean": float(values.mean())}, {"SSIM to the render": values})

    def warp_error(self) -> Measured:
        """Warp errors by region of the pictures and of the render itself."""
        figures = {
            who: {
                group: float(total / pixels) if pixels else None
                for group, (total, pixels) in zip(GROUPS, sums, strict=True)
            }
            for who, sums in self._warps.items()
        }
        curves = {
            f"Warp error, {group}": np.array([errors.get(group, np.nan) for errors in self.warps])
            for group in ("hands", "face", "body")
        }
        return Measured(figures, curves)


def measure_pictures(
    folder: Path, passes: "PassSet", progress: Callable[[int, int], None] | None = None
) -> PictureFigures:
    """Every generated picture of a run. Raises Unavailable where there is none."""
    paths = generated_frames(folder, len(passes))
    with PictureFigures() as pictures:
        for done, path in enumerate(paths, start=1):
            pictures.add(path, passes)
            if progress:
                progress(done, len(paths))
    return pictures


_WHOSE: tuple[tuple[str, str, Better], ...] = (
    ("generated", "", "lower"),
    ("render", " of the render", "neither"),
)
SILHOUETTE = Metric(
    name="silhouette",
    title="The painted outline covers the rendered one",
    unit="intersection over union",
    low=0,
    high=1,
    better="higher",
    source="Jaccard 1912; MediaPipe selfie segmentation and the background's colour",
    needs="the pictures and passes of a run",
    values=(
        Value("mean", "Silhouette overlap (IoU, mean)", "{:.3f}", 0.9),
        Value("worst", "Silhouette overlap, worst frame", "{:.3f}"),
    ),
    measure=lambda case: case.pictures.silhouette(),
)
TO_RENDER = Metric(
    name="ssim_to_render",
    title="Similarity of the picture to its render",
    unit="SSIM",
    low=-1,
    high=1,
    better="neither",
    source="Wang et al. 2004",
    needs="the pictures and passes of a run",
    values=(Value("mean", "SSIM to the render", "{:.3f}"),),
    measure=lambda case: case.pictures.to_render(),
    caveat="1 is a picture that painting left as it was.",
)
WARP_ERROR = Metric(
    name="warp_error",
    title="Texture moves with its surface (warp error along the mesh's exact motion)",
    unit="8-bit levels, mean absolute",
    low=0,
    high=255,
    better="lower",
    source="Lai et al. 2018, with exact motion in place of estimated flow",
    needs="the pictures and passes of a run",
    values=tuple(
        Value(f"{who}.{group}", f"Flow-warp error, {group}{of}", "{:.1f}", better=better)
        for who, of, better in _WHOSE
        for group in ("hands", "face", "body")
    ),
    measure=lambda case: case.pictures.warp_error(),
    caveat="Light that changes with the pose counts as error: read it against the render's own.",
)
