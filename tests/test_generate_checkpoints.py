"""Naming, finding, checking and loading checkpoints, all on untrained ones in SD1.5's layout."""

import json
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pytest

from diffsign import cli
from diffsign.errors import UserError
from diffsign.generate import checkpoints, hardware, hub, layout
from diffsign.generate.blank import write_blank
from diffsign.generate.checkpoints import SD15, Defaults, folder_checkpoint, resolve_model
from diffsign.generate.loading import load_generator, model_hashes

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_blank(tmp_path_factory.mktemp("blank") / "blank")


@pytest.fixture
def copy(blank: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(blank, tmp_path / "copy"))


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    return tmp_path / "hub"


def _cache_repo(cache: Path, repo: str, files: dict[str, Path]) -> None:
    """Lay files down as the hub's client does: blobs, a snapshot of links, a ref."""
    root = cache / f"models--{repo.replace('/', '--')}"
    (root / "refs").mkdir(parents=True, exist_ok=True)
    (root / "refs" / "main").write_text(COMMIT)
    for name, file in files.items():
        link = root / "snapshots" / COMMIT / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(file)


def _cache_sd15(cache: Path, blank: Path) -> None:
    def under(folder: str, prefix: str = "") -> dict[str, Path]:
        root = blank / folder
        return {prefix + str(p.relative_to(root)): p for p in root.rglob("*") if p.is_file()}

    base = {
        name: file
        for name, file in under("").items()
        if name.split("/")[0] in ("unet", "text_encoder", "tokenizer", "scheduler")
    }
    _cache_repo(cache, SD15.base.repo, base | {"model_index.json": blank / "model_index.json"})
    for net in SD15.controlnets:
        _cache_repo(cache, net.source.repo, under(f"controlnet_{net.kind}"))
    assert SD15.vae is not None and SD15.adapter is not None
    _cache_repo(cache, SD15.vae.repo, under("vae"))
    _cache_repo(cache, SD15.adapter.source.repo, under("ip/models", "models/"))


# Names


@pytest.mark.parametrize("name", ["sd14", "no/such/folder/here", "", "../nowhere", "a b/c"])
def test_an_unknown_model_is_refused_in_one_sentence(name: str) -> None:
    with pytest.raises(UserError, match="There is no model") as caught:
        resolve_model(name)
    assert "\n" not in str(caught.value)


def test_a_single_file_is_refused_with_the_way_out(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"")
    with pytest.raises(UserError, match="from_single_file"):
        resolve_model(str(file))


def test_a_folder_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no model_index\.json"):
        resolve_model(str(tmp_path))


def test_a_hub_id_replaces_the_base_of_sd15_and_keeps_the_rest() -> None:
    checkpoint, _ = resolve_model("someone/finetuned")
    assert checkpoint.base.repo == "someone/finetuned"
    assert checkpoint.controlnets == SD15.controlnets and checkpoint.adapter == SD15.adapter


def test_auto_is_mini_without_weights_or_without_a_gpu(
    blank: Path, empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "MINI_FOLDER", blank)
    checkpoint, reason = resolve_model("auto")
    assert checkpoint.name == "mini" and "weights of sd15" in reason
    _cache_sd15(empty_cache, blank)
    monkeypatch.setattr(hardware, "best_device", lambda: "cpu")
    checkpoint, reason = resolve_model("auto")
    assert checkpoint.name == "mini" and "no GPU" in reason
    monkeypatch.setattr(hardware, "best_device", lambda: "cuda")
    checkpoint, reason = resolve_model("auto")
    assert checkpoint == SD15 and "GPU" in reason


def test_a_missing_mini_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "MINI_FOLDER", tmp_path)
    with pytest.raises(UserError, match="diffsign mini train"):
        resolve_model("mini")


# diffsign.json


def test_a_folder_without_a_note_is_read_from_its_subfolders(blank: Path) -> None:
    checkpoint = folder_checkpoint(blank)
    assert [net.kind for net in checkpoint.controlnets] == ["depth", "normal", "openpose"]
    assert checkpoint.adapter is not None
    assert checkpoint.adapter.weights == "ip-adapter_sd15.safetensors"
    assert checkpoint.defaults == Defaults()


def test_a_note_brings_order_scales_and_defaults(copy: Path) -> None:
    note = {
        "name": "tiny",
        "controlnets": [{"kind": "normal", "scale": 0.5}, {"kind": "openpose"}],
        "defaults": {"steps": 2, "strength": 0.4, "scheduler": "euler", "caption": "always"},
    }
    (copy / "diffsign.json").write_text(json.dumps(note))
    checkpoint = folder_checkpoint(copy)
    assert checkpoint.name == "tiny"
    assert [(net.kind, net.scale) for net in checkpoint.controlnets] == [
        ("normal", 0.5),
        ("openpose", 1.0),
    ]
    assert (checkpoint.defaults.steps, checkpoint.defaults.strength) == (2, 0.4)
    assert checkpoint.defaults.guidance == Defaults().guidance


@pytest.mark.parametrize(
    "note",
    [
        [],
        {"colour": "red"},
        {"defaults": {"step": 2}},
        {"defaults": {"steps": "many"}},
        {"defaults": {"scheduler": "magic"}},
        {"defaults": {"caption": "never"}},
        {"defaults": 3},
        {"controlnets": [{"kind": "smell"}]},
        {"controlnets": ["normal"]},
        {"controlnets": []},
    ],
)
def test_a_note_with_something_unknown_is_refused(copy: Path, note: object) -> None:
    (copy / "diffsign.json").write_text(json.dumps(note))
    with pytest.raises(UserError, match=r"diffsign\.json"):
        folder_checkpoint(copy)


def test_a_fine_tuned_base_without_controlnets_keeps_those_of_sd15(copy: Path) -> None:
    for folder in copy.glob("controlnet_*"):
        shutil.rmtree(folder)
    checkpoint = folder_checkpoint(copy)
    assert checkpoint.base.repo == str(copy) and checkpoint.controlnets == SD15.controlnets


# The hub


@pytest.mark.parametrize("name", ["sd15", "someone/finetuned"])
def test_offline_says_which_repository_is_missing_and_how_to_fetch_it(
    name: str, empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    checkpoint, _ = resolve_model(name)
    with pytest.raises(UserError) as caught:
        load_generator(checkpoint)
    message = str(caught.value)
    assert checkpoint.base.repo in message and "HF_HUB_OFFLINE" in message
    assert f"diffsign models fetch {name}" in message and "\n" not in message


def test_a_hub_that_cannot_be_reached_is_said_at_once(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*args: object, **kwargs: object) -> None:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", unreachable)
    monkeypatch.setattr(socket, "getaddrinfo", unreachable)
    started = time.monotonic()
    with pytest.raises(UserError, match="the hub cannot be reached") as caught:
        load_generator(SD15)
    assert time.monotonic() - started < 10
    assert SD15.base.repo in str(caught.value) and "\n" not in str(caught.value)


def test_a_repository_that_does_not_exist_is_named(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError

    def not_found(*args: object, **kwargs: object) -> None:
        raise RepositoryNotFoundError("404", response=MagicMock())

    monkeypatch.setattr(HfApi, "model_info", not_found)
    with pytest.raises(UserError, match="no public repository someone/typo"):
        hub.locate(resolve_model("someone/typo")[0])


def test_fetch_exits_with_2_and_one_line(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(SystemExit) as left:
        cli.main(["models", "fetch", "sd15", "--few-step", "lcm"])
    message = capsys.readouterr().err
    assert left.value.code == 2 and message.count("\n") == 1
    assert "model_index.json of stable-diffusion-v1-5" in message
    assert "diffsign models fetch sd15 --few-step lcm" in message


def test_the_list_names_every_repository_and_what_is_here(
    blank: Path, empty_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _cache_repo(empty_cache, "madebyollin/taesd", {})
    _cache_sd15(empty_cache, blank)
    with pytest.raises(SystemExit) as left:
        cli.main(["models", "list"])
    lines = capsys.readouterr().out
    assert left.value.code == 0 and "+ h94/IP-Adapter" in lines
    assert "- --few-step lcm: latent-consistency/lcm-lora-sdv1-5" in lines
    assert "- --vae tiny: madebyollin/taesd" in lines


def test_only_what_is_needed_is_asked_of_the_hub_and_fp16_first(
    blank: Path, empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    asked: list[tuple[str, list[str]]] = []
    real = huggingface_hub.snapshot_download

    def download(repo: str, local_files_only: bool = False, **options: list[str]) -> str:
        if local_files_only:
            return str(real(repo, local_files_only=True))
        asked.append((repo, options["allow_patterns"]))
        _cache_sd15(empty_cache / str(len(asked)), blank)
        name = f"models--{repo.replace('/', '--')}"
        return str(empty_cache / str(len(asked)) / name / "snapshots" / COMMIT)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", lambda *a, **k: None)
    hub.locate(SD15)
    assert "unet/diffusion_pytorch_model.fp16.safetensors" in asked[0][1]
    every = [pattern for _, patterns in asked for pattern in patterns]
    assert not any(p.endswith((".bin", ".ckpt", ".pt")) or "safety" in p for p in every)


def test_sd15_from_the_hub_cache_loads_in_exactly_its_layout(
    blank: Path, empty_cache: Path
) -> None:
    assert set(hub.missing_repos(SD15)) >= {SD15.base.repo, "h94/IP-Adapter"}
    _cache_sd15(empty_cache, blank)
    assert hub.cached(SD15)
    generator = load_generator(SD15, precision="fp32")
    assert generator.kinds == ("openpose", "depth", "normal") and generator.multiple == 64
    assert generator.pipeline.image_encoder is not None
    assert len(generator.pipeline.controlnet.nets) == 3


# Damage and danger


@pytest.mark.parametrize(
    "file",
    [
        "model_index.json",
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors",
        "tokenizer/vocab.json",
        "controlnet_depth/diffusion_pytorch_model.safetensors",
        "ip/models/image_encoder/config.json",
    ],
)
def test_a_missing_file_is_named(copy: Path, file: str) -> None:
    checkpoint = folder_checkpoint(copy)
    (copy / file).unlink()
    with pytest.raises(UserError, match="incomplete") as caught:
        load_generator(checkpoint)
    assert file in str(caught.value)


@pytest.mark.parametrize("how", ["cut", "garbage", "empty"])
@pytest.mark.parametrize(
    "file",
    ["unet/diffusion_pytorch_model.safetensors", "ip/models/ip-adapter_sd15.safetensors"],
)
def test_damaged_weights_are_refused_before_anything_is_loaded(
    copy: Path, file: str, how: str
) -> None:
    path = copy / file
    whole = path.read_bytes()
    path.write_bytes({"cut": whole[:-100], "garbage": b"x" * 5000, "empty": b""}[how])
    with pytest.raises(UserError, match="damaged") as caught:
        load_generator(folder_checkpoint(copy))
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_damaged_json_is_named(copy: Path) -> None:
    (copy / "unet" / "config.json").write_text("{")
    with pytest.raises(UserError, match="not valid JSON"):
        load_generator(folder_checkpoint(copy))


def test_pickles_are_refused(copy: Path) -> None:
    weights = copy / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(UserError, match="pickle"):
        load_generator(folder_checkpoint(copy))


def test_a_pickled_adapter_is_refused(copy: Path) -> None:
    folder = copy / "ip" / "models"
    (folder / "ip-adapter_sd15.safetensors").rename(folder / "ip-adapter_sd15.bin")
    (copy / "diffsign.json").write_text('{"adapter": {"weights": "ip-adapter_sd15.bin"}}')
    with pytest.raises(UserError, match="pickle"):
        load_generator(folder_checkpoint(copy))


def test_another_family_of_models_is_refused(copy: Path) -> None:
    (copy / "model_index.json").write_text('{"_class_name": "StableDiffusionXLPipeline"}')
    with pytest.raises(UserError, match="StableDiffusionXLPipeline"):
        load_generator(folder_checkpoint(copy))


def test_weights_that_lack_a_layer_are_not_filled_with_noise(copy: Path) -> None:
    from safetensors.numpy import load_file, save_file

    path = copy / "unet" / "diffusion_pytorch_model.safetensors"
    weights = load_file(path)
    del weights["conv_out.weight"]
    save_file(weights, path)
    with pytest.raises(UserError, match="conv_out"):
        load_generator(folder_checkpoint(copy))


def test_weights_of_other_sizes_are_refused(copy: Path) -> None:
    from safetensors.numpy import load_file, save_file

    path = copy / "unet" / "diffusion_pytorch_model.safetensors"
    weights = load_file(path)
    weights["conv_out.weight"] = np.zeros((4, 3, 3, 3), np.float32)
    save_file(weights, path)
    with pytest.raises(UserError, match="cannot be loaded"):
        load_generator(folder_checkpoint(copy))


def test_a_controlnet_of_another_model_is_refused(copy: Path, tmp_path: Path) -> None:
    other = write_blank(tmp_path / "other", channels=(8, 16, 24, 24), kinds=("depth",))
    shutil.rmtree(copy / "controlnet_depth")
    shutil.copytree(other / "controlnet_depth", copy / "controlnet_depth")
    with pytest.raises(UserError, match="does not fit"):
        load_generator(folder_checkpoint(copy))


# Loading


def test_fp16_variants_are_preferred_and_load(copy: Path) -> None:
    for file in copy.rglob("*.safetensors"):
        if not file.name.startswith("ip-adapter"):
            file.rename(file.with_name(f"{file.stem}.fp16.safetensors"))
    generator = load_generator(folder_checkpoint(copy), precision="fp32")
    assert str(generator.pipeline.unet.dtype) == "torch.float32"


def test_half_precision_reaches_every_network(blank: Path) -> None:
    import torch

    generator = load_generator(folder_checkpoint(blank), precision="bf16")
    pipeline = generator.pipeline
    for network in (pipeline.unet, pipeline.vae, pipeline.controlnet, pipeline.image_encoder):
        assert {parameter.dtype for parameter in network.parameters()} == {torch.bfloat16}


def test_an_unknown_precision_is_refused(blank: Path) -> None:
    with pytest.raises(UserError, match="fp32, bf16, fp16"):
        load_generator(folder_checkpoint(blank), precision="int4")


def test_hashes_name_every_weight_file_and_follow_its_bytes(copy: Path) -> None:
    checkpoint = folder_checkpoint(copy)
    before = model_hashes(checkpoint)
    assert set(before) == {
        "unet",
        "vae",
        "text_encoder",
        "controlnet_depth",
        "controlnet_normal",
        "controlnet_openpose",
        "adapter",
        "image_encoder",
    }
    other = write_blank(copy.parent / "other", seed=1)
    shutil.copy(other / "vae" / "diffusion_pytorch_model.safetensors", copy / "vae")
    after = model_hashes(checkpoint)
    assert {name for name in before if before[name] != after[name]} == {"vae"}


def test_parts_know_the_folder_inside_a_repository() -> None:
    parts = layout.all_parts(SD15)
    assert parts["image_encoder"].patterns("") == [
        "models/image_encoder/config.json",
        "models/image_encoder/model.safetensors",
    ]
    assert parts["adapter"].patterns() == ["models/ip-adapter_sd15.safetensors"]
    inside = replace(SD15, base=checkpoints.Source("a/b", "deep"))
    assert layout.base_parts(inside)["unet"].patterns("")[0] == "deep/unet/config.json"


def test_naming_a_checkpoint_loads_no_torch() -> None:
    code = (
        "import sys; from diffsign.generate import checkpoints, paint, options, loading;"
        "checkpoints.resolve_model('sd15'); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
