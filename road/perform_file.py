"""One motion file as the performance of a signer of other proportions, or of a character."""

from pathlib import Path

from ..errors import UserError

FIGURE = ".npz"


def perform_file(
    motion: Path,
    record: Path | None,
    out: Path,
    character: Path | None = None,
    rig: Path | None = None,
) -> Path:
    """Write the motion as somebody else performs it, with all that the hands touch.

    Args:
        record: of a signer (see `retarget.rig.perform`). character: a character's file, or its
            figure (see `retarget.rig.figure`), instead of a record. rig: the character's rig map,
            where its family is not known.

    Raises:
        UserError: the motion or who performs it cannot be read, or nothing can be written.
    """
    from ..retarget.body.load import load_body
    from ..retarget.motion_files.load import load_motion

    if (record is None) == (character is None):
        raise UserError("Somebody must perform: give either --record or --avatar.")
    body = load_body("open")
    if record is not None:
        from ..render.avatar.record import Signer
        from ..retarget.body.phenotype import phenotype_betas
        from ..retarget.rig.perform import perform

        signer = Signer.load(record)
        perform(load_motion(motion), body, phenotype_betas(body, signer.phenotype)).save(out)
        return out
    from ..render.character import character_figure
    from ..retarget.rig.figure import perform_on_figure
    from ..retarget.rig.figure_file import load_figure

    assert character is not None
    source = load_motion(motion)
    if character.suffix.lower() == FIGURE:
        figure = load_figure(character)
    else:
        figure = character_figure(character, rig)
    perform_on_figure(source, body, figure).save(out)
    return out
