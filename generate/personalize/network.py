"""What is trained: LoRA layers in the UNet of a loaded checkpoint, and one evaluation of it.

Importing this module loads torch.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from ...files import atomic_path
from ..loading import Generator
from ..quiet import quiet_libraries

LAYERS = (
    "to_q",
    "to_k",
    "to_v",
    "to_out.0",
    "ff.net.0.proj",
    "ff.net.2",
    "conv1",
    "conv2",
    "conv_shortcut",
)
"""The layers that get a LoRA: attention, as in Hu et al. 2021, and what stands between."""

_NAME = "default"


def add_lora(generator: Generator, rank: int, seed: int = 0) -> list[torch.nn.Parameter]:
    """Put LoRA layers, which do nothing yet, into the UNet; its other weights stand still.

    Returns:
        the weights to train, float32 whatever the UNet's precision.
    """
    from peft import LoraConfig

    pipeline = generator.pipeline
    for network in (pipeline.unet, pipeline.controlnet, pipeline.vae, pipeline.text_encoder):
        network.requires_grad_(False)
    config = LoraConfig(
        r=rank, lora_alpha=rank, init_lora_weights="gaussian", target_modules=list(LAYERS)
    )
    with quiet_libraries(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pipeline.unet.add_adapter(config, adapter_name=_NAME)
    trained = [p for p in pipeline.unet.parameters() if p.requires_grad]
    for parameter in trained:
        parameter.data = parameter.data.float()
    return trained


@contextmanager
def without_lora(generator: Generator) -> Iterator[None]:
    """Within the block the UNet is as it was."""
    generator.pipeline.unet.disable_adapters()
    try:
        yield
    finally:
        generator.pipeline.unet.enable_adapters()


def save_lora(generator: Generator, path: Path) -> None:
    """Write the LoRA in diffusers' layout, as safetensors, atomically."""
    with atomic_path(path) as partial:
        generator.pipeline.save_lora_weights(
            str(partial.parent),
            unet_lora_layers=lora_state(generator),
            weight_name=partial.name,
        )


def lora_state(generator: Generator) -> dict[str, torch.Tensor]:
    """The LoRA's weights by name, for going on later."""
    from peft.utils import get_peft_model_state_dict

    return dict(get_peft_model_state_dict(generator.pipeline.unet, adapter_name=_NAME))


def set_lora_state(generator: Generator, state: dict[str, torch.Tensor]) -> None:
    """Take weights that `lora_state` gave."""
    from peft.utils import set_peft_model_state_dict

    set_peft_model_state_dict(generator.pipeline.unet, state, adapter_name=_NAME)


def predict(
    generator: Generator,
    noisy: torch.Tensor,
    times: torch.Tensor,
    text: torch.Tensor,
    image: torch.Tensor | None,
    pose: torch.Tensor,
    posed: Sequence[bool],
) -> torch.Tensor:
    """The UNet's prediction (B,C,h,w) under the openpose ControlNet alone.

    Args:
        noisy: (B,C,h,w). times: (B,). text: (B,77,D). image: (B,1,E) appearance embeddings or None.
        pose: (B,3,8h,8w) in 0..1. posed: for which of them there is a pose.
    """
    pipeline = generator.pipeline
    net = pipeline.controlnet.nets[generator.kinds.index("openpose")]
    share = torch.tensor(posed, dtype=net.dtype, device=noisy.device)[:, None, None, None]
    with torch.no_grad():
        down, mid = net(noisy, times, text, controlnet_cond=pose.to(net.dtype), return_dict=False)
    return pipeline.unet(
        noisy,
        times,
        text,
        added_cond_kwargs=None if image is None else {"image_embeds": [image]},
        down_block_additional_residuals=[part * share for part in down],
        mid_block_additional_residual=mid * share,
        return_dict=False,
    )[0]
