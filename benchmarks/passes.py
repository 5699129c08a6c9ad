"""Frames per second of the passes, beside plain Blender: `python benchmarks/passes.py DIR`.

DIR is the folder of a run (`diffsign retarget CLIP -o DIR`): its avatar performs its motion. All
rows write every layer (depth, both normals, position, UV, motion, object and part index, beauty),
the picture and the ControlNet maps, but the last two: those are Blender as it comes (Cycles, its
own sampling, all passes on, its own EXR), whose passes no ControlNet takes. Blender's start is
measured apart, by rendering fewer frames and subtracting. The last column is the time of all
processors together: it says what a frame costs on a machine that is busy with other work, too.
The floor of Cycles itself is its first row less our layers and files: some 0.2 s of one processor
for a sample of a signer at 512x512, and 0.25 s for the denoiser.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from diffsign.render.blender_process import cores
from diffsign.render.passes import PassOptions, render_passes

SIDE = 512


@dataclass(frozen=True)
class Cost:
    """Seconds a frame: on the clock, and of processors."""

    wall: float
    processors: float


def measured(folder: Path, few: int, many: int, options: dict) -> Cost:
    """The cost of a frame beyond the first few, which pay for the start."""
    spent = []
    for count in (few, many):
        with tempfile.TemporaryDirectory() as out:
            wall, used = time.perf_counter(), _used()
            settings = PassOptions(width=SIDE, height=SIDE, count=count, **options)
            render_passes(folder / "performance.npz", folder / "avatar.npz", out, settings)
            spent.append((time.perf_counter() - wall, _used() - used))
    return Cost(*((spent[1][k] - spent[0][k]) / (many - few) for k in (0, 1)))


def plain(folder: Path, samples: int | None) -> Cost:
    """One frame of the same scene with Blender's own settings; factory samples where None."""
    used = _used()
    command = [sys.executable, __file__, str(folder), "--plain", str(samples or 0)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    line = next(text for text in done.stdout.splitlines() if text.startswith("PLAIN"))
    return Cost(float(line.split()[1]), _used() - used)


def _render_plain(folder: Path, samples: int) -> None:
    import bpy

    from diffsign.render import scene, scene_lights
    from diffsign.render.avatar.avatar import Avatar
    from diffsign.render.avatar.colours import hex_to_linear
    from diffsign.render.lighting import PLAIN
    from diffsign.render.posed import pose_joints
    from diffsign.retarget.motion import Motion

    motion, avatar = Motion.load(folder / "performance.npz"), Avatar.load(folder / "avatar.npz")
    stage = scene.build_stage(avatar, PLAIN)
    scene.animate(stage, motion.poses, motion.trans, motion.facial_actions)
    scene.set_camera(stage.scene, motion.camera.scaled(SIDE, SIDE))
    aim = scene.chest_world(avatar, pose_joints(avatar, motion.poses, motion.trans))
    scene_lights.set_lights(stage.scene, PLAIN, aim, hex_to_linear(avatar.signer.background))
    stage.scene.render.engine = "CYCLES"
    if samples:
        stage.scene.cycles.samples = samples
    layer = stage.scene.view_layers[0]
    for name in ("z", "normal", "uv", "position", "vector", "object_index", "material_index"):
        setattr(layer, f"use_pass_{name}", True)
    stage.scene.render.image_settings.file_format = "OPEN_EXR_MULTILAYER"
    with tempfile.TemporaryDirectory() as out:
        stage.scene.render.filepath = str(Path(out) / "plain.exr")
        stage.scene.frame_set(1)
        start = time.perf_counter()
        bpy.ops.render.render(write_still=True)
        print(f"PLAIN {time.perf_counter() - start}", flush=True)
    os._exit(0)


def _used() -> float:
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(use.ru_utime + use.ru_stime for use in map(resource.getrusage, kinds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--few", type=int, default=4)
    parser.add_argument("--many", type=int, default=20)
    parser.add_argument("--no-plain", action="store_true", help="leave Blender's own rows out")
    parser.add_argument("--plain", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.plain is not None:
        _render_plain(given.folder, given.plain)
    quick = {"samples": 1, "denoise": False}
    rows = [
        ("all passes, beauty of 1 sample, 1 process", {**quick, "workers": 1}),
        ("the same, 2 processes", {**quick, "workers": 2}),
        ("the road's default (4 samples, denoised), 1 process", {"workers": 1}),
        ("the same, 2 processes", {"workers": 2}),
    ]
    print(f"{SIDE}x{SIDE}, {cores()} cores")
    print(f"{'':58}{'frames/s':>9}{'s/frame':>9}{'cpu s':>8}")
    for name, options in rows:
        _row(name, measured(given.folder, given.few, given.many, options))
    if not given.no_plain:
        _row("plain Blender, Cycles at 128 samples, 1 frame", plain(given.folder, 128))
        _row("plain Blender, Cycles as it comes, 1 frame", plain(given.folder, None))


def _row(name: str, cost: Cost) -> None:
    print(f"{name:58}{1 / cost.wall:9.2f}{cost.wall:9.2f}{cost.processors:8.2f}", flush=True)


if __name__ == "__main__":
    main()
