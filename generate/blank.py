"""Untrained checkpoints in exactly SD1.5's layout, of any width: for tests and dry runs.

They paint coloured noise, but load and run through the same code as the real ones, so that code
can be tried where no weights are at hand.
"""

import json
from pathlib import Path
from typing import Any

SD15_CHANNELS = (320, 640, 1280, 1280)


def write_blank(
    folder: str | Path,
    *,
    channels: tuple[int, ...] = (8, 16, 16, 16),
    layers: int = 1,
    heads: int = 2,
    groups: int = 4,
    cross_dim: int = 16,
    vae_channels: tuple[int, ...] = (8, 8, 8, 8),
    latent_channels: int = 4,
    clip_width: int = 16,
    kinds: tuple[str, ...] = ("openpose", "depth", "normal"),
    adapter: bool = True,
    dtype: str = "float32",
    seed: int = 0,
) -> Path:
    """Write an untrained checkpoint and return its folder.

    Its four levels, four latent channels and 77 text positions are SD1.5's; with
    `channels=SD15_CHANNELS, layers=2, heads=8, groups=32, cross_dim=768` the UNet is SD1.5's own.

    Args:
        kinds: one ControlNet each, in `controlnet_<kind>`; unlike fresh ControlNets theirs have
            an influence, because the zero convolutions get random weights too.
        adapter: write an IP-Adapter (plain layout, four tokens) with its image encoder.
        dtype: the number format of the weights, a torch name.
    """
    import torch

    from .quiet import quiet_libraries

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with quiet_libraries(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        unet = _unet(channels, layers, heads, groups, cross_dim, latent_channels)
        models = {
            "unet": unet,
            "vae": _vae(vae_channels, latent_channels),
            "text_encoder": _text_encoder(cross_dim),
        }
        models |= {f"controlnet_{kind}": _controlnet(unet) for kind in kinds}
        for name, model in models.items():
            _in(dtype, model).save_pretrained(folder / name)
        if adapter:
            _write_adapter(folder / "ip" / "models", unet, cross_dim, clip_width, dtype)
        _write_scheduler(folder / "scheduler")
    _write_tokenizer(folder / "tokenizer")
    _write_json(folder / "model_index.json", _index())
    return folder


def _unet(channels, layers, heads, groups, cross_dim, latent_channels):  # type: ignore[no-untyped-def]
    from diffusers import UNet2DConditionModel

    levels = len(channels)
    return UNet2DConditionModel(
        sample_size=64,
        in_channels=latent_channels,
        out_channels=latent_channels,
        block_out_channels=channels,
        layers_per_block=layers,
        attention_head_dim=heads,
        norm_num_groups=groups,
        cross_attention_dim=cross_dim,
        down_block_types=("CrossAttnDownBlock2D",) * (levels - 1) + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * (levels - 1),
    )


def _vae(channels, latent_channels):  # type: ignore[no-untyped-def]
    from diffusers import AutoencoderKL

    levels = len(channels)
    return AutoencoderKL(
        block_out_channels=channels,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        layers_per_block=1,
        latent_channels=latent_channels,
        norm_num_groups=min(4, channels[0]),
        sample_size=512,
    )


def _controlnet(unet):  # type: ignore[no-untyped-def]
    import torch
    from diffusers import ControlNetModel

    net = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(8, 8, 8, 8))
    for blocks in (net.controlnet_down_blocks, net.controlnet_mid_block):
        for parameter in blocks.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
    torch.nn.init.normal_(net.controlnet_cond_embedding.conv_out.weight, std=0.3)
    return net


def _text_encoder(width):  # type: ignore[no-untyped-def]
    from transformers import CLIPTextConfig, CLIPTextModel

    vocabulary = _vocabulary()
    config = CLIPTextConfig(
        vocab_size=len(vocabulary),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=77,
        projection_dim=width,
        bos_token_id=vocabulary["<|startoftext|>"],
        eos_token_id=vocabulary["<|endoftext|>"],
        pad_token_id=vocabulary["<|endoftext|>"],
    )
    return CLIPTextModel(config)


def _vocabulary() -> dict[str, int]:
    letters = [chr(code) for code in range(33, 127)]
    words = [*letters, *(letter + "</w>" for letter in letters)]
    return {word: i for i, word in enumerate([*words, "<|startoftext|>", "<|endoftext|>"])}


def _write_tokenizer(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    _write_json(folder / "vocab.json", _vocabulary())
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    config = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": 77,
        "bos_token": "<|startoftext|>",
        "eos_token": "<|endoftext|>",
        "unk_token": "<|endoftext|>",
        "pad_token": "<|endoftext|>",
    }
    _write_json(folder / "tokenizer_config.json", config)


def _write_adapter(folder, unet, cross_dim, width, dtype):  # type: ignore[no-untyped-def]
    import torch
    from safetensors.torch import save_file
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    config = CLIPVisionConfig(
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=32,
        patch_size=8,
        projection_dim=width,
    )
    encoder = CLIPVisionModelWithProjection(config)
    _in(dtype, encoder).save_pretrained(folder / "image_encoder")
    tokens = 4
    weights = {
        "image_proj.proj.weight": torch.randn(tokens * cross_dim, width),
        "image_proj.proj.bias": torch.zeros(tokens * cross_dim),
        "image_proj.norm.weight": torch.ones(cross_dim),
        "image_proj.norm.bias": torch.zeros(cross_dim),
    }
    # The k-th attention layer, counted in the order down, up, mid; odd ones attend to the prompt.
    for k, (name, layer) in enumerate(_attention_layers(unet)):
        if name.endswith("attn2"):
            for which in ("k", "v"):
                key = f"ip_adapter.{k}.to_{which}_ip.weight"
                weights[key] = torch.randn(layer.inner_dim, cross_dim) * 0.2
    typed = {key: value.to(getattr(torch, dtype)) for key, value in weights.items()}
    save_file(typed, folder / "ip-adapter_sd15.safetensors")


def _in(dtype, model):  # type: ignore[no-untyped-def]
    import torch

    return model.to(getattr(torch, dtype))


def _write_scheduler(folder: Path) -> None:
    from diffusers import PNDMScheduler

    scheduler: Any = PNDMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        skip_prk_steps=True,
        set_alpha_to_one=False,
        steps_offset=1,
    )
    scheduler.save_pretrained(folder)


def _attention_layers(unet):  # type: ignore[no-untyped-def]
    names = [name.removesuffix(".processor") for name in unet.attn_processors]
    return [(name, unet.get_submodule(name)) for name in names]


def _index() -> dict:
    return {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": "0.35.0",
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "requires_safety_checker": False,
        "safety_checker": [None, None],
        "scheduler": ["diffusers", "PNDMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2), encoding="utf-8")
