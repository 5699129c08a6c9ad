"""Load a checkpoint once: base, VAE, ControlNets, IP-Adapter, on one device in one precision.

torch, diffusers and transformers are imported when a model is loaded, not before.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..files import read_json, sha256
from .checkpoints import Checkpoint
from .hardware import best_device, best_precision, torch_dtype
from .hub import locate
from .layout import PICKLES, Part, all_parts, check_pipeline, weight_file
from .quiet import quiet_libraries
from .schedule import make_scheduler


@dataclass(frozen=True)
class Generator:
    """A loaded checkpoint, ready to paint.

    pipeline: a `pipeline.SignerPipeline` (its parts are declared at run time, hence Any).
    multiple: what both sides of a working image are divisible by, in pixels.
    """

    checkpoint: Checkpoint
    pipeline: Any
    device: str
    precision: str
    multiple: int

    @property
    def kinds(self) -> tuple[str, ...]:
        """The conditioning images that it reads, in the order of its ControlNets."""
        return tuple(controlnet.kind for controlnet in self.checkpoint.controlnets)


def load_generator(
    checkpoint: Checkpoint,
    device: str | None = None,
    precision: str | None = None,
) -> Generator:
    """Load every part of `checkpoint`, fetching from the hub what is not on this machine.

    Args:
        device, precision: None: the fastest here.

    Raises:
        UserError: a part is missing, damaged, a pickle, of another layout, or cannot be fetched.
    """
    folders = locate(checkpoint)
    parts = all_parts(checkpoint)
    check_pipeline(folders["index"] / parts["index"].source.subfolder / "model_index.json")
    device = device or best_device()
    precision = precision or best_precision(device)
    dtype = torch_dtype(precision)
    with quiet_libraries():
        pipeline = _assemble(checkpoint, folders, parts, dtype)
        pipeline.to(device)
        _to_channels_last(pipeline)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.keep_latents_in_float32()
    levels = len(pipeline.unet.config.block_out_channels)
    multiple = pipeline.vae_scale_factor * 2 ** (levels - 1)
    return Generator(checkpoint, pipeline, device, precision, multiple)


def model_hashes(checkpoint: Checkpoint) -> dict[str, str]:
    """SHA-256 of every weight file of a checkpoint that is on this machine, by part name.

    Raises:
        UserError: a part is missing and cannot be fetched, or is damaged.
    """
    folders = locate(checkpoint)
    hashes = {}
    for name, part in all_parts(checkpoint).items():
        folder = folders[name]
        files = [folder / part.source.subfolder / file for file in part.files]
        weights = weight_file(folder, part)
        for path in [weights] if weights else files:
            if path.suffix in (".safetensors", *PICKLES):
                hashes[name] = _content_hash(path)
    return hashes


def _assemble(
    checkpoint: Checkpoint,
    folders: dict[str, Path],
    parts: dict[str, Part],
    dtype: Any,
) -> Any:
    import diffusers
    from transformers import CLIPTextModel, CLIPTokenizer, CLIPVisionModelWithProjection

    from .pipeline import SignerPipeline

    def load(kind: Any, name: str) -> Any:
        return _load_model(kind, folders[name], parts[name], dtype)

    def inside(name: str) -> Path:
        return folders[name] / parts[name].source.subfolder

    noise_levels = read_json(inside("scheduler") / "scheduler_config.json")
    vae_class = read_json(inside("vae") / "config.json").get("_class_name", "AutoencoderKL")
    if vae_class not in ("AutoencoderKL", "AutoencoderTiny"):
        raise UserError(f"{inside('vae')} holds a {vae_class}: an AutoencoderKL is needed.")
    adapter = checkpoint.adapter
    pipeline: Any = SignerPipeline(
        vae=load(getattr(diffusers, vae_class), "vae"),
        text_encoder=load(CLIPTextModel, "text_encoder"),
        tokenizer=CLIPTokenizer.from_pretrained(str(inside("tokenizer")), local_files_only=True),
        unet=load(diffusers.UNet2DConditionModel, "unet"),
        controlnet=[
            load(diffusers.ControlNetModel, f"controlnet_{net.kind}")
            for net in checkpoint.controlnets
        ],
        scheduler=make_scheduler(checkpoint.defaults.scheduler, noise_levels),
        safety_checker=None,
        feature_extractor=None,
        image_encoder=load(CLIPVisionModelWithProjection, "image_encoder") if adapter else None,
        requires_safety_checker=False,
    )
    _check_fit(pipeline, checkpoint)
    if checkpoint.loras:
        from .lora import fuse_loras

        fuse_loras(pipeline, checkpoint, folders)
    if checkpoint.motion is not None:
        from .motion import with_motion

        modules = load(diffusers.MotionAdapter, "motion")
        pipeline.unet = with_motion(pipeline.unet, modules, checkpoint.motion.repo)
    if adapter is not None:
        _load(
            lambda: pipeline.load_ip_adapter(
                str(folders["adapter"]),
                subfolder=adapter.source.subfolder,
                weight_name=adapter.weights,
                local_files_only=True,
            ),
            inside("adapter") / adapter.weights,
        )
        pipeline.unet.to(dtype)  # the adapter's layers arrive in the precision of its file
    return pipeline


def _check_fit(pipeline: Any, checkpoint: Checkpoint) -> None:
    """Refuse parts whose sizes do not go together, before torch does so in numbers."""
    unet = pipeline.unet.config
    sizes = ("cross_attention_dim", "block_out_channels", "in_channels")
    for net, source in zip(pipeline.controlnet.nets, checkpoint.controlnets, strict=True):
        for size in sizes:
            theirs, ours = net.config[size], unet[size]
            if json.dumps(theirs) != json.dumps(ours):  # lists and tuples are the same here
                raise UserError(
                    f"The ControlNet for {source.kind} ({source.source.repo}) does not fit "
                    f"{checkpoint.name}: its {size} is {theirs}, the UNet's {ours}."
                )
    if pipeline.vae.config.latent_channels != unet["in_channels"]:
        raise UserError(
            f"The VAE does not fit {checkpoint.name}: it has {pipeline.vae.config.latent_channels} "
            f"latent channels, the UNet {unet['in_channels']}."
        )


def _load_model(kind: Any, folder: Path, part: Part, dtype: Any) -> Any:
    """A diffusers or transformers model from its folder; all of its weights must be there."""
    weights = weight_file(folder, part)
    assert weights is not None and part.weights is not None  # `locate` has seen to it
    options: dict[str, Any] = {
        "variant": "fp16" if weights.name.endswith(".fp16.safetensors") else None,
        "dtype" if kind.__module__.startswith("transformers") else "torch_dtype": dtype,
        "use_safetensors": weights.suffix == ".safetensors",
        "local_files_only": True,
        "output_loading_info": True,
    }
    path = str(weights.parent)
    model, report = _load(lambda: kind.from_pretrained(path, **options), weights)
    if report["missing_keys"]:
        lacking = min(report["missing_keys"])
        raise UserError(
            f"{weights} does not fit the config.json beside it: {lacking} is missing from it."
        )
    return model.eval()


def _load(action: Callable[[], Any], weights: Path) -> Any:
    from pickle import UnpicklingError

    from safetensors import SafetensorError

    try:
        return action()
    except (SafetensorError, UnpicklingError, OSError, ValueError, RuntimeError, KeyError) as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise UserError(
            f"{weights} cannot be loaded ({reason[0].rstrip('.:')}): it is damaged or does not "
            "fit the config.json beside it."
        ) from error


def _to_channels_last(pipeline: Any) -> None:
    import torch

    # Convolutions are faster on this layout, on CPUs and on GPUs in half precision.
    for network in (pipeline.unet, pipeline.vae, pipeline.controlnet):
        network.to(memory_format=torch.channels_last)


def _content_hash(path: Path) -> str:
    # The hub's cache names large files by their SHA-256: gigabytes need not be read again.
    name = path.resolve().name
    if path.is_symlink() and len(name) == 64 and all(c in "0123456789abcdef" for c in name):
        return name
    return sha256(path)
