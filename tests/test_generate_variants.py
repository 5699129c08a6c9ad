"""What is exchanged in a checkpoint or added to it, on untrained ones in SD1.5's layout."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from diffsign.errors import UserError
from diffsign.generate.blank import write_blank
from diffsign.generate.canvas import plan_canvas
from diffsign.generate.checkpoints import SD15, Checkpoint, Source, folder_checkpoint, resolve_model
from diffsign.generate.frames import FrameInputs
from diffsign.generate.hub import fetch_command
from diffsign.generate.loading import Generator, load_generator, model_hashes
from diffsign.generate.options import PaintOptions, choose_checkpoint, resolve_settings
from diffsign.generate.sampling import embed_appearance, embed_guidance, paint_frames
from diffsign.generate.variants import LORA_FILE, LORA_NOTE, Variant, lora_source, vary
from diffsign.generate.words import embed_texts

KINDS = ("depth", "normal", "openpose")
RED = Image.new("RGB", (40, 60), (200, 30, 30))
BLUE = Image.new("RGB", (60, 40), (30, 30, 200))
GREEN = Image.new("RGB", (50, 50), (30, 200, 30))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_blank(tmp_path_factory.mktemp("model") / "blank")


@pytest.fixture(scope="module")
def generator(folder: Path) -> Generator:
    return load_generator(folder_checkpoint(folder), precision="fp32")


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


@pytest.fixture
def lora(generator: Generator, tmp_path: Path) -> Path:
    return _write_lora(tmp_path / "lora", generator)


def _write_lora(folder: Path, generator: Generator, rank: int = 2) -> Path:
    """A LoRA with an influence on every attention layer of the UNet, in diffusers' layout."""
    random = torch.Generator().manual_seed(0)
    weights = {}
    for name, layer in generator.pipeline.unet.named_modules():
        if name.endswith(("to_q", "to_v")):
            out, into = layer.weight.shape
            weights[f"unet.{name}.lora_A.weight"] = torch.randn(rank, into, generator=random)
            weights[f"unet.{name}.lora_B.weight"] = torch.randn(out, rank, generator=random)
    folder.mkdir(exist_ok=True)
    save_file(weights, folder / LORA_FILE)
    return folder


def _inputs(seed: int = 0, clothes: np.ndarray | None = None) -> FrameInputs:
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (4, 64, 64, 3), dtype=np.uint8)
    return FrameInputs(images[0], dict(zip(KINDS, images[1:], strict=True)), clothes=clothes)


def _paint(
    generator: Generator,
    appearance: tuple[Image.Image, ...] = (RED,),
    garment: Image.Image | None = None,
    clothes: np.ndarray | None = None,
    **changes: Any,
) -> np.ndarray:
    options = PaintOptions(size=64, steps=2, strength=1.0, **{"guidance": 3.0, **changes})
    settings = resolve_settings(options, generator.checkpoint, "a man", True, "fp32")
    guidance = embed_guidance(generator, settings, appearance, garment)
    canvas = plan_canvas(64, 64, 64, generator.multiple)
    inputs = [_inputs(seed, clothes) for seed in range(2)]
    return np.stack(paint_frames(generator, settings, guidance, canvas, [0, 1], inputs))


def _with(folder: Path, **variant: Any) -> Checkpoint:
    return vary(folder_checkpoint(folder), Variant(**variant))


def _difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(float) - b).mean())


# The table


def test_few_steps_bring_their_lora_sampler_and_guidance() -> None:
    lcm = vary(SD15, Variant(few_step="lcm"))
    assert lcm.loras[0].source.repo == "latent-consistency/lcm-lora-sdv1-5"
    settings = resolve_settings(PaintOptions(precision="fp16"), lcm, "a man")
    assert (settings.steps, settings.guidance, settings.scheduler) == (4, 1.0, "lcm")
    assert resolve_settings(PaintOptions(precision="fp16", steps=6), lcm, "a man").steps == 6


@pytest.mark.parametrize(("steps", "file"), [(1, "1step"), (3, "4steps"), (8, "8steps"), (20, "8")])
def test_the_few_step_file_fits_the_number_of_steps(steps: int, file: str) -> None:
    changed = vary(SD15, Variant(few_step="hyper-sd"), steps)
    assert changed.loras[0].weights.startswith(f"Hyper-SD15-{file}")


def test_other_adapters_and_vaes_replace_their_files_only() -> None:
    changed = vary(SD15, Variant(ip_adapter="plus-face", vae="tiny"))
    assert changed.adapter is not None and SD15.adapter is not None
    assert changed.adapter == replace(SD15.adapter, weights="ip-adapter-plus-face_sd15.safetensors")
    assert changed.vae == Source("madebyollin/taesd")
    assert changed.controlnets == SD15.controlnets
    assert vary(SD15, Variant()) == SD15


def test_the_fetching_command_names_what_was_chosen() -> None:
    variant = Variant(few_step="lcm", vae="tiny", loras=("some/lora:0.5",))
    wanted = "diffsign models fetch sd15 --vae tiny --few-step lcm --lora some/lora:0.5"
    assert fetch_command(vary(SD15, variant)) == wanted


@pytest.mark.parametrize(
    "variant",
    [
        {"vae": "best"},
        {"ip_adapter": "faceid"},
        {"few_step": "turbo"},
        {"loras": ("nowhere",)},
        {"loras": ("../nowhere/lora.safetensors",)},
        {"loras": ("some/lora:strong",)},
    ],
)
def test_unknown_choices_are_refused_in_a_line(variant: dict[str, Any]) -> None:
    with pytest.raises(UserError) as caught:
        choose_checkpoint(PaintOptions(model="sd15", variant=Variant(**variant)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("variant", [{"ip_adapter": "plus"}, {"few_step": "lcm"}])
def test_what_is_made_for_sd15_is_refused_for_another_model(
    folder: Path, variant: dict[str, Any]
) -> None:
    with pytest.raises(UserError, match="for sd15"):
        _with(folder, **variant)


def test_offline_names_the_file_the_repository_and_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.HfApi.model_info", None)  # asking would be an error
    with pytest.raises(UserError, match="--offline") as caught:
        model_hashes(vary(SD15, Variant(few_step="lcm", offline=True)))
    message = str(caught.value)
    assert "model_index.json of stable-diffusion-v1-5/stable-diffusion-v1-5" in message
    assert message.endswith("diffsign models fetch sd15 --few-step lcm")


# LoRAs


def test_a_lora_changes_the_frames_by_its_weight(
    generator: Generator, folder: Path, lora: Path
) -> None:
    plain = _paint(generator)
    frames = {}
    for scale in (0.0, 0.2, 1.0):
        checkpoint = _with(folder, loras=(f"{lora}:{scale}",))
        frames[scale] = _paint(load_generator(checkpoint, precision="fp32"))
    assert _difference(frames[0.0], plain) < 0.05
    assert 0.05 < _difference(frames[0.2], plain) < _difference(frames[1.0], plain)


def test_a_melted_lora_is_the_sum_of_the_weights(
    generator: Generator, folder: Path, lora: Path
) -> None:
    name = next(n for n, _ in generator.pipeline.unet.named_modules() if n.endswith("to_q"))
    change = load_file(lora / LORA_FILE)
    down, up = (change[f"unet.{name}.lora_{side}.weight"] for side in "AB")
    loaded = load_generator(_with(folder, loras=(f"{lora}:0.5", str(lora))), precision="fp32")
    before = generator.pipeline.unet.get_submodule(name).weight
    after = loaded.pipeline.unet.get_submodule(name).weight
    torch.testing.assert_close(after, before + 1.5 * up @ down)
    assert not hasattr(loaded.pipeline.unet.get_submodule(name), "lora_A")


def test_a_lora_and_its_weight_are_part_of_what_made_a_frame(folder: Path, lora: Path) -> None:
    checkpoint = _with(folder, loras=(f"{lora}:0.5",))
    assert model_hashes(checkpoint)["lora_0"] and "lora_0" not in model_hashes(_with(folder))
    assert resolve_settings(PaintOptions(), checkpoint, "a man").lora_scales == [0.5]


def test_a_lora_of_our_own_brings_its_words(folder: Path, lora: Path) -> None:
    (lora / LORA_NOTE).write_text(json.dumps({"words": "sks person"}))
    checkpoint = _with(folder, loras=(str(lora),))
    settings = resolve_settings(PaintOptions(prompt="smiling"), checkpoint, "a man")
    assert settings.prompt.startswith("sks person, smiling")
    (lora / LORA_NOTE).write_text("[]")
    with pytest.raises(UserError, match="JSON object"):
        _with(folder, loras=(str(lora),))


def test_kohyas_names_are_read_too(generator: Generator, folder: Path, tmp_path: Path) -> None:
    weights = load_file(_write_lora(tmp_path / "ours", generator) / LORA_FILE)
    theirs = {}
    for key, value in weights.items():
        layer, side = key.removeprefix("unet.").split(".lora_")
        name = "lora_unet_" + layer.replace(".", "_").replace("to_out_0", "to_out_0")
        theirs[f"{name}.lora_{'down' if side[0] == 'A' else 'up'}.weight"] = value
        theirs[f"{name}.alpha"] = torch.tensor(2.0)
    (tmp_path / "kohya").mkdir()
    save_file(theirs, tmp_path / "kohya" / "person.safetensors")
    ours, other = (
        load_generator(_with(folder, loras=(str(tmp_path / name),)), precision="fp32")
        for name in ("ours", "kohya")
    )
    assert _difference(_paint(ours), _paint(other)) < 0.05


def test_a_lora_for_another_model_is_refused(
    folder: Path, lora: Path, generator: Generator, tmp_path: Path
) -> None:
    path = lora / LORA_FILE
    weights = load_file(path)
    wide = {k: torch.cat([v, v], 1 if "lora_A" in k else 0) for k, v in weights.items()}
    deep = {
        k.replace("transformer_blocks.0", "transformer_blocks.7"): v for k, v in weights.items()
    }
    for other in (wide, deep):
        save_file(other, path)
        with pytest.raises(UserError, match="for another model") as caught:
            load_generator(_with(folder, loras=(str(lora),)), precision="fp32")
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_what_is_no_lora_is_refused(folder: Path, lora: Path) -> None:
    save_file({"weight": torch.zeros(3)}, lora / LORA_FILE)
    with pytest.raises(UserError, match="LoRA") as caught:
        load_generator(_with(folder, loras=(str(lora),)), precision="fp32")
    assert "\n" not in str(caught.value)
    (lora / LORA_FILE).write_bytes(b"x" * 999)
    with pytest.raises(UserError, match="damaged"):
        load_generator(_with(folder, loras=(str(lora),)), precision="fp32")


def test_a_folder_with_several_files_is_not_guessed(lora: Path) -> None:
    (lora / LORA_FILE).rename(lora / "a.safetensors")
    assert lora_source(str(lora)).weights == "a.safetensors"
    shutil.copy(lora / "a.safetensors", lora / "b.safetensors")
    with pytest.raises(UserError, match="name the file"):
        lora_source(str(lora))
    assert lora_source(f"{lora / 'b.safetensors'}:2").scale == 2


# Pickles


def test_pickles_are_read_only_where_they_are_allowed(generator: Generator, copy: Path) -> None:
    path = copy / "unet" / "diffusion_pytorch_model.safetensors"
    torch.save(load_file(path), path.with_suffix(".bin"))
    path.unlink()
    with pytest.raises(UserError, match="--allow-pickle"):
        load_generator(_with(copy), precision="fp32")
    loaded = load_generator(_with(copy, allow_pickle=True), precision="fp32")
    assert np.array_equal(_paint(loaded), _paint(generator))
    assert "unet" in model_hashes(_with(copy, allow_pickle=True))


class _Trap:
    """What runs when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return (Path.touch, (self.marker,))


def test_a_pickle_that_holds_more_than_numbers_runs_nothing(copy: Path, tmp_path: Path) -> None:
    path = copy / "unet" / "diffusion_pytorch_model.safetensors"
    torch.save({"conv_in.weight": _Trap(tmp_path / "ran")}, path.with_suffix(".bin"))
    path.unlink()
    with pytest.raises(UserError, match="cannot be loaded") as caught:
        load_generator(_with(copy, allow_pickle=True), precision="fp32")
    assert not (tmp_path / "ran").exists() and "\n" not in str(caught.value)


# Appearances


def test_of_several_appearances_the_mean_embedding_is_taken(generator: Generator) -> None:
    red, blue = (embed_appearance(generator, [image], guided=True) for image in (RED, BLUE))
    both = embed_appearance(generator, [RED, BLUE], guided=True)
    torch.testing.assert_close(both, (red + blue) / 2)
    twice, once = (_paint(generator, looks).astype(int) for looks in ((RED, RED), (RED,)))
    assert np.abs(twice - once).max() <= 2  # a batch of two is summed in another order than one


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_a_garment_rules_where_the_clothes_are_and_nowhere_else(
    generator: Generator, guidance: float
) -> None:
    everywhere, nowhere = np.ones((64, 64), bool), np.zeros((64, 64), bool)
    lower = np.indices((64, 64))[0] >= 32

    def paint(person: Image.Image, garment: Image.Image | None, clothes: np.ndarray) -> np.ndarray:
        return _paint(generator, (person,), garment, clothes, guidance=guidance)

    assert _difference(paint(RED, GREEN, everywhere), paint(BLUE, GREEN, everywhere)) == 0
    assert _difference(paint(RED, GREEN, nowhere), paint(RED, BLUE, nowhere)) == 0
    assert _difference(paint(RED, GREEN, lower), paint(BLUE, GREEN, lower)) > 0.05
    assert _difference(paint(RED, GREEN, lower), paint(RED, BLUE, lower)) > 0.05
    # Both showing the same is as one appearance for all.
    one = _paint(generator, (RED,), guidance=guidance)
    assert np.abs(paint(RED, RED, everywhere).astype(int) - one).max() <= 1


def test_a_garment_alone_leaves_the_person_to_the_words(generator: Generator) -> None:
    lower = np.indices((64, 64))[0] >= 32
    frames = [_paint(generator, (), garment, lower) for garment in (RED, GREEN)]
    assert _difference(*frames) > 0.05


def test_the_plus_adapter_reads_every_patch_of_the_image(copy: Path) -> None:
    random = torch.Generator().manual_seed(1)

    def draw(*shape: int) -> torch.Tensor:
        return 0.3 * torch.randn(*shape, generator=random)

    path = copy / "ip" / "models" / "ip-adapter_sd15.safetensors"
    adapter = {k: v for k, v in load_file(path).items() if k.startswith("ip_adapter")}
    shapes: dict[str, tuple[int, ...]] = {
        "latents": (1, 16, 64),
        "proj_in.weight": (64, 16),
        "proj_in.bias": (64,),
        "proj_out.weight": (16, 64),
        "proj_out.bias": (16,),
        "norm_out.weight": (16,),
        "norm_out.bias": (16,),
    }
    for layer in range(4):
        for norm in ("0.norm1", "0.norm2", "1.0"):
            shapes |= {f"layers.{layer}.{norm}.{part}": (64,) for part in ("weight", "bias")}
        shapes[f"layers.{layer}.0.to_q.weight"] = (64, 64)
        shapes[f"layers.{layer}.0.to_kv.weight"] = (128, 64)
        shapes[f"layers.{layer}.0.to_out.weight"] = (64, 64)
        shapes[f"layers.{layer}.1.1.weight"] = (256, 64)
        shapes[f"layers.{layer}.1.3.weight"] = (64, 256)
    plus = {f"image_proj.{name}": draw(*shape) for name, shape in shapes.items()}
    save_file(adapter | plus, path)
    generator = load_generator(folder_checkpoint(copy), precision="fp32")
    assert embed_appearance(generator, [RED, BLUE]).ndim == 4
    assert _difference(_paint(generator, (RED,)), _paint(generator, (BLUE,))) > 0.05
    lower = np.indices((64, 64))[0] >= 32
    assert _paint(generator, (RED,), GREEN, lower).shape == (2, 64, 64, 3)


# Words


def test_a_short_prompt_is_read_as_diffusers_reads_it(generator: Generator) -> None:
    ours = embed_texts(generator.pipeline, "a red hat", "ugly")
    theirs = generator.pipeline.encode_prompt("a red hat", "cpu", 1, True, "ugly")
    torch.testing.assert_close(ours[0], theirs[0])
    torch.testing.assert_close(ours[1], theirs[1])
    assert ours[2] == ()


def test_the_end_of_a_long_prompt_is_heard(generator: Generator) -> None:
    long = "a very long story, " * 8
    first, negative, notes = embed_texts(generator.pipeline, long + "red", "ugly")
    second, _, _ = embed_texts(generator.pipeline, long + "blue", "ugly")
    assert negative is not None and first.shape == negative.shape
    assert first.shape[1] % 77 == 0 and first.shape[1] > 77
    assert not torch.equal(first, second) and "pieces" in notes[0]
    assert _difference(
        _paint(generator, prompt=long + "red"), _paint(generator, prompt=long + "blue")
    ) > 0.01  # fmt: skip


@pytest.mark.parametrize("prompt", ["женщина в красном", "一位女士", "امرأة"])
def test_other_scripts_are_painted_and_noted(generator: Generator, prompt: str) -> None:
    _, _, notes = embed_texts(generator.pipeline, prompt, None)
    assert any("English" in note for note in notes)
    assert not embed_texts(generator.pipeline, "señora Çelik, 25 %", None)[2]


def test_a_prompt_of_nothing_but_signs_is_painted(generator: Generator) -> None:
    for prompt in ("", "🙂", "\n\t", "(((", "a" * 500):
        embedded, _, _ = embed_texts(generator.pipeline, prompt, "")
        assert torch.isfinite(embedded).all()


# Settings


@pytest.mark.parametrize("changes", [{"seed": 2**32}, {"appearance_scale": -1.0}, {"steps": 0}])
def test_settings_out_of_range_are_refused(folder: Path, changes: dict[str, Any]) -> None:
    options = replace(PaintOptions(precision="fp32"), **changes)
    with pytest.raises(UserError) as caught:
        resolve_settings(options, folder_checkpoint(folder), "a man", True)
    assert "\n" not in str(caught.value)


def test_mini_is_not_sd15() -> None:
    with pytest.raises(UserError, match="for sd15"):
        vary(resolve_model("mini")[0], Variant(few_step="lcm"))
