"""Expression enhancement: after painting, the signer's face says again what the source's says.

The avatar performs the source's facial actions exactly, so its render knows where brows, lids and
lips belong. The same detector looks at the painted face and at the rendered face; the difference
is what painting changed, free of the detector's own bias. A warp takes it back, and what no warp
can make (an opened mouth's inside, a shut lid, the gaze) comes from the render.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Literal, Protocol, TypedDict

import cv2
import numpy as np
from PIL import Image, PngImagePlugin

from ...errors import UserError
from ...files import atomic_path
from .crop import Box, face_boxes
from .detector import Detector, mediapipe_detector
from .face_points import face_scale
from .field import steady
from .measure import points_in_box, residual
from .warp import FaceTask, brought_to_target, visible_share

Progress = Callable[[int, int], None]

_VERSION = 1  # of the algorithm: frames made by another one are made again
_NOTE = "diffsign-expression"  # the PNG text that holds a frame's key and report
_SEEN_ENOUGH = 0.35


class Passes(Protocol):
    """What enhancement reads of a pass set (`render.passes.PassSet`)."""

    @property
    def points(self) -> Mapping[str, np.ndarray]:
        """Projected points; 'face478' is (T,478,3): x, y in pixels of the render, visible 0/1."""
        ...

    def beauty_srgb(self, index: int) -> np.ndarray:
        """The beauty render of a frame, (H,W,3) uint8."""
        ...

    def frame(self, index: int, *wanted: str) -> Mapping[str, np.ndarray]:
        """The wanted layers of a frame; 'part' is (H,W), indices of `render.avatar.parts.PARTS`."""
        ...


class FrameReport(TypedDict):
    """What was done to one frame. Errors are medians over brows, lids and lips in pixels."""

    frame: int
    status: Literal["enhanced", "skipped", "off"]
    reason: str | None  # why a frame was skipped
    detected: bool  # was the face found in the painted frame?
    before_px: float | None  # from the target, as the detector sees both
    after_px: float | None


class _Measured(TypedDict):
    size: tuple[int, int]  # width, height of the painted frames
    projected: np.ndarray  # (T,478,2) in painted pixels
    visible: np.ndarray  # (T,478) bool
    boxes: list[Box | None]
    painted: np.ndarray  # (T,478,2) detected, NaN where not
    target: np.ndarray  # (T,478,2) detected in the render, or projected with the usual bias


def enhance(
    passes: Passes,
    frames_dir: Path,
    out_dir: Path,
    *,
    mode: str = "warp",
    progress: Progress | None = None,
    detector: Detector | None = None,
) -> list[FrameReport]:
    """Bring the face of every painted frame to the source's expression.

    Reads `frames_dir/00000.png` ... (any size; number = index into the passes) and writes files
    of the same names to `out_dir`, each whole or not at all. Frames that are already there and
    were made from the same inputs are kept, so a killed run goes on where it stopped. Identity,
    hair, clothes and everything outside the face stay the painting's.

    mode 'off' copies the frames. detector: for tests; MediaPipe Face Mesh otherwise.
    Raises UserError when there are no frames, or more than the passes have.
    """
    if mode not in ("warp", "off"):
        raise UserError(f"There is no expression enhancement '{mode}': take 'warp' or 'off'.")
    paths = sorted(Path(frames_dir).glob("[0-9]*.png"))
    points = np.asarray(passes.points["face478"], float)
    if not paths:
        raise UserError(f"There are no painted frames in {frames_dir}: run the painting first.")
    if int(paths[-1].stem) >= len(points):
        raise UserError(
            f"{paths[-1]} has no pass to go with it ({len(points)} frames were rendered): "
            "remove the painted frames and paint again."
        )
    out_dir = Path(out_dir)
    if mode == "off":
        return [_copied(path, out_dir, progress, n, len(paths)) for n, path in enumerate(paths)]
    with nullcontext(detector) if detector else mediapipe_detector() as detect:
        measured = _measure(passes, points, paths, detect)
        shifts = steady(
            measured["target"] - measured["painted"],
            tolerance=0.03 * face_scale(measured["projected"]),
        )
        reports = []
        for n, path in enumerate(paths):
            index = int(path.stem)
            report = _enhance_file(
                passes, path, out_dir / path.name, measured, shifts[index], detect
            )
            reports.append(report)
            if progress:
                progress(n + 1, len(paths))
    return reports


def _copied(
    path: Path, out_dir: Path, progress: Progress | None, done: int, total: int
) -> FrameReport:
    with atomic_path(out_dir / path.name) as partial:
        shutil.copyfile(path, partial)
    if progress:
        progress(done + 1, total)
    return _report(int(path.stem), "off")


def _report(
    frame: int,
    status: Literal["enhanced", "skipped", "off"],
    reason: str | None = None,
    detected: bool = False,
    before: float | None = None,
    after: float | None = None,
) -> FrameReport:
    return FrameReport(
        frame=frame,
        status=status,
        reason=reason,
        detected=detected,
        before_px=None if before is None else round(before, 3),
        after_px=None if after is None else round(after, 3),
    )


def _measure(passes: Passes, points: np.ndarray, paths: list[Path], detect: Detector) -> _Measured:
    """Find the face in every painted and rendered frame."""
    with Image.open(paths[0]) as first:
        size = first.size
    render_size = passes.beauty_srgb(int(paths[0].stem)).shape[1::-1]
    projected = points[..., :2] * (np.array(size) / render_size)
    boxes = face_boxes(projected)
    painted = np.full_like(projected, np.nan)
    rendered = np.full_like(projected, np.nan)
    visible = points[..., 2] > 0.5
    for path in paths:
        index = int(path.stem)
        box = boxes[index]
        if box is None or visible_share(visible[index]) < _SEEN_ENOUGH:
            continue
        render = _resized(passes.beauty_srgb(index), size, cv2.INTER_AREA)
        for store, image in ((painted, _read(path, size)), (rendered, render)):
            found = points_in_box(image, box, projected[index], detect)
            if found is not None:
                store[index] = found
    return _Measured(
        size=size,
        projected=projected,
        visible=visible,
        boxes=boxes,
        painted=painted,
        target=projected + _bias(rendered - projected),
    )


def _bias(bias: np.ndarray) -> np.ndarray:
    """The detector's bias (T,478,2), NaN filled from the nearest frames, zero if never known."""
    known = np.isfinite(bias).all((1, 2))
    if not known.any():
        return np.zeros_like(bias)
    frames = np.arange(len(bias))
    nearest = frames[known][np.abs(frames[:, None] - frames[known]).argmin(1)]
    return bias[nearest]


def _read(path: Path, size: tuple[int, int]) -> np.ndarray:
    with Image.open(path) as image:
        if image.size != size:
            raise UserError(f"{path} is not of the size of the other frames: paint it again.")
        return np.asarray(image.convert("RGB"))


def _resized(image: np.ndarray, size: tuple[int, int], how: int) -> np.ndarray:
    return image if image.shape[1::-1] == size else cv2.resize(image, size, interpolation=how)


def _reason_to_skip(measured: _Measured, index: int) -> str | None:
    box = measured["boxes"][index]
    width, height = measured["size"]
    if box is None:
        return "the face was not projected"
    middle = (box.x0 + box.side / 2, box.y0 + box.side / 2)
    if not (0 <= middle[0] < width and 0 <= middle[1] < height):
        return "the face is out of the picture"
    if box.side < 24:
        return "the face is too small"
    if visible_share(measured["visible"][index]) < _SEEN_ENOUGH:
        return "the face is turned away or covered"
    return None


def _enhance_file(
    passes: Passes,
    path: Path,
    out_path: Path,
    measured: _Measured,
    shift: np.ndarray,
    detect: Detector,
) -> FrameReport:
    index, size = int(path.stem), measured["size"]
    reason, box = _reason_to_skip(measured, index), measured["boxes"][index]
    if reason or box is None:
        with atomic_path(out_path) as partial:
            shutil.copyfile(path, partial)
        return _report(index, "skipped", reason)
    image = _read(path, size)
    part = _resized(
        np.asarray(passes.frame(index, "part")["part"]).astype(np.uint8), size, cv2.INTER_NEAREST
    )
    rows, columns = box.inside(*size)
    origin = (columns.start, rows.start)
    found = bool(np.isfinite(shift).all())
    projected, target = measured["projected"][index], measured["target"][index]
    task = FaceTask(
        painted=image[rows, columns],
        render=_resized(passes.beauty_srgb(index), size, cv2.INTER_AREA)[rows, columns],
        part=part[rows, columns],
        projected=projected - origin,
        visible=measured["visible"][index],
        target=target - origin,
        shift=shift if found else np.zeros_like(shift),
        found=found,
    )
    key = _key(image, task)
    known = _known_report(out_path, key)
    if known:
        return known
    result = image.copy()
    result[rows, columns] = brought_to_target(task)
    after = points_in_box(result, box, projected, detect)
    report = _report(
        index,
        "enhanced",
        detected=found,
        before=residual(measured["painted"][index], target) if found else None,
        after=None if after is None else residual(after, target),
    )
    note = PngImagePlugin.PngInfo()
    note.add_text(_NOTE, json.dumps({"key": key, "report": report}))
    with atomic_path(out_path) as partial:
        Image.fromarray(result).save(partial, pnginfo=note, compress_level=4)
    return report


def _key(image: np.ndarray, task: FaceTask) -> str:
    """A hash of everything the enhanced frame is made from."""
    digest = hashlib.blake2b(f"{_VERSION}".encode(), digest_size=16)
    for array in (image, task.render, task.part, task.visible):
        digest.update(np.ascontiguousarray(array).tobytes())
    for array in (task.projected, task.target, task.shift):
        digest.update(np.round(array, 2).tobytes())
    return digest.hexdigest()


def _known_report(path: Path, key: str) -> FrameReport | None:
    """The report in an enhanced frame that was made from the same inputs, else None."""
    try:
        with Image.open(path) as image:
            note = json.loads(image.info.get(_NOTE, "null"))
    except (OSError, ValueError):
        return None
    return note["report"] if note and note.get("key") == key else None
