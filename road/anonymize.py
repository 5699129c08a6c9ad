"""`diffsign anonymize`: the road with privacy as its aim.

No pixel of the source reaches the output: the clip is opened by two stages alone, `keypoints`,
which leaves points, and `looks`, which leaves colours to stay away from. All that follows works
from the fitted motion, on an avatar with bones of its own; no side-by-side clip is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from .options import Look, _says
from .progress import Progress
from .stages import Stage

if TYPE_CHECKING:
    from ..render.avatar.record import Signer

STILL_IDENTIFIES = (
    "the movement itself: who knows the person may know the signing style, rhythm, mouthing and "
    "habits of the face",
    "what is said: names, places and stories",
    "the length and frame rate of the clip, for who has the source at hand",
)
KEEP_PRIVATE = ("keypoints.pose", "motion.npz", ".diffsign")
"""What in the folder holds measures of the source's face and body, or its colours."""

ALIKE = 12.0
"""CIE 2000 difference below which two colours pass for the same at a glance."""
TRIES = 24
_FRAMES = 5
_COLOURS = {"skin": "skin", "hair": "hair_colour", "clothes": "top_colour"}


@dataclass(frozen=True)
class PrivateLook(Look):
    """Who shall sign in the source's place: nobody with the source's bones, unless asked for."""

    proportions: Literal["source", "avatar"] = field(
        default="avatar",
        metadata=_says("Whose bones: the avatar's own, or the source's, which may identify."),
    )


def looks_stage(clip: Path) -> Stage:
    """What the source looks like, so that the signer can look otherwise: the median colours of a
    few frames, as facts `looks` (fields of `Signer`), and how many frames showed somebody."""

    def action(folder: Path, progress: Progress) -> Mapping[str, Any]:
        return source_looks(clip)

    return Stage("looks", action, inputs=(clip,), code=("road/anonymize.py", "render/dress/*.py"))


def source_looks(clip: Path) -> dict[str, Any]:
    """`looks`: hex colours by field, of the frames of a video; `frames`: how many told them."""
    import numpy as np

    from ..errors import UserError
    from ..render.dress.from_image import read_image
    from ..render.dress.lab import hex_to_lab, lab_to_hex
    from ..video import probe, read_frames

    wanted = set(np.linspace(0, probe(clip).frame_count - 1, _FRAMES + 2).astype(int)[1:-1])
    read = []
    for number, frame in enumerate(read_frames(clip)):
        if number in wanted:
            try:
                read.append(read_image(frame))
            except UserError:  # nobody is seen in this frame
                continue
        if number >= max(wanted):
            break
    looks = {}
    for name in _COLOURS.values():
        labs = [hex_to_lab(each[name]) for each in read if name in each]
        if labs:
            looks[name] = lab_to_hex(np.median(labs, axis=0))
    return {"looks": looks, "frames": len(read)}


def alike(signer: Signer, looks: Mapping[str, str]) -> tuple[str, ...]:
    """Which of skin, hair and clothes pass for the source's (a bald signer has no hair)."""
    from ..render.dress.lab import delta_e, hex_to_lab

    found = []
    for word, name in _COLOURS.items():
        if name not in looks or (name == "hair_colour" and signer.hair_style == "bald"):
            continue
        apart = delta_e(hex_to_lab(getattr(signer, name)), hex_to_lab(looks[name]))
        if float(apart) < ALIKE:
            found.append(word)
    return tuple(found)


def unlike_source(look: Look, looks: Mapping[str, str]) -> tuple[Look, dict[str, Any]]:
    """The look with a seed whose signer does not resemble the source, and what was done.

    The seed given is kept where it does; else of the next ones the first that is unlike in skin,
    hair and clothes, or the least alike of them (words and pictures may leave no other choice).
    """
    from ..render.dress.reading import load_stated, read_signer

    stated = {} if look.dress is None else load_stated(look.dress)
    tries = TRIES if look.portrait is None else 1  # a picture leaves the seed little to choose
    best: tuple[int, Look, tuple[str, ...]] | None = None
    first: tuple[str, ...] = ()
    for step in range(tries):
        tried = replace(look, seed=(look.seed + step) % 2**32)
        signer, _ = read_signer(tried.portrait, tried.prompt, tried.seed, stated)
        shared = alike(signer, looks)
        if step == 0:
            first = shared
        if best is None or len(shared) < best[0]:
            best = (len(shared), tried, shared)
        if not shared:
            break
    assert best is not None
    _, chosen, shared = best
    return chosen, {
        "compared": [word for word, name in _COLOURS.items() if name in looks],
        "alike_at_first": list(first),
        "alike": list(shared),
        "seed_asked": look.seed,
        "seed": chosen.seed,
    }


def privacy_notes(check: Mapping[str, Any], video: bool) -> list[str]:
    """What the user is told of the check of the looks."""
    if not check["compared"]:
        why = "the source shows nobody clearly" if video else "the source is no video"
        return [f"The signer's looks could not be compared with the source's: {why}."]
    notes = []
    if check["seed"] != check["seed_asked"]:
        notes.append(
            f"With seed {check['seed_asked']} the signer's {_listed(check['alike_at_first'])} "
            f"resembled the source's: seed {check['seed']} was taken in its place."
        )
    if check["alike"]:
        notes.append(
            f"The signer's {_listed(check['alike'])} still resemble the source's, as the prompt or "
            "the picture ask for: ask for other colours to be farther away."
        )
    return notes


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def privacy_record(check: Mapping[str, Any], look: Look) -> dict[str, Any]:
    """The entry `privacy` of signer.json; it holds nothing of the source."""
    return {
        "aim": "anonymisation",
        "source_pixels": "none: the signer is painted from an avatar that performs the motion",
        "source_bones": look.proportions == "source",
        "looks_compared": check["compared"],
        "looks_alike": check["alike"],
        "still_identifies": list(STILL_IDENTIFIES),
        "keep_private": list(KEEP_PRIVATE),
    }


def privacy_sentence(record: Mapping[str, Any]) -> str:
    """What the report says beside the disclosure."""
    bones = ["the source's bone lengths"] if record["source_bones"] else []
    still = "; ".join([*record["still_identifies"], *bones])
    kept = ", ".join(record["keep_private"])
    return (
        "Anonymised: no pixel of the source is in it. What still identifies: "
        f"{still}. Not to be shared with it: {kept}."
    )
