"""`diffsign synthesize`: from a recipe to a dataset on disk, in a folder that can be resumed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from ..errors import UserError
from ..files import sha256, sweep, write_text
from ..retarget.motion import Motion
from ..road.lock import locked
from .augment import frame_times
from .clips import Clip, find_clips
from .finish import write_dataset
from .layout import FAILED, RECIPE, limits_file, motion_file, signer_file, staged_file
from .local_run import Answer, LocalEngine, Task, Then
from .plan import Plan, Sample, make_plan, recipe_files
from .progress import following
from .provenance import Certificate, check_certificate
from .recipe import Recipe, read_recipe
from .setup import write_setup
from .shards import Ledger, ShardWriter, take_stock
from .signers import PlannedSigner, find_signers
from .space import check_space, sample_bytes
from .views import check_views

_SPACE_EVERY = 50


class Engine(Protocol):
    """What runs tasks: `LocalEngine` or `RayEngine`. peak_mb: the most that a child took."""

    peak_mb: int

    def run(
        self, tasks: Iterator[Task], kind: str, then: Then | None = None
    ) -> Iterator[tuple[Task, Answer]]: ...


@dataclass(frozen=True)
class RunOptions:
    """How a run goes; nothing here changes what is made, but for the certificate's signatures.

    workers: children side by side; by cores and memory where None. ray: a cluster's address.
    """

    workers: int | None = None
    ray: str | None = None
    certificate: Certificate | None = None
    quiet: bool = False


@dataclass(frozen=True)
class Job:
    """A recipe with everything that it names, checked and planned."""

    path: Path
    recipe: Recipe
    plan: Plan
    clips: dict[str, Clip]
    signers: dict[str, PlannedSigner]
    images: dict[str, Path]
    files: dict[str, Path]

    def task(self, out: Path, sample: Sample, certificate: Certificate | None) -> Task:
        """What a worker is told of a sample."""
        given = None
        if certificate is not None:
            given = {k: str(v) if isinstance(v, Path) else v for k, v in vars(certificate).items()}
        return {
            "do": "render",
            "out": str(out.resolve()),
            "sample": asdict(sample),
            "clip": asdict(self.clips[sample.clip]),
            "signer": asdict(self.signers[sample.signer]),
            "certificate": given,
        }


@dataclass(frozen=True)
class Result:
    """made: samples of this run; kept: of earlier ones; failed: why, by the sample's id."""

    made: int
    kept: int
    failed: dict[str, str]
    peak_mb: int


def read_job(path: str | Path) -> Job:
    """Read a recipe and plan its samples; nothing is written.

    Raises:
        UserError: anything in it cannot be used.
    """
    path = Path(path)
    recipe, lines = read_recipe(path)
    files = recipe_files(recipe, path)
    check_views(recipe, path, lines, files)
    clips = find_clips(recipe, path, lines)
    signers, images = find_signers(recipe, path, lines)
    hashes = {name: sha256(file) for name, file in sorted(files.items())}
    plan = make_plan(recipe, clips, signers, hashes)
    return Job(
        path,
        recipe,
        plan,
        {clip.id: clip for clip in clips},
        {signer.id: signer for signer in signers},
        images,
        files,
    )


def synthesize(path: str | Path, out: str | Path, options: RunOptions | None = None) -> Result:
    """Make the dataset of a recipe, or go on with it.

    Raises:
        UserError: bad input, a full disk, another run in the folder, no cluster.
    """
    out, options = Path(out), options or RunOptions()
    _check_options(options)
    job = read_job(path)
    engine = _engine(options)
    with _opened(job, out):
        unreadable = _prepare(job, out, engine, set(job.clips), options.quiet)
        ledger = take_stock(out, job.recipe.splits.shares, {s.id for s in job.plan.samples})
        before = len(ledger.sharded) + len(ledger.staged)
        ledger.failed = {
            sample.id: unreadable[sample.clip]
            for sample in job.plan.samples
            if sample.clip in unreadable and not ledger.settled(sample.id)
        }
        todo = [sample for sample in job.plan.samples if not ledger.settled(sample.id)]
        _check_space(job, out, todo)
        _render(job, out, engine, todo, ledger, before, options)
        _write_failures(out, ledger.failed)
        made = len(ledger.sharded) - before
        if not ledger.sharded:
            first = next(iter(ledger.failed.items()), ("", "nothing to do"))
            raise UserError(f"No sample could be made; {first[0]}: {first[1]}")
        write_dataset(out, job.recipe, job.plan, job.clips, job.signers, ledger)
    return Result(made, before, ledger.failed, engine.peak_mb)


def make_only(
    path: str | Path, out: str | Path, name: str, options: RunOptions | None = None
) -> Path:
    """Make one sample alone, again or for the first time, as OUT/NAME.tar.

    Raises:
        UserError: there is no such sample, or it fails.
    """
    out, options = Path(out), options or RunOptions()
    _check_options(options)
    job = read_job(path)
    samples = [sample for sample in job.plan.samples if sample.id == name]
    if not samples:
        example = job.plan.samples[0].id
        raise UserError(f"The recipe has no sample {name!r}; its first is {example!r}.")
    engine = _engine(options)
    with _opened(job, out):
        unreadable = _prepare(job, out, engine, {samples[0].clip}, options.quiet)
        if unreadable:
            raise UserError(next(iter(unreadable.values())))
        staged, known = staged_file(out, name), None
        if staged.is_file():  # a run that was stopped has it
            known = staged.with_suffix(".kept")
            os.replace(staged, known)
        task = job.task(out, samples[0], options.certificate)
        for _, answer in engine.run(iter([task]), "render", _painting(job)):
            if "why" in answer:
                raise UserError(f"{name} failed: {answer['why']}")
        alone = out / f"{name}.tar"
        shutil.move(staged, alone)
        if known is not None:
            os.replace(known, staged)
    return alone


@contextmanager
def _opened(job: Job, out: Path) -> Iterator[None]:
    """Hold the folder for this run, cleared of what a killed one left half done."""
    with locked(out):
        sweep(out)
        write_setup(out, job.plan.identity, job.recipe, job.files)
        write_text(out / RECIPE, job.path.read_text(encoding="utf-8"))
        yield


def _prepare(job: Job, out: Path, engine: Engine, clips: set[str], quiet: bool) -> dict[str, str]:
    """Make every motion and every look that takes a detector; what could not be read, and why."""
    _build_body()
    base = {"do": "prepare", "out": str(out.resolve())}
    tasks: list[Task] = []
    for name in sorted(clips):
        if not motion_file(out, name).is_file():
            clip = asdict(job.clips[name])
            tasks.append({**base, "kind": "motion", "clip": clip, "seed": job.recipe.seed})
    for signer in job.signers.values():
        if signer.kind in ("text", "image") and not signer_file(out, signer.id).is_file():
            image = job.images.get(signer.id)
            image_path = str(image.resolve()) if image else None
            entry = {"kind": "signer", "signer": asdict(signer), "image": image_path}
            tasks.append({**base, **entry})
    if job.recipe.motion.noise > 0 and not limits_file(out).is_file():
        tasks.append({**base, "kind": "limits"})
    unreadable: dict[str, str] = {}
    if not tasks:
        return unreadable
    with following("motions", len(tasks), 0, quiet) as step:
        for done, (task, answer) in enumerate(engine.run(iter(tasks), "prepare"), start=1):
            if "why" in answer:
                _refuse_unread(job, task, answer["why"])
                unreadable[task["clip"]["id"]] = answer["why"]
            step(done, len(unreadable))
    return unreadable


def _refuse_unread(job: Job, task: Task, why: str) -> None:
    """Stop, unless the recipe says that unreadable clips are passed over."""
    if task["kind"] != "motion":
        raise UserError(f"{job.path}: {why}")
    if not job.recipe.skip_unreadable:
        where = task["clip"]["where"]
        said = why if where in why else f"{where}: {why}"
        raise UserError(f"{said} To go on without it, write skip_unreadable: true.")


def _render(
    job: Job,
    out: Path,
    engine: Engine,
    todo: list[Sample],
    ledger: Ledger,
    before: int,
    options: RunOptions,
) -> None:
    outputs = job.recipe.outputs
    limit = outputs.shard_mb * 2**20
    writers = {
        split: ShardWriter(
            out, split, [s.id for s in job.plan.of(split)], ledger, limit, outputs.coco
        )
        for split in job.recipe.splits.shares
    }
    tasks = (job.task(out, sample, options.certificate) for sample in todo)
    failures = out / FAILED
    _write_failures(out, ledger.failed)
    done = 0
    with following("samples", len(job.plan.samples), before, options.quiet) as step:
        if todo:
            for task, answer in engine.run(tasks, "render", _painting(job)):
                sample = Sample(**task["sample"])
                done += 1
                if "why" in answer:
                    ledger.failed[sample.id] = answer["why"]
                    with open(failures, "a", encoding="utf-8") as stream:
                        stream.write(_failure(sample.id, answer["why"]))
                else:
                    ledger.staged.add(sample.id)
                writers[sample.split].advance()
                step(done, len(ledger.failed))
                if done % _SPACE_EVERY == 0:
                    check_space(out, 2 * limit)
        for writer in writers.values():
            writer.finish()


def _painting(job: Job) -> Then | None:
    """The second step of a sample whose picture a model paints."""
    if job.recipe.generator.model == "none":
        return None

    def then(task: Task, answer: Answer) -> Task:
        image = job.images.get(task["signer"]["id"])
        shown = str(image.resolve()) if image else None
        return {**task, "do": "paint", "times": answer["times"], "image": shown}

    return then


def _check_space(job: Job, out: Path, todo: list[Sample]) -> None:
    frames = {}
    total = 0.0
    for sample in todo:
        if sample.clip not in frames:
            frames[sample.clip] = Motion.load(motion_file(out, sample.clip)).frame_count
        wanted = job.recipe.frames
        shown = frame_times(frames[sample.clip], wanted.stride, sample.speed, wanted.max, 0.0)
        total += sample_bytes(job.recipe, len(shown))
    shard = min(total, job.recipe.outputs.shard_mb * 2**20)
    if todo:
        check_space(out, total + shard)


def _check_options(options: RunOptions) -> None:
    if options.workers is not None and options.workers < 1:
        raise UserError(f"{options.workers} workers cannot make anything: use 1 or more.")
    if options.certificate is not None:
        check_certificate(options.certificate)


def _engine(options: RunOptions) -> Engine:
    if options.ray is not None:
        from .ray_run import RayEngine

        return RayEngine(options.ray)
    return LocalEngine(options.workers or default_workers())


def default_workers() -> int:
    """One per core, as far as the memory goes."""
    from ..render.blender_process import BYTES_EACH, cores

    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):  # not every system says
        free = BYTES_EACH
    return max(1, min(cores(), free // BYTES_EACH))


def _build_body() -> None:
    """Build the open body where it is not cached, before many children want it at once."""
    from ..retarget.body.load import load_body, open_body_path

    if not open_body_path().is_file():
        load_body("open")


def _failure(name: str, why: str) -> str:
    return json.dumps({"id": name, "why": why}, ensure_ascii=False) + "\n"


def _write_failures(out: Path, failed: dict[str, str]) -> None:
    path = out / FAILED
    if failed:
        write_text(path, "".join(_failure(name, why) for name, why in sorted(failed.items())))
    else:
        path.unlink(missing_ok=True)
