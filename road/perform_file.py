"""One motion file as the performance of a signer of other proportions."""

from pathlib import Path


def perform_file(motion: Path, record: Path, out: Path) -> Path:
    """Write the motion as the signer of a record performs it (see `retarget.rig.perform`).

    Raises:
        UserError: the motion or the record cannot be read, or nothing can be written.
    """
    from ..render.avatar.record import Signer
    from ..retarget.body.load import load_body
    from ..retarget.body.phenotype import phenotype_betas
    from ..retarget.motion_files.load import load_motion
    from ..retarget.rig.perform import perform

    signer = Signer.load(record)
    source = load_motion(motion)
    body = load_body("open")
    perform(source, body, phenotype_betas(body, signer.phenotype)).save(out)
    return out
