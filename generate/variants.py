"""What can be exchanged in a checkpoint or added to it: VAE, IP-Adapter, LoRAs, few steps, motion.

The tables name what their makers published; any other folder or hub id may be given in their place.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import UserError
from ..files import read_json
from .checkpoints import SD15, AdapterSource, Checkpoint, LoraSource, Source

ADAPTERS = {
    "plain": "ip-adapter_sd15.safetensors",
    "light": "ip-adapter_sd15_light.safetensors",
    "plus": "ip-adapter-plus_sd15.safetensors",
    "plus-face": "ip-adapter-plus-face_sd15.safetensors",
}
"""Files of h94/IP-Adapter: light obeys the words more, plus the image, plus-face a face."""

VAES = {
    "mse": Source("stabilityai/sd-vae-ft-mse"),
    "ema": Source("stabilityai/sd-vae-ft-ema"),
    "tiny": Source("madebyollin/taesd"),
}

MOTIONS = {
    f"animatediff-{version}": Source(f"guoyww/animatediff-motion-adapter-{version}")
    for version in ("v1-5-2", "v1-5-3")
}

LORA_FILE = "pytorch_lora_weights.safetensors"
_NOUNS = {"vae": "VAE", "motion-module": "motion module"}

LORA_NOTE = "diffsign_lora.json"
"""Beside a LoRA of our own: {"words": what goes before the prompt, "model": ...}."""


@dataclass(frozen=True)
class FewStep:
    """A LoRA that distils SD1.5 to few steps, and how it wants to be sampled.

    weights: its file for each number of steps that it was trained for; one file may serve all.
    """

    source: Source
    weights: dict[int, str]
    steps: int
    scheduler: str
    guidance: float


FEW_STEPS = {
    # Luo et al. 2023: 2 to 8 steps with the consistency sampler, guidance off.
    "lcm": FewStep(Source("latent-consistency/lcm-lora-sdv1-5"), {4: LORA_FILE}, 4, "lcm", 1.0),
    # Ren et al. 2024: DDIM with trailing steps, which "euler" is, guidance off.
    "hyper-sd": FewStep(
        Source("ByteDance/Hyper-SD"),
        {
            1: "Hyper-SD15-1step-lora.safetensors",
            2: "Hyper-SD15-2steps-lora.safetensors",
            4: "Hyper-SD15-4steps-lora.safetensors",
            8: "Hyper-SD15-8steps-lora.safetensors",
        },
        4,
        "euler",
        1.0,
    ),
    # The same authors' LoRAs that keep guidance and with it the negative prompt.
    "hyper-sd-cfg": FewStep(
        Source("ByteDance/Hyper-SD"),
        {
            8: "Hyper-SD15-8steps-CFG-lora.safetensors",
            12: "Hyper-SD15-12steps-CFG-lora.safetensors",
        },
        8,
        "euler",
        5.0,
    ),
}


@dataclass(frozen=True)
class Variant:
    """What is asked of a checkpoint beyond its name; nothing leaves it as it is.

    vae: one of VAES, a folder or a hub id. ip_adapter: one of ADAPTERS. few_step: one of FEW_STEPS.
    loras: "WHERE" or "WHERE:SCALE"; where is a .safetensors file, a folder that holds LORA_FILE,
        or a hub id "org/name" or "org/name/file.safetensors".
    motion_module: one of MOTIONS, a folder or a hub id.
    """

    vae: str | None = None
    ip_adapter: str | None = None
    few_step: str | None = None
    loras: tuple[str, ...] = ()
    motion_module: str | None = None
    offline: bool = False
    allow_pickle: bool = False

    def flags(self) -> str:
        """The command line's options that say which files this needs."""
        given = {
            "vae": self.vae,
            "ip-adapter": self.ip_adapter,
            "few-step": self.few_step,
            "motion-module": self.motion_module,
        }
        words = [f"--{name} {value}" for name, value in given.items() if value]
        return " ".join([*words, *(f"--lora {lora}" for lora in self.loras)])


def vary(checkpoint: Checkpoint, variant: Variant, steps: int | None = None) -> Checkpoint:
    """`checkpoint` with what `variant` asks for.

    Args:
        steps: the number of steps that is asked for: some few-step LoRAs have a file for each.

    Raises:
        UserError: there is no such VAE, adapter, LoRA, or it does not go with the checkpoint.
    """
    changed = replace(
        checkpoint,
        flags=variant.flags(),
        offline=variant.offline,
        pickles=variant.allow_pickle,
    )
    if variant.vae is not None:
        changed = replace(changed, vae=_source("vae", variant.vae, VAES))
    if variant.motion_module is not None:
        motion = _source("motion-module", variant.motion_module, MOTIONS)
        changed = replace(changed, motion=motion)
    if variant.ip_adapter is not None:
        changed = replace(changed, adapter=_adapter(checkpoint, variant.ip_adapter))
    if variant.few_step is not None:
        changed = _with_few_steps(changed, variant.few_step, steps)
    for text in variant.loras:
        lora = lora_source(text)
        words = ", ".join(part for part in (changed.words, _lora_words(lora)) if part)
        changed = replace(changed, loras=(*changed.loras, lora), words=words)
    return changed


def lora_source(text: str) -> LoraSource:
    """The LoRA that "WHERE" or "WHERE:SCALE" names (see `Variant`).

    Raises:
        UserError: there is nothing of this name, or the scale is no number.
    """
    where, scale = text, 1.0
    head, _, tail = text.rpartition(":")
    if head and not Path(text).expanduser().exists():
        where = head
        try:
            scale = float(tail)
        except ValueError:
            raise UserError(
                f"--lora {text}: write the weight as a number, as in {head}:0.8."
            ) from None
    path = Path(where).expanduser()
    if path.is_file():
        return LoraSource(Source(str(path.parent.resolve())), path.name, scale)
    if path.is_dir():
        return LoraSource(Source(str(path.resolve())), _lora_in(path), scale)
    parts = where.split("/")
    if len(parts) in (2, 3) and all(parts) and not where.startswith((".", "/", "~")):
        weights = parts[2] if len(parts) == 3 else LORA_FILE
        return LoraSource(Source("/".join(parts[:2])), weights, scale)
    raise UserError(
        f"There is no LoRA {where!r}: --lora takes a .safetensors file, a folder with one, or a "
        "hub id such as org/name or org/name/file.safetensors."
    )


def _source(option: str, name: str, table: dict[str, Source]) -> Source:
    if name in table:
        return table[name]
    path = Path(name).expanduser()
    if path.is_dir():
        return Source(str(path.resolve()))
    if name.count("/") == 1 and not name.startswith((".", "/", "~")):
        return Source(name)
    raise UserError(
        f"There is no {_NOUNS[option]} {name!r}: --{option} takes {', '.join(table)}, a folder "
        "with its config.json, or a hub id."
    )


def _adapter(checkpoint: Checkpoint, name: str) -> AdapterSource:
    if name not in ADAPTERS:
        raise UserError(f"There is no IP-Adapter {name!r}: use {', '.join(ADAPTERS)}.")
    table = SD15.adapter
    ours = checkpoint.adapter
    assert table is not None
    if ours is None or ours.source != table.source:
        raise UserError(
            f"{checkpoint.name} has no other IP-Adapter: --ip-adapter is for sd15 and its kin."
        )
    return replace(ours, weights=ADAPTERS[name])


def _with_few_steps(checkpoint: Checkpoint, name: str, steps: int | None) -> Checkpoint:
    if name not in FEW_STEPS:
        raise UserError(f"There is no few-step LoRA {name!r}: use {', '.join(FEW_STEPS)}.")
    if checkpoint.controlnets != SD15.controlnets:
        raise UserError(
            f"{checkpoint.name} is not of SD1.5's size: --few-step is for sd15 and its kin."
        )
    few = FEW_STEPS[name]
    wanted = few.steps if steps is None else steps
    trained = min((n for n in few.weights if n >= wanted), default=max(few.weights))
    lora = LoraSource(few.source, few.weights[trained])
    defaults = replace(
        checkpoint.defaults, steps=few.steps, scheduler=few.scheduler, guidance=few.guidance
    )
    return replace(checkpoint, loras=(*checkpoint.loras, lora), defaults=defaults)


def _lora_in(folder: Path) -> str:
    files = sorted(path.name for path in folder.glob("*.safetensors"))
    if LORA_FILE in files:
        return LORA_FILE
    if len(files) == 1:
        return files[0]
    found = f"it holds {len(files)} .safetensors files" if files else "no .safetensors file in it"
    raise UserError(f"The LoRA folder {folder} is not clear ({found}): name the file itself.")


def _lora_words(lora: LoraSource) -> str:
    note = Path(lora.source.repo) / LORA_NOTE
    if not note.is_file():
        return ""
    record = read_json(note)
    words = record.get("words", "") if isinstance(record, dict) else None
    if not isinstance(words, str):
        raise UserError(f"{note} must hold a JSON object whose words are text.")
    return words
