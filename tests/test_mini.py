"""mini: its tokenizer, recolouring, batches, training and checkpoint, on a drawn fake set."""

from __future__ import annotations

import dataclasses
import json
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from diffsign.errors import UserError
from diffsign.generate.mini.build import CONTROLS, MiniConfig
from diffsign.generate.mini.cache import load_samples
from diffsign.generate.mini.data import appearance_batch, crop_batch
from diffsign.generate.mini.recolour import (
    new_looks,
    part_changes,
    plan_recolouring,
    recolour,
    srgb_colour,
)
from diffsign.generate.mini.tokenizer import build_tokenizer, build_vocabulary, save_tokenizer
from diffsign.render.avatar.parts import PART_INDEX
from diffsign.render.avatar.record import Signer
from diffsign.render.dress.caption import describe, vocabulary

SIZE = 96
TINY = MiniConfig(
    latent_channels=8,
    vae_width=16,
    encoder_blocks=(0, 1, 1, 1),
    decoder_blocks=(1, 1, 1, 0),
    unet_channels=(16, 32),
    norm_groups=4,
    head_width=16,
    control_channels=(8, 8, 8, 16),
    token_width=32,
    text_layers=1,
    vision_size=32,
    vision_width=32,
    vision_layers=1,
    vision_projection=32,
)
COLOURS = ("#b3242b", "#2c5aa8", "#2f7d46", "#e08fae", "#808285", "#c79a2d")


def draw_sample(folder: Path, number: int, rng: np.random.Generator) -> None:
    """A signer of ellipses: wall, shirt, face, hair, two hands, shaded from one side."""

    def any_colour() -> str:
        return COLOURS[int(rng.integers(len(COLOURS)))]

    signer = Signer(
        skin=("#c98f6b", "#7a4e33")[number % 2],
        hair_colour=("#54372a", "#957650")[number // 2 % 2],
        top_colour=any_colour(),
        background=any_colour(),
    )
    x, y = rng.integers(-6, 7, size=2)
    hands = rng.integers(20, SIZE - 20, size=(2, 2))
    shapes = [
        ("top", (12 + x, 60 + y, 84 + x, 130 + y), signer.top_colour),
        ("hair", (32 + x, 8 + y, 64 + x, 44 + y), signer.hair_colour),
        ("face", (36 + x, 16 + y, 60 + x, 50 + y), signer.skin),
        ("left_hand", (*(hands[0] - 8), *(hands[0] + 8)), signer.skin),
        ("right_hand", (*(hands[1] - 8), *(hands[1] + 8)), signer.skin),
    ]
    flat, part = Image.new("RGB", (SIZE, SIZE), signer.background), Image.new("L", (SIZE, SIZE))
    normal, pose = (Image.new("RGB", (SIZE, SIZE)) for _ in range(2))
    for name, box, colour in shapes:
        corners = tuple(int(v) for v in box)
        ImageDraw.Draw(flat).ellipse(corners, fill=colour)
        ImageDraw.Draw(part).ellipse(corners, fill=PART_INDEX[name])
        ImageDraw.Draw(normal).ellipse(corners, fill=(128, 128, 255))
        ImageDraw.Draw(pose).ellipse(corners, outline=(255, PART_INDEX[name] * 20, 0))
    across = np.linspace(0.6, 1.0, SIZE)[None, :, None]
    pictures = {
        "beauty": np.asarray(flat) * across,
        "target": np.asarray(flat) * across[:, ::-1],
        "normal": np.asarray(normal),
        "openpose": np.asarray(pose),
        "part": np.asarray(part),
    }
    for name, picture in pictures.items():
        Image.fromarray(picture.astype(np.uint8)).save(folder / f"{number:06d}_{name}.png")
    facts = {"signer": dataclasses.asdict(signer), "caption": describe(signer), "seed": number}
    (folder / f"{number:06d}.json").write_text(json.dumps(facts))


@pytest.fixture(scope="module")
def sample_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    rng = np.random.default_rng(0)
    for number in range(12):
        draw_sample(folder, number, rng)
    return folder


@pytest.fixture(scope="module")
def samples(sample_folder, tmp_path_factory):
    return load_samples(sample_folder, tmp_path_factory.mktemp("cache") / "arrays")


# ------------------------------------------------------------------------------- tokenizer


def test_each_caption_word_is_one_token(tmp_path):
    tokenizer = build_tokenizer(vocabulary())
    for word in vocabulary():
        pieces = tokenizer.tokenize(word)
        assert "".join(pieces).replace("</w>", "") == word
        assert all(piece.endswith("</w>") for piece in pieces), (word, pieces)
    assert len(tokenizer) < 2000


def test_saved_tokenizer_reads_the_same_in_both_layouts(tmp_path):
    from transformers import CLIPTokenizer

    tokenizer = build_tokenizer(vocabulary())
    save_tokenizer(tokenizer, tmp_path / "tokenizer")
    text = describe(Signer(glasses=True)) + " Zebra-striped, 42 %"
    wanted = tokenizer(text).input_ids
    assert CLIPTokenizer.from_pretrained(tmp_path / "tokenizer")(text).input_ids == wanted
    (tmp_path / "tokenizer" / "tokenizer.json").unlink()
    assert CLIPTokenizer.from_pretrained(tmp_path / "tokenizer")(text).input_ids == wanted


def test_words_that_share_letters_stay_whole_in_any_order():
    words = ["shirt", "shirts", "tshirt", "hair", "chair", "air", "aaaa", "aa"]
    for order in (words, words[::-1]):
        assert build_vocabulary(order) == build_vocabulary(words)
    tokenizer = build_tokenizer(words)
    assert [len(tokenizer.tokenize(word)) for word in words] == [1] * len(words)


# ------------------------------------------------------------------------------- recolouring


@pytest.mark.parametrize("colour", ["#2c5aa8", "#a05028", "#30200c"])
def test_recolouring_turns_a_lit_surface_into_the_new_colour(colour):
    signer = Signer(top_colour="#804020", background="#808285")
    changes = part_changes(signer, new_looks(signer, {"top_colour": colour}))
    part = np.full((8, 8), PART_INDEX["top"], np.uint8)
    old = np.broadcast_to(np.array([0x80, 0x40, 0x20], np.uint8), (8, 8, 3))
    new = recolour(old, plan_recolouring(part, changes))
    assert np.abs(new[4, 4] / 255.0 - srgb_colour(colour)).max() < 0.01
    assert np.array_equal(recolour(old, plan_recolouring(part * 0, changes)), old)


def test_recolouring_there_and_back_is_nearly_the_same_picture(samples):
    old = samples.signers[0]
    new = new_looks(old, {"top_colour": "#2f7d46", "skin": "#a8704d", "background": "#808285"})
    picture, part = samples.pictures["target"][0], samples.part[0]
    there = recolour(picture, plan_recolouring(part, part_changes(old, new)))
    back = recolour(there, plan_recolouring(part, part_changes(new, old)))
    assert np.percentile(np.abs(there.astype(int) - picture), 95) > 20
    assert np.percentile(np.abs(back.astype(int) - picture), 90) <= 8


def test_colours_that_cannot_be_shown_are_kept():
    signer = Signer(top_colour="#17171a")
    assert new_looks(signer, {"top_colour": "#f1f0ec"}) == signer


# ------------------------------------------------------------------------------- batches


def test_a_batch_holds_aligned_crops_and_its_captions(samples):
    batch = crop_batch(samples, np.random.default_rng(0), 6, 64, CONTROLS, stray=0.5)
    assert batch.beauty.shape == batch.target.shape == (6, 3, 64, 64)
    assert {name: tuple(v.shape) for name, v in batch.controls.items()} == dict.fromkeys(
        CONTROLS, (6, 3, 64, 64)
    )
    assert float(batch.beauty.min()) >= -1 and float(batch.target.max()) <= 1
    assert float(batch.weight.min()) == 1 and float(batch.weight.max()) == 3
    assert [look.caption for look in batch.looks] == [describe(look.signer) for look in batch.looks]
    assert batch.stray.any() and not batch.stray.all()


def test_the_same_seed_gives_the_same_batch(samples):
    def draw(seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        batch = crop_batch(samples, rng, 3, 48)
        pictures = appearance_batch(samples, batch.looks, rng, 32)
        return np.concatenate([batch.target.numpy().ravel(), pictures.numpy().ravel()])

    assert np.array_equal(draw(5), draw(5))
    assert not np.array_equal(draw(5), draw(6))


def test_samples_that_are_not_complete_yet_do_not_count(sample_folder, tmp_path):
    for path in sample_folder.iterdir():
        if path.name.startswith(("000000", "000001")):
            (tmp_path / path.name).write_bytes(path.read_bytes())
    late = tmp_path / "000001_normal.png"
    late.rename(tmp_path / "late.png")
    assert len(load_samples(tmp_path, tmp_path / "cache")) == 1
    (tmp_path / "late.png").rename(late)
    (tmp_path / "000000_beauty.png").write_bytes(b"not read again")
    both = load_samples(tmp_path, tmp_path / "cache")
    assert len(both) == 2 and both.pictures["beauty"][0].std() > 10
    for path in tmp_path.glob("*_part.png"):
        path.unlink()
    with pytest.raises(UserError, match="no complete training sample"):
        load_samples(tmp_path, tmp_path / "cache")


# ------------------------------------------------------------------------------- training


def tiny_options(sample_folder: Path, out: Path, **changes):
    from diffsign.generate.mini.train import TrainOptions
    from diffsign.generate.mini.train_diffusion import DiffusionOptions

    values = {
        "samples": sample_folder,
        "out": out,
        "minutes": 60.0,
        "config": TINY,
        "max_steps": 12,
        "vae_crop": 48,
        "vae_batch": 4,
        "looks_batch": 8,
        "batch": DiffusionOptions(crop=64, crop_count=4, full_count=2),
    }
    return TrainOptions(**{**values, **changes})


@pytest.fixture(scope="module")
def trained(sample_folder, tmp_path_factory):
    import torch

    from diffsign.generate.mini.train import train

    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("mini")
    train(tiny_options(sample_folder, out))
    return out


def test_training_leaves_a_checkpoint_logs_and_sheets(trained):
    for stage in ("vae", "looks", "paint"):
        rows = [json.loads(line) for line in (trained / "work" / f"{stage}.jsonl").open()]
        assert rows[-1]["step"] == 12
    sheets = {path.name.split("_")[0] for path in (trained / "work" / "sheets").iterdir()}
    assert sheets == {"vae", "paint"}
    assert json.loads((trained / "mini" / "mini.json").read_text())["controls"] == list(CONTROLS)


def test_the_checkpoint_paints_through_the_pipeline_of_the_road(trained):
    import torch

    from diffsign.generate.mini.save import load_pipeline

    pipeline = load_pipeline(trained / "mini")
    grey = Image.new("RGB", (64, 64), "#808080")

    def paint(appearance: str) -> np.ndarray:
        return pipeline(
            prompt="a woman with short black hair",
            image=grey,
            control_image=[grey, grey],
            ip_adapter_image=Image.new("RGB", (50, 80), appearance),
            strength=1.0,
            num_inference_steps=1,
            guidance_scale=1.0,
            generator=torch.Generator().manual_seed(0),
            output_type="np",
        ).images[0]

    red, blue = paint("#c02020"), paint("#2020c0")
    assert red.shape == (64, 64, 3) and np.isfinite(red).all()
    assert np.abs(red - blue).max() > 0  # the adapter's layers are in the road


def test_the_saved_parts_are_those_that_were_trained(trained, sample_folder):
    import torch

    from diffsign.generate.mini import train as module
    from diffsign.generate.mini.build import ip_adapter_state
    from diffsign.generate.mini.fit import load_weights
    from diffsign.generate.mini.save import load_pipeline
    from diffsign.generate.mini.train_diffusion import Painter

    tokenizer = module._tokenizer()
    options = tiny_options(sample_folder, trained)
    painter = Painter(TINY, module._encoders(options, tokenizer)).eval()
    load_weights(painter, trained / "work", "paint")
    pipeline = load_pipeline(trained / "mini")
    ours, theirs = ip_adapter_state(painter.unet), ip_adapter_state(pipeline.unet)
    for group, values in ours.items():
        for key, value in values.items():
            assert torch.allclose(value, theirs[group][key], atol=2e-3), key
    latents, time = torch.randn(2, 8, 8, 8), torch.tensor([400, 90])
    text, image = torch.randn(2, 77, 32), torch.randn(2, 32)
    controls = [torch.rand(2, 3, 64, 64) for _ in CONTROLS]
    given = (latents, time, text, image, controls, torch.tensor([[1, 0.0], [1, 1]]))
    with torch.no_grad():
        wanted = painter(*given)
        painter.unet, painter.controlnets = pipeline.unet, pipeline.controlnet.nets
        assert torch.allclose(painter(*given), wanted, atol=2e-2)


def test_training_goes_on_where_it_stopped_and_repeats_with_its_seed(sample_folder, tmp_path):
    import torch

    from diffsign.generate.mini.train import train

    def weights(out: Path, steps: int) -> dict:
        train(tiny_options(sample_folder, out, max_steps=steps, sheets=False), ("vae",))
        return torch.load(out / "work" / "vae.pt", weights_only=True)

    first, again = weights(tmp_path / "a", 3), weights(tmp_path / "b", 3)
    assert all(torch.equal(v, again["weights"][k]) for k, v in first["weights"].items())
    assert first["steps"] == 3
    assert weights(tmp_path / "a", 5)["steps"] == 5


def test_losses_fall(sample_folder, samples, tmp_path):
    import torch

    from diffsign.generate.mini.data import frame_batch
    from diffsign.generate.mini.train import _trained_vae, train
    from diffsign.generate.mini.train_vae import psnr

    options = tiny_options(sample_folder, tmp_path, max_steps=120, sheets=False)
    train(options, ("vae",))
    vae = _trained_vae(options, "cpu")
    truth = frame_batch(samples, [0, 1], np.random.default_rng(0)).target
    with torch.no_grad():
        assert psnr(vae.decode(vae.encode(truth).latents).sample, truth) > 18
    assert 0.3 < vae.config.scaling_factor < 3


def test_a_team_averages_what_its_members_bring(sample_folder, tmp_path):
    import torch

    from diffsign.generate.mini.workers import Team

    board, barrier = torch.zeros(2, 8), threading.Barrier(2)

    def member(rank: int) -> torch.Tensor:
        team = Team(rank, 2, board, barrier)
        return torch.stack([team.mean(torch.full((5,), rank + turn)) for turn in (0.0, 10.0)])

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(member, (0, 1))
    assert torch.equal(first, second)
    assert first[:, 0].tolist() == [0.5, 10.5]
    options = tiny_options(sample_folder, tmp_path)
    assert pickle.loads(pickle.dumps(options)) == options  # members are separate processes


# ------------------------------------------------------------------------------- size


def test_the_shipped_sizes_stay_within_60_megabytes():
    import torch

    from diffsign.generate.mini.build import build_vae
    from diffsign.generate.mini.save import LIMIT_BYTES
    from diffsign.generate.mini.train_diffusion import Painter
    from diffsign.generate.mini.train_looks import Encoders

    config = MiniConfig()
    with torch.device("meta"):
        encoders = Encoders(config, len(build_vocabulary(vocabulary())[0]))
        parts = (build_vae(config), Painter(config, encoders))
    weights = 2 * sum(p.numel() for part in parts for p in part.parameters())
    assert 20e6 < weights < 0.9 * LIMIT_BYTES


def test_the_last_stage_saves_what_it_trained() -> None:
    from diffsign.generate.mini.train import STAGES
    from diffsign.generate.mini.train import _stages as stages_of

    assert stages_of("paint") == ("paint", "save")
    assert stages_of("vae") == ("vae",)
    assert stages_of(None) == (*STAGES, "save")


def test_the_command_makes_samples_and_says_what_cannot_be_trained(tmp_path, capsys) -> None:
    from diffsign.cli import main

    def stopped(*words: str) -> str:
        with pytest.raises(SystemExit) as stop:
            main(["mini", *words])
        assert stop.value.code == 2
        said = capsys.readouterr().err.strip()
        assert "\n" not in said and said.startswith("diffsign:")
        return said

    assert "--minutes" in stopped("train", str(tmp_path), "-o", str(tmp_path), "--minutes", "0")
    assert "--workers" in stopped("train", str(tmp_path), "-o", str(tmp_path), "--workers", "0")
    assert "mini samples" in stopped("train", str(tmp_path), "-o", str(tmp_path / "out"))
    assert "count" in stopped("samples", "-o", str(tmp_path / "out"), "--count", "0")
