"""What can be chosen when painting, and every choice made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import UserError
from . import hardware, noise
from .checkpoints import SCHEDULERS, Checkpoint, resolve_model
from .prompts import compose_prompt
from .schedule import timesteps
from .variants import Variant, vary

MOST_SEED = 2**32 - 1


@dataclass(frozen=True)
class PaintOptions:
    """How to paint. None means the checkpoint's default, or what suits this machine.

    model: "auto", "mini", "sd15", a folder or a hub id. variant: what is exchanged in it.
    strength: above 0, at most 1: how far from the beauty render; 1 starts from pure noise.
    steps: UNet evaluations per frame.
    guidance: of the text, classifier-free; 1 is off.
    appearance_scale: weight of the appearance image; 0 is off.
    conditioning_scales: weight of each conditioning image by kind, e.g. {"depth": 0.5}.
    batch: frames painted at once; halved when memory runs out.
    noise: one of `noise.KINDS`; "none" becomes "fixed" at strength 1.
    size: side of the square whose area the model works at, pixels.
    scheduler: "euler", "dpm++" or "lcm" (see `schedule`).
    detail: 0..1, how much of what the autoencoder loses of the render is put back (see `detail`).
    keep_background: whether the render's background stays (see `backdrop`), or is painted too.
    device: "cuda", "mps" or "cpu"; precision: "fp32", "bf16" or "fp16".
    """

    model: str = "auto"
    variant: Variant = field(default_factory=Variant)
    prompt: str = ""
    negative_prompt: str | None = None
    strength: float | None = None
    steps: int | None = None
    guidance: float | None = None
    appearance_scale: float | None = None
    conditioning_scales: Mapping[str, float] | None = None
    seed: int = 0
    batch: int | None = None
    noise: str | None = None
    size: int | None = None
    scheduler: str | None = None
    detail: float | None = None
    keep_background: bool | None = None
    device: str | None = None
    precision: str | None = None


def choose_checkpoint(options: PaintOptions) -> tuple[Checkpoint, str]:
    """The checkpoint that `options` ask for, and a sentence that says which it is and why.

    Raises:
        UserError: there is no such model, or what shall be exchanged in it does not go with it.
    """
    checkpoint, reason = resolve_model(options.model)
    return vary(checkpoint, options.variant, options.steps), reason


@dataclass(frozen=True)
class Settings:
    """`PaintOptions` with every choice made: what determines the frames, given their inputs."""

    prompt: str
    negative_prompt: str
    strength: float
    steps: int
    guidance: float
    appearance_scale: float
    conditioning_scales: dict[str, float]
    lora_scales: list[float]
    seed: int
    noise: str
    size: int
    scheduler: str
    detail: float
    keep_background: bool
    precision: str


def resolve_settings(
    options: PaintOptions,
    checkpoint: Checkpoint,
    caption: str = "",
    has_appearance: bool = False,
    precision: str | None = None,
) -> Settings:
    """Make every choice that `options` leaves open.

    Args:
        caption: the avatar's own description.
        has_appearance: whether an appearance image is given.
        precision: that of a model which is loaded already.

    Raises:
        UserError: a setting is out of range, or nothing says what the signer looks like.
    """

    def chosen(name: str) -> Any:
        value = getattr(options, name)
        return getattr(checkpoint.defaults, name) if value is None else value

    precision = precision or options.precision
    if precision is None:
        precision = hardware.best_precision(options.device or hardware.best_device())
    settings = Settings(
        prompt=compose_prompt(
            options.prompt, caption, has_appearance, checkpoint.defaults, checkpoint.words
        ),
        negative_prompt=str(chosen("negative_prompt")),
        strength=float(chosen("strength")),
        steps=int(chosen("steps")),
        guidance=float(chosen("guidance")),
        appearance_scale=_appearance_scale(options, checkpoint, has_appearance),
        conditioning_scales=_conditioning_scales(options, checkpoint),
        lora_scales=[lora.scale for lora in checkpoint.loras],
        seed=options.seed,
        noise=_noise(str(chosen("noise")), float(chosen("strength"))),
        size=int(chosen("size")),
        scheduler=str(chosen("scheduler")),
        detail=float(chosen("detail")),
        keep_background=bool(chosen("keep_background")),
        precision=precision,
    )
    _check(settings, options)
    return settings


def _noise(kind: str, strength: float) -> str:
    return "fixed" if kind == "none" and strength >= 1 else kind


def _appearance_scale(options: PaintOptions, checkpoint: Checkpoint, has_appearance: bool) -> float:
    adapter = checkpoint.adapter
    if adapter is None or not (has_appearance or adapter.always):
        return 0.0
    if has_appearance and options.appearance_scale is not None:
        return float(options.appearance_scale)
    return adapter.scale


def _conditioning_scales(options: PaintOptions, checkpoint: Checkpoint) -> dict[str, float]:
    scales = {net.kind: net.scale for net in checkpoint.controlnets}
    for kind, scale in (options.conditioning_scales or {}).items():
        if kind not in scales:
            raise UserError(
                f"{checkpoint.name} has no ControlNet for {kind!r}: it has {', '.join(scales)}."
            )
        scales[kind] = float(scale)
    return scales


def _check(settings: Settings, options: PaintOptions) -> None:
    timesteps(settings.strength, settings.steps, train_steps=1000)  # refuses what is out of range
    if not settings.guidance >= 1:  # refuses NaN too
        raise UserError(f"--guidance must be at least 1 (off), not {settings.guidance:g}.")
    if not 0 <= settings.detail <= 1:
        raise UserError(f"The detail kept is a share from 0 to 1, not {settings.detail:g}.")
    if settings.size < 64:
        raise UserError(f"--size must be at least 64 pixels, not {settings.size}.")
    if not 0 <= settings.seed <= MOST_SEED:
        raise UserError(f"--seed must be from 0 to {MOST_SEED}, not {settings.seed}.")
    if not 0 <= settings.appearance_scale <= 2:
        scale = f"{settings.appearance_scale:g}"
        raise UserError(f"--appearance-scale must be from 0 (off) to 2, not {scale}.")
    if options.batch is not None and options.batch < 1:
        raise UserError(f"--batch must be at least 1, not {options.batch}.")
    if settings.precision not in hardware.PRECISIONS:
        known = ", ".join(hardware.PRECISIONS)
        raise UserError(f"There is no precision {settings.precision!r}: use {known}.")
    if settings.scheduler not in SCHEDULERS:
        raise UserError(
            f"There is no scheduler {settings.scheduler!r}: use {', '.join(SCHEDULERS)}."
        )
    if settings.noise not in noise.KINDS:
        raise UserError(f"There is no noise {settings.noise!r}: use {', '.join(noise.KINDS)}.")
