"""Expression enhancement: after painting, the signer's face says again what the source's says.

The avatar performs the source's facial actions, so its render knows where brows, lids and lips
belong. The same detector looks at the painted and the rendered face; the difference is what
painting changed. A warp takes it back, and what no warp can make (an opened mouth's inside, a shut
lid, the gaze) comes from the render. Then the loop is closed (:mod:`.loop`): the solver that read
the source's face reads the result, and what is missing drives the next try.
"""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...errors import UserError
from ...files import atomic_path
from ...render.blender_process import cores
from ...retarget.motion import Motion
from .actions import Heads, heads_of
from .crop import Box
from .detector import Detector, detectors
from .faces import Faces, Passes, face_task, find_faces
from .loop import Make, Tried, close_the_loop, unreached
from .measure import points_in_box, residual
from .report import (
    FrameReport,
    frame_report,
    joint_key,
    known_report,
    read_painted,
    task_key,
    write_frame,
)
from .signals import wishes
from .warp import FaceTask, brought_to_target, pushed

Progress = Callable[[int, int], None]

MODES = ("warp", "learned", "off")
CHUNK = 100  # frames that are made together: what is held in memory, and done again after a kill
_MOVES = 0.05  # an action whose highest value in the clip is less does not move


def enhance(
    passes: Passes,
    frames_dir: Path,
    out_dir: Path,
    *,
    mode: str = "warp",
    performance: Motion | None = None,
    source: np.ndarray | None = None,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
    detector: Detector | None = None,
) -> list[FrameReport]:
    """Bring the face of every painted frame to the source's expression.

    Reads `frames_dir/00000.png` ... (any size; number = index into the passes) and writes files
    of the same names to `out_dir`, each whole or not at all. Frames that are already there and
    were made from the same inputs are kept, so a killed run goes on where it stopped. Identity,
    hair, clothes and everything outside the face stay the painting's.

    Args:
        mode: 'warp', 'learned' (the network in `checkpoint`, else the one that ships), or 'off',
            which copies the frames.
        performance: what the avatar performs, frame for frame with the passes. Its facial actions
            are the aim of the closed loop; without it the loop stays open.
        source: (T,478,2) pixels of the source's face points, NaN where none were found; how far its
            mouth is opened and its brows are raised is an aim of the loop too.
        detector: for tests; MediaPipe Face Mesh otherwise.

    Raises UserError when there are no frames, or more than the passes have.
    """
    if mode not in MODES:
        raise UserError(f"There is no expression enhancement '{mode}': take {_listed(MODES)}.")
    paths = sorted(Path(frames_dir).glob("[0-9]*.png"))
    count = len(passes.points["face478"])
    if not paths:
        raise UserError(f"There are no painted frames in {frames_dir}: run the painting first.")
    if int(paths[-1].stem) >= count:
        raise UserError(
            f"{paths[-1]} has no pass to go with it ({count} frames were rendered): "
            "remove the painted frames and paint again."
        )
    out_dir = Path(out_dir)
    if mode == "off":
        return [_copied(path, out_dir, progress, n, len(paths)) for n, path in enumerate(paths)]
    make, maker = _maker(mode, checkpoint)
    threads = 1 if detector else min(4, cores())
    opened = nullcontext(detector) if detector else detectors(threads)
    with opened as detect, ThreadPoolExecutor(threads) as pool:
        faces = find_faces(passes, paths, detect, pool)
        heads = None
        if performance is not None:
            heads = _heads(passes, faces, performance)
        wanted = np.zeros((count, 0)) if heads is None else _wanted(performance, count)
        wish = None  # of a source that is not followed frame for frame nothing is known
        if source is not None and len(source) == count:
            wish = wishes(source, faces.rendered)
        reports: list[FrameReport] = []
        for start in range(0, len(paths), CHUNK):
            chunk = _Chunk(passes, faces, paths[start : start + CHUNK], out_dir, detect, pool)
            for report in chunk.enhanced(make, maker, heads, wanted, wish):
                reports.append(report)
                if progress:
                    progress(len(reports), len(paths))
    return reports


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"'{name}'" for name in names[:-1]) + f" or '{names[-1]}'"


def _maker(mode: str, checkpoint: Path | None) -> tuple[Make, str]:
    """What brings a face to its target, and a word that changes with it."""
    if mode == "warp":
        return brought_to_target, "warp"
    from .learned.animate import load_animator

    animator = load_animator(checkpoint)
    return animator, f"learned {animator.digest}"


def _heads(passes: Passes, faces: Faces, performance: Motion) -> Heads | None:
    places = np.asarray(passes.points["face478_xyz"], float)
    if len(performance.facial_actions) != len(places):
        raise UserError(
            f"The performance has {len(performance.facial_actions)} frames and the passes have "
            f"{len(places)}: render the passes again."
        )
    return heads_of(performance, places, passes.camera.scaled(*faces.size), faces.rendered)


def _wanted(performance: Motion | None, count: int) -> np.ndarray:
    assert performance is not None
    return np.asarray(performance.facial_actions, float)[:count]


def _copied(
    path: Path, out_dir: Path, progress: Progress | None, done: int, total: int
) -> FrameReport:
    _copy(path, out_dir / path.name)
    if progress:
        progress(done + 1, total)
    return frame_report(int(path.stem), "off")


def _copy(path: Path, out_path: Path) -> None:
    with atomic_path(out_path) as partial:
        shutil.copyfile(path, partial)


class _Chunk:
    """Consecutive frames that are made together."""

    def __init__(
        self,
        passes: Passes,
        faces: Faces,
        paths: list[Path],
        out_dir: Path,
        detect: Detector,
        pool: Executor,
    ) -> None:
        self.faces, self.paths, self.out_dir = faces, paths, out_dir
        self.detect, self.pool = detect, pool
        self.tasks: list[FaceTask] = []
        self.windows: list[tuple[slice, slice]] = []
        self.taken: list[Path] = []
        self.open_loop: dict[int, tuple[tuple[float, float], np.ndarray]] = {}
        for path in paths:
            index = int(path.stem)
            if faces.reason_to_skip(index):
                continue
            task, window = face_task(passes, faces, index, read_painted(path, faces.size))
            self.tasks.append(task)
            self.windows.append(window)
            self.taken.append(path)

    def enhanced(
        self,
        make: Make,
        maker: str,
        heads: Heads | None,
        wanted: np.ndarray,
        wish: np.ndarray | None,
    ) -> Iterator[FrameReport]:
        """Make the frames, or find them made, and say what was done to each of them."""
        numbers = np.array([int(path.stem) for path in self.taken], int)
        keys = [
            task_key(read_painted(path, self.faces.size), task, maker)
            for path, task in zip(self.taken, self.tasks, strict=True)
        ]
        if heads is not None:
            self.tasks = [
                replace(task, says=np.concatenate([wanted[n], heads.turn[n][:, :2].T.ravel()]))
                for task, n in zip(self.tasks, numbers, strict=True)
            ]
        if heads is not None and keys:
            aims = wanted if wish is None else np.concatenate([wanted, wish], 1)
            together = joint_key(keys, aims[numbers])
            keys = [f"{together}-{number}" for number in numbers]
        outs = [self.out_dir / path.name for path in self.taken]
        known = [known_report(out, key) for out, key in zip(outs, keys, strict=True)]
        tried = first = None
        if heads is not None and not all(known):
            first, tried = self._looped(make, heads, numbers, wanted, wish)
        places = {path: n for n, path in enumerate(self.taken)}

        def finish(path: Path) -> FrameReport:
            n = places.get(path)
            if n is None:
                return self._skipped(path)
            return known[n] or self._written(n, make, keys[n], heads, wanted, first, tried)

        yield from self.pool.map(finish, self.paths)

    def _looped(
        self,
        make: Make,
        heads: Heads,
        numbers: np.ndarray,
        wanted: np.ndarray,
        wish: np.ndarray | None,
    ) -> tuple[np.ndarray, Tried]:
        """What the painted faces say (F,52), and the frames after the loop."""
        painted = self.faces.painted[numbers]
        first = heads.actions(painted, numbers)

        def look(
            places: np.ndarray, drives: np.ndarray, lids: np.ndarray
        ) -> Iterator[np.ndarray | None]:
            def one(n: int, drive: np.ndarray, shut: np.ndarray) -> np.ndarray | None:
                return self._look(n, self._made(n, make, drive, shut))

            return self.pool.map(one, places, drives, lids)

        mine = None if wish is None else wish[numbers]
        tried = close_the_loop(self.tasks, numbers, wanted[numbers], heads, look, wish=mine)
        return first, tried

    def _made(self, n: int, make: Make, drive: np.ndarray, lids: np.ndarray) -> np.ndarray:
        """The crop of a task, driven on; the open loop's is made once for a state of the lids."""
        task, state = self.tasks[n], (float(lids[0]), float(lids[1]))
        known = self.open_loop.get(n)
        if known is None or known[0] != state:
            known = self.open_loop[n] = (state, make(replace(task, lids=state)))
        return pushed(known[1], task, drive)

    def _look(self, n: int, crop: np.ndarray) -> np.ndarray | None:
        """The points in a task's crop, in pixels of the whole picture."""
        index = int(self.taken[n].stem)
        box, (rows, columns) = self.faces.boxes[index], self.windows[n]
        assert box is not None
        origin = np.array([columns.start, rows.start])
        within = Box(box.x0 - columns.start, box.y0 - rows.start, box.side)
        expected = self.faces.projected[index] - origin
        found = points_in_box(crop, within, expected, self.detect)
        return None if found is None else found + origin

    def _whole(self, n: int, crop: np.ndarray) -> np.ndarray:
        """The painted picture with the crop put in."""
        picture = read_painted(self.taken[n], self.faces.size).copy()
        picture[self.windows[n]] = crop
        return picture

    def _written(
        self,
        n: int,
        make: Make,
        key: str,
        heads: Heads | None,
        wanted: np.ndarray,
        first: np.ndarray | None,
        tried: Tried | None,
    ) -> FrameReport:
        task, path = self.tasks[n], self.taken[n]
        index = int(path.stem)
        still = np.zeros((478, 2)), np.zeros(2)
        drive, lids = still if tried is None else (tried.drive[n], tried.lids[n])
        crop = self._made(n, make, drive, lids)
        target = self.faces.target[index]
        after = self._look(n, crop)
        errors, far = None, None
        if heads is not None and first is not None and after is not None:
            says = heads.actions(after[None], np.array([index]))[0]
            moves = wanted.max(0) > _MOVES
            off = [np.abs(a - wanted[index])[moves].mean() for a in (first[n], says)]
            errors = (float(off[0]), float(off[1])) if moves.any() else None
            far = unreached(says, wanted[index], heads.model.names)
        report = frame_report(
            index,
            "enhanced",
            detected=task.found,
            before=residual(self.faces.painted[index], target) if task.found else None,
            after=None if after is None else residual(after, target),
            actions=errors,
            unreached=far,
        )
        write_frame(self.out_dir / path.name, self._whole(n, crop), key, report)
        return report

    def _skipped(self, path: Path) -> FrameReport:
        _copy(path, self.out_dir / path.name)
        index = int(path.stem)
        return frame_report(index, "skipped", self.faces.reason_to_skip(index))
