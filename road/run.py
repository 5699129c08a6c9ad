"""The road: which stages run in which order, for each of the three commands.

Bad input is refused before the first stage and before anything is written.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..files import read_json, sha256, sweep, write_json
from ..retarget.keypoints.source import FILE_SUFFIXES
from ..retarget.motion_files.load import is_motion_file
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
    pass_options,
    passes_stage,
    read_motion_stage,
)
from .stages import Ledger, Outcome, Stage, run_stage

RECORD = "signer.json"
REPORT = "report.html"
_LOG = "log.txt"
_SOURCE = "source.json"
_VIEWING = "viewing.json"


@dataclass(frozen=True)
class Road:
    """One run in one folder."""

    folder: Path
    ledger: Ledger
    reporter: Reporter
    force: bool

    def do(self, stage: Stage) -> Outcome:
        return run_stage(stage, self.ledger, self.reporter, self.force)


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
    check_clip(clip)
    check_look(look)
    viewing = viewing or Viewing()
    check_viewing(viewing)
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
        painted = road.do(replace(stage, inputs=(*stage.inputs, *pictures), after=()))
        for note in painted.facts.get("notes", ()):
            road.reporter.note(note)
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

    check_clip(clip)
    check_look(look)
    viewing = viewing or Viewing()
    check_viewing(viewing)
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
    check_clip(clip)
    check_look(look)
    viewing = viewing or Viewing()
    check_viewing(viewing)
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
        viewing = _viewing_before(folder)
    check_viewing(viewing)
    model = find_model(look, painting)
    with _road(folder, running) as road:
        road.reporter.note(f"Model: {model.reason}.")
        caption = _dress_and_render(road, look, viewing)
        return _generate(road, look, painting, model, caption)


def check_clip(clip: Path) -> None:
    """Refuse a clip that cannot be read, before anything is made."""
    if not clip.exists():
        raise UserError(f"There is no file {clip}: check its name and folder.")
    if is_video(clip):
        from ..video import probe

        probe(clip)


def check_look(look: Look) -> None:
    """Refuse an appearance or a colour that cannot be read, before anything is made."""
    if look.pictures:
        from ..render.dress.image_file import load_appearance

        for picture in look.pictures:
            load_appearance(picture)
    if look.background is not None:
        from ..render.avatar.record import Signer

        Signer(background=look.background)


def check_viewing(viewing: Viewing) -> None:
    """Refuse a camera, a backdrop or a size that cannot be used, before anything is made."""
    from ..render.pass_options import check_options

    check_options(pass_options(viewing))
    if viewing.avatar is not None:
        from ..render.character import check_backdrop, check_character

        check_backdrop(pass_options(viewing))
        check_character(viewing.avatar, viewing.rig, viewing.still_face)


def _absolute(viewing: Viewing) -> dict[str, Any]:
    """The viewing as JSON values, its files by their whole paths."""
    values = asdict(viewing)
    for name in ("camera", "backdrop", "hdri", "avatar", "rig"):
        if values[name] is not None and Path(values[name]).is_file():
            values[name] = str(Path(values[name]).resolve())
    return values


def _viewing_before(folder: Path) -> Viewing:
    """What the passes in `folder` were last seen like."""
    note = folder / STATE_FOLDER / _VIEWING
    if not note.is_file():
        return Viewing()
    values = read_json(note)
    for name in ("hdri", "avatar", "rig"):
        if values.get(name) is not None:
            values[name] = Path(values[name])
    return Viewing(**values)


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
    source: dict[str, Any] = {"clip": str(clip.resolve()), "sha256": sha256(clip)}
    if private:  # so that no later command finds the clip from here
        source = {"private": True}
    write_json(road.folder / STATE_FOLDER / _SOURCE, source)
    if is_motion_file(clip):
        _noted(road, read_motion_stage(clip, fitting))
        road.do(fitted_points_stage(road.folder))
    else:
        _noted(road, keypoints_stage(clip, fitting))
        road.do(fit_stage(road.folder, fitting))
    if fitting.overlay and not private:
        road.do(overlay_stage(road.folder, clip if is_video(clip) else None))


def _noted(road: Road, stage: Stage) -> None:
    """Do a stage and tell the user what it noted."""
    for note in road.do(stage).facts.get("notes", ()):
        road.reporter.note(note)


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
    write_json(road.folder / STATE_FOLDER / _VIEWING, _absolute(viewing))
    if viewing.avatar is None:
        rendered = road.do(passes_stage(road.folder, viewing))
    else:
        rendered = road.do(character_stage(road.folder, viewing))
        caption = look.prompt or CHARACTER_CAPTION
    for note in rendered.facts.get("notes", ()):
        road.reporter.note(note)
    return caption


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
    painted = road.do(paint_stage(folder, look, painting, model, caption))
    for note in painted.facts.get("notes", ()):
        road.reporter.note(note)
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


def source_clip(folder: Path) -> Path | None:
    """What the motion in `folder` came from, if it still stands where it stood, unchanged."""
    note = folder / STATE_FOLDER / _SOURCE
    if not note.is_file():
        return None
    source = read_json(note)
    if source.get("private"):
        return None
    clip = Path(source["clip"])
    return clip if clip.exists() and sha256(clip) == source["sha256"] else None


def is_private(folder: Path) -> bool:
    """Whether the motion in `folder` is there to be anonymised (`run_anonymize`)."""
    note = folder / STATE_FOLDER / _SOURCE
    return note.is_file() and bool(read_json(note).get("private"))


def is_video(clip: Path) -> bool:
    """Whether a source is pictures, and neither points nor motion."""
    other = clip.suffix.lower() in FILE_SUFFIXES or is_motion_file(clip)
    return clip.is_file() and not other
