"""The checkpoints that can paint, as data, and how a name becomes one of them.

Every checkpoint has Stable Diffusion 1.5's layout, whatever its size, and runs through one code
path (`loading`, `paint`). A folder given by the user may carry its own defaults in a small file
`diffsign.json` beside `model_index.json`; all of its entries may be left out:

    {"name": "mini",
     "controlnets": [{"kind": "normal", "subfolder": "controlnet_normal", "scale": 1.0}],
     "adapter": {"subfolder": "ip/models", "weights": "ip-adapter_sd15.safetensors", "scale": 1.0,
                 "always": true},
     "defaults": {"strength": 0.5, "steps": 2, "guidance": 1.0, "size": 256, "scheduler": "euler",
                  "caption": "always", "prompt_suffix": "", "negative_prompt": ""}}

Without the first two entries, every folder `controlnet_<kind>` is a ControlNet of that kind and
the first .safetensors file in `ip/models` is the IP-Adapter. A folder (or hub repository) with
neither ControlNets nor `diffsign.json` is taken for a fine-tuned SD1.5: it replaces the base of
`sd15` and keeps the rest.
"""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..files import read_json

KINDS = ("openpose", "depth", "normal", "mediapipe_face", "seg", "canny")
SCHEDULERS = ("euler", "dpm++", "lcm")


@dataclass(frozen=True)
class Source:
    """Where weights lie: a folder on this machine or a hub id "org/name", and a folder inside."""

    repo: str
    subfolder: str = ""

    @property
    def is_folder(self) -> bool:
        """Whether `repo` is a folder on this machine."""
        return Path(self.repo).is_dir()


@dataclass(frozen=True)
class ControlNetSource:
    """One ControlNet: the kind of conditioning image that it reads, its weights, its scale."""

    kind: str
    source: Source
    scale: float = 1.0


@dataclass(frozen=True)
class AdapterSource:
    """An IP-Adapter.

    source: the folder that holds `weights` and `image_encoder/`.
    always: where no image is given, whether the adapter stays on with the embedding of nothing
        (a UNet that was trained together with its adapter expects that) or is switched off (which
        gives a UNet that was trained before its adapter back as it was).
    """

    source: Source
    weights: str
    scale: float = 0.6
    always: bool = False


@dataclass(frozen=True)
class LoraSource:
    """A LoRA: low-rank changes of the UNet's and the text encoder's weights, times `scale`."""

    source: Source
    weights: str
    scale: float = 1.0


@dataclass(frozen=True)
class Defaults:
    """What is used where the user says nothing.

    strength: 1 paints from pure noise, lower values stay nearer to the beauty render.
    steps: UNet evaluations per frame, whatever the strength.
    guidance: classifier-free guidance; 1 is off (and halves the work).
    size: side in pixels of the square whose area the model works at.
    scheduler: one of SCHEDULERS.
    detail: how much of what the autoencoder loses of the render is put back (see `detail`).
    keep_background: the render's background stays, instead of being painted (see `backdrop`).
    noise: one of `noise.KINDS`.
    caption: "always" or "when_empty": whether the avatar's own description goes before the prompt
        always, or takes its place only where there is neither prompt nor appearance.
    """

    strength: float = 0.7
    steps: int = 20
    guidance: float = 6.0
    size: int = 512
    scheduler: str = "dpm++"
    detail: float = 0.0
    keep_background: bool = False
    noise: str = "fixed"
    caption: str = "when_empty"
    prompt_suffix: str = "best quality, high quality"
    negative_prompt: str = "monochrome, lowres, bad anatomy, worst quality, low quality"


@dataclass(frozen=True)
class Checkpoint:
    """Everything that is needed to load a model and paint with it; `vae` None: the base's own.

    motion: AnimateDiff's motion modules, which let the frames of a window see each other.
    words: what goes before every prompt: the words that the LoRAs listen to.
    flags: the command line's options that made it from the table's checkpoint (see `variants`).
    offline: the network is never asked. pickles: weights may be pickles (see `layout`).
    """

    name: str
    base: Source
    controlnets: tuple[ControlNetSource, ...]
    adapter: AdapterSource | None
    vae: Source | None
    defaults: Defaults
    loras: tuple[LoraSource, ...] = ()
    motion: Source | None = None
    words: str = ""
    flags: str = ""
    offline: bool = False
    pickles: bool = False


SD15 = Checkpoint(
    name="sd15",
    base=Source("stable-diffusion-v1-5/stable-diffusion-v1-5"),
    controlnets=(
        ControlNetSource("openpose", Source("lllyasviel/control_v11p_sd15_openpose"), 1.0),
        ControlNetSource("depth", Source("lllyasviel/control_v11f1p_sd15_depth"), 0.6),
        ControlNetSource("normal", Source("lllyasviel/control_v11p_sd15_normalbae"), 0.6),
    ),
    adapter=AdapterSource(
        Source("h94/IP-Adapter", "models"), weights="ip-adapter_sd15.safetensors", scale=0.6
    ),
    vae=Source("stabilityai/sd-vae-ft-mse"),
    defaults=Defaults(),
)
MINI_FOLDER = Path(__file__).resolve().parents[1] / "assets" / "mini"


def mini_checkpoint() -> Checkpoint:
    """The checkpoint that ships with this package."""
    if not (MINI_FOLDER / "model_index.json").is_file():
        raise UserError(
            f"The model mini is missing from this installation ({MINI_FOLDER}): install diffsign "
            "again or train it with diffsign mini train."
        )
    return replace(folder_checkpoint(MINI_FOLDER), name="mini")


def resolve_model(name: str = "auto") -> tuple[Checkpoint, str]:
    """The checkpoint that `name` stands for, and a sentence that says which it is and why.

    Args:
        name: "auto", "mini", "sd15", a folder, or a hub id "org/name".

    Raises:
        UserError: there is no such model, or the folder is not a checkpoint.
    """
    if name == "auto":
        return _automatic()
    if name == "mini":
        return mini_checkpoint(), "mini, as asked for"
    if name == "sd15":
        return SD15, "sd15, as asked for"
    path = Path(name).expanduser()
    if name and path.is_dir():
        return folder_checkpoint(path), f"the checkpoint in {path}, as asked for"
    if name and path.is_file():
        raise UserError(
            f"--model {name} is a single file, but a folder in diffusers layout is needed: "
            "convert it with StableDiffusionPipeline.from_single_file(...).save_pretrained(...)."
        )
    if _is_hub_id(name):
        return replace(SD15, name=name, base=Source(name), vae=None), f"{name}, as asked for"
    raise UserError(
        f"There is no model {name!r}: --model takes auto, mini, sd15, a folder in diffusers "
        "layout, or a hub id such as org/name."
    )


def folder_checkpoint(folder: str | Path) -> Checkpoint:
    """Read what a folder in diffusers layout holds (see the module's head for `diffsign.json`).

    Raises:
        UserError: it is no such folder, or its `diffsign.json` holds something unknown.
    """
    folder = Path(folder).expanduser().resolve()
    if not (folder / "model_index.json").is_file():
        raise UserError(
            f"{folder} holds no model_index.json: --model takes a folder in diffusers layout."
        )
    note = folder / "diffsign.json"
    record: dict[str, Any] = read_json(note) if note.is_file() else {}
    if not isinstance(record, dict):
        raise UserError(f"{note} must hold a JSON object.")
    _refuse_unknown(record, {"format", "name", "controlnets", "adapter", "defaults"}, note)
    controlnets = _controlnets(folder, record, note)
    name = str(record.get("name", folder.name))
    base = Source(str(folder))
    if not controlnets and not record:
        return replace(SD15, name=name, base=base, vae=None)
    if not controlnets:
        raise UserError(f"{folder} has no ControlNet: name at least one in its diffsign.json.")
    defaults = _defaults(record.get("defaults", {}), note)
    adapter = _adapter(folder, record, note)
    return Checkpoint(name, base, controlnets, adapter, None, defaults)


def _automatic() -> tuple[Checkpoint, str]:
    from .hub import cached

    if not cached(SD15):
        return mini_checkpoint(), (
            "mini, because the weights of sd15 are not on this machine (diffsign doctor says how "
            "to fetch them)"
        )
    from .hardware import best_device

    device = best_device()
    if device == "cpu":
        return mini_checkpoint(), "mini, because this machine has no GPU that torch can use"
    return SD15, f"sd15, because its weights are on this machine and it has a GPU ({device})"


def _is_hub_id(name: str) -> bool:
    parts = name.split("/")
    return len(parts) == 2 and all(
        part and part[0] not in ".~" and all(c.isalnum() or c in "-_." for c in part)
        for part in parts
    )


def _controlnets(folder: Path, record: dict, note: Path) -> tuple[ControlNetSource, ...]:
    if "controlnets" not in record:
        entries = [
            {"kind": path.name.removeprefix("controlnet_"), "subfolder": path.name}
            for path in sorted(folder.glob("controlnet_*"))
            if path.is_dir()
        ]
    else:
        entries = record["controlnets"]
    found = []
    for entry in entries:
        _refuse_unknown(entry, {"kind", "subfolder", "scale"}, note)
        kind = entry.get("kind", "")
        if kind not in KINDS:
            raise UserError(
                f"{note}: a ControlNet's kind is one of {', '.join(KINDS)}, not {kind!r}."
            )
        source = Source(str(folder), entry.get("subfolder", f"controlnet_{kind}"))
        found.append(ControlNetSource(kind, source, float(entry.get("scale", 1.0))))
    return tuple(found)


def _adapter(folder: Path, record: dict, note: Path) -> AdapterSource | None:
    entry = record.get("adapter", {})
    if entry is None:
        return None
    _refuse_unknown(entry, {"subfolder", "weights", "scale", "always"}, note)
    subfolder = entry.get("subfolder", "ip/models")
    files = sorted(path.name for path in (folder / subfolder).glob("*.safetensors"))
    weights = entry.get("weights", files[0] if files else None)
    if weights is None:
        return None
    return AdapterSource(
        Source(str(folder), subfolder),
        weights,
        float(entry.get("scale", 1.0)),
        bool(entry.get("always", True)),
    )


def _defaults(entry: dict, note: Path) -> Defaults:
    _refuse_unknown(entry, {field.name for field in fields(Defaults)}, note)
    try:
        values = {f.name: f.type(entry[f.name]) for f in fields(Defaults) if f.name in entry}  # type: ignore[operator]
    except (TypeError, ValueError) as error:
        raise UserError(f"{note}: a default has the wrong type ({error}).") from None
    defaults = Defaults(**values)
    if defaults.scheduler not in SCHEDULERS:
        raise UserError(f"{note}: scheduler is one of {', '.join(SCHEDULERS)}.")
    if defaults.caption not in ("always", "when_empty"):
        raise UserError(f"{note}: caption is always or when_empty.")
    return defaults


def _refuse_unknown(entry: Any, known: set[str], note: Path) -> None:
    if not isinstance(entry, dict):
        raise UserError(f"{note}: {entry!r} should be a JSON object.")
    unknown = sorted(set(entry) - known)
    if unknown:
        raise UserError(
            f"{note}: unknown entry {unknown[0]!r}; known are {', '.join(sorted(known))}."
        )
