"""The trained parts as one checkpoint folder in the layout that SD1.5's loaders read.

- `model_index.json`, `unet/`, `vae/`, `text_encoder/`, `tokenizer/`, `scheduler/`
- `controlnet_normal/`, `controlnet_openpose/`
- `ip/models/image_encoder/`, `ip/models/ip-adapter_sd15.safetensors` as in h94/IP-Adapter
- `diffsign.json`: the defaults that the painting stage reads
- `mini.json`: sizes, and how it was made
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import UserError
from ...files import atomic_dir
from .build import CONTROLS, MiniConfig, build_scheduler, ip_adapter_state

if TYPE_CHECKING:
    from diffusers import (
        AutoencoderTiny,
        StableDiffusionControlNetImg2ImgPipeline,
        UNet2DConditionModel,
    )
    from transformers import CLIPTokenizer

    from .train_diffusion import Painter

PAINTING: dict[str, Any] = {
    "name": "mini",
    "defaults": {
        "strength": 0.15,
        "steps": 2,
        "guidance": 1.0,
        "size": 512,
        "scheduler": "euler",
        "detail": 1.0,
        "keep_background": True,
        "noise": "none",
        "caption": "always",
        "prompt_suffix": "",
        "negative_prompt": "",
    },
}
"""What `generate/checkpoints.py` reads: few steps and no guidance, as it was trained."""

LIMIT_BYTES = 60_000_000
"""What the checkpoint may weigh in all."""

IP_FOLDER, IP_SUBFOLDER, IP_FILE = "ip", "models", "ip-adapter_sd15.safetensors"


def save_mini(
    folder: Path,
    config: MiniConfig,
    vae: AutoencoderTiny,
    painter: Painter,
    tokenizer: CLIPTokenizer,
    record: dict[str, Any],
) -> int:
    """Write the checkpoint in fp16, atomically; returns its size in bytes.

    `record` goes into `mini.json` beside the sizes. Raises UserError above 60 MB.
    """
    import torch
    from diffusers import StableDiffusionPipeline
    from safetensors.torch import save_file

    from .tokenizer import save_tokenizer

    with atomic_dir(folder) as beside:
        out = Path(beside)
        StableDiffusionPipeline(
            vae=_half(vae),
            text_encoder=_half(painter.encoders.text),
            tokenizer=tokenizer,
            unet=_half(_without_adapter(painter.unet)),
            scheduler=build_scheduler(),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        ).save_pretrained(out)
        save_tokenizer(tokenizer, out / "tokenizer")
        for name, net in zip(CONTROLS, painter.controlnets, strict=True):
            _half(net).save_pretrained(out / f"controlnet_{name}")
        models = out / IP_FOLDER / IP_SUBFOLDER
        _half(painter.encoders.image).save_pretrained(models / "image_encoder")
        adapter = {
            f"{group}.{key}": value.detach().to("cpu", torch.float16).contiguous()
            for group, values in ip_adapter_state(painter.unet).items()
            for key, value in values.items()
        }
        save_file(adapter, models / IP_FILE)
        described = {"config": config.to_dict(), "controls": list(CONTROLS), **record}
        (out / "diffsign.json").write_text(json.dumps(PAINTING, indent=2) + "\n", encoding="utf-8")
        (out / "mini.json").write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
        size = folder_bytes(out)
        if size > LIMIT_BYTES:
            raise UserError(
                f"the checkpoint weighs {size / 1e6:.1f} MB, more than {LIMIT_BYTES / 1e6:.0f}; "
                "choose smaller sizes in MiniConfig"
            )
    return size


def load_pipeline(folder: Path, dtype: Any = None) -> StableDiffusionControlNetImg2ImgPipeline:
    """The checkpoint in the pipeline that the road uses, its IP-Adapter loaded at scale 1."""
    import torch
    from diffusers import ControlNetModel, StableDiffusionControlNetImg2ImgPipeline

    dtype = dtype or torch.float32
    nets = [
        ControlNetModel.from_pretrained(folder / f"controlnet_{name}", torch_dtype=dtype)
        for name in CONTROLS
    ]
    pipeline = StableDiffusionControlNetImg2ImgPipeline.from_pretrained(
        folder, controlnet=nets, torch_dtype=dtype
    )
    pipeline.load_ip_adapter(folder / IP_FOLDER, subfolder=IP_SUBFOLDER, weight_name=IP_FILE)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def folder_bytes(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _half(module: Any) -> Any:
    """A copy in fp16 on the CPU; the module in training stays as it is."""
    import copy

    import torch

    return copy.deepcopy(module).to("cpu", torch.float16, memory_format=torch.contiguous_format)


def _without_adapter(unet: UNet2DConditionModel) -> UNet2DConditionModel:
    """The same UNet as SD1.5 stores it: plain attention processors, no image projection."""
    from diffusers import UNet2DConditionModel

    values = {
        key: value
        for key, value in unet.config.items()
        if not key.startswith("_") and key != "encoder_hid_dim_type"
    }
    plain = UNet2DConditionModel(**values)
    ours = unet.state_dict()
    plain.load_state_dict({key: ours[key] for key in plain.state_dict()})
    return plain
