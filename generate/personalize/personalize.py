"""From a few pictures of one person to a LoRA that paints them: `diffsign personalize`.

The folder holds, beside the LoRA and its words, `samples/` as it learns, the prior's pictures, and
`state.pt`, from which the same command goes on.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from ...errors import UserError
from ...files import atomic_path, sha256, write_json
from ..checkpoints import Checkpoint, resolve_model
from ..hardware import best_device
from ..loading import Generator, load_generator, model_hashes
from ..variants import LORA_FILE, LORA_NOTE
from .pictures import Picture, make_picture, read_pictures

if TYPE_CHECKING:
    from .train import Course, Trainer

STATE = "state.pt"
SAMPLES = "samples"
PRIOR = "prior"
_SAVE_EVERY = 50
_PRIOR_SEED = 7000

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class PersonalizeOptions:
    """How to learn; None is what suits the model and this machine.

    words: what stands for the person in every prompt. rank: of the LoRA. rate: of AdamW.
    prior: number of pictures of other people to keep in mind. prior_weight: their weight.
    size: side of the pictures; crop: of the windows that are learned from. pairs: windows of the
    person, and as many of the prior, in a step. sample_every: steps between two samples.
    """

    model: str = "auto"
    words: str = "sks person"
    steps: int = 400
    rank: int | None = None
    rate: float | None = None
    prior: int = 12
    prior_weight: float = 1.0
    size: int | None = None
    crop: int | None = None
    pairs: int = 2
    sample_every: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("prior", 0), ("pairs", 1), ("sample_every", 1)):
            if getattr(self, name) < least:
                shown = name.replace("_", "-")
                raise UserError(f"--{shown} must be at least {least}, not {getattr(self, name)}.")
        if not 0 <= self.seed < 2**32:
            raise UserError(f"--seed is {self.seed}: give a whole number from 0 to 4294967295.")
        if self.rank is not None and not 1 <= self.rank <= 256:
            raise UserError(f"--rank must be from 1 to 256, not {self.rank}.")
        if not self.words.strip():
            raise UserError("--words is empty: give words that shall stand for the person.")


def personalize(
    paths: Sequence[Path],
    out: Path,
    options: PersonalizeOptions,
    progress: Progress | None = None,
    note: Callable[[str], None] = lambda text: None,
) -> Path:
    """Learn the person in `paths` into the folder `out`; goes on where it stopped.

    Returns:
        the LoRA's file.

    Raises:
        UserError: a picture or the model cannot be used, or `out` holds another person's LoRA.
    """
    checkpoint, reason = resolve_model(options.model)
    note(f"Model: {reason}.")
    options = _filled(options, checkpoint)
    assert options.size is not None
    pictures = read_pictures(paths, options.size)
    missing = [path.name for path, p in zip(paths, pictures, strict=True) if not p.posed]
    if missing:
        note(f"Nobody was found in {', '.join(missing)}: learned from without a pose.")
    taught = _taught(checkpoint)
    key = _key(paths, options, taught)
    state = _state(out / STATE, key)
    generator = load_generator(taught)
    for name, side in (("size", options.size), ("crop", options.crop)):
        if side is None or side % generator.multiple or side > options.size:
            raise UserError(
                f"The {name} to learn at must be a multiple of {generator.multiple} pixels, and a "
                f"window no larger than a picture, not {side}."
            )
    trainer = _trainer(generator, pictures, options, out)
    if state is not None:
        trainer.resume(state)
        note(f"Going on from step {trainer.done}.")
    _learn(trainer, generator, pictures, options, out, key, progress)
    _write(generator, options, taught, out)
    return out / LORA_FILE


def _filled(options: PersonalizeOptions, checkpoint: Checkpoint) -> PersonalizeOptions:
    size = options.size or checkpoint.defaults.size
    small = checkpoint.name == "mini"
    on_cpu = best_device() == "cpu"
    return replace(
        options,
        size=size,
        crop=options.crop or (size // 2 if on_cpu else size),
        rank=options.rank or (16 if small else 8),
        # A small model needs and bears larger changes.
        rate=options.rate or (1e-3 if small else 1e-4),
    )


def _taught(checkpoint: Checkpoint) -> Checkpoint:
    """The parts of a checkpoint that learning needs."""
    nets = checkpoint.controlnets
    if not any(net.kind == "openpose" for net in nets):
        raise UserError(f"{checkpoint.name} has no ControlNet for openpose, which learning needs.")
    adapter = checkpoint.adapter
    if adapter is not None and adapter.always:
        return checkpoint  # UNet, adapter and ControlNets were trained together
    openpose = tuple(net for net in nets if net.kind == "openpose")
    return replace(checkpoint, adapter=None, controlnets=openpose)


def _key(paths: Sequence[Path], options: PersonalizeOptions, checkpoint: Checkpoint) -> str:
    made_of = {
        "pictures": [sha256(path) for path in paths],
        "options": asdict(options),
        "weights": model_hashes(checkpoint),
    }
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()


def _state(path: Path, key: str) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    import torch

    state = torch.load(path, map_location="cpu", weights_only=True)
    if state["key"] != key:
        raise UserError(
            f"{path.parent} holds what was learned from other pictures or with other options: "
            "give another folder, or remove it."
        )
    return dict(state)


def _trainer(
    generator: Generator, pictures: list[Picture], options: PersonalizeOptions, out: Path
) -> "Trainer":
    from .network import add_lora
    from .train import Trainer

    prior = _prior(generator, pictures, options, out)
    course = _course(generator, pictures, prior, options)
    assert options.rank is not None and options.rate is not None and options.crop is not None
    parameters = add_lora(generator, options.rank, options.seed)
    return Trainer(
        generator,
        parameters,
        course,
        options.rate,
        options.steps,
        options.crop,
        options.pairs,
        options.seed,
    )


def _course(
    generator: Generator,
    pictures: list[Picture],
    prior: list[Picture],
    options: PersonalizeOptions,
) -> "Course":
    from ..sampling import embed_appearance
    from .train import Course, make_lessons

    appearance = nothing = None
    if generator.checkpoint.adapter is not None:
        import torch

        images = [Image.fromarray(picture.pixels) for picture in pictures]
        appearance = torch.cat([embed_appearance(generator, [image]) for image in images])
        nothing = embed_appearance(generator, [])
    return Course(
        make_lessons(generator, pictures, options.words, 1.0),
        make_lessons(generator, prior, "", options.prior_weight),
        appearance,
        nothing,
    )


def _prior(
    generator: Generator, pictures: list[Picture], options: PersonalizeOptions, out: Path
) -> list[Picture]:
    """Pictures of other people in the poses of the person's, made by the model before it learns."""
    from ...render.avatar.random_signer import random_signer
    from ...render.dress.caption import describe
    from .samples import draw_pictures

    prior = []
    for number in range(options.prior):
        text = describe(random_signer(_PRIOR_SEED + options.seed + number))
        pose = pictures[number % len(pictures)]
        path = out / PRIOR / f"{number:04d}.png"
        if not path.is_file():
            (pixels,) = draw_pictures(generator, [pose], [text], options.seed + number)
            _write_picture(path, pixels)
        with Image.open(path) as image:
            prior.append(make_picture(np.asarray(image.convert("RGB")), pose.pose, text))
    return prior


def _learn(
    trainer: "Trainer",
    generator: Generator,
    pictures: list[Picture],
    options: PersonalizeOptions,
    out: Path,
    key: str,
    progress: Progress | None,
) -> None:
    shown = progress or (lambda done, total: None)
    shown(trainer.done, options.steps)
    while trainer.done < options.steps:
        trainer.step()
        shown(trainer.done, options.steps)
        last = trainer.done == options.steps
        if trainer.done % options.sample_every == 0 or last:
            _write_sample(generator, pictures, options, out, trainer.done)
        if trainer.done % _SAVE_EVERY == 0 or last:
            trainer.save(out / STATE, key)


def _write_sample(
    generator: Generator,
    pictures: list[Picture],
    options: PersonalizeOptions,
    out: Path,
    step: int,
) -> None:
    """The first pictures above what the words alone now give in their poses."""
    from .samples import draw_pictures

    first = pictures[:4]
    drawn = draw_pictures(generator, first, [options.words] * len(first), options.seed)
    above = np.concatenate([picture.pixels for picture in first], axis=1)
    sheet = np.concatenate([above, np.concatenate(drawn, axis=1)])
    _write_picture(out / SAMPLES / f"{step:05d}.png", sheet)


def _write(
    generator: Generator, options: PersonalizeOptions, checkpoint: Checkpoint, out: Path
) -> None:
    from .network import save_lora

    save_lora(generator, out / LORA_FILE)
    write_json(
        out / LORA_NOTE,
        {"words": options.words, "model": checkpoint.name, "options": asdict(options)},
    )


def _write_picture(path: Path, pixels: np.ndarray) -> None:
    with atomic_path(path) as partial:
        Image.fromarray(pixels).save(partial, format="PNG")
