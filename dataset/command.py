"""What `diffsign synthesize` does with its options."""

from __future__ import annotations

import sys
from pathlib import Path

from ..errors import UserError
from .check import check_dataset
from .layout import CARD, FAILED, GALLERY, INDEX
from .provenance import Certificate
from .run import RunOptions, make_only, read_job, synthesize


def synthesize_command(
    recipe: Path,
    out: Path,
    only: str | None,
    check: bool,
    certificate: Path | None,
    key: Path | None,
    workers: int | None,
    ray: str | None,
    quiet: bool,
) -> list[Path]:
    """Make, make one, or check; the paths of the results.

    Raises:
        UserError: bad input, or a dataset that is not what it should be.
    """
    if check:
        _check(recipe, out, quiet)
        return [out / INDEX]
    if (certificate is None) != (key is None):
        raise UserError("A signature needs both --certificate and --key.")
    signing = Certificate(certificate, key) if certificate and key else None
    options = RunOptions(workers, ray, signing, quiet)
    if only is not None:
        return [make_only(recipe, out, only, options)]
    result = synthesize(recipe, out, options)
    if not quiet:
        said = f"{result.made} made, {result.kept} kept, {len(result.failed)} failed"
        print(said, file=sys.stderr)
        for name, why in list(result.failed.items())[:3]:
            print(f"{name}: {why}", file=sys.stderr)
    names = [INDEX, CARD, GALLERY, *([FAILED] if result.failed else [])]
    return [out / name for name in names]


def _check(recipe: Path, out: Path, quiet: bool) -> None:
    from ..files import read_json

    identity = read_job(recipe).plan.identity
    findings = check_dataset(out)
    if read_json(out / INDEX)["identity"] != identity:
        findings.problems.insert(0, f"{out} was made from another recipe")
    if not quiet:
        figures = ", ".join(
            f"{name} {value:.4f} px" for name, value in findings.reprojection.items()
        )
        print(
            f"{findings.samples} samples, {findings.frames} frames; re-projection: {figures}; "
            f"{findings.inside:.1%} of the seen points lie on the mask",
            file=sys.stderr,
        )
    if findings.problems:
        more = f" (and {len(findings.problems) - 1} more)" if len(findings.problems) > 1 else ""
        raise UserError(f"The dataset is not whole: {findings.problems[0]}{more}.")
