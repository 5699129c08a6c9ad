"""The model of a run: chosen, found and hashed, and its settings made, before the first stage."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from .options import Look, Painting

if TYPE_CHECKING:
    from ..generate.checkpoints import Checkpoint
    from ..generate.options import PaintOptions


@dataclass(frozen=True)
class Model:
    """A checkpoint, why it was chosen, and the SHA-256 of each of its weight files by part."""

    checkpoint: "Checkpoint"
    reason: str
    hashes: dict[str, str]


def find_model(look: Look, painting: Painting) -> Model:
    """The model that `painting` names, with its weights on this machine.

    Raises:
        UserError: there is no such model, its weights are neither here nor to be had, or a
            setting is out of its range.
    """
    from ..generate.loading import model_hashes
    from ..generate.options import choose_checkpoint

    checkpoint, reason = choose_checkpoint(paint_options(look, painting))
    model = Model(checkpoint, reason, model_hashes(checkpoint))
    paint_settings(look, painting, model, caption="a signer")
    return model


def paint_options(look: Look, painting: Painting) -> "PaintOptions":
    """What the painter is asked for."""
    from ..generate.options import PaintOptions
    from ..generate.variants import Variant

    return PaintOptions(
        model=painting.model,
        variant=Variant(
            vae=painting.vae,
            ip_adapter=painting.ip_adapter,
            few_step=painting.few_step,
            motion_module=painting.motion_module,
            loras=painting.lora,
            offline=painting.offline,
            allow_pickle=painting.allow_pickle,
        ),
        prompt=look.prompt or "",
        negative_prompt=painting.negative_prompt,
        strength=painting.strength,
        steps=painting.steps,
        guidance=painting.guidance,
        appearance_scale=painting.appearance_scale,
        size=painting.size,
        noise=painting.noise,
        seed=look.seed,
    )


def paint_settings(look: Look, painting: Painting, model: Model, caption: str) -> dict[str, Any]:
    """Everything that shapes the painted frames beside their passes, as JSON values."""
    from ..generate.options import resolve_settings

    options = paint_options(look, painting)
    settings = resolve_settings(options, model.checkpoint, caption, bool(look.pictures))
    return {"model": model.checkpoint.name, "weights": model.hashes, **asdict(settings)}
