"""Render a clip's passes: geometry, motion, indices and a quick picture of every frame.

Blender runs in child processes that share the frames. Every frame is whole or absent on disk and
carries the hash of what made it, so a run that was stopped goes on where it was.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..files import atomic_path, write_json
from ..retarget.motion import Camera, Motion
from .avatar.avatar import Avatar
from .avatar.parts import PARTS
from .backdrop import PLATE_FILE, backdrop_kind, read_plate
from .blender_process import cores, default_workers, run_jobs
from .clip_view import check_outside, clip_depth_range
from .conditioning import DepthRange
from .frame_file import LAYERS, frame_job, read_frame
from .pass_frame import write_picture
from .pass_options import PassOptions, checked, job_hash
from .pass_set import (
    BEAUTY_FILE,
    CONDITIONING_FILE,
    FORMAT,
    FRAME_FILE,
    INDEX_FILE,
    POINTS_FILE,
    VERSION,
    PassSet,
    read_pass_set,
)
from .points import POINT_SETS, project_points
from .signer_points import signer_points
from .view import View, choose_view

__all__ = ["PassOptions", "PassSet", "read_pass_set", "render_passes"]

Progress = Callable[[int, int], None]
Note = Callable[[str], None]
Runner = Callable[[dict[str, Any], list[int], PassOptions], Iterator[Any]]


def render_passes(
    motion_path: str | Path,
    avatar_path: str | Path,
    out_dir: str | Path,
    options: PassOptions | None = None,
    progress: Progress | None = None,
    note: Note | None = None,
    run: Runner | None = None,
) -> Path:
    """Render the passes of a motion into a folder; what is there already is kept.

    note: called with what the user should know, a sentence each. run: does a job's frames and
    gives its events, in this very process say; by default in child processes.

    Returns:
        The path of passes.json, which is written last (see `pass_set` for all files).

    Raises:
        UserError: the motion, the avatar or an option cannot be used.
        RuntimeError: Blender failed; the message ends with its log.
    """
    motion_path, avatar_path, out = Path(motion_path), Path(avatar_path), Path(out_dir)
    source = Motion.load(motion_path)
    avatar = Avatar.load(avatar_path)
    options = checked(options or PassOptions(), source, avatar)
    view = choose_view(options.viewpoint, source, avatar)
    motion = view.of(source, avatar)
    frames = range(options.first, options.first + (options.count or 0))
    clip = motion.part(frames.start, frames.stop)
    check_outside(avatar, motion)
    depth_range = clip_depth_range(avatar, motion, view.camera)
    points = _Points(signer_points(avatar, clip), view.camera, len(frames))
    made_from = job_hash(motion_path, avatar_path, options)

    places = {number: index for index, number in enumerate(frames)}
    missing = []
    done = 0
    for number, index in places.items():
        if _rendered(out, index, made_from, options.maps):
            points.see(index, read_frame(out / FRAME_FILE.format(index), ("depth",))["depth"])
            done += 1
            if progress is not None:
                progress(done, len(frames))
        else:
            missing.append(number)
    with tempfile.TemporaryDirectory(prefix="diffsign-") as inputs:
        if missing:
            job = {
                "job": "passes",
                "avatar": str(avatar_path.resolve()),
                "out": str(out.resolve()),
                "first": options.first,
                "hash": made_from,
                "turn": view.turn.tolist(),
                "depth_range": asdict(depth_range),
                **{name: getattr(options, name) for name in _JOB_OPTIONS},
                **_input_files(Path(inputs), motion, points.places, options, note),
            }
            for event in (run or _shared)(job, missing, options):
                if "note" in event:
                    if note is not None:
                        note(event["note"])
                    continue
                points.take(places[event["frame"]], event["points"])
                done += 1
                if progress is not None:
                    progress(done, len(frames))
    with atomic_path(out / POINTS_FILE) as partial, open(partial, "wb") as file:
        np.savez_compressed(file, **points.arrays)  # type: ignore[arg-type]
    content = _index(source, avatar, view, options, depth_range, made_from)
    write_json(out / INDEX_FILE, content)
    return out / INDEX_FILE


_JOB_OPTIONS = ("samples", "denoise", "background", "lights", "maps", "hdri", "engine", "device")


def _shared(job: dict[str, Any], frames: list[int], options: PassOptions) -> Iterator[Any]:
    """The events of the job, its frames shared among as many Blenders as there shall be."""
    workers = options.workers or default_workers(len(frames))
    threads = options.threads or max(1, cores() // workers)
    runs = [part.tolist() for part in np.array_split(np.array(frames), workers) if len(part)]
    said = False
    for event in run_jobs([{**job, "frames": run, "threads": threads} for run in runs]):
        if "note" in event:
            if said:
                continue
            said = True
        yield event


def _input_files(
    folder: Path,
    motion: Motion,
    places: dict[str, np.ndarray],
    options: PassOptions,
    note: Note | None,
) -> dict[str, Any]:
    """Write what the Blenders read beside the avatar; the job's entries that say where it is."""
    motion.save(folder / "motion.npz")
    np.savez(folder / "places.npz", **places)  # type: ignore[arg-type]
    entries: dict[str, Any] = {
        "motion": str(folder / "motion.npz"),
        "places": str(folder / "places.npz"),
        "backdrop": backdrop_kind(options.backdrop),
    }
    if entries["backdrop"] == "plate":
        camera = motion.camera
        pictures, said = read_plate(Path(str(options.backdrop)), camera.width, camera.height)
        before = None
        count = 0
        for picture in pictures:
            if picture is before or count == options.count:
                break
            write_picture(folder / PLATE_FILE.format(count), picture)
            before, count = picture, count + 1
        entries |= {"plate": str(folder), "plate_count": count}
        if said and note is not None:
            note(said)
    return entries


class _Points:
    """A clip's points, projected frame by frame."""

    def __init__(self, places: dict[str, np.ndarray], camera: Camera, frames: int) -> None:
        self.places, self.camera = places, camera
        self._found = {
            name: np.zeros((frames, POINT_SETS[name].count, 3), np.float32) for name in places
        }

    def see(self, index: int, depth: np.ndarray) -> None:
        """Project a frame's points before its depth (H, W)."""
        for name, places in self.places.items():
            slack = POINT_SETS[name].slack
            self._found[name][index] = project_points(places[index], self.camera, depth, slack)

    def take(self, index: int, points: dict[str, Any]) -> None:
        """A frame's points as the child projected them."""
        for name, found in points.items():
            self._found[name][index] = found

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """Every set in pixels, and under NAME_xyz in metres."""
        metres = {f"{name}_xyz": p.astype(np.float32) for name, p in self.places.items()}
        return self._found | metres


def _rendered(out: Path, index: int, made_from: str, maps: tuple[str, ...]) -> bool:
    pictures = [BEAUTY_FILE.format(index)]
    pictures += [CONDITIONING_FILE.format(index, name=name) for name in maps]
    whole = all((out / name).is_file() for name in pictures)
    return whole and frame_job(out / FRAME_FILE.format(index)) == made_from


def _index(
    motion: Motion,
    avatar: Avatar,
    view: View,
    options: PassOptions,
    depth_range: DepthRange,
    made_from: str,
) -> dict[str, Any]:
    """The content of passes.json; its schema is in `pass_set`."""
    camera = view.camera
    return {
        "format": FORMAT,
        "version": VERSION,
        "fps": motion.fps,
        "width": camera.width,
        "height": camera.height,
        "frame_count": options.count,
        "first_frame": options.first,
        "camera": {name: getattr(camera, name) for name in ("fx", "fy", "cx", "cy")},
        "from_source": view.matrix,
        "source_view": view.is_source(motion.camera),
        "frame": "camera frame: x right, y down, z forward, metres, the camera at the origin; "
        "the centre of the top-left pixel is (0.5, 0.5)",
        "layers": {name: asdict(layer) for name, layer in LAYERS.items()},
        "parts": list(PARTS),
        "objects": {str(piece.object_index): piece.name for piece in avatar.pieces},
        "depth_range": asdict(depth_range),
        "points": POINTS_FILE,
        "point_sets": {name: entry.count for name, entry in POINT_SETS.items()},
        "conditioning": list(options.maps),
        "files": {
            "frame": FRAME_FILE,
            "beauty": BEAUTY_FILE,
            "conditioning": CONDITIONING_FILE,
        },
        "signer": asdict(avatar.signer),
        "options": asdict(options),
        "job": made_from,
    }
