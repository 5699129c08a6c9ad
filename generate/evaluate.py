"""The figures of a finished run, measured from its files alone.

Every figure has its own module in `generate.evaluation`, which says what it is, its range, which
way is better and where it is from. What cannot be had is named under "skipped" with the reason.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UserError
from .evaluation.unavailable import Unavailable

if TYPE_CHECKING:
    from ..render.pass_set import PassSet
    from ..retarget.keypoints.record import Keypoints

Progress = Callable[[int, int], None]

_OTHER_SIGNERS = 30


def evaluate(
    folder: str | Path,
    source_clip: str | Path | None = None,
    appearance: str | Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Figures of the run in `folder`; JSON values only.

    source_clip: a video or `.pose`, wanted only where the folder has no keypoints.pose.
    appearance: the picture that was asked for; without it the colours are held against the
    signer's record (signer_record.json). progress: called as progress(done, total) in frames.

    Keys: frames; reprojection {body, body_alone, body_less_detector_bias, left_hand, right_hand,
    face} px at 512; hands {left_hand, right_hand} of {source, generated, ratio}; face_correlation
    {signal: r}; silhouette {mean, worst, worst_frame}; colours {skin, shirt, hair, all} shares and
    "reference"; ssim {successive, to_first, to_render}; warp_error {generated, render} of {hands,
    face, body, background}; skipped {figure: reason}.
    """
    folder = Path(folder)
    figures: dict[str, Any] = {}
    skipped: dict[str, str] = {}

    def attempt(name: str, measure: Callable[[], Any]) -> Any:
        try:
            return measure()
        except (Unavailable, UserError) as error:
            skipped[name] = str(error)
            return None

    source = attempt("keypoints", lambda: _source_keypoints(folder, source_clip))
    generated = attempt("detection", lambda: _generated_keypoints(folder))
    passes = attempt("passes", lambda: _passes(folder))
    if source is not None:
        figures["reprojection"] = attempt("reprojection", lambda: _reprojection(folder, source))
        if generated is not None and attempt("source", lambda: _same_view(passes)):
            figures |= _against_source(source, generated)
    if passes is not None:
        figures |= _from_pictures(folder, passes, appearance, attempt, progress)
    found = {name: value for name, value in figures.items() if value is not None}
    return {**found, "skipped": skipped}


def _source_keypoints(folder: Path, source_clip: str | Path | None) -> "Keypoints":
    from ..retarget.keypoints.source import load_keypoints

    stored = folder / "keypoints.pose"
    chosen = stored if stored.is_file() else source_clip
    if chosen is None:
        raise Unavailable(f"there is no {stored.name} and no source clip was given")
    return load_keypoints(chosen)


def _generated_keypoints(folder: Path) -> "Keypoints":
    from ..retarget.keypoints.source import load_keypoints

    video = folder / "signer.mp4"
    if not video.is_file():
        raise Unavailable(f"there is no {video.name}")
    return load_keypoints(video)


def _passes(folder: Path) -> "PassSet":
    from ..render.pass_set import read_pass_set

    return read_pass_set(folder / "passes")


def _reprojection(folder: Path, source: "Keypoints") -> dict[str, float | None]:
    from ..retarget.motion import Motion
    from .evaluation.detector_bias import body_error_without_bias
    from .evaluation.reprojection import projected_points, reprojection_error

    motion = Motion.load(folder / "motion.npz")
    if motion.frame_count != source.frame_count:
        raise Unavailable("the motion and the keypoints have different numbers of frames")
    errors = reprojection_error(projected_points(motion), source)
    return errors | {"body_less_detector_bias": body_error_without_bias(motion, source)}


def _same_view(passes: "PassSet | None") -> bool:
    """True, or Unavailable where the signer is filmed by another camera than the source's."""
    if passes is not None and not passes.info.get("source_view", True):
        raise Unavailable("the signer is seen by another camera than the source")
    return True


def _against_source(source: "Keypoints", generated: "Keypoints") -> dict[str, Any]:
    from .evaluation.face_signals import face_correlation
    from .evaluation.hands import hands_found

    return {
        "hands": hands_found(source, generated),
        "face_correlation": face_correlation(source, generated),
    }


def _from_pictures(
    folder: Path,
    passes: "PassSet",
    appearance: str | Path | None,
    attempt: Callable[[str, Callable[[], Any]], Any],
    progress: Progress | None,
) -> dict[str, Any]:
    from .evaluation.colours import nearer_to_reference
    from .evaluation.pictures import PictureFigures, generated_frames

    paths = attempt("pictures", lambda: generated_frames(folder, len(passes)))
    if paths is None:
        return {}
    with PictureFigures() as pictures:
        for done, path in enumerate(paths, start=1):
            pictures.add(path, passes)
            if progress:
                progress(done, len(paths))

    def colours() -> dict[str, Any]:
        reference, name = _reference_colours(folder, appearance)
        others = list(_other_signers())
        return {**nearer_to_reference(pictures.colours, reference, others), "reference": name}

    return {
        "frames": len(paths),
        **pictures.figures(),
        "colours": attempt("colours", colours),
    }


def _reference_colours(
    folder: Path, appearance: str | Path | None
) -> tuple[dict[str, np.ndarray], str]:
    """The colours that were asked for, and whether a picture or the record says so."""
    from ..files import read_json

    if appearance is not None:
        from ..render.dress.from_image import read_image

        colours = _colours_of(read_image(appearance))
        if colours:
            return colours, "picture"
    return _colours_of(read_json(folder / "signer_record.json")), "record"


def _other_signers() -> Iterator[dict[str, np.ndarray]]:
    from dataclasses import asdict

    from ..render.avatar.random_signer import random_signer

    for seed in range(_OTHER_SIGNERS):
        yield _colours_of(asdict(random_signer(seed)))


def _colours_of(looks: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """CIE Lab of skin, shirt and hair from the fields of a signer's record that are there."""
    from ..render.dress.lab import hex_to_lab

    fields = {"skin": "skin", "shirt": "top_colour", "hair": "hair_colour"}
    if looks.get("hair_style") == "bald":
        del fields["hair"]
    return {region: hex_to_lab(looks[name]) for region, name in fields.items() if name in looks}
