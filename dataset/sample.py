"""One sample, from its plan to its passes. Runs beside Blender, one sample after another."""

from __future__ import annotations

import tempfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..files import atomic_dir, read_json
from ..render import pass_job
from ..render.avatar.avatar import Avatar
from ..render.avatar.build import build_avatar
from ..render.avatar.record import Signer
from ..render.pass_options import PassOptions
from ..render.passes import render_passes
from ..retarget.body.identity import betas_for
from ..retarget.body.load import load_body
from ..retarget.body.phenotype import phenotype_betas
from ..retarget.motion import Motion
from ..retarget.rig.perform import perform
from .augment import frame_times, mirrored, resampled, wandering
from .layout import limits_file, motion_file, signer_file, staged_file, work_folder
from .limits import read_limits
from .plan import Sample
from .setup import Setup, read_setup
from .signers import PlannedSigner, record_of
from .write_sample import finish_sample

AVATAR, PERFORMANCE, PASSES = "avatar.npz", "performance.npz", "passes"
_AVATARS_KEPT = 12

_avatars: OrderedDict[str, Avatar] = OrderedDict()


def make_sample(task: dict[str, Any], scratch: Path) -> dict[str, Any]:
    """Render a sample; where nothing is to be painted over it, finish it too.

    task: out (the dataset's folder), sample, clip, signer, and certificate or None.

    Returns:
        seconds are the caller's to measure; `finished` says whether the staged tar is there.
    """
    out = Path(task["out"])
    setup = read_setup(out)
    sample = Sample(**task["sample"])
    signer = signer_record(out, PlannedSigner(**task["signer"]))
    avatar, performance, times = perform_sample(out, setup, sample, signer)
    if setup.recipe.generator.model != "none":
        with atomic_dir(work_folder(out, sample.id)) as folder:
            _render(folder, setup, sample, avatar, performance, scratch)
        return {"finished": False, "times": times.tolist()}
    with tempfile.TemporaryDirectory(dir=scratch) as name:
        folder = Path(name)
        _render(folder, setup, sample, avatar, performance, scratch)
        finish_sample(staged_file(out, sample.id), folder, task, times.tolist(), None)
    return {"finished": True}


def signer_record(out: Path, signer: PlannedSigner) -> Signer:
    """The looks: read where they were found ahead, else drawn now."""
    known = signer_file(out, signer.id)
    return Signer.from_dict(read_json(known)) if known.is_file() else record_of(signer)


def perform_sample(
    out: Path, setup: Setup, sample: Sample, signer: Signer
) -> tuple[Avatar, Motion, np.ndarray]:
    """The dressed avatar, the motion on it, and the places (K,) in the clip that it shows.

    The motion is changed and performed at the clip's own rate, and only then are frames taken.
    """
    recipe = setup.recipe
    body = load_body("open")
    motion = Motion.load(motion_file(out, sample.clip))
    rng = np.random.default_rng([sample.seed, 1])
    frames = recipe.frames
    drawn = float(rng.random())
    place = {"start": 0.0, "middle": 0.5, "random": drawn}[frames.place]
    times = frame_times(motion.frame_count, frames.stride, sample.speed, frames.max, place)
    first, stop = int(times[0]), int(np.ceil(times[-1])) + 1
    motion = motion.part(first, stop)
    if sample.mirrored:
        motion = mirrored(motion, body)
    if recipe.motion.noise > 0:
        limits = read_limits(limits_file(out))
        motion = wandering(motion, body, recipe.motion.noise, limits, rng)
    if recipe.motion.proportions == "avatar":
        betas = phenotype_betas(body, signer.phenotype)
    else:
        betas = betas_for(body, signer.phenotype, motion.betas)
    performance = perform(motion, body, betas, recipe.motion.contacts)
    performance = resampled(performance, times - first, motion.fps / frames.stride)
    return _avatar(signer, betas), performance, times


def view_options(setup: Setup, sample: Sample) -> PassOptions:
    """How the sample is seen."""
    recipe = setup.recipe
    width, height = recipe.size
    colour = sample.background if sample.background.startswith("#") else None
    behind = sample.background
    plain = behind == "signer" or colour is not None
    render = recipe.render
    return PassOptions(
        width=width,
        height=height,
        samples=render.samples,
        background=colour,
        lights=sample.light,
        maps=PassOptions().maps if recipe.generator.model != "none" else (),
        threads=1,
        camera=setup.file(sample.camera),
        orbit=(sample.azimuth, sample.elevation),
        focal=sample.focal,
        backdrop=None if plain else setup.file(behind),
        hdri=setup.file(sample.hdri) if sample.hdri else None,
        engine=render.engine,
        device=render.device,
        workers=1,
    )


def in_this_process(scratch: Path) -> Callable[..., Iterator[dict[str, Any]]]:
    """A runner for `render_passes` that uses the Blender which is loaded here."""

    def run(job: dict[str, Any], frames: list[int], options: PassOptions) -> Iterator[Any]:
        events: list[dict[str, Any]] = []
        job = {**job, "frames": frames, "threads": options.threads or 1}
        pass_job.run(job, scratch, events.append)
        return iter(events)

    return run


def _render(
    folder: Path,
    setup: Setup,
    sample: Sample,
    avatar: Avatar,
    performance: Motion,
    scratch: Path,
) -> None:
    avatar.save(folder / AVATAR)
    performance.save(folder / PERFORMANCE)
    options = view_options(setup, sample)
    run = in_this_process(scratch)
    render_passes(folder / PERFORMANCE, folder / AVATAR, folder / PASSES, options, run=run)


def _avatar(signer: Signer, betas: np.ndarray) -> Avatar:
    """The avatar, built or remembered: one signer performs many clips."""
    key = f"{asdict(signer)} {betas.tolist()}"
    if key not in _avatars:
        _avatars[key] = build_avatar(signer, load_body("open"), betas)
        while len(_avatars) > _AVATARS_KEPT:
            _avatars.popitem(last=False)
    _avatars.move_to_end(key)
    return _avatars[key]
