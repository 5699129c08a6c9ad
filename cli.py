"""The command line: it parses, calls the road, and turns errors into one line and an exit code.

Exit codes: 0 done, 1 an error in the program, 2 something that the user can mend, 130 interrupted.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from . import __version__
from .errors import UserError
from .road.anonymize import PrivateLook
from .road.options import Fitting, Look, Painting, Running, Viewing, cli_options, from_cli

_out = click.option(
    "-o",
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder for everything that is made; a run in the same folder goes on where it stopped.",
)
_clip = click.argument("clip", type=click.Path(path_type=Path))


class _Command(click.Command):
    """A command whose every error reaches the user as the exit codes above say."""

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:
        return _guarded(super().main, args, *rest, **extra)


class _Group(click.Group):
    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:
        return _guarded(super().main, args, *rest, **extra)


def _guarded(main: Callable, args: Sequence[str] | None, *rest: Any, **extra: Any) -> Any:
    debug = "--debug" in (sys.argv if args is None else args)
    try:
        extra["standalone_mode"] = False
        main(args, *rest, **extra)
    except click.exceptions.Exit as exit_:
        sys.exit(exit_.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(2)
    except click.ClickException as error:
        _stop(error.format_message(), 2)
    except UserError as error:
        if debug:
            raise
        _stop(str(error), 2)
    except (KeyboardInterrupt, click.Abort):
        _stop("interrupted; the same command goes on from here.", 130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    sys.exit(0)


def _stop(message: str, code: int) -> None:
    """Print `message` on one line of standard error and leave with `code`."""
    click.echo("diffsign: " + " ".join(message.split()), err=True)
    sys.exit(code)


def _result(*paths: Path) -> None:
    for path in paths:
        click.echo(path)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="diffsign")
def main() -> None:
    """The same signing by a signer who does not exist.

    CLIP is a video of a person signing; keypoints (.pose, a folder of OpenPose's JSON,
    COCO-WholeBody's .json or .npz); or fitted motion (AMASS .npz, SMPLify-X or SignAvatars .pkl).
    """


@main.command(cls=_Command, name="run")
@_clip
@cli_options(Look, Painting, Viewing, Fitting)
@_out
@cli_options(Running)
def run(clip: Path, out: Path, **values: Any) -> None:
    """From CLIP to DIR/signer.mp4: all stages."""
    from .road.run import run as run_road

    _result(
        *run_road(
            clip,
            out,
            from_cli(Fitting, values),
            from_cli(Look, values),
            from_cli(Painting, values),
            from_cli(Running, values),
            from_cli(Viewing, values),
        )
    )


@main.command(cls=_Command, name="fit")
@_clip
@_out
@cli_options(Fitting, Running)
def fit(clip: Path, out: Path, **values: Any) -> None:
    """From CLIP to DIR/motion.npz: keypoints and motion."""
    from .road.run import run_fit

    _result(*run_fit(clip, out, from_cli(Fitting, values), from_cli(Running, values)))


@main.command(cls=_Command, name="anonymize")
@_clip
@cli_options(PrivateLook, Painting, Viewing, Fitting)
@_out
@cli_options(Running)
def anonymize(clip: Path, out: Path, **values: Any) -> None:
    """From CLIP to DIR/signer.mp4 with privacy as the aim.

    No pixel of CLIP reaches the result, a signer who would resemble CLIP's is chosen anew, and the
    report says what still identifies.
    """
    from .road.run import run_anonymize

    _result(
        *run_anonymize(
            clip,
            out,
            from_cli(Fitting, values),
            from_cli(PrivateLook, values),
            from_cli(Painting, values),
            from_cli(Running, values),
            from_cli(Viewing, values),
        )
    )


@main.command(cls=_Command, name="retarget")
@_clip
@_out
@cli_options(Look, Viewing, Fitting, Running)
def retarget(clip: Path, out: Path, **values: Any) -> None:
    """From CLIP to DIR/passes: keypoints, motion, avatar, rendered passes."""
    from .road.run import run_retarget

    _result(
        *run_retarget(
            clip,
            out,
            from_cli(Fitting, values),
            from_cli(Look, values),
            from_cli(Running, values),
            from_cli(Viewing, values),
        )
    )


@main.command(cls=_Command, name="generate")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@cli_options(Look, Painting, Viewing, Running)
def generate(folder: Path, **values: Any) -> None:
    """From DIR/motion.npz to DIR/signer.mp4: dress, paint, bring the face to life, film.

    DIR is the folder of an earlier run or of `diffsign retarget`.
    """
    from .road.run import run_generate

    _result(
        *run_generate(
            folder,
            from_cli(Look, values),
            from_cli(Painting, values),
            from_cli(Running, values),
            from_cli(Viewing, values),
        )
    )


@main.command(cls=_Command, name="paint")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@cli_options(Look, Painting, Running)
def paint(folder: Path, **values: Any) -> None:
    """From DIR/passes of any scene (the Blender add-on renders them) to DIR/signer.mp4."""
    from .road.run import run_paint

    _result(
        *run_paint(
            folder,
            from_cli(Look, values),
            from_cli(Painting, values),
            from_cli(Running, values),
        )
    )


@main.command(cls=_Command, name="avatar")
@click.option("--describe", metavar="TEXT", help="Who it shall be, in words.")
@click.option(
    "--appearance",
    type=click.Path(path_type=Path),
    metavar="IMAGE",
    help="A picture of who it shall be.",
)
@click.option(
    "--record",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Exact looks: a signer_record.json, or what this command wrote as .json.",
)
@click.option("--random", type=int, metavar="SEED", help="Decides what nothing else says.")
@click.option(
    "-o",
    "--out",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help=".blend, .glb, .fbx, .npz, or .json for the record alone.",
)
def avatar(
    describe: str | None,
    appearance: Path | None,
    record: Path | None,
    random: int | None,
    out: Path,
) -> None:
    """Write a signer as a rigged avatar for Blender and other tools.

    It has SMPL-X's bones, ARKit's facial actions as shape keys, materials and a camera.
    """
    from .render.avatar_file import check_suffix, choose_signer, write_avatar

    check_suffix(out)
    _result(write_avatar(choose_signer(describe, appearance, record, random), out))


@main.command(cls=_Command, name="perform")
@click.argument("motion", type=click.Path(path_type=Path))
@click.option(
    "--record",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Who performs: a signer_record.json, or what diffsign avatar wrote as .json.",
)
@click.option(
    "-o", "--out", required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE"
)
def perform(motion: Path, record: Path, out: Path) -> None:
    """Write MOTION as the body of another signer performs it, with all that the hands touch."""
    from .road.perform_file import perform_file

    _result(perform_file(motion, record, out))


@main.command(cls=_Command, name="export")
@click.argument("motion", type=click.Path(path_type=Path))
@click.option(
    "--to",
    type=click.Choice(["bvh", "pose", "npz", "blend", "glb", "fbx", "usd"]),
    required=True,
    help="The format.",
)
@click.option(
    "-o", "--out", required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE"
)
@click.option("--fps", type=float, help="Frames per second, where MOTION does not name them.")
@click.option(
    "--body-path",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Your SMPL-X model (.npz or its folder), for motion files whose hands need it.",
)
@click.option(
    "--avatar",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Who performs, for blend, glb, fbx and usd: an avatar (.npz), a signer's record (.json), "
    "or a character of yours (.blend, .glb, .fbx, .vrm). By default DIR's own.",
)
@click.option(
    "--rig",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The character's rig map (JSON), where its rig is of no known family.",
)
def export(
    motion: Path,
    to: str,
    out: Path,
    fps: float | None,
    body_path: Path | None,
    avatar: Path | None,
    rig: Path | None,
) -> None:
    """Write MOTION as BVH, as points in a .pose file, as motion.npz, or on a character.

    MOTION is motion.npz, or fitted motion of another tool (AMASS, SMPLify-X, SignAvatars). blend,
    glb, fbx and usd hold a character with its animation, the face as shape keys.
    """

    def note(text: str) -> None:
        click.echo(text, err=True)

    if to in ("bvh", "pose", "npz"):
        from .retarget.motion_files.export import export_motion

        _result(export_motion(motion, to, out, fps, body_path, note))
        return
    from .render.performance_file import export_performance

    _result(export_performance(motion, to, out, avatar, rig, fps, body_path, note))


@main.command(cls=_Command, name="personalize")
@click.argument(
    "images", nargs=-1, required=True, metavar="IMAGES...", type=click.Path(path_type=Path)
)
@click.option(
    "-o",
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder of the LoRA; the same command goes on in it where it stopped.",
)
@click.option("--model", default="auto", show_default=True, help="auto, mini, sd15, a folder, ...")
@click.option(
    "--words", default="sks person", show_default=True, help="What stands for the person."
)
@click.option("--steps", default=400, show_default=True, help="How long to learn.")
@click.option("--rank", type=int, help="Of the LoRA; each model has its default.")
@click.option("--rate", type=float, help="How fast to learn; each model has its default.")
@click.option("--prior", default=12, show_default=True, help="Pictures of others to keep in mind.")
@click.option("--seed", default=0, show_default=True, help="Another seed draws other windows.")
@cli_options(Running)
def personalize(images: tuple[Path, ...], out: Path, **values: Any) -> None:
    """Learn one person from IMAGES into a LoRA that --lora DIR then paints with.

    Eight pictures of one person in several poses do; ask for their consent.
    """
    from .road.personalize import run_personalize

    running = from_cli(Running, {name: values.pop(name) for name in vars(Running())})
    _result(run_personalize(images, out, values, running))


@main.group(cls=_Group, name="expression")
def expression() -> None:
    """The network that brings faces to life (--enhance learned)."""


@expression.command(cls=_Command, name="train")
@click.argument("datasets", nargs=-1, required=True, metavar="DATASETS...")
@_out
@click.option("--minutes", default=60.0, show_default=True, help="Time to train, earlier included.")
@click.option("--renders", default=200, show_default=True, help="Signers to render for 'renders'.")
@click.option("--uniform", is_flag=True, help="Draw every face alike instead of balanced.")
@click.option("--batch", default=8, show_default=True, help="Faces a step.")
@click.option("--seed", default=0, show_default=True, help="Another seed draws other faces.")
@cli_options(Running)
def train_expression(datasets: tuple[str, ...], out: Path, **values: Any) -> None:
    """Train on DATASETS: videos of signers, sets of faces, and the word renders for our own.

    Faces are drawn balanced over dataset, expression and signer. DIR/animator.safetensors is then
    for diffsign run --enhance learned --expression-model FILE.
    """
    from .road.expression import run_expression_train

    running = from_cli(Running, {name: values.pop(name) for name in vars(Running())})
    _result(*run_expression_train(datasets, out, running, **values))


@main.group(cls=_Group, name="models")
def models() -> None:
    """Which models there are, and fetching their weights."""


@models.command(cls=_Command, name="list")
def list_models() -> None:
    """What there is, and what of it is on this machine."""
    from .generate.fetch import model_lines

    for line in model_lines():
        click.echo(line)


@models.command(cls=_Command, name="fetch")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--few-step", metavar="NAME", help="This few-step LoRA, too.")
@click.option("--ip-adapter", metavar="NAME", help="This IP-Adapter.")
@click.option("--vae", metavar="VAE", help="This autoencoder.")
@click.option("--lora", multiple=True, metavar="LORA", help="This LoRA, too.")
def fetch_models(
    names: tuple[str, ...],
    few_step: str | None,
    ip_adapter: str | None,
    vae: str | None,
    lora: tuple[str, ...],
) -> None:
    """Fetch the weights of NAME (sd15, or a hub id owner/name) that are not on this machine."""
    from .generate.fetch import fetch_model
    from .generate.variants import Variant

    variant = Variant(vae=vae, ip_adapter=ip_adapter, few_step=few_step, loras=lora)
    for name in names:
        _result(*fetch_model(name, variant))


@main.command(cls=_Command, name="synthesize")
@click.argument("recipe", metavar="RECIPE", type=click.Path(path_type=Path, dir_okay=False))
@_out
@click.option("--workers", type=int, help="Children side by side; by cores and memory else.")
@click.option("--ray", metavar="ADDRESS", help="A Ray cluster: auto, local, HOST:PORT.")
@click.option("--only", metavar="ID", help="Make this one sample alone, as DIR/ID.tar.")
@click.option("--check", is_flag=True, help="Make nothing: hash and re-project what is in DIR.")
@click.option(
    "--certificate",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="PEM",
    help="Sign every video with a C2PA manifest: the certificate chain, leaf first.",
)
@click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="PEM",
    help="The certificate's private key.",
)
@click.option("--quiet", "-q", is_flag=True, help="No progress.")
@click.option("--debug", is_flag=True, help="Show whole tracebacks.")
def synthesize(
    recipe: Path,
    out: Path,
    only: str | None,
    check: bool,
    certificate: Path | None,
    key: Path | None,
    debug: bool,
    **running: Any,
) -> None:
    """Make the dataset that RECIPE (YAML) describes: samples of signers who do not exist."""
    from .dataset.command import synthesize_command

    _result(*synthesize_command(recipe, out, only, check, certificate, key, **running))


@main.command(cls=_Command, name="evaluate")
@click.argument(
    "paths", nargs=-1, required=True, metavar="DIR_OR_VIDEO...", type=click.Path(path_type=Path)
)
@click.option(
    "--source",
    type=click.Path(path_type=Path),
    metavar="CLIP",
    help="What they were made from; a run knows its own where it still stands.",
)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Folder for evaluation.json and evaluation.html; a single run's own if not given.",
)
@click.option("--caption", metavar="TEXT", help="The generated signer in words, for CLIP.")
@click.option("--source-caption", metavar="TEXT", help="The source's signer in words, for CLIP.")
@click.option(
    "--recogniser",
    metavar="MODULE:FUNCTION",
    help="Your function from a video's path to its words, for back-translation.",
)
@click.option("-q", "--quiet", is_flag=True, help="No progress and no table.")
@click.option("--debug", is_flag=True, help="Show the libraries' own messages and tracebacks.")
def evaluate(paths: tuple[Path, ...], **values: Any) -> None:
    """How good runs or videos are against their source: a table, JSON and a page.

    DIR is the folder of a run; any other video of the same signing can stand beside it.
    """
    from .road.evaluate import Asked, evaluate_paths

    _result(*evaluate_paths(Asked(paths, **values)))


@main.command(cls=_Command, name="compare")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def compare(folder: Path) -> None:
    """What the enhancement of the face brings, and the whole signer beside the source.

    Writes expression.mp4 (source face, without, with enhancement) and compare.mp4, and both as GIF,
    into DIR, the folder of a run.
    """
    from .road.expression_clip import write_comparisons

    _result(*write_comparisons(folder))


@main.command(cls=_Command, name="doctor")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
def doctor(as_json: bool) -> None:
    """What is installed, what is cached, what will run where, and how to get the rest."""
    from .road.doctor import examine, format_findings, to_json

    findings = examine()
    click.echo(to_json(findings) if as_json else format_findings(findings))


if __name__ == "__main__":
    main()
