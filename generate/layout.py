"""Which files a checkpoint in diffusers layout consists of, and whether they are there and whole.

Weights are read from safetensors: a pickle (.bin, .ckpt, .pt) can run any code when it is loaded,
so it is refused. Where the user allows pickles they are read with torch's own reader of weights,
which runs nothing and refuses a file that holds more than numbers.

Every part may lie under the name of the fp16 variant, which is preferred: it is half the download
and the models run in half precision wherever they can.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import UserError
from .checkpoints import Checkpoint, Source

PIPELINES = (
    "StableDiffusionPipeline",
    "StableDiffusionImg2ImgPipeline",
    "StableDiffusionControlNetPipeline",
    "StableDiffusionControlNetImg2ImgPipeline",
)
PICKLES = (".bin", ".ckpt", ".pt", ".pth")


@dataclass(frozen=True)
class Part:
    """One model of a checkpoint.

    source: the repository and the folder inside it.
    weights: the stem of its weights' file name, None where it has none.
    files: what it needs beside them.
    instead: sets of files of which one must be there as well.
    pickles: whether the weights may be a pickle.
    """

    source: Source
    weights: str | None
    files: tuple[str, ...] = ("config.json",)
    instead: tuple[tuple[str, ...], ...] = ()
    pickles: bool = False

    def patterns(self, variant: str = "fp16") -> list[str]:
        """Paths inside the repository to download; `variant` "" asks for the full weights, "bin"
        for a pickle."""
        names = [*self.files, *(name for names in self.instead for name in names)]
        if self.weights is not None:
            names.append(_weight_names(self.weights)[("fp16", "", "bin").index(variant)])
        return [_join(self.source.subfolder, name) for name in names]


def base_parts(checkpoint: Checkpoint) -> dict[str, Part]:
    """The parts of the base model by name; "vae" is the replacement where there is one."""
    repo = checkpoint.base.repo
    inside = checkpoint.base.subfolder

    def place(subfolder: str) -> Source:
        return Source(repo, _join(inside, subfolder))

    return {
        "index": Part(place(""), None, ("model_index.json",)),
        "scheduler": Part(place("scheduler"), None, ("scheduler_config.json",)),
        "tokenizer": Part(
            place("tokenizer"),
            None,
            ("tokenizer_config.json",),
            instead=(("vocab.json", "merges.txt"), ("tokenizer.json",)),
        ),
        "text_encoder": Part(place("text_encoder"), "model"),
        "unet": Part(place("unet"), "diffusion_pytorch_model"),
        "vae": Part(checkpoint.vae or place("vae"), "diffusion_pytorch_model"),
    }


def all_parts(checkpoint: Checkpoint) -> dict[str, Part]:
    """Every part of a checkpoint: the base, "controlnet_<kind>", "adapter", "image_encoder",
    "lora_<number>", "motion"."""
    parts = base_parts(checkpoint)
    for controlnet in checkpoint.controlnets:
        parts[f"controlnet_{controlnet.kind}"] = Part(controlnet.source, "diffusion_pytorch_model")
    if checkpoint.adapter is not None:
        source = checkpoint.adapter.source
        parts["adapter"] = Part(source, None, (checkpoint.adapter.weights,))
        encoder = Source(source.repo, _join(source.subfolder, "image_encoder"))
        parts["image_encoder"] = Part(encoder, "model")
    if checkpoint.motion is not None:
        parts["motion"] = Part(checkpoint.motion, "diffusion_pytorch_model")
    for number, lora in enumerate(checkpoint.loras):
        parts[f"lora_{number}"] = Part(lora.source, None, (lora.weights,))
    return {name: replace(part, pickles=checkpoint.pickles) for name, part in parts.items()}


def weight_file(folder: Path, part: Part) -> Path | None:
    """The weights of `part` in its repository's folder, or None if they are not there."""
    if part.weights is None:
        return None
    inside = folder / part.source.subfolder
    known = _weight_names(part.weights)
    names = (inside / name for name in (known if part.pickles else known[:2]))
    return next((path for path in names if path.is_file()), None)


def missing_files(folder: Path, part: Part) -> list[str]:
    """Paths inside the repository that `part` needs and `folder` lacks."""
    names = [_join(part.source.subfolder, name) for name in part.files]
    missing = [name for name in names if not (folder / name).is_file()]
    if part.instead and not any(
        all((folder / part.source.subfolder / name).is_file() for name in names)
        for names in part.instead
    ):
        missing.append(_join(part.source.subfolder, part.instead[0][0]))
    if part.weights is not None and weight_file(folder, part) is None:
        missing.append(_join(part.source.subfolder, _weight_names(part.weights)[1]))
    return missing


def check_part(folder: Path, part: Part) -> None:
    """Refuse a part that is incomplete, a pickle or broken; reads the files' heads only.

    Raises:
        UserError: which file is at fault and what to do.
    """
    missing = missing_files(folder, part)
    if missing:
        pickles = _pickles(folder / part.source.subfolder)
        if part.weights is not None and missing[-1].endswith(".safetensors") and pickles:
            raise UserError(
                f"{pickles[0]} is a pickle, which can run any code when it is loaded: convert it "
                f"to {Path(missing[-1]).name} (safetensors) beside it, or say --allow-pickle."
            )
        raise UserError(f"The checkpoint in {folder} is incomplete: {missing[0]} is missing.")
    weights = weight_file(folder, part)
    if weights is not None and weights.suffix == ".safetensors":
        check_safetensors(weights)
    for name in part.files:
        path = folder / part.source.subfolder / name
        if path.suffix == ".safetensors":
            check_safetensors(path)
        elif path.suffix == ".json":
            _check_json(path)
        elif path.suffix in PICKLES and not part.pickles:
            raise UserError(
                f"{path} is a pickle, which can run any code when it is loaded: use the "
                "safetensors file instead, or say --allow-pickle."
            )


def check_pipeline(index: Path) -> None:
    """Refuse a model_index.json of another family than SD1.5's.

    Raises:
        UserError: the pipeline's class is not one of PIPELINES.
    """
    name = json.loads(index.read_text(encoding="utf-8")).get("_class_name")
    if name not in PIPELINES:
        raise UserError(
            f"{index} describes a {name}, but DiffSign paints with models in the layout of "
            "Stable Diffusion 1.5 (StableDiffusionPipeline)."
        )


def check_safetensors(path: Path) -> None:
    """Refuse a safetensors file whose header is broken or whose data is cut short.

    Raises:
        UserError: the file is damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            file.keys()
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is damaged ({error}): remove it and fetch it again.") from None


def _check_json(path: Path) -> None:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(
            f"{path} is not valid JSON ({error}): remove it and fetch it again."
        ) from None


def _weight_names(stem: str) -> tuple[str, str, str]:
    # transformers' pickles are named differently from its safetensors files.
    pickle = "pytorch_model" if stem == "model" else stem
    return f"{stem}.fp16.safetensors", f"{stem}.safetensors", f"{pickle}.bin"


def _pickles(folder: Path) -> list[Path]:
    return [
        path for end in ("bin", "ckpt", "pt", "pth") for path in sorted(folder.glob(f"*.{end}"))
    ]


def _join(folder: str, name: str) -> str:
    return "/".join(part for part in (folder, name) if part)
