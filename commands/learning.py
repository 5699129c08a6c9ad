"""Models: fetched, personalised, trained."""

from pathlib import Path
from typing import Any

import click

from ..road.options import Running, cli_options, from_cli
from .arguments import minutes, out_folder, seed
from .guard import Command, Group, result


def _running(values: dict[str, Any]) -> Running:
    return from_cli(Running, {name: values.pop(name) for name in vars(Running())})


@click.command(cls=Command)
@click.argument(
    "images", nargs=-1, required=True, metavar="IMAGES...", type=click.Path(path_type=Path)
)
@out_folder("Folder of the LoRA; the same command goes on in it where it stopped.")
@click.option("--model", default="auto", show_default=True, help="auto, mini, sd15, a folder, ...")
@click.option(
    "--words", default="sks person", show_default=True, help="What stands for the person."
)
@click.option("--steps", default=400, show_default=True, help="How long to learn.")
@click.option("--rank", type=int, help="Of the LoRA; each model has its default.")
@click.option("--rate", type=float, help="How fast to learn; each model has its default.")
@click.option("--prior", default=12, show_default=True, help="Pictures of others to keep in mind.")
@seed("Another seed draws other windows.")
@cli_options(Running)
def personalize(images: tuple[Path, ...], out: Path, **values: Any) -> None:
    """Learn one person from IMAGES into a LoRA that --lora DIR then paints with.

    Eight pictures of one person in several poses do; ask for their consent.
    """
    from ..road.personalize import run_personalize

    running = _running(values)
    result(run_personalize(images, out, values, running))


@click.group(cls=Group)
def expression() -> None:
    """The network that brings faces to life (--enhance learned)."""


@expression.command(cls=Command, name="train")
@click.argument("datasets", nargs=-1, required=True, metavar="DATASETS...")
@out_folder()
@minutes("Time to train, earlier included.")
@click.option("--renders", default=200, show_default=True, help="Signers to render for 'renders'.")
@click.option("--uniform", is_flag=True, help="Draw every face alike instead of balanced.")
@click.option("--batch", default=8, show_default=True, help="Faces a step.")
@seed("Another seed draws other faces.")
@cli_options(Running)
def train_expression(datasets: tuple[str, ...], out: Path, **values: Any) -> None:
    """Train on DATASETS: videos of signers, sets of faces, and the word renders for our own.

    Faces are drawn balanced over dataset, expression and signer. DIR/animator.safetensors is then
    for diffsign run --enhance learned --expression-model FILE.
    """
    from ..road.expression import run_expression_train

    running = _running(values)
    result(*run_expression_train(datasets, out, running, **values))


@click.group(cls=Group)
def models() -> None:
    """Which models there are, and fetching their weights."""


@models.command(cls=Command, name="list")
def list_models() -> None:
    """What there is, and what of it is on this machine."""
    from ..generate.fetch import model_lines

    for line in model_lines():
        click.echo(line)


@models.command(cls=Command, name="fetch")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--few-step", metavar="NAME", help="This few-step LoRA, too.")
@click.option("--motion-module", metavar="NAME", help="This AnimateDiff motion module, too.")
@click.option("--ip-adapter", metavar="NAME", help="This IP-Adapter.")
@click.option("--vae", metavar="VAE", help="This autoencoder.")
@click.option("--lora", multiple=True, metavar="LORA", help="This LoRA, too.")
def fetch_models(
    names: tuple[str, ...],
    few_step: str | None,
    motion_module: str | None,
    ip_adapter: str | None,
    vae: str | None,
    lora: tuple[str, ...],
) -> None:
    """Fetch the weights of NAME (sd15, or a hub id owner/name) that are not on this machine."""
    from ..generate.fetch import fetch_model
    from ..generate.variants import Variant

    variant = Variant(
        vae=vae,
        ip_adapter=ip_adapter,
        few_step=few_step,
        motion_module=motion_module,
        loras=lora,
    )
    for name in names:
        result(*fetch_model(name, variant))


@click.group(cls=Group)
def mini() -> None:
    """The embedded generator, made anew: from renders of random signers to a checkpoint."""


@mini.command(cls=Command, name="samples")
@out_folder("Folder of the samples; the same command goes on in it.")
@click.option("--count", default=4000, show_default=True, help="How many samples.")
@click.option("--first", default=0, show_default=True, help="Number of the first sample.")
@click.option("--poses", default=8, show_default=True, help="Samples that share a signer.")
@click.option("--size", default=512, show_default=True, help="Sides of the pictures in pixels.")
@click.option("--target-samples", default=8, show_default=True, help="Samples per pixel.")
@click.option("--workers", default=2, show_default=True, help="Blender processes.")
@seed("Other seeds give other signers.")
def mini_samples(out: Path, **values: int) -> None:
    """Render pairs of quick passes and well-lit targets of signers who do not exist."""
    from ..road.mini import run_mini_samples

    result(run_mini_samples(out, **values))


@mini.command(cls=Command, name="train")
@click.argument("samples", metavar="SAMPLES", type=click.Path(path_type=Path, file_okay=False))
@out_folder("Folder of the work and of the checkpoint; the same command goes on in it.")
@minutes("Whole time, all stages.")
@click.option(
    "--stage",
    type=click.Choice(["vae", "looks", "paint", "save"]),
    help="Only this stage; paint saves, too.",
)
@click.option("--workers", type=int, help="Processes: one a core, or one with a GPU.")
@seed("Another seed draws other weights and orders.")
def train_mini(
    samples: Path, out: Path, minutes: float, stage: str | None, workers: int | None, seed: int
) -> None:
    """Train on SAMPLES, a folder of `diffsign mini samples`, into DIR/mini.

    `diffsign run --model DIR/mini` then paints with it.
    """
    from ..generate.mini.train import train_stages

    result(train_stages(samples, out, minutes, stage, workers, seed))


COMMANDS = (personalize, expression, mini, models)
