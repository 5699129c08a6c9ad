"""Bad input is refused before the first stage and before anything is written."""

from pathlib import Path

from ..errors import UserError
from ..retarget.keypoints.source import FILE_SUFFIXES
from ..retarget.motion_files.load import is_motion_file
from .options import Look, Viewing
from .retarget_stages import pass_options


def is_video(clip: Path) -> bool:
    """Whether a source is pictures, and neither points nor motion."""
    other = clip.suffix.lower() in FILE_SUFFIXES or is_motion_file(clip)
    return clip.is_file() and not other


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


def check_all(clip: Path, look: Look, viewing: Viewing) -> None:
    """Refuse what cannot be used, before anything is made."""
    check_clip(clip)
    check_look(look)
    check_viewing(viewing)
