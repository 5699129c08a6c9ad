"""LoRAs: refuse those of another model, and melt the others into the weights.

diffusers passes over layers that it does not find with a warning, so that a LoRA for another model
would silently do nothing; here every layer is held against the model first. A LoRA that is melted
into the weights costs nothing while painting.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import UserError
from .checkpoints import Checkpoint

_SIDE = re.compile(r"\.lora_([AB])\.weight$")


def fuse_loras(pipeline: Any, checkpoint: Checkpoint, folders: Mapping[str, Path]) -> None:
    """Melt the checkpoint's LoRAs into the weights of `pipeline`, in their order.

    Args:
        folders: where each part of the checkpoint lies.

    Raises:
        UserError: a LoRA is damaged, is none, or is for another model.
    """
    for number, lora in enumerate(checkpoint.loras):
        path = folders[f"lora_{number}"] / lora.source.subfolder / lora.weights
        weights = _read(pipeline, path)
        _check_fit(pipeline, weights, path, checkpoint)
        name = f"lora_{number}"
        try:
            pipeline.load_lora_weights(str(path.parent), weight_name=path.name, adapter_name=name)
        except (ValueError, RuntimeError, KeyError, IndexError) as error:
            raise _not_a_lora(path, error) from error
        pipeline.set_adapters([name], [lora.scale])
        pipeline.fuse_lora(lora_scale=1.0, adapter_names=[name])
        pipeline.unload_lora_weights()


def _read(pipeline: Any, path: Path) -> dict[str, Any]:
    """The layers of a LoRA file of any of the layouts that diffusers knows, under its names."""
    try:
        weights = pipeline.lora_state_dict(
            str(path.parent),
            weight_name=path.name,
            local_files_only=True,
            unet_config=pipeline.unet.config,
        )[0]
        weights = _in_pefts_names(weights)
    except Exception as error:  # conversion fails in many ways on what is no LoRA of this family
        raise _not_a_lora(path, error) from error
    layers = {key: value for key, value in weights.items() if _SIDE.search(key)}
    if not layers:
        raise UserError(
            f"{path} holds no LoRA: none of its {len(weights)} entries is a layer of one."
        )
    return layers


def _in_pefts_names(weights: Mapping[str, Any]) -> dict[str, Any]:
    """Layers of the UNet and the text encoder, each side under peft's name for it."""
    from diffusers.utils import convert_state_dict_to_peft, convert_unet_state_dict_to_peft

    named: dict[str, Any] = {}
    for part, convert in (
        ("unet", convert_unet_state_dict_to_peft),
        ("text_encoder", convert_state_dict_to_peft),
    ):
        start = f"{part}."
        own = {k.removeprefix(start): v for k, v in weights.items() if k.startswith(start)}
        if any(_SIDE.search(key) for key in own):
            named |= {start + key: value for key, value in own.items()}
        elif own:
            named |= {start + key: value for key, value in convert(own).items()}
    sides = ((".lora.down.", ".lora_A."), (".lora.up.", ".lora_B."))
    for theirs, ours in sides:  # a file may name attention in one way and the rest in another
        named = {key.replace(theirs, ours): value for key, value in named.items()}
    return named


def _check_fit(
    pipeline: Any, weights: Mapping[str, Any], path: Path, checkpoint: Checkpoint
) -> None:
    for key, value in weights.items():
        inside = _SIDE.sub("", key)
        part, _, name = inside.partition(".")
        network = getattr(pipeline, part, None)
        place = _module(network, name) if network is not None else None
        if place is None:
            raise UserError(
                f"{path} is a LoRA for another model: {checkpoint.name} has no layer {inside}."
            )
        axis = 1 if key.endswith(".lora_A.weight") else 0
        theirs, ours = int(value.shape[axis]), int(place.weight.shape[axis])
        if theirs != ours:
            raise UserError(
                f"{path} is a LoRA for another model: its {inside} is {theirs} wide, that of "
                f"{checkpoint.name} {ours}."
            )


def _module(network: Any, name: str) -> Any | None:
    """The layer `name`; transformers writes text encoders with and without a prefix."""
    for candidate in (name, name.removeprefix("text_model."), f"text_model.{name}"):
        try:
            layer = network.get_submodule(candidate)
        except AttributeError:
            continue
        if hasattr(layer, "weight"):
            return layer
    return None


def _not_a_lora(path: Path, error: Exception) -> UserError:
    reason = str(error).strip().splitlines() or [type(error).__name__]
    return UserError(f"{path} cannot be used as a LoRA ({reason[0].rstrip('.:')}).")
