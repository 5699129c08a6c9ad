"""The parts of mini, built empty from one frozen record of sizes.

Every part is a diffusers or transformers class in the layout of Stable Diffusion 1.5, so that what
is trained here loads through the code that loads SD1.5. Three choices differ from SD1.5's sizes
and were made by measurement on two CPU cores:

- The autoencoder is `AutoencoderTiny` with 16 latent channels. It has no normalisation, so what it
  learns on small crops of hands and faces holds unchanged on whole frames, and a training step
  costs less than half of an `AutoencoderKL`'s of the same arithmetic.
- Cross attention is left to the lower levels of the UNet, where the picture's regions live.
- The ControlNets have no attention at all: their drawings say where, never what.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from .tokenizer import MAX_LENGTH

if TYPE_CHECKING:
    import torch
    from diffusers import AutoencoderTiny, ControlNetModel, DDIMScheduler, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPVisionModelWithProjection

CONTROLS = ("normal", "openpose")
"""Names of the conditioning images that mini reads, in the order of its ControlNets."""

IP_TOKENS = 4
"""Tokens of a plain IP-Adapter; diffusers' loader holds the same number in its code."""

TRAIN_STEPS = 1000


@dataclass(frozen=True)
class MiniConfig:
    """Sizes of every part. The defaults are the shipped mini; tests use smaller ones."""

    latent_channels: int = 16
    vae_width: int = 64
    encoder_blocks: tuple[int, ...] = (0, 1, 2, 4)
    decoder_blocks: tuple[int, ...] = (4, 3, 2, 0)
    unet_channels: tuple[int, ...] = (96, 128, 192)
    unet_layers: int = 1
    norm_groups: int = 16
    head_width: int = 32
    control_channels: tuple[int, ...] = (8, 16, 48, 96)
    token_width: int = 192
    text_layers: int = 2
    vision_size: int = 128
    vision_patch: int = 16
    vision_width: int = 192
    vision_layers: int = 4
    vision_projection: int = 256

    def to_dict(self) -> dict[str, Any]:
        """This record as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> MiniConfig:
        """The record of `to_dict`, where JSON has turned tuples into lists."""
        sizes: Any = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**sizes)


def build_vae(config: MiniConfig) -> AutoencoderTiny:
    """The autoencoder, 8x, its weights scaled so that a picture survives the untrained layers."""
    from diffusers import AutoencoderTiny
    from torch import nn

    vae = AutoencoderTiny(
        latent_channels=config.latent_channels,
        encoder_block_out_channels=(config.vae_width,) * 4,
        decoder_block_out_channels=(config.vae_width,) * 4,
        num_encoder_blocks=config.encoder_blocks,
        num_decoder_blocks=config.decoder_blocks,
    )
    for layer in vae.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    for branch in [m.conv for m in vae.modules() if hasattr(m, "fuse")]:
        # A residual branch starts as a small change of its input.
        nn.init.kaiming_normal_(branch[0].weight)
        nn.init.kaiming_normal_(branch[2].weight)
        branch[4].weight.data.mul_(0.2)
    return vae


def build_unet(config: MiniConfig) -> UNet2DConditionModel:
    """The denoiser, its IP-Adapter installed: attention processors and image projection."""
    from diffusers import UNet2DConditionModel

    lower = len(config.unet_channels) - 1
    unet = UNet2DConditionModel(
        sample_size=64,
        in_channels=config.latent_channels,
        out_channels=config.latent_channels,
        down_block_types=("DownBlock2D", *["CrossAttnDownBlock2D"] * lower),
        up_block_types=(*["CrossAttnUpBlock2D"] * lower, "UpBlock2D"),
        block_out_channels=config.unet_channels,
        layers_per_block=config.unet_layers,
        norm_num_groups=config.norm_groups,
        cross_attention_dim=config.token_width,
        # diffusers reads this number as the count of heads, whatever its name says.
        attention_head_dim=tuple(width // config.head_width for width in config.unet_channels),
    )
    install_ip_adapter(unet, _empty_ip_adapter(unet, config))
    return unet


def build_controlnet(config: MiniConfig) -> ControlNetModel:
    """A ControlNet of the UNet's widths without attention.

    Its outgoing convolutions start small instead of at zero: UNet and ControlNets are trained
    together from nothing, so there is no finished UNet to protect.
    """
    from diffusers import ControlNetModel
    from torch import nn

    net = ControlNetModel(
        in_channels=config.latent_channels,
        down_block_types=("DownBlock2D",) * len(config.unet_channels),
        mid_block_type="UNetMidBlock2D",
        block_out_channels=config.unet_channels,
        layers_per_block=config.unet_layers,
        norm_num_groups=config.norm_groups,
        cross_attention_dim=config.token_width,
        attention_head_dim=tuple(width // config.head_width for width in config.unet_channels),
        conditioning_embedding_out_channels=config.control_channels,
    )
    outgoing = [*net.controlnet_down_blocks, net.controlnet_mid_block]
    for layer in [*outgoing, net.controlnet_cond_embedding.conv_out]:
        nn.init.xavier_uniform_(layer.weight, gain=0.5)
    return net


def build_text_encoder(config: MiniConfig, vocabulary: int) -> CLIPTextModel:
    """The text encoder over a vocabulary whose last two tokens are start and end of text."""
    from transformers import CLIPTextConfig, CLIPTextModel

    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=vocabulary,
            hidden_size=config.token_width,
            intermediate_size=config.token_width * 2,
            projection_dim=config.token_width,
            num_hidden_layers=config.text_layers,
            num_attention_heads=max(1, config.token_width // 64),
            max_position_embeddings=MAX_LENGTH,
            bos_token_id=vocabulary - 2,
            eos_token_id=vocabulary - 1,
            pad_token_id=vocabulary - 1,
        )
    )


def build_image_encoder(config: MiniConfig) -> CLIPVisionModelWithProjection:
    """The encoder of appearance images, square and `vision_size` pixels wide."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    return CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=config.vision_width,
            intermediate_size=config.vision_width * 3,
            projection_dim=config.vision_projection,
            num_hidden_layers=config.vision_layers,
            num_attention_heads=max(1, config.vision_width // 64),
            image_size=config.vision_size,
            patch_size=config.vision_patch,
        )
    )


def build_scheduler() -> DDIMScheduler:
    """The noise schedule: SD1.5's betas brought to zero signal at the last step, v-prediction.

    With no signal left at the last step, strength 1.0 is honest noise; trailing spacing makes
    every number of steps begin there.
    """
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        num_train_timesteps=TRAIN_STEPS,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=True,
    )


IpState = dict[str, dict[str, "torch.Tensor"]]


def install_ip_adapter(unet: UNet2DConditionModel, state: IpState) -> None:
    """Give the UNet the image tokens' layers through diffusers' own loader, ready for training."""
    unet._load_ip_adapter_weights([state], low_cpu_mem_usage=False)
    unet.requires_grad_(True)


def ip_adapter_state(unet: UNet2DConditionModel) -> IpState:
    """The installed IP-Adapter's weights under the key names of h94/IP-Adapter."""
    projection = unet.encoder_hid_proj.image_projection_layers[0]
    state: IpState = {
        "image_proj": {
            "proj.weight": projection.image_embeds.weight,
            "proj.bias": projection.image_embeds.bias,
            "norm.weight": projection.norm.weight,
            "norm.bias": projection.norm.bias,
        },
        "ip_adapter": {},
    }
    for key, processor in _cross_processors(unet):
        state["ip_adapter"][f"{key}.to_k_ip.weight"] = processor.to_k_ip[0].weight
        state["ip_adapter"][f"{key}.to_v_ip.weight"] = processor.to_v_ip[0].weight
    return state


def _cross_processors(unet: UNet2DConditionModel) -> list[tuple[int, Any]]:
    """Processors of the cross attentions with their key numbers (1, 3, 5, ... as stored)."""
    cross = [p for name, p in unet.attn_processors.items() if not name.endswith("attn1.processor")]
    return [(2 * index + 1, processor) for index, processor in enumerate(cross)]


def _empty_ip_adapter(unet: UNet2DConditionModel, config: MiniConfig) -> IpState:
    """An untrained adapter: image keys and values start from the layers that read the text."""
    import torch

    proj = torch.nn.Linear(config.vision_projection, IP_TOKENS * config.token_width)
    norm = torch.nn.LayerNorm(config.token_width)
    state: IpState = {
        "image_proj": {
            "proj.weight": proj.weight.data,
            "proj.bias": proj.bias.data,
            "norm.weight": norm.weight.data,
            "norm.bias": norm.bias.data,
        },
        "ip_adapter": {},
    }
    cross = [name for name in unet.attn_processors if not name.endswith("attn1.processor")]
    for index, name in enumerate(cross):
        layer = unet.get_submodule(name.removesuffix(".processor"))
        state["ip_adapter"][f"{2 * index + 1}.to_k_ip.weight"] = layer.to_k.weight.data.clone()
        state["ip_adapter"][f"{2 * index + 1}.to_v_ip.weight"] = layer.to_v.weight.data.clone()
    return state
