"""The road: which stages run in which order, for each of the three commands.

Bad input is refused before the first stage and before anything is written.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..files import sweep, write_json
from ..retarget.motion_files.load import is_motion_file
from .checks import check_all, check_clip, check_look, check_viewing, is_video
from .fit_page import FIT_PAGE, fit_page_stage
from .generate_stages import (
    COMPARE_VIDEO,
    FRAMES,
    SIGNER_VIDEO,
    STEADY,
    compare_stage,
    enhance_stage,
    measure_stage,
    paint_stage,
    steady_stage,
    video_stage,
)
from .library_output import logged_to
from .lock import STATE_FOLDER, locked
from .model import Model, find_model
from .options import Fitting, Look, Painting, Running, Viewing
from .overlay import OVERLAY_VIDEO, overlay_stage
from .progress import Reporter, make_reporter
from .remembered import is_private, remember_source, remember_viewing, source_clip, viewing_before
from .retarget_stages import (
    CHARACTER_CAPTION,
    KEYPOINTS,
    MOTION,
    PASSES,
    avatar_stage,
    character_stage,
    dress_stage,
    fit_stage,
    fitted_points_stage,
    keypoints_stage,
    passes_stage,
    read_motion_stage,
)
from .stages import Ledger, Outcome, Stage, run_stage

RECORD = "signer.json"
REPORT = "report.html"
_LOG = "log.txt"


@dataclass(frozen=True)
class Road:
    """One run in one folder."""

    folder: Path
    ledger: Ledger
    reporter: Reporter
    force: bool

    def do(self, stage: Stage) -> Outcome:
        """Do a stage, or take what an earlier run left of it, and tell what it noted."""
        outcome = run_stage(stage, self.ledger, self.reporter, self.force)
        for note in outcome.facts.get("notes", ()):
            self.reporter.note(note)
        return outcome


def run(
    clip: Path,
    folder: Path,
    fitting: Fitting,
    look: Look,
    painting: Painting,
    running: Running,
    viewing: Viewing | None = None,
) -> tuple[Path, ...]:
    """Turn `clip` into `folder`/signer.mp4. Returns the paths of the results.

    Raises:
        UserError: bad input, a full disk, another run in the same folder.
    """
    viewing = viewing or Viewing()
    check_all(clip, look, viewing)
    model = find_model(look, painting)
    with _road(folder, running) as road:
        road.reporter.note(f"Model: {model.reason}.")
        _retarget(road, clip, fitting)
        caption = _dress_and_render(road, look, viewing)
        return _generate(road, look, painting, model, caption)


def run_fit(clip: Path, folder: Path, fitting: Fitting, running: Running) -> tuple[Path, ...]:
    """Turn `clip` into `folder`/motion.npz. Returns the paths of the results. Raises as `run`."""
    check_clip(clip)
    with _road(folder, running) as road:
        _retarget(road, clip, fitting)
    return (folder / MOTION, folder / KEYPOINTS)


def run_paint(folder: Path, look: Look, painting: Painting, running: Running) -> tuple[Path, ...]:
    """Paint the passes in `folder`, whatever scene they show, into `folder`/signer.mp4.

    For passes that no avatar of ours stands behind (a Blender scene's): nothing is dressed, and
    the face is as it was painted.

    Raises:
        UserError: no passes there, or as `run`.
    """
    from ..render.passes import read_pass_set

    check_look(look)
    passes = read_pass_set(folder / PASSES)
    model = find_model(look, painting)
    pictures = tuple(sorted(path for path in (folder / PASSES).rglob("*.*") if path.is_file()))
    with _road(folder, running) as road:
        road.reporter.note(f"Model: {model.reason}.")
        stage = paint_stage(folder, look, painting, model, look.prompt or "a person signing")
        road.do(replace(stage, inputs=(*stage.inputs, *pictures), after=()))
        frames, before = FRAMES, "paint"
        if painting.steady != "off":
            road.do(replace(steady_stage(folder), after=("paint",)))
            frames, before = STEADY, "steady"
        road.do(video_stage(folder, passes.fps, frames, before))
    return (folder / SIGNER_VIDEO,)


def run_anonymize(
    clip: Path,
    folder: Path,
    fitting: Fitting,
    look: Look,
    painting: Painting,
    running: Running,
    viewing: Viewing | None = None,
) -> tuple[Path, ...]:
    """As `run`, with privacy as its aim (see `anonymize`): no clip is shown beside the signer, and
    a signer who would resemble the source is chosen anew. Returns what may be shared."""
    from .anonymize import looks_stage, privacy_notes, privacy_record, unlike_source

    viewing = viewing or Viewing()
    check_all(clip, look, viewing)
    model = find_model(look, painting)
    video = is_video(clip)
    with _road(folder, running) as road:
        road.reporter.note(f"Model: {model.reason}.")
        looks = road.do(looks_stage(clip)).facts["looks"] if video else {}
        look, check = unlike_source(look, looks)
        for note in privacy_notes(check, video):
            road.reporter.note(note)
        _retarget(road, clip, fitting, private=True)
        caption = _dress_and_render(road, look, viewing)
        return _generate(road, look, painting, model, caption, privacy_record(check, look))


def run_retarget(
    clip: Path,
    folder: Path,
    fitting: Fitting,
    look: Look,
    running: Running,
    viewing: Viewing | None = None,
) -> tuple[Path, ...]:
    """Turn `clip` into `folder`/passes. Returns the paths of the results. Raises as `run`."""
    viewing = viewing or Viewing()
    check_all(clip, look, viewing)
    with _road(folder, running) as road:
        _retarget(road, clip, fitting)
        _dress_and_render(road, look, viewing)
        road.do(fit_page_stage(folder, clip))
    names = (MOTION, f"{PASSES}/passes.json", FIT_PAGE, OVERLAY_VIDEO)
    return tuple(folder / name for name in names if (folder / name).is_file())


def run_generate(
    folder: Path,
    look: Look,
    painting: Painting,
    running: Running,
    viewing: Viewing | None = None,
) -> tuple[Path, ...]:
    """Dress, render and paint the motion in `folder`. Returns the results. Raises as `run`.

    The avatar and its passes are made again only where the look changes them.
    """
    motion = folder / MOTION
    if not motion.is_file():
        raise UserError(f"{motion} is missing: run diffsign-retarget CLIP -o {folder} first.")
    check_look(look)
    if viewing is None or viewing == Viewing():
        viewing = viewing_before(folder)
    check_viewing(viewing)
    model = find_model(look, painting)
    with _road(folder, running) as road:
        road.reporter.note(f"Model: {model.reason}.")
        caption = _dress_and_render(road, look, viewing)
        return _generate(road, look, painting, model, caption)


@contextmanager
def _road(folder: Path, running: Running) -> Iterator[Road]:
    with locked(folder):
        sweep(folder)
        log = None if running.debug else folder / STATE_FOLDER / _LOG
        with logged_to(log) as shown:
            reporter = make_reporter(running.quiet, shown, running.progress)
            yield Road(folder, Ledger(folder), reporter, running.force)


def _retarget(road: Road, clip: Path, fitting: Fitting, private: bool = False) -> None:
    _build_body(road.reporter)
    remember_source(road.folder, clip, private)
    if is_motion_file(clip):
        road.do(read_motion_stage(clip, fitting))
        road.do(fitted_points_stage(road.folder))
    else:
        road.do(keypoints_stage(clip, fitting))
        road.do(fit_stage(road.folder, fitting, clip))
    if fitting.overlay and not private:
        road.do(overlay_stage(road.folder, clip if is_video(clip) else None))


def _build_body(reporter: Reporter) -> None:
    """Build the open body where it is not cached, so that no stage's time left counts it."""
    from ..retarget.body.load import load_body, open_body_path

    if not open_body_path().is_file():
        with reporter.stage("body"):
            load_body("open")


def _dress_and_render(road: Road, look: Look, viewing: Viewing) -> str:
    """Returns the signer's description in words."""
    road.do(dress_stage(look))
    caption = road.do(avatar_stage(road.folder, look)).facts["caption"]
    remember_viewing(road.folder, viewing)
    if viewing.avatar is None:
        road.do(passes_stage(road.folder, viewing))
        return caption
    road.do(character_stage(road.folder, viewing, not look.angles_only))
    return look.prompt or CHARACTER_CAPTION


def _generate(
    road: Road,
    look: Look,
    painting: Painting,
    model: Model,
    caption: str,
    privacy: dict[str, Any] | None = None,
) -> tuple[Path, ...]:
    from ..retarget.motion import Motion
    from .anonymize import privacy_sentence
    from .record import signer_record
    from .report import write_report

    folder = road.folder
    fps = Motion.load(folder / MOTION).fps
    clip = source_clip(folder)
    video = clip if clip is not None and is_video(clip) else None
    road.do(paint_stage(folder, look, painting, model, caption))
    if painting.steady != "off":
        road.do(steady_stage(folder))
    road.do(enhance_stage(folder, painting))
    road.do(video_stage(folder, fps))
    if is_private(folder):
        for name in (COMPARE_VIDEO, OVERLAY_VIDEO, FIT_PAGE):  # of earlier runs: they show it
            (folder / name).unlink(missing_ok=True)
    elif video is not None or (folder / KEYPOINTS).is_file():
        road.do(compare_stage(folder, video, fps))
    road.do(measure_stage(folder, look, clip, caption))
    record = signer_record(road.ledger, clip, look, model)
    if privacy is not None:
        record["disclosure"] += " " + privacy_sentence(privacy)
        record["privacy"] = privacy
    write_json(folder / RECORD, record)
    write_report(folder, record, video)
    names = (SIGNER_VIDEO, COMPARE_VIDEO, RECORD, REPORT)
    return tuple(folder / name for name in names if (folder / name).is_file())
