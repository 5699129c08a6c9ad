"""The stages from a clip to its rendered passes. See `stages` for what a stage is."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .options import Fitting, Look, Viewing
from .progress import Progress
from .stages import Stage

if TYPE_CHECKING:
    from ..render.pass_options import PassOptions

KEYPOINTS = "keypoints.pose"
MOTION = "motion.npz"
SIGNER_RECORD = "signer_record.json"
SIGNER_READING = "signer_reading.json"
AVATAR = "avatar.npz"
PERFORMANCE = "performance.npz"
PASSES = "passes"
CHARACTER_CAPTION = "a person"
"""What is painted where nothing says what the user's own character looks like."""

_PERFORMING = (
    "apart",
    "arms",
    "axes",
    "contacts",
    "fingers",
    "heal",
    "locations",
    "perform",
    "rotations",
    "rows",
    "rules",
    "skeleton",
    "smooth",
    "surface",
    "touch",
)
KEYPOINT_SETTINGS = ("person", "fps", "image_size", "detector")
"""The fields of `Fitting` that the points depend on."""
_READ_SETTINGS = (*KEYPOINT_SETTINGS, "body_path", "overlay", "sign_priors", "vposer")
"""The fields of `Fitting` that a fit does not depend on, or only through a file of its inputs."""


def keypoints_stage(clip: Path, fitting: Fitting) -> Stage:
    """Find the signer's points in every frame of `clip`, a video or a file of keypoints."""

    def action(folder: Path, progress: Progress) -> Mapping[str, Any]:
        from ..retarget.keypoints.pose_file import write_pose
        from ..retarget.keypoints.source import load_keypoints

        notes: list[str] = []
        keypoints = load_keypoints(
            clip,
            progress,
            person=fitting.person,
            fps=fitting.fps,
            size=fitting.size(),
            detector=fitting.detector,
            note=notes.append,
        )
        write_pose(folder / KEYPOINTS, keypoints)
        return {
            "frames": len(keypoints.body),
            "fps": keypoints.fps,
            "width": keypoints.width,
            "height": keypoints.height,
            "notes": notes,
        }

    return Stage(
        "keypoints",
        action,
        inputs=(clip,),
        settings={name: getattr(fitting, name) for name in KEYPOINT_SETTINGS},
        code=("retarget/keypoints/**/*.py", "video.py"),
        files=(KEYPOINTS,),
    )


def fit_stage(folder: Path, fitting: Fitting, clip: Path | None = None) -> Stage:
    """Fit one body and one camera to the points of the whole clip; of the clip itself no more is
    read than what it says of its lens."""
    if fitting.sign_priors is not None:
        from ..retarget.fit.sign_file import read_spans

        read_spans(fitting.sign_priors)  # what is wrong with it is said before anything is fitted

    if fitting.vposer is not None:
        from ..retarget.fit.vposer import load_vposer

        load_vposer(fitting.vposer)

    def action(folder: Path, progress: Progress) -> Mapping[str, Any]:
        from ..retarget.fit.lens_metadata import fov_of_video
        from ..retarget.fit.options import FitOptions
        from ..retarget.fit.solve import fit_clip
        from ..retarget.keypoints.pose_file import read_pose

        keypoints = read_pose(folder / KEYPOINTS)
        fov = fitting.fov
        if fov is None and clip is not None:
            fov = fov_of_video(clip, keypoints.width, keypoints.height)
        options = FitOptions(
            fov=fov,
            sign_priors=not fitting.no_sign_priors,
            sign_priors_file=fitting.sign_priors,
            vposer=fitting.vposer,
        )
        motion = fit_clip(keypoints, options, progress)
        motion.save(folder / MOTION)
        return {"body": motion.body, "frames": motion.frame_count}

    return Stage(
        "fit",
        action,
        inputs=(folder / KEYPOINTS, *((fitting.sign_priors,) if fitting.sign_priors else ())),
        settings={
            **{k: v for k, v in asdict(fitting).items() if k not in _READ_SETTINGS},
            **({"vposer": str(fitting.vposer)} if fitting.vposer else {}),
        },
        code=("retarget/fit/**/*.py", "retarget/body/**/*.py", "retarget/motion.py"),
        files=(MOTION,),
    )


def read_motion_stage(clip: Path, fitting: Fitting) -> Stage:
    """Read a motion that somebody else's tool fitted: it stands for `fit_stage`."""

    def action(folder: Path, progress: Progress) -> Mapping[str, Any]:
        from ..retarget.motion_files.load import load_motion

        notes: list[str] = []
        motion = load_motion(clip, "open", fitting.body_path, fitting.fps, notes.append)
        motion.save(folder / MOTION)
        return {"body": motion.body, "frames": motion.frame_count, "notes": notes}

    return Stage(
        "fit",
        action,
        inputs=(clip, *([fitting.body_path] if fitting.body_path else [])),
        settings={"fps": fitting.fps},
        code=("retarget/motion_files/**/*.py", "retarget/body/**/*.py", "retarget/motion.py"),
        files=(MOTION,),
    )


def fitted_points_stage(folder: Path) -> Stage:
    """Where the points of a read motion lie: it stands for `keypoints_stage`."""

    def action(folder: Path, progress: Progress) -> Mapping[str, Any]:
        from ..retarget.body.load import load_body
        from ..retarget.motion import Motion
        from ..retarget.motion_files.fitted_pose import write_fitted_pose

        motion = Motion.load(folder / MOTION)
        write_fitted_pose(motion, load_body(motion.body), folder / KEYPOINTS)
        return {
            "frames": motion.frame_count,
            "fps": motion.fps,
            "width": motion.camera.width,
            "height": motion.camera.height,
        }

    return Stage(
        "keypoints",
        action,
        inputs=(folder / MOTION,),
        code=("retarget/motion_files/fitted_pose.py", "retarget/keypoints/pose_file.py"),
        files=(KEYPOINTS,),
    )


def dress_stage(look: Look) -> Stage:
    """Choose the avatar's looks from a record, the appearance, the words and the seed."""

    def action(folder: Path, progress: Progress) -> Mapping[str, Any]:
        from ..render.dress.reading import load_stated, read_signer, save_reading

        stated = {} if look.dress is None else load_stated(look.dress)
        signer, reading = read_signer(look.portrait, look.prompt, look.seed, stated)
        if look.background is not None:
            signer = signer.with_changes(background=look.background)
        save_reading(folder / SIGNER_READING, signer, reading)
        signer.save(folder / SIGNER_RECORD)
        return {}

    return Stage(
        "dress",
        action,
        inputs=tuple(path for path in (look.portrait, look.dress) if path),
        settings={"prompt": look.prompt, "background": look.background, "seed": look.seed},
        code=("render/dress/**/*.py", "render/avatar/record.py", "render/avatar/random_signer.py"),
        files=(SIGNER_RECORD, SIGNER_READING),
    )


def avatar_stage(folder: Path, look: Look | None = None) -> Stage:
    """Build the dressed avatar, let it perform the motion, and describe its looks.

    Its skeleton is the fitted one unless `look.proportions` is 'avatar'.
    """
    look = look or Look()

    def action(folder: Path, progress: Progress) -> Mapping[str, Any]:
        from ..render.avatar.build import build_avatar
        from ..render.avatar.record import Signer
        from ..render.dress.caption import describe
        from ..retarget.body.identity import betas_for
        from ..retarget.body.load import load_body
        from ..retarget.body.phenotype import phenotype_betas
        from ..retarget.motion import Motion
        from ..retarget.rig.perform import perform

        motion = Motion.load(folder / MOTION)
        signer = Signer.load(folder / SIGNER_RECORD)
        body = load_body(motion.body)
        if look.proportions == "avatar":
            betas = phenotype_betas(body, signer.phenotype)
        else:
            betas = betas_for(body, signer.phenotype, motion.betas)
        build_avatar(signer, body, betas).save(folder / AVATAR)
        perform(motion, body, betas, not look.angles_only).save(folder / PERFORMANCE)
        return {"caption": describe(signer)}

    return Stage(
        "avatar",
        action,
        inputs=(folder / MOTION, folder / SIGNER_RECORD),
        settings={"proportions": look.proportions, "angles_only": look.angles_only},
        code=(
            "render/avatar/**/*.py",
            "render/dress/caption.py",
            "retarget/body/**/*.py",
            "retarget/rotations.py",
            *(f"retarget/rig/{name}.py" for name in _PERFORMING),
        ),
        files=(AVATAR, PERFORMANCE),
    )


def pass_options(viewing: Viewing) -> "PassOptions":
    """The settings of the render that a viewing asks for."""
    from ..render.pass_options import PassOptions

    width, height = viewing.size()
    usual = PassOptions()
    return PassOptions(
        width=width,
        height=height,
        samples=usual.samples if viewing.samples is None else viewing.samples,
        lights=viewing.light or usual.lights,
        camera=viewing.camera or usual.camera,
        orbit=viewing.angles(),
        focal=viewing.focal,
        backdrop=viewing.backdrop,
        hdri=None if viewing.hdri is None else str(viewing.hdri),
        engine=viewing.engine,
        device=viewing.device,
        workers=viewing.workers,
    )


def passes_stage(folder: Path, viewing: Viewing | None = None) -> Stage:
    """Render depth, normals, points and the beauty picture of every frame in Blender."""
    from ..render.pass_options import option_files

    options = pass_options(viewing or Viewing())

    def action(work: Path, progress: Progress) -> Mapping[str, Any]:
        from ..render.passes import render_passes

        notes: list[str] = []
        render_passes(folder / PERFORMANCE, folder / AVATAR, work, options, progress, notes.append)
        return {"notes": notes}

    settings = asdict(options)
    for name in ("threads", "workers", "device"):  # they change the time alone
        del settings[name]
    return Stage(
        "passes",
        action,
        inputs=(folder / PERFORMANCE, folder / AVATAR, *map(Path, option_files(options))),
        settings=settings,
        code=("render/*.py",),
        folder=PASSES,
    )


def character_stage(folder: Path, viewing: Viewing, contacts: bool = True) -> Stage:
    """Render the same passes of the user's own character: it stands for `passes_stage`."""
    from ..render.pass_options import option_files

    assert viewing.avatar is not None
    options, character = pass_options(viewing), viewing.avatar

    def action(work: Path, progress: Progress) -> Mapping[str, Any]:
        from ..render.character import render_character

        notes: list[str] = []
        performance, avatar = folder / PERFORMANCE, folder / AVATAR
        render_character(
            character,
            performance,
            avatar,
            work,
            options,
            viewing.rig,
            progress,
            notes.append,
            contacts,
        )
        return {"notes": notes}

    settings = asdict(options) | {"character": character.suffix.lower(), "contacts": contacts}
    for name in ("threads", "workers", "device"):
        del settings[name]
    files = [character, *([viewing.rig] if viewing.rig else [])]
    return Stage(
        "passes",
        action,
        inputs=(
            folder / PERFORMANCE,
            folder / AVATAR,
            *files,
            *map(Path, option_files(options)),
        ),
        settings=settings,
        code=("render/*.py", "retarget/rig/*.py"),
        folder=PASSES,
    )
